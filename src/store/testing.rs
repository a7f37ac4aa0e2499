//! Databases for tests: every suite runs on SQLite and, where a server is given, on PostgreSQL.
//!
//! `RINGFENCE_TEST_POSTGRES` is the URL of a server on which databases may be made. Without it
//! the PostgreSQL half says that it did not run, and fails where `CI` is set.

use super::{Backend, NewUser, Role, Store, UserRow, WorkspaceRow};
use super::{Level, MembershipRow};
use crate::base::{Secret, UnixTime};

/// A fresh database.
pub struct TestStore {
    /// The database.
    pub store: Store,
    /// Its data folder.
    pub folder: tempfile::TempDir,
}

/// A fresh SQLite database.
pub async fn sqlite() -> TestStore {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    TestStore { store, folder }
}

/// A fresh database of each kind.
pub async fn each() -> Vec<TestStore> {
    let mut stores = vec![sqlite().await];
    match std::env::var("RINGFENCE_TEST_POSTGRES") {
        Ok(url) => stores.push(postgres(&url).await),
        Err(_) if std::env::var_os("CI").is_some() => {
            panic!("RINGFENCE_TEST_POSTGRES is not set: the PostgreSQL half cannot run");
        }
        Err(_) => eprintln!("not run on PostgreSQL: RINGFENCE_TEST_POSTGRES is not set"),
    }
    stores
}

async fn postgres(url: &str) -> TestStore {
    use sqlx::Connection;
    let name = format!("t{}", uuid::Uuid::new_v4().simple());
    let mut admin = sqlx::postgres::PgConnection::connect(url).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut admin).await.unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    let store = Store::open_postgres(&Secret::new(format!("{server}/{name}"))).await.unwrap();
    assert_eq!(store.backend(), Backend::Postgres);
    TestStore { store, folder: tempfile::tempdir().unwrap() }
}

/// A workspace with one person of a level in it.
pub async fn workspace_with(
    store: &Store,
    name: &str,
    number: &str,
    level: Level,
) -> (WorkspaceRow, UserRow) {
    let now = UnixTime(1);
    let workspace = store.workspaces().insert(name, now).await.unwrap();
    let user = member_of(store, &workspace, number, level).await;
    (workspace, user)
}

/// One more person in a workspace, a member called `agent` and their number.
pub async fn member_of(
    store: &Store,
    workspace: &WorkspaceRow,
    number: &str,
    level: Level,
) -> UserRow {
    let now = UnixTime(1);
    let new = NewUser {
        name: format!("agent{number}"),
        display_name: format!("Agent {number}"),
        email: Some(format!("{number}@example.com")),
        email_verified_at: Some(now),
        password_hash: None,
    };
    let user = store.users().insert(&new, now).await.unwrap();
    let membership = MembershipRow {
        workspace_id: workspace.id,
        user_id: user.id,
        role: Role::Member,
        level,
        number: number.into(),
        created_at: now,
        changed_at: now,
    };
    store.memberships().insert(&membership).await.unwrap();
    user
}
