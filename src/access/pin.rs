//! The PIN that opens reports of previous days (C14): its form, its hash, and when it is locked.
//!
//! A PIN has at most 27 bits, so no hash alone keeps it: the hash is keyed, and the key is not in
//! the database. Does not own the row: the caller loads the three fields of [`PinLock`], asks, and
//! stores them.

use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use subtle::ConstantTimeEq;

use crate::base::{Secret, UnixTime};

/// A text that is allowed as a new PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin(Secret);

/// Why a text is not allowed as a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Not 4 to 8 digits.
    #[error("a PIN has 4 to 8 digits")]
    Digits,
    /// `1111`, `1234`, `9876`.
    #[error("this PIN is too easy to guess: do not repeat or count")]
    TooSimple,
}

/// What is kept of the tries of one person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PinLock {
    /// Wrong PINs since the last right one.
    pub failures: u32,
    /// Until when no PIN is looked at.
    pub locked_until: Option<UnixTime>,
    /// Until when no PIN is needed.
    pub unlocked_until: Option<UnixTime>,
}

/// What a person has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinState {
    /// Nothing, until then.
    Unlocked(UnixTime),
    /// Enter the PIN.
    Required,
    /// Wait until then.
    Locked(UnixTime),
}

/// Why an entered PIN opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinRefusal {
    /// Wrong, and some tries are left.
    #[error("the PIN is wrong; {tries_left} tries left")]
    Wrong {
        /// How many.
        tries_left: u32,
    },
    /// Not looked at, or wrong once too often.
    #[error("too many wrong PINs; wait until the lock ends")]
    Locked {
        /// When the lock ends.
        until: UnixTime,
    },
}

/// How long a right PIN opens the reports.
pub const PIN_UNLOCK: Duration = Duration::from_secs(15 * 60);
/// Wrong PINs until the lock.
pub const PIN_TRIES: u32 = 5;
/// The first lock; each one after it is twice as long.
pub const PIN_LOCK_FIRST: Duration = Duration::from_secs(15 * 60);
/// The longest lock.
pub const PIN_LOCK_MAX: Duration = Duration::from_secs(24 * 3600);

impl Pin {
    /// A new PIN.
    ///
    /// # Errors
    /// Not 4 to 8 digits, or all the same, or counted up or down.
    pub fn new(text: &Secret) -> Result<Self, PinError> {
        let digits = text.expose().as_bytes();
        if !(4..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
            return Err(PinError::Digits);
        }
        let steps = || digits.iter().zip(digits.iter().skip(1));
        let is_simple = steps().all(|(a, b)| a == b)
            || steps().all(|(a, b)| *b == a + 1)
            || steps().all(|(a, b)| *a == b + 1);
        if is_simple { Err(PinError::TooSimple) } else { Ok(Self(text.clone())) }
    }

    /// The hash under which it is kept, keyed and bound to its person.
    #[must_use]
    pub fn hash(&self, key: &[u8; 32], user_id: &[u8; 16]) -> [u8; 32] {
        keyed_hash(key, user_id, &self.0)
    }
}

/// Whether an entered text is the PIN kept for this person.
#[must_use]
pub fn is_pin(entered: &Secret, key: &[u8; 32], user_id: &[u8; 16], kept: &[u8; 32]) -> bool {
    entered.expose().len() <= 8 && bool::from(keyed_hash(key, user_id, entered).ct_eq(kept))
}

fn keyed_hash(key: &[u8; 32], user_id: &[u8; 16], pin: &Secret) -> [u8; 32] {
    let mut hmac = hmac::Context::with_key(&hmac::Key::new(HMAC_SHA256, key));
    hmac.update(b"pin\0");
    hmac.update(user_id);
    hmac.update(pin.expose().as_bytes());
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(hmac.sign().as_ref()) {
        *to = *from;
    }
    hash
}

impl PinLock {
    /// What the person has to do now.
    #[must_use]
    pub fn state(&self, now: UnixTime) -> PinState {
        match (self.locked_until, self.unlocked_until) {
            (Some(until), _) if now < until => PinState::Locked(until),
            (_, Some(until)) if now < until => PinState::Unlocked(until),
            _ => PinState::Required,
        }
    }

    /// Takes note of an entered PIN; until when the reports are open. While locked, a right one is
    /// refused too, so that a guess learns nothing.
    ///
    /// # Errors
    /// Wrong or locked.
    pub fn enter(&mut self, is_right: bool, now: UnixTime) -> Result<UnixTime, PinRefusal> {
        if let PinState::Locked(until) = self.state(now) {
            return Err(PinRefusal::Locked { until });
        }
        if is_right {
            let until = now.plus(PIN_UNLOCK);
            *self = Self { failures: 0, locked_until: None, unlocked_until: Some(until) };
            return Ok(until);
        }
        self.failures = self.failures.saturating_add(1);
        let since_lock = self.failures % PIN_TRIES;
        if since_lock > 0 {
            return Err(PinRefusal::Wrong { tries_left: PIN_TRIES - since_lock });
        }
        let doublings = (self.failures / PIN_TRIES).saturating_sub(1).min(16);
        let until = now.plus(PIN_LOCK_FIRST.saturating_mul(1 << doublings).min(PIN_LOCK_MAX));
        self.locked_until = Some(until);
        self.unlocked_until = None;
        Err(PinRefusal::Locked { until })
    }

    /// Asks for the PIN again at once: signed out, or the PIN was changed.
    pub fn close(&mut self) {
        self.unlocked_until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixTime = UnixTime(1_000_000);
    const MINUTES_15: u64 = 15 * 60;

    #[test]
    fn c14_a_pin_is_four_to_eight_digits_and_not_simple() {
        let pin = |text: &str| Pin::new(&Secret::new(text)).map(|_| ());
        for good in ["2580", "1357", "90210", "11112222", "1235"] {
            assert_eq!(pin(good), Ok(()), "{good}");
        }
        for bad in ["", "258", "258025802", "25a0", "２５８０", "+258"] {
            assert_eq!(pin(bad), Err(PinError::Digits), "{bad}");
        }
        for bad in ["0000", "1234", "0123", "9876", "87654321", "99999999"] {
            assert_eq!(pin(bad), Err(PinError::TooSimple), "{bad}");
        }
    }

    #[test]
    fn c14_only_the_right_pin_of_the_right_person_matches() {
        let entered = Secret::new("2580");
        let kept = Pin::new(&entered).unwrap().hash(&[7; 32], &[1; 16]);
        assert!(is_pin(&entered, &[7; 32], &[1; 16], &kept));
        assert!(!is_pin(&entered, &[7; 32], &[2; 16], &kept));
        assert!(!is_pin(&entered, &[8; 32], &[1; 16], &kept));
        for wrong in ["", "2581", "25800", " 2580", &"2".repeat(65_536)] {
            assert!(!is_pin(&Secret::new(wrong), &[7; 32], &[1; 16], &kept));
        }
    }

    #[test]
    fn c14_a_right_pin_opens_for_fifteen_minutes() {
        let mut lock = PinLock::default();
        assert_eq!(lock.state(NOW), PinState::Required);
        let until = lock.enter(true, NOW).unwrap();
        assert_eq!(until, UnixTime(NOW.0 + MINUTES_15));
        assert_eq!(lock.state(UnixTime(until.0 - 1)), PinState::Unlocked(until));
        assert_eq!(lock.state(until), PinState::Required);
        lock.enter(true, NOW).unwrap();
        lock.close();
        assert_eq!(lock.state(NOW), PinState::Required);
    }

    #[test]
    fn c14_five_wrong_pins_lock_for_fifteen_minutes_and_then_twice_as_long() {
        let mut lock = PinLock::default();
        let mut now = NOW;
        for expected in [1, 2, 4, 8, 16, 32, 64, 96, 96] {
            for tries_left in [4, 3, 2, 1] {
                assert_eq!(lock.enter(false, now), Err(PinRefusal::Wrong { tries_left }));
            }
            let until = UnixTime(now.0 + expected * MINUTES_15);
            assert_eq!(lock.enter(false, now), Err(PinRefusal::Locked { until }));
            let almost = UnixTime(until.0 - 1);
            assert_eq!(lock.enter(true, almost), Err(PinRefusal::Locked { until }), "right, early");
            assert_eq!(lock.state(almost), PinState::Locked(until));
            now = until;
        }
        assert!(lock.enter(true, now).is_ok());
        assert_eq!(lock.failures, 0);
        assert_eq!(lock.enter(false, now), Err(PinRefusal::Wrong { tries_left: 4 }));
    }

    proptest! {
        #[test]
        fn a_day_of_guessing_gives_few_guesses(waits in prop::collection::vec(0u64..600, 1..500)) {
            let mut lock = PinLock::default();
            let (mut now, mut judged) = (NOW, 0);
            for wait in waits {
                now = UnixTime(now.0 + wait);
                if now.0 - NOW.0 > 24 * 3600 { break }
                let was_locked = matches!(lock.state(now), PinState::Locked(_));
                if !was_locked { judged += 1 }
                prop_assert!(lock.enter(false, now).is_err());
            }
            prop_assert!(judged <= 35);
        }
    }
}
