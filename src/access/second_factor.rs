//! The second factor: what somebody has, and whether what they show is right.
//!
//! A try is counted before it is judged, in one statement, so that no number of requests at once
//! gets more of them; what is right is spent in the transaction of what it opens, so that
//! the same code opens one thing. Setting one up is in `factor_set_up.rs` and
//! `passkey_set_up.rs`, showing a passkey in `passkey_shown.rs`, who is asked for what in
//! `factor_asked.rs`, what administrators do in `factor_admin.rs`.

use super::email_code::SentCode;
use super::error::AccessError;
use super::passkey::{Assertion, PasskeyRefusal};
use super::principal::{Level, Principal, Proof, Role, UserId};
use super::recovery_code::recovery_code_hash;
use super::settings::{FactorMethod, FactorRequired, Policy};
use super::shared::Shared;
use super::totp::{TotpRefusal, TotpSecret};
use crate::base::{Secret, UnixTime};
use crate::store::{
    Change, FactorLock, LoginAttemptRow, Member, MembershipRow, PasskeyId, SecondFactorRow, UserRow,
};
use crate::vault::{Place, Purpose, Vault};

/// The second factor.
#[derive(Clone, Copy)]
pub struct SecondFactor<'a> {
    pub(super) shared: &'a Shared,
}

/// What may be shown as a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// A passkey.
    Passkey,
    /// Six digits of an authenticator app.
    Totp,
    /// Six digits by mail.
    Email,
    /// One of ten codes that were shown once.
    Recovery,
}

/// One's own second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorStatus {
    /// The workspace demands one.
    pub required: bool,
    /// An app is in use.
    pub totp: bool,
    /// An app is being set up.
    pub totp_pending: bool,
    /// How many passkeys there are.
    pub passkeys: usize,
    /// Codes can be mailed.
    pub email: bool,
    /// Recovery codes that were not used.
    pub recovery_codes_left: u32,
    /// What the workspace allows, the preferred one first.
    pub methods: Vec<Method>,
    /// No code is looked at before.
    pub locked_until: Option<UnixTime>,
}

/// What somebody has that they set up themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    /// An app in use.
    pub totp: bool,
    /// Passkeys.
    pub passkeys: usize,
}

/// What somebody shows: not judged yet.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    /// A code of any kind.
    Code(&'a Secret),
    /// What a passkey signed.
    Passkey(&'a Assertion),
}

/// What somebody showed: right, and to be spent.
#[derive(Debug)]
pub(super) enum Shown {
    /// This passkey, which has signed so often.
    Passkey(PasskeyId, u32),
    /// The code of this step.
    Totp(u64),
    /// The mailed code; its sign-in ends with it.
    Email,
    /// The recovery code of this hash.
    Recovery([u8; 32]),
}

/// Five wrong codes lock for 5 minutes, five more for 10, …; from 20 in a row on each for an hour.
const LOCK: FactorLock = FactorLock { tries: 5, first_s: 300, many: 20, longest_s: 3600 };

/// In `second_factors.last_method`: an administrator took the second factor away.
pub(super) const RESET: &str = "reset";

impl Method {
    const ALL: [Self; 4] = [Self::Passkey, Self::Totp, Self::Email, Self::Recovery];

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::Totp => "totp",
            Self::Email => "email",
            Self::Recovery => "recovery",
        }
    }

    /// From its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == word)
    }
}

impl Own {
    /// Whether there is anything.
    pub(super) fn is_any(self) -> bool {
        self.totp || self.passkeys > 0
    }
}

impl SecondFactor<'_> {
    /// One's own second factor.
    ///
    /// # Errors
    /// The database failed.
    pub async fn status(&self, principal: &Principal) -> Result<FactorStatus, AccessError> {
        let member = self.member(principal).await?;
        let row = self.shared.store.second_factors().of_user(principal.user_id).await?;
        let policy = self.shared.policy(principal.workspace_id);
        let now = self.shared.now();
        let mut factors = self.shared.store.second_factors();
        let left = factors.recovery_codes_left(principal.user_id).await?;
        let passkeys = self.shared.store.passkeys().count_of(principal.user_id).await?;
        // Where the server has no name, there is nothing to make a passkey for.
        let may = |method: &Method| *method != Method::Passkey || self.shared.site().is_some();
        Ok(FactorStatus {
            required: is_required(&policy, &member.membership) && !is_exempt(row.as_ref(), now),
            totp: row.as_ref().is_some_and(|row| row.totp_sealed.is_some()),
            totp_pending: row.as_ref().is_some_and(|row| row.totp_pending_sealed.is_some()),
            passkeys,
            email: has_email(&member.user),
            recovery_codes_left: left,
            methods: policy.mfa_methods.iter().copied().map(method).filter(may).collect(),
            locked_until: row.map(|row| row.locked_until).filter(|until| now < *until),
        })
    }

    /// Checks a code of somebody who is signed in, and spends it.
    ///
    /// # Errors
    /// Wrong, used, locked, not a method of theirs, or the database failed.
    pub async fn verify(
        &self,
        user: UserId,
        method: Method,
        code: &Secret,
    ) -> Result<(), AccessError> {
        self.take_try(user, self.shared.now()).await?;
        let shown = self.judge(user, method, code, None).await?;
        let mut change = self.shared.store.begin().await?;
        self.spend_in(&mut change, user, shown).await?;
        Ok(change.commit().await?)
    }

    /// Checks a code of an app or a recovery code, whichever it looks like.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub async fn verify_any(&self, user: UserId, code: &Secret) -> Result<(), AccessError> {
        let is_recovery = recovery_code_hash(code).is_some();
        let method = if is_recovery { Method::Recovery } else { Method::Totp };
        self.verify(user, method, code).await
    }

    /// Whether somebody has an app in use.
    ///
    /// # Errors
    /// The database failed.
    pub async fn has_totp(&self, user: UserId) -> Result<bool, AccessError> {
        let row = self.shared.store.second_factors().of_user(user).await?;
        Ok(row.is_some_and(|row| row.totp_sealed.is_some()))
    }

    /// What somebody has that they set up themselves.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn own(&self, user: UserId) -> Result<Own, AccessError> {
        let totp = self.has_totp(user).await?;
        Ok(Own { totp, passkeys: self.shared.store.passkeys().count_of(user).await? })
    }

    /// A session that may only set up a second factor has shown none: who has one by now, made in
    /// another session, does not get around it by setting up another. Holds the person until the
    /// change is done.
    pub(super) async fn refuse_another(
        &self,
        change: &mut Change,
        principal: &Principal,
    ) -> Result<(), AccessError> {
        change.users().lock(principal.user_id).await?;
        if principal.proof != Proof::Enrolling {
            return Ok(());
        }
        let row = change.second_factors().of_user(principal.user_id).await?;
        let has_totp = row.is_some_and(|row| row.totp_sealed.is_some());
        if has_totp || change.passkeys().count_of(principal.user_id).await? > 0 {
            return Err(AccessError::MethodRefused);
        }
        Ok(())
    }

    /// Counts a try.
    pub(super) async fn take_try(&self, user: UserId, now: UnixTime) -> Result<(), AccessError> {
        self.shared.store.second_factors().begin(user).await?;
        if self.shared.store.second_factors().take_try(user, LOCK, now).await? {
            return Ok(());
        }
        let row = self.shared.store.second_factors().of_user(user).await?;
        Err(AccessError::FactorLocked { until: row.map_or(now, |row| row.locked_until) })
    }

    /// Whether what is shown is right; spends nothing yet.
    pub(super) async fn judge(
        &self,
        user: UserId,
        method: Method,
        code: &Secret,
        attempt: Option<(&LoginAttemptRow, &Secret)>,
    ) -> Result<Shown, AccessError> {
        match (method, attempt) {
            (Method::Totp, _) => {
                let row = self.shared.store.second_factors().of_user(user).await?;
                let row = row.ok_or(AccessError::NoTotp)?;
                let sealed = row.totp_sealed.as_deref().ok_or(AccessError::NoTotp)?;
                let secret = open(&self.shared.vault, user, TOTP, sealed)?;
                let step = secret.check(code, self.shared.now(), Some(row.totp_last_step))?;
                Ok(Shown::Totp(step))
            }
            (Method::Recovery, _) => {
                let hash = recovery_code_hash(code).ok_or(AccessError::RecoveryCode)?;
                Ok(Shown::Recovery(hash))
            }
            (Method::Email, Some((row, attempt))) => {
                let mut attempts = self.shared.store.login_attempts();
                let tries = attempts.try_email_code(&row.id_hash).await?;
                let (hash, sent_at) = row.email_code.ok_or(AccessError::MethodRefused)?;
                let tries = u8::try_from(tries).unwrap_or(u8::MAX);
                let key = self.shared.vault.key(Purpose::CodeHmac);
                let sent = SentCode { hash, sent_at, tries };
                sent.check(key, attempt.expose(), code, self.shared.now())?;
                Ok(Shown::Email)
            }
            (Method::Passkey, _) | (Method::Email, None) => Err(AccessError::MethodRefused),
        }
    }

    /// Spends what was shown; of several requests with the same, one succeeds.
    pub(super) async fn spend_in(
        &self,
        change: &mut Change,
        user: UserId,
        shown: Shown,
    ) -> Result<(), AccessError> {
        let now = self.shared.now();
        let method = match shown {
            Shown::Passkey(id, sign_count) => {
                if !change.passkeys().shown(id, sign_count, now).await? {
                    return Err(AccessError::Passkey(PasskeyRefusal::Counter));
                }
                Method::Passkey
            }
            Shown::Totp(step) => {
                if !change.second_factors().use_step(user, step).await? {
                    return Err(TotpRefusal::Used.into());
                }
                Method::Totp
            }
            Shown::Recovery(hash) => {
                if !change.second_factors().use_recovery_code(user, &hash, now).await? {
                    return Err(AccessError::RecoveryCode);
                }
                Method::Recovery
            }
            Shown::Email => Method::Email,
        };
        Ok(change.second_factors().succeeded(user, method.as_str(), now).await?)
    }

    /// Somebody in the workspace they act in.
    pub(super) async fn member(&self, principal: &Principal) -> Result<Member, AccessError> {
        let (workspace, user) = (principal.workspace_id, principal.user_id);
        let member = self.shared.store.memberships().member(workspace, user).await?;
        member.ok_or(AccessError::NotFound)
    }
}

/// Whether the policy demands a second factor of somebody.
pub(super) fn is_required(policy: &Policy, membership: &MembershipRow) -> bool {
    match policy.mfa_required {
        FactorRequired::None => false,
        FactorRequired::Admins => {
            membership.level == Level::ADMIN || membership.role >= Role::Admin
        }
        FactorRequired::All => true,
    }
}

pub(super) fn is_exempt(row: Option<&SecondFactorRow>, now: UnixTime) -> bool {
    row.and_then(|row| row.exempt_until).is_some_and(|until| now < until)
}

pub(super) fn has_email(user: &UserRow) -> bool {
    user.email.is_some() && user.email_verified_at.is_some()
}

/// What is shown for a method of the policy.
pub(super) fn method(method: FactorMethod) -> Method {
    match method {
        FactorMethod::Passkey => Method::Passkey,
        FactorMethod::Totp => Method::Totp,
        FactorMethod::Email => Method::Email,
    }
}

/// Where an app's secret is kept.
pub(super) const TOTP: &str = "totp_sealed";
/// Where that of one being set up is.
pub(super) const TOTP_PENDING: &str = "totp_pending_sealed";

fn place<'a>(user: &'a UserId, column: &'static str) -> Place<'a> {
    Place { workspace: None, table: "second_factors", column, row: user.as_bytes() }
}

/// Seals an app's secret.
pub(super) fn seal(
    vault: &Vault,
    user: UserId,
    column: &'static str,
    secret: &TotpSecret,
) -> Result<Vec<u8>, AccessError> {
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    let text = Secret::new(engine.encode(secret.as_bytes()));
    Ok(vault.seal(place(&user, column), &text)?)
}

/// Opens an app's secret.
pub(super) fn open(
    vault: &Vault,
    user: UserId,
    column: &'static str,
    sealed: &[u8],
) -> Result<TotpSecret, AccessError> {
    use base64::Engine;
    let text = vault.open_sealed(place(&user, column), sealed, "totp")?;
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    let bytes = engine.decode(text.expose()).map(zeroize::Zeroizing::new);
    let bytes = bytes.map_err(|_| crate::store::StoreError::Damaged("second_factors"))?;
    let secret = TotpSecret::from_bytes(&bytes);
    Ok(secret.map_err(|_| crate::store::StoreError::Damaged("second_factors"))?)
}
