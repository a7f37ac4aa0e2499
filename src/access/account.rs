//! Passwords: changed, forgotten, set anew.
//!
//! A new password ends sessions and sign-ins under way, and never skips the second factor: after
//! a reset one signs in like always. Who asks for a link learns nothing (C8): known and
//! unknown addresses write the same rows and get the same answer.

use super::audit::Action;
use super::error::AccessError;
use super::letter::Letter;
use super::principal::{Actor, Principal, SessionId, UserId};
use super::random;
use super::session::Client;
use super::shared::{Shared, anonymous};
use super::sign_in::is_lookup;
use super::trail;
use crate::base::{Secret, UnixTime, limit};
use crate::store::{Change, Ending, LinkKind, MailLinkRow, UserRow};

/// Passwords, mail addresses, sign-up.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    pub(super) shared: &'a Shared,
}

impl Account<'_> {
    /// Changes one's own password; the old one must be shown (C7).
    ///
    /// # Errors
    /// The old one is wrong, the new one not allowed, or the database failed.
    pub async fn change_password(
        &self,
        principal: &Principal,
        old: &Secret,
        new: &Secret,
        end_others: bool,
        client: &Client,
    ) -> Result<(), AccessError> {
        let user = self.shared.store.users().by_id(principal.user_id).await?;
        let user = user.ok_or(AccessError::NotFound)?;
        self.shared.sign_in().confirm_password(principal, &user, old, client).await?;
        let (hash, former) = self.shared.new_password(&user, new).await?;
        let now = self.shared.now();
        let mut change = self.shared.store.begin().await?;
        change.users().set_password_hash(user.id, &hash, &former, now).await?;
        change.login_attempts().void_all_of(user.id, now).await?;
        let keep = Some(principal.session_id);
        let ended = match end_others {
            true => self.end_all(&mut change, user.id, keep).await?,
            false => Vec::new(),
        };
        let actor = Actor::of(principal, client.ip);
        let entry = trail::entry(&actor, Action::PasswordChange, now)
            .on("user", user.id)
            .with("sessions_ended", ended.len());
        self.shared.record(&mut change, entry).await?;
        change.commit().await?;
        self.shared.sessions().announce(&ended);
        self.tell_changed(&user);
        Ok(())
    }

    /// Mails a link to set a new password, if somebody has this address. The answer and what is
    /// written do not depend on it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn forgot(&self, email: &str, client: &Client) -> Result<(), AccessError> {
        let actor = anonymous(client);
        self.mail_link(email, LinkKind::ResetPassword, &actor).await
    }

    /// Mails the verification link again, if somebody has this address and never verified it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn resend(&self, email: &str, client: &Client) -> Result<(), AccessError> {
        let actor = anonymous(client);
        self.mail_link(email, LinkKind::VerifyEmail, &actor).await
    }

    /// A link with which somebody sets a new password: an administrator hands it over.
    ///
    /// # Errors
    /// There is nobody, or the database failed.
    pub async fn reset_link(&self, actor: &Actor, user: UserId) -> Result<Secret, AccessError> {
        let user = self.shared.store.users().by_id(user).await?.ok_or(AccessError::NotFound)?;
        let mut change = self.shared.store.begin().await?;
        let (kind, email) = (LinkKind::ResetPassword, user.email.clone());
        let key = self.new_link(&mut change, kind, Some(user.id), email).await?;
        let now = self.shared.now();
        let entry = trail::entry(actor, Action::PasswordResetRequest, now).on("user", user.id);
        self.shared.record(&mut change, entry).await?;
        change.commit().await?;
        Ok(key)
    }

    /// Mails a member of the actor's workspace a link to set a new password.
    ///
    /// # Errors
    /// Not in the workspace, no mail address, or the database failed.
    pub async fn send_reset(&self, actor: &Actor, user: UserId) -> Result<(), AccessError> {
        let workspace = actor.workspace_id.ok_or(AccessError::NotFound)?;
        let member = self.shared.store.memberships().member(workspace, user).await?;
        let member = member.ok_or(AccessError::NotFound)?;
        let words = "this person has no mail address";
        let to = member.user.email.ok_or(AccessError::Invalid { field: "email", words })?;
        let key = self.reset_link(actor, user).await?;
        self.shared.mailbox.post(&to, Letter::ResetPassword { key });
        Ok(())
    }

    /// Sets a new password with a mailed link; ends all sessions (C8). The reader has shown that
    /// mail is read at the address.
    ///
    /// # Errors
    /// The link is used, late or void, the password is not allowed, or the database failed.
    pub async fn reset(
        &self,
        key: &str,
        password: &Secret,
        client: &Client,
    ) -> Result<(), AccessError> {
        let link = self.open_link(key, LinkKind::ResetPassword).await?;
        let user = match link.user_id {
            Some(id) => self.shared.store.users().by_id(id).await?,
            None => None,
        };
        let user = user.ok_or(AccessError::LinkDead)?;
        // A password that is refused does not use the link up.
        let (hash, former) = self.shared.new_password(&user, password).await?;
        let now = self.shared.now();
        let mut change = self.shared.store.begin().await?;
        if !change.mail_links().redeem(&link.token_hash, now).await? {
            return Err(AccessError::LinkUsed);
        }
        if let Some(email) = link.email.as_deref() {
            change.users().verify_email(user.id, email, now).await?;
        }
        let ended = self.set(&mut change, &user, (&hash, &former), now).await?;
        let actor = Actor { user_id: Some(user.id), ..anonymous(client) };
        let entry = trail::entry(&actor, Action::PasswordReset, now)
            .on("user", user.id)
            .with("sessions_ended", ended.len());
        self.shared.record(&mut change, entry).await?;
        change.commit().await?;
        self.shared.sessions().announce(&ended);
        self.tell_changed(&user);
        Ok(())
    }

    /// Sets somebody's password from a shell and ends their sessions; how many.
    ///
    /// # Errors
    /// There is nobody, the password is not allowed, or the database failed.
    pub async fn set_password(
        &self,
        actor: &Actor,
        user: UserId,
        password: &Secret,
    ) -> Result<usize, AccessError> {
        let user = self.shared.store.users().by_id(user).await?.ok_or(AccessError::NotFound)?;
        let (hash, former) = self.shared.new_password(&user, password).await?;
        let now = self.shared.now();
        let mut change = self.shared.store.begin().await?;
        let ended = self.set(&mut change, &user, (&hash, &former), now).await?;
        let entry = trail::entry(actor, Action::PasswordReset, now)
            .on("user", user.id)
            .with("sessions_ended", ended.len());
        self.shared.record(&mut change, entry).await?;
        change.commit().await?;
        self.shared.sessions().announce(&ended);
        Ok(ended.len())
    }

    async fn set(
        &self,
        change: &mut Change,
        user: &UserRow,
        (hash, former): (&str, &[String]),
        now: UnixTime,
    ) -> Result<Vec<SessionId>, AccessError> {
        change.users().set_password_hash(user.id, hash, former, now).await?;
        change.login_attempts().void_all_of(user.id, now).await?;
        change.mail_links().supersede(Some(user.id), LinkKind::ResetPassword).await?;
        self.end_all(change, user.id, None).await
    }

    async fn end_all(
        &self,
        change: &mut Change,
        user: UserId,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, AccessError> {
        let (sessions, why) = (self.shared.sessions(), Ending::PasswordChanged);
        Ok(sessions.end_all_in(change, user, None, keep, why).await?)
    }

    /// Writes a link down and mails it, if there is anybody to mail it to.
    async fn mail_link(
        &self,
        email: &str,
        kind: LinkKind,
        actor: &Actor,
    ) -> Result<(), AccessError> {
        let email = email.trim().to_lowercase();
        if !is_lookup(&email) {
            return Ok(());
        }
        let now = self.shared.now();
        let mut change = self.shared.store.begin().await?;
        let user = change.users().by_email(&email).await?.filter(|user| !user.disabled);
        let since = UnixTime(now.0.saturating_sub(limit::MAILS_COUNTED_IN.as_secs()));
        let sent = change.mail_links().count(&email, kind, since).await?;
        let is_open =
            |user: &UserRow| kind != LinkKind::VerifyEmail || user.email_verified_at.is_none();
        let user = user.filter(|user| sent < limit::MAIL_LINKS_MAX && is_open(user));
        // Nobody's link for an address that gets none, so that it takes as long.
        let owner = user.as_ref().map(|user| user.id);
        let key = self.new_link(&mut change, kind, owner, Some(email)).await?;
        let target = owner.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
        let entry = trail::entry(actor, Action::PasswordResetRequest, now).on("user", target);
        self.shared.record(&mut change, entry.with("kind", kind.as_str())).await?;
        change.commit().await?;
        if let Some(to) = user.and_then(|user| user.email) {
            let letter = match kind {
                LinkKind::VerifyEmail => Letter::VerifyEmail { key },
                LinkKind::ResetPassword | LinkKind::SetUp => Letter::ResetPassword { key },
            };
            self.shared.mailbox.post(&to, letter);
        }
        Ok(())
    }

    /// Makes a link; older ones of its kind are void.
    pub(super) async fn new_link(
        &self,
        change: &mut Change,
        kind: LinkKind,
        user_id: Option<UserId>,
        email: Option<String>,
    ) -> Result<Secret, AccessError> {
        let key = random::key()?;
        let token_hash = random::hash(key.expose()).ok_or(random::NoRandom)?;
        let now = self.shared.now();
        let life = match kind {
            LinkKind::VerifyEmail => limit::VERIFY_LINK_LIFE,
            LinkKind::ResetPassword => limit::RESET_LINK_LIFE,
            LinkKind::SetUp => limit::SET_UP_LINK_LIFE,
        };
        if user_id.is_some() || kind == LinkKind::SetUp {
            change.mail_links().supersede(user_id, kind).await?;
        }
        let row = MailLinkRow {
            token_hash,
            kind,
            user_id,
            email,
            created_at: now,
            expires_at: now.plus(life),
            used_at: None,
            superseded: false,
        };
        change.mail_links().insert(&row).await?;
        Ok(key)
    }

    /// A link that is good now.
    pub(super) async fn open_link(
        &self,
        key: &str,
        kind: LinkKind,
    ) -> Result<MailLinkRow, AccessError> {
        let hash = random::hash(key).ok_or(AccessError::LinkDead)?;
        let link = self.shared.store.mail_links().by_hash(&hash).await?;
        let link = link.filter(|link| link.kind == kind).ok_or(AccessError::LinkDead)?;
        if link.used_at.is_some() {
            Err(AccessError::LinkUsed)
        } else if link.superseded {
            Err(AccessError::LinkDead)
        } else if self.shared.now() >= link.expires_at {
            Err(AccessError::LinkExpired)
        } else {
            Ok(link)
        }
    }

    fn tell_changed(&self, user: &UserRow) {
        if let Some(to) = &user.email {
            self.shared.mailbox.post(to, Letter::PasswordChanged);
        }
    }
}
