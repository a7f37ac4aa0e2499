//! What tests of access control begin with: a database of each kind, a vault, an audit, settings
//! and a workspace with an owner.

use std::sync::Arc;

use super::audit::Audit;
use super::principal::Actor;
use super::settings::SettingsBook;
use crate::base::{Clock, UnixTime};
use crate::store::testing::{self, TestStore};
use crate::store::{AuditFilter, AuditRow, Level, Role, Store, UserRow, WorkspaceRow};
use crate::vault::Vault;

/// When tests begin: Tuesday 14 November 2023, 22:13:20 UTC.
pub(super) const START: UnixTime = UnixTime(1_700_000_000);

/// Everything a service needs, on one database.
pub(super) struct Bench {
    pub store: Store,
    pub clock: Clock,
    pub vault: Arc<Vault>,
    pub audit: Audit,
    pub book: Arc<SettingsBook>,
    /// The home workspace.
    pub workspace: WorkspaceRow,
    /// Its owner, level 9, number 1001.
    pub owner: UserRow,
    /// The owner, as one who acts.
    pub actor: Actor,
    pub folder: tempfile::TempDir,
}

/// One bench for each kind of database.
pub(super) async fn benches() -> Vec<Bench> {
    let mut benches = Vec::new();
    for test in testing::each().await {
        benches.push(bench(test).await);
    }
    benches
}

async fn bench(test: TestStore) -> Bench {
    let TestStore { store, folder } = test;
    let clock = Clock::manual(START);
    let vault = Arc::new(Vault::open(folder.path(), &store, clock.unix()).await.unwrap());
    let audit = Audit::open(store.clone(), vault.clone(), folder.path(), clock.clone());
    let audit = audit.await.unwrap();
    let (workspace, owner) = testing::workspace_with(&store, "home", "1001", Level::ADMIN).await;
    let place = (Role::Owner, Level::ADMIN, "1001");
    store.memberships().set(workspace.id, owner.id, place, UnixTime(1)).await.unwrap();
    store.installation().set_home(workspace.id).await.unwrap();
    let book = SettingsBook::open(store.clone(), audit.clone(), clock.clone()).await.unwrap();
    let (user_id, workspace_id) = (Some(owner.id), Some(workspace.id));
    let ip = Some("192.0.2.7".parse().unwrap());
    let actor = Actor { kind: "user", user_id, workspace_id, ip };
    Bench { store, clock, vault, audit, book: Arc::new(book), workspace, owner, actor, folder }
}

impl Bench {
    /// Another workspace with one person in it.
    pub(super) async fn other_workspace(
        &self,
        name: &str,
        number: &str,
        level: Level,
    ) -> (WorkspaceRow, UserRow) {
        testing::workspace_with(&self.store, name, number, level).await
    }

    /// The settings as another process has them.
    pub(super) async fn second_book(&self) -> SettingsBook {
        let (store, audit) = (self.store.clone(), self.audit.clone());
        SettingsBook::open(store, audit, self.clock.clone()).await.unwrap()
    }
}

/// What was audited of an action, the newest first.
pub(super) async fn audited(store: &Store, action: &str) -> Vec<AuditRow> {
    let filter = AuditFilter { action: Some(action), ..AuditFilter::default() };
    store.audit().list(filter, 1000).await.unwrap()
}
