//! Showing a passkey: what is asked, and whether the answer is right.
//!
//! A challenge is bound to the sign-in or the session it was made for, and to its purpose. It is
//! spent by the first answer, right or wrong.

use aws_lc_rs::digest::{Context, SHA256};

use super::audit::Action;
use super::error::AccessError;
use super::passkey::{Assertion, Known, PasskeyRefusal};
use super::principal::{Actor, Principal, SessionId, UserId, WorkspaceId};
use super::random;
use super::second_factor::{Given, Method, SecondFactor, Shown};
use super::session::{Client, SignedIn};
use super::sign_in::SignIn;
use super::trail;
use crate::base::{Secret, limit};
use crate::store::{LoginAttemptRow, Member, PasskeyChallenge, PasskeyRow};

/// What a browser needs to show a passkey (WebAuthn §5.5).
#[derive(Debug)]
pub struct PasskeyToShow {
    /// What is to be signed, base64url.
    pub challenge: Secret,
    /// The relying party identifier.
    pub host: String,
    /// Any of these.
    pub known: Vec<KnownPasskey>,
}

/// A passkey as browsers find it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPasskey {
    /// Its identity in the browser.
    pub credential_id: Vec<u8>,
    /// How it is reached.
    pub transports: Vec<String>,
}

/// What a challenge is for, and whose sign-in or session it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked([u8; 32]);

impl From<PasskeyRow> for KnownPasskey {
    fn from(row: PasskeyRow) -> Self {
        Self { credential_id: row.credential_id, transports: row.transports }
    }
}

impl Asked {
    /// A passkey is made in this session.
    pub(super) fn to_make(session: SessionId) -> Self {
        Self::of(b"passkey: make", session.as_bytes())
    }

    /// Something is confirmed in this session.
    fn to_confirm(session: SessionId) -> Self {
        Self::of(b"passkey: confirm", session.as_bytes())
    }

    /// This sign-in goes on.
    fn to_sign_in(attempt: &LoginAttemptRow) -> Self {
        Self::of(b"passkey: sign in", &attempt.id_hash)
    }

    fn of(purpose: &[u8], id: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(purpose);
        context.update(id);
        let mut hash = [0; 32];
        hash.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(hash)
    }
}

impl SecondFactor<'_> {
    /// Asks somebody who is signed in for a passkey, to confirm what they are about to do.
    ///
    /// # Errors
    /// They have none, or the database failed.
    pub async fn ask_for_passkey(
        &self,
        principal: &Principal,
    ) -> Result<PasskeyToShow, AccessError> {
        self.ask_to_show(Asked::to_confirm(principal.session_id), principal.user_id).await
    }

    /// Checks a passkey of somebody who is signed in, and spends it.
    ///
    /// # Errors
    /// It is not what was asked for, they are locked out, or the database failed.
    pub async fn verify_passkey(
        &self,
        principal: &Principal,
        answer: &Assertion,
    ) -> Result<(), AccessError> {
        let (user, asked) = (principal.user_id, Asked::to_confirm(principal.session_id));
        self.take_try(user, self.shared.now()).await?;
        let shown = self.judge_answer(user, asked, answer, &Actor::of(principal, None)).await?;
        let mut change = self.shared.store.begin().await?;
        self.spend_in(&mut change, user, shown).await?;
        Ok(change.commit().await?)
    }

    /// Whether what a passkey signed for a sign-in is right; spends the challenge alone.
    pub(super) async fn judge_passkey(
        &self,
        member: &Member,
        attempt: &LoginAttemptRow,
        answer: &Assertion,
        client: &Client,
    ) -> Result<Shown, AccessError> {
        let workspace: WorkspaceId = member.membership.workspace_id;
        let actor = Actor { workspace_id: Some(workspace), ..Actor::anonymous(client.ip) };
        self.judge_answer(member.user.id, Asked::to_sign_in(attempt), answer, &actor).await
    }

    /// Makes a challenge and keeps its hash; an older one for the same is void.
    pub(super) async fn challenge(
        &self,
        asked: Asked,
        user: UserId,
    ) -> Result<Secret, AccessError> {
        let challenge = random::key()?;
        let challenge_hash = random::hash(challenge.expose()).ok_or(random::NoRandom)?;
        let row = PasskeyChallenge {
            bound_to: asked.0,
            user_id: user,
            challenge_hash,
            expires_at: self.shared.now().plus(limit::PASSKEY_CHALLENGE_LIFE),
        };
        self.shared.store.passkeys().ask(&row).await?;
        Ok(challenge)
    }

    /// The hash of the challenge that waits; it waits no more.
    pub(super) async fn answered(
        &self,
        asked: Asked,
        user: UserId,
    ) -> Result<[u8; 32], AccessError> {
        let now = self.shared.now();
        let hash = self.shared.store.passkeys().answer(&asked.0, user, now).await?;
        hash.ok_or_else(|| refused(PasskeyRefusal::Challenge))
    }

    async fn ask_to_show(&self, asked: Asked, user: UserId) -> Result<PasskeyToShow, AccessError> {
        let site = self.shared.site().ok_or(AccessError::MethodRefused)?;
        let passkeys = self.shared.store.passkeys().of_user(user).await?;
        if passkeys.is_empty() {
            return Err(AccessError::MethodRefused);
        }
        Ok(PasskeyToShow {
            challenge: self.challenge(asked, user).await?,
            host: site.host().to_owned(),
            known: passkeys.into_iter().map(KnownPasskey::from).collect(),
        })
    }

    async fn judge_answer(
        &self,
        user: UserId,
        asked: Asked,
        answer: &Assertion,
        actor: &Actor,
    ) -> Result<Shown, AccessError> {
        let site = self.shared.site().ok_or(AccessError::MethodRefused)?;
        let hash = self.answered(asked, user).await?;
        let passkeys = self.shared.store.passkeys().of_user(user).await?;
        let row = passkeys.into_iter().find(|row| row.credential_id == answer.credential_id);
        let row = row.ok_or_else(|| refused(PasskeyRefusal::Unknown))?;
        let known = Known {
            user_handle: user.as_bytes(),
            public_key: &row.public_key,
            sign_count: row.sign_count,
        };
        match answer.check(site, &hash, known) {
            Ok(sign_count) => Ok(Shown::Passkey(row.id, sign_count)),
            Err(refusal) => {
                if refusal == PasskeyRefusal::Counter {
                    self.note_copy(&row, actor).await?;
                }
                Err(refused(refusal))
            }
        }
    }

    /// A counter that goes back is what shows that a passkey was copied.
    async fn note_copy(&self, row: &PasskeyRow, actor: &Actor) -> Result<(), AccessError> {
        let mut change = self.shared.store.begin().await?;
        let entry = trail::entry(actor, Action::PasskeyCounterBack, self.shared.now())
            .on("user", row.user_id)
            .with("passkey", row.id.to_string())
            .with("sign_count", row.sign_count);
        self.shared.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }
}

impl SignIn<'_> {
    /// Asks for a passkey of a sign-in under way; what was asked before is void.
    ///
    /// # Errors
    /// The sign-in is over, passkeys are not among its methods, or the database failed.
    pub async fn ask_for_passkey(&self, attempt: &Secret) -> Result<PasskeyToShow, AccessError> {
        let (row, member) = self.open_attempt(attempt).await?;
        let factors = self.shared.second_factor();
        if !factors.ask(&member).await?.methods.contains(&Method::Passkey) {
            return Err(AccessError::MethodRefused);
        }
        factors.ask_to_show(Asked::to_sign_in(&row), member.user.id).await
    }

    /// Shows a passkey as the second factor of a sign-in under way.
    ///
    /// # Errors
    /// As [`SignIn::factor`].
    pub async fn passkey(
        &self,
        attempt: &Secret,
        answer: &Assertion,
        client: &Client,
    ) -> Result<SignedIn, AccessError> {
        self.show(attempt, Some(Method::Passkey), Given::Passkey(answer), client).await
    }
}

/// Says why in the log; peers are told that it was not accepted.
pub(super) fn refused(refusal: PasskeyRefusal) -> AccessError {
    tracing::info!(%refusal, "a passkey was refused");
    AccessError::Passkey(refusal)
}
