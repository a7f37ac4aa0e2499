//! Setting up, replacing and giving up one's own authenticator app and recovery codes.

use super::audit::Action;
use super::error::AccessError;
use super::principal::{Actor, Principal, Proof};
use super::recovery_code::{recovery_code_hash, recovery_codes};
use super::second_factor::{SecondFactor, TOTP, TOTP_PENDING, is_required, open, seal};
use super::session::Client;
use super::totp::{TotpSecret, TotpSetupError};
use super::trail;
use crate::base::Secret;
use crate::store::Change;

/// An authenticator app to set up; shown once.
#[derive(Debug)]
pub struct NewTotp {
    /// The secret to type in, where no camera is.
    pub secret_text: Secret,
    /// The URL behind the picture.
    pub otpauth: Secret,
    /// The QR code, an SVG element.
    pub qr_svg: Secret,
}

impl SecondFactor<'_> {
    /// Begins to set up an app: nothing is asked of it before a code of it was shown (B4).
    ///
    /// # Errors
    /// One is in use, another second factor is to be shown first, or the database failed.
    pub async fn begin_totp(&self, principal: &Principal) -> Result<NewTotp, AccessError> {
        if self.has_totp(principal.user_id).await? {
            return Err(AccessError::HasTotp);
        }
        let member = self.member(principal).await?;
        let secret = TotpSecret::random()?;
        let sealed = seal(&self.shared.vault, principal.user_id, TOTP_PENDING, &secret)?;
        let mut change = self.shared.store.begin().await?;
        self.refuse_another(&mut change, principal).await?;
        change.second_factors().begin(principal.user_id).await?;
        change.second_factors().set_pending(principal.user_id, &sealed).await?;
        change.commit().await?;
        let (issuer, account) = (self.shared.issuer.replace(':', "."), member.user.name);
        let shown = |error: TotpSetupError| {
            tracing::warn!(%error, "an authenticator app cannot be set up");
            AccessError::Invalid { field: "name", words: "cannot be shown in an app" }
        };
        Ok(NewTotp {
            secret_text: secret.manual_text(),
            otpauth: secret.otpauth(&issuer, &account).map_err(shown)?,
            qr_svg: secret.qr_svg(&issuer, &account).map_err(shown)?,
        })
    }

    /// Takes the app into use, once it shows a right code; the recovery codes. A session that was
    /// good for this alone is good for everything from now on; another one shows the password,
    /// unless it began a moment ago.
    ///
    /// # Errors
    /// None is being set up, the code is wrong, another second factor is to be shown first, the
    /// password is asked for or wrong, or the database failed.
    pub async fn confirm_totp(
        &self,
        principal: &Principal,
        (code, password): (&Secret, Option<&Secret>),
        client: &Client,
    ) -> Result<Vec<Secret>, AccessError> {
        let (user, now) = (principal.user_id, self.shared.now());
        if self.has_totp(user).await? {
            return Err(AccessError::HasTotp);
        }
        if principal.proof != Proof::Enrolling {
            let member = self.member(principal).await?;
            let sign_in = self.shared.sign_in();
            sign_in.confirm_presence(principal, &member.user, password, client).await?;
        }
        let row = self.shared.store.second_factors().of_user(user).await?;
        let pending = row.and_then(|row| row.totp_pending_sealed).ok_or(AccessError::NoTotp)?;
        self.take_try(user, now).await?;
        let secret = open(&self.shared.vault, user, TOTP_PENDING, &pending)?;
        let step = secret.check(code, now, None)?;
        let sealed = seal(&self.shared.vault, user, TOTP, &secret)?;
        let mut change = self.shared.store.begin().await?;
        self.refuse_another(&mut change, principal).await?;
        if !change.second_factors().enable_totp(user, &pending, &sealed, (step, now)).await? {
            return Err(AccessError::NoTotp);
        }
        let codes = self.new_codes(&mut change, principal, client).await?;
        let sessions = self.shared.sessions();
        if principal.proof == Proof::Enrolling {
            sessions.complete_in(&mut change, principal.session_id, "totp").await?;
        }
        let actor = Actor::of(principal, client.ip);
        let entry = trail::entry(&actor, Action::SecondFactorEnable, now)
            .on("user", user)
            .with("method", "totp");
        self.shared.record(&mut change, entry).await?;
        change.commit().await?;
        sessions.forget_copy(principal.session_id);
        Ok(codes)
    }

    /// Gives up one's app; recovery codes go with it, unless there is a passkey they are for too.
    ///
    /// # Errors
    /// The policy demands one, password or code is wrong, or the database failed.
    pub async fn disable_totp(
        &self,
        principal: &Principal,
        password: &Secret,
        code: &Secret,
        client: &Client,
    ) -> Result<(), AccessError> {
        let member = self.member(principal).await?;
        if !self.has_totp(principal.user_id).await? {
            return Err(AccessError::NoTotp);
        }
        let policy = self.shared.policy(principal.workspace_id);
        let must_have_one = is_required(&policy, &member.membership);
        if must_have_one && self.own(principal.user_id).await?.passkeys == 0 {
            return Err(AccessError::FactorRequired);
        }
        let sign_in = self.shared.sign_in();
        sign_in.confirm_password(principal, &member.user, password, client).await?;
        self.verify_any(principal.user_id, code).await?;
        let mut change = self.shared.store.begin().await?;
        change.users().lock(principal.user_id).await?;
        change.second_factors().remove_totp(principal.user_id).await?;
        if change.passkeys().count_of(principal.user_id).await? == 0 {
            if must_have_one {
                return Err(AccessError::FactorRequired);
            }
            change.second_factors().set_recovery_codes(principal.user_id, &[]).await?;
        }
        let actor = Actor::of(principal, client.ip);
        let entry = trail::entry(&actor, Action::SecondFactorDisable, self.shared.now())
            .on("user", principal.user_id)
            .with("method", "totp");
        self.shared.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    /// New recovery codes; the old ones are void.
    ///
    /// # Errors
    /// The password is wrong, there is nothing they would replace, or the database failed.
    pub async fn renew_recovery_codes(
        &self,
        principal: &Principal,
        password: &Secret,
        client: &Client,
    ) -> Result<Vec<Secret>, AccessError> {
        let member = self.member(principal).await?;
        if !self.own(principal.user_id).await?.is_any() {
            return Err(AccessError::NoTotp);
        }
        let sign_in = self.shared.sign_in();
        sign_in.confirm_password(principal, &member.user, password, client).await?;
        let mut change = self.shared.store.begin().await?;
        let codes = self.new_codes(&mut change, principal, client).await?;
        change.commit().await?;
        Ok(codes)
    }

    /// Makes recovery codes; the old ones are void.
    pub(super) async fn new_codes(
        &self,
        change: &mut Change,
        principal: &Principal,
        client: &Client,
    ) -> Result<Vec<Secret>, AccessError> {
        let codes = recovery_codes()?;
        let hashes: Vec<[u8; 32]> = codes.iter().filter_map(recovery_code_hash).collect();
        change.second_factors().set_recovery_codes(principal.user_id, &hashes).await?;
        let actor = Actor::of(principal, client.ip);
        let entry = trail::entry(&actor, Action::RecoveryCodesMake, self.shared.now())
            .on("user", principal.user_id)
            .with("count", codes.len());
        self.shared.record(change, entry).await?;
        Ok(codes)
    }
}
