//! Making, naming and giving up one's own passkeys.

use super::audit::Action;
use super::error::AccessError;
use super::organisation::fields::is_odd;
use super::passkey::{ALGORITHMS, PasskeyRefusal, Registration};
use super::passkey_shown::{Asked, KnownPasskey, refused};
use super::principal::{Actor, Principal, Proof};
use super::second_factor::{SecondFactor, is_required};
use super::session::Client;
use super::settings::FactorMethod;
use super::trail;
use crate::base::{Secret, limit};
use crate::store::{PasskeyId, PasskeyRow, StoreError, UserId};

/// What a browser needs to make a passkey (WebAuthn §5.4).
#[derive(Debug)]
pub struct PasskeyToMake {
    /// What is to be signed, base64url.
    pub challenge: Secret,
    /// The relying party identifier.
    pub host: String,
    /// Whose.
    pub user_id: UserId,
    /// Their sign-in name.
    pub user_name: String,
    /// What others see.
    pub display_name: String,
    /// Kinds of keys, the preferred one first (COSE).
    pub algorithms: &'static [i64],
    /// Those they have: their authenticators make no second one.
    pub known: Vec<KnownPasskey>,
}

/// A passkey that was made.
#[derive(Clone, Debug)]
pub struct NewPasskey {
    /// What its owner calls it.
    pub name: String,
    /// How browsers reach it, as they say.
    pub transports: Vec<String>,
    /// What the browser answered.
    pub answer: Registration,
}

/// A passkey in use from now on.
#[derive(Debug)]
pub struct MadePasskey {
    /// What is kept.
    pub row: PasskeyRow,
    /// Recovery codes, if there were none. Shown once.
    pub recovery_codes: Vec<Secret>,
}

impl SecondFactor<'_> {
    /// Begins to make a passkey. Whoever signed in completely, and not a moment ago, shows their
    /// password again.
    ///
    /// # Errors
    /// The password is asked for or wrong, passkeys are not allowed here, another second factor is to be shown
    /// first, there are too many, or the database failed.
    pub async fn begin_passkey(
        &self,
        principal: &Principal,
        password: Option<&Secret>,
        client: &Client,
    ) -> Result<PasskeyToMake, AccessError> {
        let member = self.member(principal).await?;
        let site = self.shared.site().ok_or(AccessError::MethodRefused)?;
        let policy = self.shared.policy(principal.workspace_id);
        if !policy.mfa_methods.contains(&FactorMethod::Passkey) {
            return Err(AccessError::MethodRefused);
        }
        if principal.proof == Proof::Enrolling {
            let mut change = self.shared.store.begin().await?;
            self.refuse_another(&mut change, principal).await?;
        } else {
            let sign_in = self.shared.sign_in();
            sign_in.confirm_presence(principal, &member.user, password, client).await?;
        }
        let user = member.user;
        let passkeys = self.shared.store.passkeys().of_user(user.id).await?;
        if passkeys.len() >= limit::PASSKEYS_MAX {
            return Err(AccessError::PasskeysFull);
        }
        let asked = Asked::to_make(principal.session_id);
        Ok(PasskeyToMake {
            challenge: self.challenge(asked, user.id).await?,
            host: site.host().to_owned(),
            user_id: user.id,
            user_name: user.name,
            display_name: user.display_name,
            algorithms: &ALGORITHMS,
            known: passkeys.into_iter().map(KnownPasskey::from).collect(),
        })
    }

    /// Takes a passkey into use. A session that was good for this alone is good for everything
    /// from now on. Recovery codes come with it if there are none.
    ///
    /// # Errors
    /// It is not what was asked for, another second factor is to be shown first, there are too
    /// many, or the database failed.
    pub async fn finish_passkey(
        &self,
        principal: &Principal,
        new: &NewPasskey,
        client: &Client,
    ) -> Result<MadePasskey, AccessError> {
        let (user, now) = (principal.user_id, self.shared.now());
        let name = name(&new.name)?;
        let site = self.shared.site().ok_or(AccessError::MethodRefused)?;
        let hash = self.answered(Asked::to_make(principal.session_id), user).await?;
        let made = new.answer.check(site, &hash).map_err(refused)?;
        let row = PasskeyRow {
            id: PasskeyId::random(),
            user_id: user,
            credential_id: made.id,
            public_key: made.public_key,
            sign_count: made.sign_count,
            name,
            transports: transports(&new.transports),
            created_at: now,
            last_used_at: None,
        };
        let mut change = self.shared.store.begin().await?;
        // Whoever counts at the same time waits here.
        self.refuse_another(&mut change, principal).await?;
        if change.passkeys().count_of(user).await? >= limit::PASSKEYS_MAX {
            return Err(AccessError::PasskeysFull);
        }
        change.passkeys().insert(&row).await.map_err(|error| match error {
            StoreError::Conflict(_) => refused(PasskeyRefusal::Registered),
            other => other.into(),
        })?;
        change.second_factors().passkey_made(user, now).await?;
        let recovery_codes = match change.second_factors().recovery_codes_left(user).await? {
            0 => self.new_codes(&mut change, principal, client).await?,
            _ => Vec::new(),
        };
        let sessions = self.shared.sessions();
        if principal.proof == Proof::Enrolling {
            sessions.complete_in(&mut change, principal.session_id, "passkey").await?;
        }
        let actor = Actor::of(principal, client.ip);
        let entry = trail::entry(&actor, Action::SecondFactorEnable, now)
            .on("user", user)
            .with("method", "passkey")
            .with("passkey", row.id.to_string())
            .with("name", row.name.as_str());
        self.shared.record(&mut change, entry).await?;
        change.commit().await?;
        sessions.forget_copy(principal.session_id);
        Ok(MadePasskey { row, recovery_codes })
    }

    /// One's passkeys, the oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn passkeys(&self, principal: &Principal) -> Result<Vec<PasskeyRow>, AccessError> {
        Ok(self.shared.store.passkeys().of_user(principal.user_id).await?)
    }

    /// Gives one of one's passkeys another name.
    ///
    /// # Errors
    /// It is none of theirs, the name is not allowed, or the database failed.
    pub async fn rename_passkey(
        &self,
        principal: &Principal,
        id: PasskeyId,
        new_name: &str,
        client: &Client,
    ) -> Result<(), AccessError> {
        let name = name(new_name)?;
        let mut change = self.shared.store.begin().await?;
        if !change.passkeys().rename(principal.user_id, id, &name).await? {
            return Err(AccessError::NotFound);
        }
        let actor = Actor::of(principal, client.ip);
        let entry = trail::entry(&actor, Action::PasskeyRename, self.shared.now())
            .on("user", principal.user_id)
            .with("passkey", id.to_string())
            .with("name", name);
        self.shared.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    /// Gives up one of one's passkeys; recovery codes go with the last second factor.
    ///
    /// # Errors
    /// It is none of theirs, the password is wrong, the policy demands a second factor and this is
    /// the last, or the database failed.
    pub async fn remove_passkey(
        &self,
        principal: &Principal,
        id: PasskeyId,
        password: &Secret,
        client: &Client,
    ) -> Result<(), AccessError> {
        let (user, member) = (principal.user_id, self.member(principal).await?);
        let sign_in = self.shared.sign_in();
        sign_in.confirm_password(principal, &member.user, password, client).await?;
        let mut change = self.shared.store.begin().await?;
        change.users().lock(user).await?;
        if !change.passkeys().remove(user, id).await? {
            return Err(AccessError::NotFound);
        }
        let factor = change.second_factors().of_user(user).await?;
        let has_totp = factor.is_some_and(|row| row.totp_sealed.is_some());
        if !has_totp && change.passkeys().count_of(user).await? == 0 {
            let policy = self.shared.policy(principal.workspace_id);
            if is_required(&policy, &member.membership) {
                return Err(AccessError::FactorRequired);
            }
            change.second_factors().set_recovery_codes(user, &[]).await?;
        }
        let actor = Actor::of(principal, client.ip);
        let entry = trail::entry(&actor, Action::SecondFactorDisable, self.shared.now())
            .on("user", user)
            .with("method", "passkey")
            .with("passkey", id.to_string());
        self.shared.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }
}

/// What people call a passkey.
fn name(text: &str) -> Result<String, AccessError> {
    let text = text.trim();
    let is_name = (1..=limit::PASSKEY_NAME_CHARS_MAX).contains(&text.chars().count())
        && !text.chars().any(is_odd);
    let words = "must be 1 to 60 printable characters";
    if is_name { Ok(text.to_owned()) } else { Err(AccessError::Invalid { field: "name", words }) }
}

/// Words of the standard's form (§5.8.4), unknown ones too, once each.
fn transports(words: &[String]) -> Vec<String> {
    let is_word = |word: &&String| {
        (1..=32).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let mut kept: Vec<String> =
        words.iter().filter(is_word).take(limit::PASSKEY_TRANSPORTS_MAX).cloned().collect();
    kept.sort();
    kept.dedup();
    kept
}
