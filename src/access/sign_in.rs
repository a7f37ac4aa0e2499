//! Signing in: by password, by an identity provider, by a development link; then, where one is
//! asked for, the second factor.
//!
//! Nothing says whether a name is known: an unknown, closed or passwordless account costs and
//! answers what a wrong password does (A1, A-20). Guesses at an account are slowed down per
//! account and address; a browser that signed in before has a bucket of its own, so that nobody
//! else's guesses keep its owner out.

use super::device::DeviceCookie;
use super::email_code::{email_code, email_code_hash};
use super::error::AccessError;
use super::factor_asked::Ask;
use super::guess::facts;
use super::history::Failure;
use super::letter::Letter;
use super::password::Passwords;
use super::principal::{Actor, Principal, UserId, WorkspaceId};
use super::random;
use super::second_factor::{Given, Method};
use super::session::{Client, Of, Opening, SessionError, SignedIn};
use super::shared::{Shared, busy, count_failure};
use super::throttle::Attempt;
use crate::base::{Secret, UnixTime, limit};
use crate::store::{Ending, LoginAttemptRow, Member, UserRow};
use crate::vault::Purpose;

/// Signing in.
#[derive(Clone, Copy)]
pub struct SignIn<'a> {
    pub(super) shared: &'a Shared,
}

/// What follows a proved identity.
#[derive(Clone, Debug)]
pub enum SignInStep {
    /// They are in.
    Done(SignedIn),
    /// They must show a second factor; nothing is open until then (B2).
    Factor {
        /// Names this sign-in.
        attempt: Secret,
        /// What may be shown, the preferred one first.
        methods: Vec<Method>,
        /// A code is on its way by mail.
        email_sent: bool,
    },
    /// They are in to set up a second factor, and for nothing else (B10).
    Enrol(SignedIn),
}

impl SignIn<'_> {
    /// Signs a person in with name or mail address and password.
    ///
    /// # Errors
    /// Refused, slowed down, too busy, or the database failed.
    pub async fn password(
        &self,
        name: &str,
        password: &Secret,
        client: &Client,
        device: Option<&str>,
    ) -> Result<SignInStep, AccessError> {
        let name = name.trim().to_lowercase();
        let user = match is_lookup(&name) {
            true => self.shared.store.users().by_sign_in(&name).await?,
            false => None,
        };
        let device = user.as_ref().and_then(|user| self.device_of(user.id, device));
        // Counted by what was typed: one bucket for a name and its mail address would tell that
        // they are one person's.
        let facts = facts(Attempt::Password, &name, client, device.as_ref());
        self.throttle(&facts)?;
        let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
        let is_right = self.shared.passwords.is_right(password, hash).await.map_err(busy)?;
        let place = match &user {
            Some(user) if is_right && !user.disabled => self.first_place(user).await?,
            Some(_) | None => None,
        };
        let Some(member) = place else {
            return self.refuse(user.map(|user| user.id), "password", client).await;
        };
        self.shared.throttle.succeeded(&facts);
        if member.user.must_verify {
            return Err(AccessError::EmailUnverified);
        }
        self.rehash(&member.user, password).await?;
        self.after_first(&member, "password", client, device).await
    }

    /// Signs the reader of a development link in, once.
    ///
    /// # Errors
    /// The link is dead, or the database failed.
    pub async fn start(&self, key: &str, client: &Client) -> Result<SignedIn, AccessError> {
        let user = match self.shared.start_links.redeem(key) {
            Some(id) => self.shared.store.users().by_id(id).await?.filter(|user| !user.disabled),
            None => None,
        };
        let place = match &user {
            Some(user) => self.first_place(user).await?,
            None => None,
        };
        let Some(member) = place else {
            count_failure("start_link");
            return Err(AccessError::LinkDead);
        };
        let opening = Opening { method: "start_link", factor: None, enrolling: false, since: None };
        Ok(self.shared.sessions().open(&member, opening, client).await?)
    }

    /// Signs somebody in who has just accepted an invitation. Where a second factor would be asked
    /// of them they may only set one up.
    ///
    /// # Errors
    /// The database failed.
    pub async fn invited(&self, member: &Member, client: &Client) -> Result<SignedIn, AccessError> {
        let ask = self.shared.second_factor().ask(member).await?;
        let opening =
            Opening { method: "invite", factor: None, enrolling: ask.is_needed(), since: None };
        Ok(self.shared.sessions().open(member, opening, client).await?)
    }

    /// Shows the second factor of a sign-in under way.
    ///
    /// # Errors
    /// The sign-in is over, the code is wrong, used, late, or too many were, or the database
    /// failed.
    pub async fn factor(
        &self,
        attempt: &Secret,
        method: &str,
        code: &Secret,
        client: &Client,
    ) -> Result<SignedIn, AccessError> {
        self.show(attempt, Method::from_word(method), Given::Code(code), client).await
    }

    /// Shows the second factor of a sign-in under way, of whichever kind.
    pub(super) async fn show(
        &self,
        attempt: &Secret,
        method: Option<Method>,
        given: Given<'_>,
        client: &Client,
    ) -> Result<SignedIn, AccessError> {
        let (row, member) = self.open_attempt(attempt).await?;
        let factors = self.shared.second_factor();
        let ask = factors.ask(&member).await?;
        let method = method.filter(|method| ask.methods.contains(method));
        let method = method.ok_or(AccessError::MethodRefused)?;
        let facts = facts(Attempt::Factor, &member.user.id.to_string(), client, None);
        self.throttle(&facts)?;
        let now = self.shared.now();
        factors.take_try(member.user.id, now).await?;
        let judged = match given {
            Given::Code(code) => {
                factors.judge(member.user.id, method, code, Some((&row, attempt))).await
            }
            Given::Passkey(answer) => factors.judge_passkey(&member, &row, answer, client).await,
        };
        let shown = match judged {
            Ok(shown) => shown,
            Err(error) => return self.refuse_factor(error, &member, method, client).await,
        };
        let mut change = self.shared.store.begin().await?;
        if let Err(error) = factors.spend_in(&mut change, member.user.id, shown).await {
            drop(change);
            return self.refuse_factor(error, &member, method, client).await;
        }
        if !change.login_attempts().finish(&row.id_hash, now).await? {
            return Err(AccessError::AttemptOver);
        }
        let (first, factor) = (row.method.as_str(), Some(method.as_str()));
        let opening = Opening { method: first, factor, enrolling: ask.then_enrol, since: None };
        let sessions = self.shared.sessions();
        let (row, hash, mut signed_in) =
            sessions.open_in(&mut change, &member, opening, client).await?;
        change.commit().await?;
        sessions.opened(&row, hash, &signed_in.principal);
        self.shared.throttle.succeeded(&facts);
        signed_in.device_cookie = Some(self.new_device(member.user.id, now)?);
        Ok(signed_in)
    }

    /// Mails a code for a sign-in under way; an older one is void.
    ///
    /// # Errors
    /// The sign-in is over, mail is not a method, too many were sent, or the database failed.
    pub async fn email_code(&self, attempt: &Secret) -> Result<(), AccessError> {
        let (row, member) = self.open_attempt(attempt).await?;
        let ask = self.shared.second_factor().ask(&member).await?;
        if !ask.methods.contains(&Method::Email) {
            return Err(AccessError::MethodRefused);
        }
        if self.send_code(&row, attempt, &member).await? {
            return Ok(());
        }
        let retry_after_s = u32::try_from(limit::MAILS_COUNTED_IN.as_secs()).unwrap_or(u32::MAX);
        let limit = u32::try_from(limit::EMAIL_CODES_MAX).unwrap_or(u32::MAX);
        Err(AccessError::Throttled { scope: "account", limit, retry_after_s })
    }

    /// Lets somebody whose identity is proved in, asks for their second factor, or has them set
    /// one up. Every way in ends here, so that none goes around the second factor.
    pub(super) async fn after_first(
        &self,
        member: &Member,
        method: &str,
        client: &Client,
        device: Option<DeviceCookie>,
    ) -> Result<SignInStep, AccessError> {
        let ask = self.shared.second_factor().ask(member).await?;
        if !ask.methods.is_empty() {
            return self.begin_attempt(member, method, ask).await;
        }
        let opening = Opening { method, factor: None, enrolling: ask.then_enrol, since: None };
        let mut signed_in = self.shared.sessions().open(member, opening, client).await?;
        if ask.then_enrol {
            return Ok(SignInStep::Enrol(signed_in));
        }
        if device.is_none() {
            signed_in.device_cookie = Some(self.new_device(member.user.id, self.shared.now())?);
        }
        Ok(SignInStep::Done(signed_in))
    }

    async fn begin_attempt(
        &self,
        member: &Member,
        method: &str,
        ask: Ask,
    ) -> Result<SignInStep, AccessError> {
        let attempt = random::key()?;
        let id_hash = random::hash(attempt.expose()).ok_or(random::NoRandom)?;
        let now = self.shared.now();
        let row = LoginAttemptRow {
            id_hash,
            user_id: member.user.id,
            workspace_id: member.membership.workspace_id,
            method: method.to_owned(),
            created_at: now,
            expires_at: now.plus(limit::LOGIN_ATTEMPT_LIFE),
            failures: 0,
            email_code: None,
            email_code_failures: 0,
        };
        self.shared.store.login_attempts().insert(&row).await?;
        // Mail is sent unasked where it is all there is (B9).
        let is_mail_all = ask.methods == [Method::Email];
        let email_sent = is_mail_all && self.send_code(&row, &attempt, member).await?;
        Ok(SignInStep::Factor { attempt, methods: ask.methods, email_sent })
    }

    /// Mails a code, unless too many were; whether it did.
    async fn send_code(
        &self,
        row: &LoginAttemptRow,
        attempt: &Secret,
        member: &Member,
    ) -> Result<bool, AccessError> {
        let Some(to) = &member.user.email else { return Ok(false) };
        let now = self.shared.now();
        let since = UnixTime(now.0.saturating_sub(limit::MAILS_COUNTED_IN.as_secs()));
        let mut change = self.shared.store.begin().await?;
        change.users().lock(member.user.id).await?;
        let sent = change.login_attempts().codes_sent(member.user.id, since).await?;
        if sent >= limit::EMAIL_CODES_MAX {
            return Ok(false);
        }
        let code = email_code()?;
        let key = self.shared.vault.key(Purpose::CodeHmac);
        let hash = email_code_hash(key, attempt.expose(), &code);
        change.login_attempts().set_email_code(&row.id_hash, &hash, now).await?;
        change.commit().await?;
        self.shared.mailbox.post(to, Letter::SignInCode { code });
        Ok(true)
    }

    /// A sign-in under way, and whose it is.
    pub(super) async fn open_attempt(
        &self,
        attempt: &Secret,
    ) -> Result<(LoginAttemptRow, Member), AccessError> {
        let hash = random::hash(attempt.expose()).ok_or(AccessError::AttemptOver)?;
        let row = self.shared.store.login_attempts().open(&hash, self.shared.now()).await?;
        let row = row.ok_or(AccessError::AttemptOver)?;
        let member = self.shared.store.memberships().member(row.workspace_id, row.user_id).await?;
        let member = member.filter(|member| !member.user.disabled);
        Ok((row, member.ok_or(AccessError::AttemptOver)?))
    }

    /// Where somebody works after signing in: the first workspace they joined that is open.
    pub(super) async fn first_place(&self, user: &UserRow) -> Result<Option<Member>, AccessError> {
        let places = self.shared.store.users().places(user.id).await?;
        let first = places.into_iter().next();
        Ok(first.map(|place| Member { user: user.clone(), membership: place.membership }))
    }

    /// Works in another workspace from now on: a new session there, and the end of this one.
    ///
    /// # Errors
    /// They are not in it, or the database failed.
    pub async fn switch_workspace(
        &self,
        principal: &Principal,
        workspace: WorkspaceId,
        client: &Client,
    ) -> Result<SignedIn, AccessError> {
        let places = self.shared.store.users().places(principal.user_id).await?;
        let place = places.into_iter().find(|place| place.workspace.id == workspace);
        let membership = place.ok_or(AccessError::NotFound)?.membership;
        let user = self.shared.store.users().by_id(principal.user_id).await?;
        let member = Member { user: user.ok_or(AccessError::NotFound)?, membership };
        let old = self.shared.store.sessions().by_id(principal.session_id).await?;
        let old = old.ok_or(AccessError::NotFound)?;
        let ask = self.shared.second_factor().ask(&member).await?;
        // Who has shown a second factor has shown it for everywhere. Who has not, and would be
        // asked for one there, may only set one up.
        let enrolling = old.factor.is_none() && ask.is_needed();
        let factor = old.factor.as_deref();
        let since = Some(old.created_at);
        let opening = Opening { method: &old.method, factor, enrolling, since };
        let sessions = self.shared.sessions();
        let mut change = self.shared.store.begin().await?;
        change.users().lock(principal.user_id).await?;
        let (of, id) = (Of::User(principal.user_id), principal.session_id);
        let actor = Actor::of(principal, client.ip);
        // Of many requests with one cookie one gets another session.
        if !sessions.end_in(&mut change, &actor, of, id, Ending::Replaced).await? {
            return Err(SessionError::Ended.into());
        }
        let (row, hash, signed_in) =
            sessions.open_in(&mut change, &member, opening, client).await?;
        change.commit().await?;
        sessions.announce(&[id]);
        sessions.opened(&row, hash, &signed_in.principal);
        Ok(signed_in)
    }

    async fn rehash(&self, user: &UserRow, password: &Secret) -> Result<(), AccessError> {
        if user.password_hash.as_deref().is_none_or(|hash| !Passwords::is_outdated(hash)) {
            return Ok(());
        }
        let hash = self.shared.passwords.hash(password).await.map_err(busy)?;
        let former = &user.former_passwords;
        let changed = user.password_changed_at.unwrap_or(user.created_at);
        self.shared.store.users().set_password_hash(user.id, &hash, former, changed).await?;
        Ok(())
    }

    async fn refuse(
        &self,
        user: Option<UserId>,
        method: &str,
        client: &Client,
    ) -> Result<SignInStep, AccessError> {
        count_failure("password");
        // Looked for even where nobody is known, so that it takes as long.
        let places = self.shared.store.users().places(user.unwrap_or_else(UserId::random)).await?;
        let workspace = places.into_iter().next().map(|place| place.workspace.id);
        let failure = Failure { event: "failure", method, user, workspace };
        self.shared.history().failed(failure, client).await?;
        Err(AccessError::Refused)
    }

    async fn refuse_factor(
        &self,
        error: AccessError,
        member: &Member,
        method: Method,
        client: &Client,
    ) -> Result<SignedIn, AccessError> {
        count_failure("factor");
        let failure = Failure {
            event: "factor_failed",
            method: method.as_str(),
            user: Some(member.user.id),
            workspace: Some(member.membership.workspace_id),
        };
        self.shared.history().failed(failure, client).await?;
        Err(error)
    }
}

/// Whether a text may be a name or a mail address: it goes into a query, and PostgreSQL takes no
/// NUL.
pub(super) fn is_lookup(name: &str) -> bool {
    (1..=254).contains(&name.len()) && !name.chars().any(char::is_control)
}
