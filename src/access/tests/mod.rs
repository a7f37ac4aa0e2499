//! Stories of signing in, on both databases: each test is named after the rows it proves.

mod account;
mod factor;
mod identity;
mod passkey;
mod session;
mod sign_in;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::passkey::Site;
use super::testing::{Bench, benches};
use super::totp::TotpSecret;
use super::{
    Access, AccessError, AccessParts, Actor, Client, Letter, Level, Mailbox, Role, SignInStep,
    SignedIn, UserId, WorkspaceId,
};
use crate::access::audit::Audit;
use crate::base::{Clock, Secret, UnixTime};
use crate::store::testing::TestStore;
use crate::store::{Member, MembershipRow, NewUser, UserRow};
use crate::vault::Vault;

/// A desk over a bench, with its mail.
struct Desk {
    bench: Bench,
    access: Access,
    post: Arc<Post>,
}

/// Mail that was posted: to whom, what.
#[derive(Default)]
struct Post(Mutex<Vec<(String, Letter)>>);

impl Mailbox for Post {
    fn post(&self, to: &str, letter: Letter) {
        self.0.lock().unwrap().push((to.to_owned(), letter));
    }
}

impl Post {
    fn take(&self) -> Vec<(String, Letter)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The code or key of the only letter since the last look.
    fn secret(&self) -> Secret {
        let mut letters = self.take();
        assert_eq!(letters.len(), 1, "{letters:?}");
        match letters.remove(0).1 {
            Letter::SignInCode { code } => code,
            Letter::VerifyEmail { key } | Letter::ResetPassword { key } => key,
            other => panic!("{other:?}"),
        }
    }
}

const PASSWORD: &str = "copper lantern orbit";

async fn desks() -> Vec<Desk> {
    let mut desks = Vec::new();
    for bench in benches().await {
        let post = Arc::new(Post::default());
        let access = open(&bench, &post).await;
        desks.push(Desk { bench, access, post });
    }
    desks
}

/// As a process of its own would have it.
async fn open(bench: &Bench, post: &Arc<Post>) -> Access {
    let parts = AccessParts {
        store: bench.store.clone(),
        vault: bench.vault.clone(),
        audit: bench.audit.clone(),
        clock: bench.clock.clone(),
        issuer: "phones.example".into(),
        mailbox: post.clone(),
    };
    let access = Access::open(parts).await.unwrap();
    access.serve(Site::new("phones.example", vec!["https://phones.example".into()]).unwrap());
    access
}

/// As a server is that starts on a store, with nobody in it that was not there.
async fn fresh(test: &TestStore, vault: &Arc<Vault>, clock: &Clock) -> Access {
    let (store, folder) = (test.store.clone(), test.folder.path());
    let audit = Audit::open(store.clone(), vault.clone(), folder, clock.clone()).await.unwrap();
    let parts = AccessParts {
        store,
        vault: vault.clone(),
        audit,
        clock: clock.clone(),
        issuer: "phones.example".into(),
        mailbox: Arc::new(Post::default()),
    };
    Access::open(parts).await.unwrap()
}

fn client() -> Client {
    Client::new(Some("Firefox/131.0"), Some("192.0.2.7".parse().unwrap()))
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn code_of(error: AccessError) -> String {
    error.code().to_owned()
}

impl Desk {
    /// Somebody of the home workspace with a verified address and a password.
    async fn person(&self, name: &str, number: &str, level: u8) -> UserRow {
        let hash = self.access.shared.passwords.hash(&secret(PASSWORD)).await.unwrap();
        let new = NewUser {
            name: name.into(),
            display_name: name.to_uppercase(),
            email: Some(format!("{name}@example.com")),
            email_verified_at: Some(UnixTime(1)),
            password_hash: Some(hash),
        };
        let user = self.bench.store.users().insert(&new, UnixTime(1)).await.unwrap();
        self.join(self.bench.workspace.id, user.id, number, level).await;
        user
    }

    async fn join(&self, workspace: WorkspaceId, user: UserId, number: &str, level: u8) {
        let is_home = workspace == self.bench.workspace.id;
        let membership = MembershipRow {
            workspace_id: workspace,
            user_id: user,
            role: if level == 9 { Role::Admin } else { Role::Member },
            level: Level::new(level).unwrap(),
            number: number.into(),
            created_at: UnixTime(if is_home { 1 } else { 2 }),
            changed_at: UnixTime(1),
        };
        self.bench.store.memberships().insert(&membership).await.unwrap();
    }

    async fn member(&self, user: UserId) -> Member {
        let home = self.bench.workspace.id;
        self.bench.store.memberships().member(home, user).await.unwrap().unwrap()
    }

    async fn try_password(&self, name: &str, password: &str) -> Result<SignInStep, AccessError> {
        self.access.sign_in().password(name, &secret(password), &client(), None).await
    }

    /// Signs somebody in who is asked for nothing more.
    async fn sign_in(&self, name: &str) -> SignedIn {
        match self.try_password(name, PASSWORD).await.unwrap() {
            SignInStep::Done(signed_in) => signed_in,
            other => panic!("{other:?}"),
        }
    }

    async fn check(&self, signed_in: &SignedIn) -> Result<bool, &'static str> {
        let checked = self.access.check_cookie(signed_in.cookie.expose(), &client()).await;
        checked.map(|checked| checked.refresh).map_err(|error| error.code())
    }

    async fn set(&self, key: &str, value: Value) {
        let values = BTreeMap::from([(key.to_owned(), value)]);
        let actor = Actor::command();
        let home = self.bench.workspace.id;
        self.access.settings().change(&actor, home, &values).await.unwrap();
    }

    async fn preset(&self, preset: &str) {
        let home = self.bench.workspace.id;
        let settings = self.access.settings();
        settings.apply_preset(&Actor::command(), home, preset).await.unwrap();
    }

    fn advance(&self, seconds: u64) {
        self.bench.clock.advance(Duration::from_secs(seconds));
    }

    fn now(&self) -> UnixTime {
        self.bench.clock.unix()
    }

    /// The secret in somebody's app, pending or in use.
    async fn app(&self, user: UserId) -> TotpSecret {
        use super::second_factor::{TOTP, TOTP_PENDING, open};
        let row = self.bench.store.second_factors().of_user(user).await.unwrap().unwrap();
        let vault = &self.bench.vault;
        match (row.totp_sealed, row.totp_pending_sealed) {
            (Some(sealed), _) => open(vault, user, TOTP, &sealed).unwrap(),
            (None, Some(sealed)) => open(vault, user, TOTP_PENDING, &sealed).unwrap(),
            (None, None) => panic!("no app"),
        }
    }

    async fn totp(&self, user: UserId) -> Secret {
        self.app(user).await.code_at(self.now())
    }

    /// Sets an app up for somebody; their recovery codes. The present code is spent.
    async fn set_app_up(&self, signed_in: &SignedIn) -> Vec<Secret> {
        let factor = self.access.second_factor();
        factor.begin_totp(&signed_in.principal).await.unwrap();
        let code = self.totp(signed_in.principal.user_id).await;
        factor.confirm_totp(&signed_in.principal, (&code, None), &client()).await.unwrap()
    }

    async fn events(&self) -> Vec<String> {
        let home = self.bench.workspace.id;
        let mut rows = self.access.history().list(home, None, 100).await.unwrap();
        rows.reverse();
        rows.into_iter().map(|listing| listing.row.event).collect()
    }
}

/// The attempt and methods of a sign-in that waits for its second factor.
fn factor(step: SignInStep) -> (Secret, Vec<&'static str>, bool) {
    match step {
        SignInStep::Factor { attempt, methods, email_sent } => {
            (attempt, methods.into_iter().map(|method| method.as_str()).collect(), email_sent)
        }
        other => panic!("{other:?}"),
    }
}
