//! The organisation against both databases.

mod invites;
mod keys;
mod numbers;
mod people;
mod pins;
mod reports;
mod workspaces;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::access::letter::Letter;
use crate::access::principal::{Actor, Proof};
use crate::access::testing::{self, Bench, audited};
use crate::store::{Level, NewSession, Role, SessionId, UserRow, WorkspaceRow};

/// An organisation on a database, and what it told others.
struct Office {
    bench: Bench,
    org: Organisation,
    told: Arc<Told>,
}

/// What others were told.
#[derive(Default)]
struct Told {
    changed: Mutex<Vec<(UserId, Role, Level)>>,
    removed: Mutex<Vec<UserId>>,
    ended: Mutex<Vec<SessionId>>,
    letters: Mutex<Vec<(String, Letter)>>,
}

impl AfterChange for Told {
    fn member_changed(&self, member: &Member) {
        let place = (member.user.id, member.membership.role, member.membership.level);
        self.changed.lock().unwrap().push(place);
    }

    fn member_removed(&self, _: WorkspaceId, user: UserId) {
        self.removed.lock().unwrap().push(user);
    }

    fn sessions_ended(&self, ended: &[SessionRow]) {
        self.ended.lock().unwrap().extend(ended.iter().map(|session| session.id));
    }
}

impl Mailbox for Told {
    fn post(&self, to: &str, letter: Letter) {
        self.letters.lock().unwrap().push((to.to_owned(), letter));
    }
}

/// Everybody's password is `right`, and `123456` the second factor of `with_code`.
struct RightIsRight;

impl Proofs for RightIsRight {
    fn password<'a>(
        &'a self,
        _: &'a Principal,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<(), ProofError>> {
        let is_right = password.expose() == "right";
        Box::pin(async move { if is_right { Ok(()) } else { Err(ProofError::Wrong) } })
    }

    fn full<'a>(
        &'a self,
        principal: &'a Principal,
        shown: &'a Shown,
    ) -> BoxFuture<'a, Result<(), ProofError>> {
        Box::pin(async move {
            if !principal.name.to_lowercase().ends_with(&shown.user) {
                return Err(ProofError::Wrong);
            }
            self.password(principal, &shown.password).await?;
            match shown.code.as_ref().map(Secret::expose) {
                None if shown.user == "9009" => Err(ProofError::CodeRequired),
                None | Some("123456") => Ok(()),
                Some(_) => Err(ProofError::Wrong),
            }
        })
    }
}

async fn offices() -> Vec<Office> {
    testing::benches().await.into_iter().map(office).collect()
}

fn office(bench: Bench) -> Office {
    let told = Arc::new(Told::default());
    let org = organisation(&bench, &told);
    Office { bench, org, told }
}

/// An organisation as this or another process has it.
fn organisation(bench: &Bench, told: &Arc<Told>) -> Organisation {
    Organisation::new(OrganisationParts {
        store: bench.store.clone(),
        clock: bench.clock.clone(),
        audit: bench.audit.clone(),
        vault: bench.vault.clone(),
        settings: bench.book.clone(),
        passwords: Passwords::new(2),
        mailbox: told.clone(),
        revocations: Revocations::default(),
        after: told.clone(),
        proofs: Arc::new(RightIsRight),
    })
}

impl Office {
    /// One more person in the home workspace.
    async fn hire(&self, number: &str, role: Role, level: u8) -> Principal {
        let workspace = &self.bench.workspace;
        let level = Level::new(level).unwrap();
        let user = crate::store::testing::member_of(&self.bench.store, workspace, number, level);
        let user = user.await;
        let place = (role, level, number);
        let mut members = self.bench.store.memberships();
        members.set(workspace.id, user.id, place, self.bench.clock.unix()).await.unwrap();
        self.principal(workspace, &user).await
    }

    /// The owner of the home workspace, signed in.
    async fn owner(&self) -> Principal {
        self.principal(&self.bench.workspace, &self.bench.owner).await
    }

    /// Somebody signed in, with a session of their own.
    async fn principal(&self, workspace: &WorkspaceRow, user: &UserRow) -> Principal {
        let store = &self.bench.store;
        let member = store.memberships().member(workspace.id, user.id).await.unwrap().unwrap();
        let session = NewSession {
            id: SessionId::random(),
            user_id: user.id,
            workspace_id: workspace.id,
            token_hash: None,
            method: "password".into(),
            factor: None,
            enrolling: false,
            created_at: self.bench.clock.unix(),
            last_seen_at: self.bench.clock.unix(),
            user_agent: None,
            ip: None,
        };
        store.sessions().insert(&session).await.unwrap();
        Principal {
            user_id: user.id,
            workspace_id: workspace.id,
            name: user.display_name.as_str().into(),
            number: member.membership.number.as_str().into(),
            level: member.membership.level,
            role: member.membership.role,
            at_home: workspace.id == self.bench.workspace.id,
            session_id: session.id,
            proof: Proof::Cookie,
        }
    }

    async fn set(&self, key: &str, value: serde_json::Value) {
        let values = [(key.to_owned(), value)].into();
        let workspace = self.bench.workspace.id;
        self.bench.book.change(&Actor::command(), workspace, &values).await.unwrap();
    }

    async fn preset(&self, preset: &str) {
        let workspace = self.bench.workspace.id;
        self.bench.book.apply_preset(&Actor::command(), workspace, preset).await.unwrap();
    }

    async fn count(&self, action: &str) -> usize {
        audited(&self.bench.store, action).await.len()
    }

    fn wait(&self, seconds: u64) {
        self.bench.clock.advance(Duration::from_secs(seconds));
    }

    fn home(&self) -> WorkspaceId {
        self.bench.workspace.id
    }
}

fn person(name: &str, number: &str) -> NewPerson {
    NewPerson {
        name: name.into(),
        display_name: None,
        email: Some(format!("{name}@Example.com")),
        role: None,
        level: None,
        number: number.into(),
        password: None,
    }
}

fn by(principal: &Principal) -> Author {
    Author::of(principal, None)
}

fn code<T: std::fmt::Debug>(result: Result<T, OrganisationError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "ok")
}
