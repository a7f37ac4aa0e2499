//! Making an account of one's own, proving a mail address, changing one's name and time zone.

use super::account::Account;
use super::audit::Action;
use super::error::AccessError;
use super::letter::Letter;
use super::organisation::TimeZone;
use super::organisation::fields::is_odd;
use super::password_policy::PersonalWords;
use super::principal::{Actor, Level, Principal, Role, UserId, WorkspaceId};
use super::session::Client;
use super::shared::{anonymous, busy};
use super::sign_in::is_lookup;
use super::trail;
use crate::base::Secret;
use crate::store::{Change, LinkKind, Member, MembershipRow, NewUser, StoreError, UserRow};

/// An account and a workspace to make.
#[derive(Clone, Debug)]
pub struct SignUpRequest {
    /// Where the verification goes.
    pub email: String,
    /// The new password.
    pub password: Secret,
    /// What others see.
    pub display_name: String,
    /// The workspace's name.
    pub workspace: String,
}

/// An account to make, all checked.
pub(super) struct NewAccount<'a> {
    pub name: String,
    pub display_name: &'a str,
    pub email: Option<String>,
    pub is_verified: bool,
    pub password_hash: Option<String>,
}

/// The number of the first person of a workspace.
pub(super) const FIRST_NUMBER: &str = "1001";

impl Account<'_> {
    /// Makes an account, its owner's workspace, and mails the verification link (A3). Where the
    /// address has an account already the answer is the same, and its owner gets the link if the
    /// address was never verified.
    ///
    /// # Errors
    /// Sign-up is closed, a field is not allowed, the workspace's name is taken, or the database
    /// failed.
    pub async fn sign_up(
        &self,
        request: &SignUpRequest,
        client: &Client,
    ) -> Result<(), AccessError> {
        if !self.shared.settings.installation().signup_enabled {
            return Err(AccessError::SignUpClosed);
        }
        let email = check_email(&request.email)?;
        let display_name = check_shown("display_name", &request.display_name)?;
        let workspace = check_shown("workspace", &request.workspace)?;
        let names = [display_name];
        let words = PersonalWords {
            names: &names,
            email: Some(&email),
            workspace: &[workspace, &self.shared.issuer],
        };
        self.shared.settings.installation().password.check(&request.password, &words)?;
        let hash = self.shared.passwords.hash(&request.password).await.map_err(busy)?;
        let mut change = self.shared.store.begin().await?;
        if change.workspaces().by_name(workspace).await?.is_some() {
            return Err(AccessError::Taken("workspace"));
        }
        if change.users().by_email(&email).await?.is_some() {
            drop(change);
            return self.resend(&email, client).await;
        }
        let account = NewAccount {
            name: name_of(&email),
            display_name,
            email: Some(email.clone()),
            is_verified: false,
            password_hash: Some(hash),
        };
        let actor = anonymous(client);
        let member = self.make_owner(&mut change, &actor, account, workspace).await?;
        let id = member.user.id;
        change.users().demand_verification(id).await?;
        let to = Some(email.clone());
        let key = self.new_link(&mut change, LinkKind::VerifyEmail, Some(id), to).await?;
        change.commit().await?;
        self.shared.mailbox.post(&email, Letter::VerifyEmail { key });
        Ok(())
    }

    /// Notes that mail is read at an address, with the link that was sent there.
    ///
    /// # Errors
    /// The link is used, late or void, or the database failed.
    pub async fn verify_email(&self, key: &str, client: &Client) -> Result<(), AccessError> {
        let link = self.open_link(key, LinkKind::VerifyEmail).await?;
        let (Some(user), Some(email)) = (link.user_id, link.email) else {
            return Err(AccessError::LinkDead);
        };
        let now = self.shared.now();
        let mut change = self.shared.store.begin().await?;
        if !change.mail_links().redeem(&link.token_hash, now).await? {
            return Err(AccessError::LinkUsed);
        }
        if !change.users().verify_email(user, &email, now).await? {
            // The address is another by now.
            return Err(AccessError::LinkDead);
        }
        let actor = Actor { user_id: Some(user), ..anonymous(client) };
        let entry = trail::entry(&actor, Action::UserEmailVerify, now).on("user", user);
        self.shared.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    /// Changes one's own display name or time zone.
    ///
    /// # Errors
    /// A field is not allowed, or the database failed.
    pub async fn change_me(
        &self,
        principal: &Principal,
        actor: &Actor,
        display_name: Option<&str>,
        time_zone: Option<&str>,
    ) -> Result<(), AccessError> {
        let user = self.shared.store.users().by_id(principal.user_id).await?;
        let user = user.ok_or(AccessError::NotFound)?;
        let shown = match display_name {
            Some(name) => check_shown("display_name", name)?,
            None => &user.display_name,
        };
        let zone = match time_zone {
            Some(zone) => check_time_zone(zone)?,
            None => &user.time_zone,
        };
        let now = self.shared.now();
        let mut change = self.shared.store.begin().await?;
        change.users().set_shown(user.id, shown, zone, now).await?;
        let entry = trail::entry(actor, Action::UserUpdate, now)
            .on("user", user.id)
            .with("display_name_changed", shown != user.display_name)
            .with("time_zone", zone);
        self.shared.record(&mut change, entry).await?;
        change.commit().await?;
        self.shared.sessions().note_name(user.id, shown);
        Ok(())
    }

    /// Makes a person and the workspace they own.
    pub(super) async fn make_owner(
        &self,
        change: &mut Change,
        actor: &Actor,
        account: NewAccount<'_>,
        workspace: &str,
    ) -> Result<Member, AccessError> {
        let now = self.shared.now();
        let made = change.workspaces().insert(workspace, now).await;
        let made = made.map_err(|error| taken(error, "workspace"))?;
        let entry = trail::entry(actor, Action::WorkspaceCreate, now)
            .of_workspace(made.id)
            .on("workspace", made.id);
        self.shared.record(change, entry).await?;
        let user = self.insert_user(change, account).await?;
        self.join(change, actor, made.id, user).await
    }

    /// Makes somebody the owner of a workspace that was just made.
    pub(super) async fn join(
        &self,
        change: &mut Change,
        actor: &Actor,
        workspace: WorkspaceId,
        user: UserRow,
    ) -> Result<Member, AccessError> {
        let now = self.shared.now();
        let membership = MembershipRow {
            workspace_id: workspace,
            user_id: user.id,
            role: Role::Owner,
            level: Level::ADMIN,
            number: FIRST_NUMBER.into(),
            created_at: now,
            changed_at: now,
        };
        change.memberships().insert(&membership).await?;
        let actor =
            Actor { user_id: Some(user.id), workspace_id: Some(workspace), ..actor.clone() };
        let entry =
            trail::entry(&actor, Action::UserCreate, now).on("user", user.id).with("role", "owner");
        self.shared.record(change, entry).await?;
        Ok(Member { user, membership })
    }

    pub(super) async fn insert_user(
        &self,
        change: &mut Change,
        account: NewAccount<'_>,
    ) -> Result<UserRow, AccessError> {
        let now = self.shared.now();
        let mut name = account.name;
        // Somebody else's mail address may begin alike.
        if account.email.is_some() && change.users().by_sign_in(&name).await?.is_some() {
            let id = UserId::random().to_string();
            name = name.chars().take(50).chain("-".chars()).chain(id.chars().take(8)).collect();
        }
        let new = NewUser {
            name,
            display_name: account.display_name.to_owned(),
            email: account.email,
            email_verified_at: account.is_verified.then_some(now),
            password_hash: account.password_hash,
        };
        change.users().insert(&new, now).await.map_err(|error| taken(error, "name"))
    }
}

/// The sign-in name of somebody who gave none: what is before the `@`.
pub(super) fn name_of(email: &str) -> String {
    let local = email.split('@').next().unwrap_or_default();
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(*c);
    let name: String = local.chars().filter(allowed).take(60).collect();
    if name.is_empty() { "user".into() } else { name }
}

/// A mail address in its one spelling.
pub(super) fn check_email(email: &str) -> Result<String, AccessError> {
    let email = email.trim().to_lowercase();
    let is_mail = is_lookup(&email)
        && !email.chars().any(char::is_whitespace)
        && email
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && host.len() > 2 && !host.contains('@'));
    let words = "must be a mail address";
    if is_mail { Ok(email) } else { Err(AccessError::Invalid { field: "email", words }) }
}

/// A name that is shown: printable, not empty, not long.
pub(super) fn check_shown<'a>(field: &'static str, name: &'a str) -> Result<&'a str, AccessError> {
    let name = name.trim();
    let is_shown = (1..=64).contains(&name.chars().count()) && !name.chars().any(is_odd);
    let words = "must be 1 to 64 printable characters";
    if is_shown { Ok(name) } else { Err(AccessError::Invalid { field, words }) }
}

/// A sign-in name.
pub(super) fn check_name(name: &str) -> Result<String, AccessError> {
    let name = name.trim().to_lowercase();
    let is_name = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    let words = "must be 1 to 64 lower-case letters, digits, `.`, `-` and `_`";
    if is_name { Ok(name) } else { Err(AccessError::Invalid { field: "name", words }) }
}

/// A time zone this machine knows.
fn check_time_zone(zone: &str) -> Result<&str, AccessError> {
    let words = "must be a time zone such as Europe/Berlin";
    match TimeZone::load(zone) {
        Ok(_) => Ok(zone),
        Err(_) => Err(AccessError::Invalid { field: "time_zone", words }),
    }
}

pub(super) fn taken(error: StoreError, field: &'static str) -> AccessError {
    match error {
        StoreError::Conflict("email") => AccessError::Taken("email"),
        StoreError::Conflict(_) => AccessError::Taken(field),
        error => error.into(),
    }
}
