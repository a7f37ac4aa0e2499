//! The PIN before reports of previous days (C14): one for each person, a window for each session.

use super::{Author, Organisation, OrganisationError};
use crate::access::audit::Action;
use crate::access::pin::{Pin, PinLock, PinRefusal, PinState, is_pin};
use crate::access::principal::Principal;
use crate::base::{Secret, UnixTime};
use crate::store::{Change, SessionRow, UserRow};
use crate::vault::Purpose;
use std::net::IpAddr;

/// PINs.
pub struct Pins<'a> {
    pub(super) org: &'a Organisation,
}

/// Where somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinStatus {
    /// Whether they set a PIN.
    pub is_set: bool,
    /// Whether the workspace asks everybody for one.
    pub is_required: bool,
    /// Until when previous days are open in this session.
    pub unlocked_until: Option<UnixTime>,
    /// Until when no PIN is looked at.
    pub locked_until: Option<UnixTime>,
}

impl Pins<'_> {
    /// Where the signed-in person stands.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn status(&self, principal: &Principal) -> Result<PinStatus, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let user = org.store().users().by_id(principal.user_id).await?;
        let user = user.ok_or(OrganisationError::NotFound)?;
        let session = org.store().sessions().by_id(principal.session_id).await?;
        let lock = lock_of(&user, session.as_ref());
        Ok(PinStatus {
            is_set: user.pin_hash.is_some(),
            is_required: org.parts.settings.of(principal.workspace_id).pin_required,
            unlocked_until: lock.unlocked_until.filter(|until| now < *until),
            locked_until: lock.locked_until.filter(|until| now < *until),
        })
    }

    /// Sets the PIN, or another one. Takes the password.
    ///
    /// # Errors
    /// The password is wrong, or the text is not allowed as a PIN.
    pub async fn set(
        &self,
        principal: &Principal,
        ip: Option<IpAddr>,
        pin: &Secret,
        password: &Secret,
    ) -> Result<(), OrganisationError> {
        let hash = Pin::new(pin)?.hash(self.key(), principal.user_id.as_bytes());
        self.org.parts.proofs.password(principal, password).await?;
        self.write(principal, ip, Some(&hex(&hash))).await
    }

    /// Takes the PIN away. Takes the password.
    ///
    /// # Errors
    /// The password is wrong.
    pub async fn remove(
        &self,
        principal: &Principal,
        ip: Option<IpAddr>,
        password: &Secret,
    ) -> Result<(), OrganisationError> {
        self.org.parts.proofs.password(principal, password).await?;
        self.write(principal, ip, None).await
    }

    async fn write(
        &self,
        principal: &Principal,
        ip: Option<IpAddr>,
        hash: Option<&str>,
    ) -> Result<(), OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let mut change = org.store().begin().await?;
        change.users().set_pin(principal.user_id, hash, now).await?;
        change.sessions().set_pin_until(principal.session_id, UnixTime(0)).await?;
        let entry = Author::of(principal, ip)
            .entry(Action::PinChange, principal.workspace_id, now)
            .on("user", principal.user_id)
            .with("set", hash.is_some());
        org.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    /// Opens previous days in this session for a quarter of an hour; until when. Five wrong PINs
    /// lock, however many sessions they come from.
    ///
    /// # Errors
    /// None is set, it is wrong, or it is locked.
    pub async fn unlock(
        &self,
        principal: &Principal,
        ip: Option<IpAddr>,
        entered: &Secret,
    ) -> Result<UnixTime, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let mut change = org.store().begin().await?;
        change.users().lock(principal.user_id).await?;
        let (user, session) = read(&mut change, principal).await?;
        let kept = user.pin_hash.as_deref().ok_or(OrganisationError::PinNotSet)?;
        let is_right =
            unhex(kept).is_some_and(|kept| is_pin(entered, self.key(), user.id.as_bytes(), &kept));
        let mut lock = lock_of(&user, Some(&session));
        let judged = lock.enter(is_right, now);
        let locked_until = lock.locked_until.unwrap_or(UnixTime(0));
        change.users().set_pin_tries(user.id, lock.failures, locked_until).await?;
        if let Ok(until) = judged {
            change.sessions().set_pin_until(session.id, until).await?;
            let entry = Author::of(principal, ip)
                .entry(Action::ReportOpen, principal.workspace_id, now)
                .on("user", user.id);
            org.record(&mut change, entry).await?;
        }
        change.commit().await?;
        judged.map_err(|refusal| match refusal {
            PinRefusal::Wrong { tries_left } => OrganisationError::PinWrong { tries_left },
            PinRefusal::Locked { until } => OrganisationError::PinLocked { until },
        })
    }

    /// Whether previous days are open to somebody: there is no PIN and none is asked for, or it
    /// was entered in this session a short while ago. A key has no session and enters none.
    pub(super) async fn check(
        &self,
        principal: &Principal,
        user: &UserRow,
    ) -> Result<(), OrganisationError> {
        let org = self.org;
        let is_required = org.parts.settings.of(principal.workspace_id).pin_required;
        if user.pin_hash.is_none() && !is_required {
            return Ok(());
        }
        let session = org.store().sessions().by_id(principal.session_id).await?;
        let session = session.filter(|session| session.user_id == user.id);
        match lock_of(user, session.as_ref()).state(org.now()) {
            PinState::Unlocked(_) if user.pin_hash.is_some() => Ok(()),
            PinState::Locked(until) => Err(OrganisationError::PinLocked { until }),
            PinState::Unlocked(_) | PinState::Required => Err(OrganisationError::PinRequired),
        }
    }

    fn key(&self) -> &[u8; 32] {
        self.org.parts.vault.key(Purpose::CodeHmac)
    }
}

async fn read(
    change: &mut Change,
    principal: &Principal,
) -> Result<(UserRow, SessionRow), OrganisationError> {
    let user = change.users().by_id(principal.user_id).await?;
    let session = change.sessions().by_id(principal.session_id).await?;
    match (user, session) {
        (Some(user), Some(session)) if session.user_id == user.id => Ok((user, session)),
        _ => Err(OrganisationError::Forbidden),
    }
}

fn lock_of(user: &UserRow, session: Option<&SessionRow>) -> PinLock {
    let set = |time: UnixTime| Some(time).filter(|time| *time > UnixTime(0));
    PinLock {
        failures: user.pin_failures,
        locked_until: set(user.pin_locked_until),
        unlocked_until: session.and_then(|session| set(session.pin_until)),
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let (mut bytes, mut digits) = ([0; 32], text.chars());
    for byte in &mut bytes {
        let (high, low) = (digits.next()?.to_digit(16)?, digits.next()?.to_digit(16)?);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    digits.next().is_none().then_some(bytes)
}
