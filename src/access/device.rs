//! The device cookie: proof that a browser once signed in fully as this person.
//!
//! It opens nothing. It only gives the person's own browser a throttle bucket of its own, so that
//! an attacker's wrong passwords cannot keep them out (SECURITY 4.6). Form: `rfd1.{body}.{mac}` in
//! base64url, HMAC-SHA256 over everything before the MAC. Does not own the cookie's name and
//! attributes.

use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::random::NoRandom;
use crate::base::{Secret, UnixTime};

/// What a device cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceCookie {
    /// The person, in 16 bytes.
    pub user_id: [u8; 16],
    /// The browser.
    pub device_id: [u8; 16],
    /// When it was made.
    pub issued_at: UnixTime,
}

/// How long a device is remembered.
pub const DEVICE_COOKIE_LIFE: Duration = Duration::from_secs(180 * 24 * 3600);

/// The form's version, under the MAC too, so that no other MAC of the same key fits.
const VERSION: &str = "rfd1.";
const BODY_BYTES: usize = 40;
const BODY_CHARACTERS: usize = 54;
const MAC_CHARACTERS: usize = 43;
const TEXT_BYTES: usize = VERSION.len() + BODY_CHARACTERS + 1 + MAC_CHARACTERS;
/// How far ahead of our clock one may have been made, by another node.
const SKEW_S: u64 = 300;

impl DeviceCookie {
    /// A new device of a person.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(user_id: [u8; 16], now: UnixTime) -> Result<Self, NoRandom> {
        let mut device_id = [0; 16];
        aws_lc_rs::rand::fill(&mut device_id).map_err(|_| NoRandom)?;
        Ok(Self { user_id, device_id, issued_at: now })
    }

    /// The cookie's value.
    #[must_use]
    pub fn sign(&self, key: &[u8; 32]) -> Secret {
        let mut body = Vec::with_capacity(BODY_BYTES);
        body.extend(self.user_id);
        body.extend(self.device_id);
        body.extend(self.issued_at.0.to_be_bytes());
        let signed = format!("{VERSION}{}", URL_SAFE_NO_PAD.encode(body));
        let mac = hmac::sign(&hmac::Key::new(HMAC_SHA256, key), signed.as_bytes());
        Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Reads a cookie's value; `None` for one that we did not sign or that is too old. The MAC is
    /// compared, in constant time, before anything it covers is read.
    #[must_use]
    pub fn verify(key: &[u8; 32], text: &str, now: UnixTime) -> Option<Self> {
        if text.len() != TEXT_BYTES || !text.is_ascii() {
            return None;
        }
        let (signed, mac) = text.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        hmac::verify(&hmac::Key::new(HMAC_SHA256, key), signed.as_bytes(), &mac).ok()?;
        let body = URL_SAFE_NO_PAD.decode(signed.strip_prefix(VERSION)?).ok()?;
        let (user_id, rest) = body.split_first_chunk()?;
        let (device_id, rest) = rest.split_first_chunk()?;
        let issued_at = UnixTime(u64::from_be_bytes(rest.try_into().ok()?));
        let is_fresh =
            now < issued_at.plus(DEVICE_COOKIE_LIFE) && issued_at.0 <= now.0.saturating_add(SKEW_S);
        is_fresh.then_some(Self { user_id: *user_id, device_id: *device_id, issued_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: [u8; 32] = [7; 32];
    const NOW: UnixTime = UnixTime(1_000_000);

    #[test]
    fn sec_a21_a_device_is_remembered_for_180_days() {
        let cookie = DeviceCookie::new([1; 16], NOW).unwrap();
        let text = cookie.sign(&KEY);
        let days = |days: u64| UnixTime(NOW.0 + days * 86_400);
        assert_eq!(DeviceCookie::verify(&KEY, text.expose(), NOW), Some(cookie));
        let last = UnixTime(days(180).0 - 1);
        assert_eq!(DeviceCookie::verify(&KEY, text.expose(), last), Some(cookie));
        assert_eq!(DeviceCookie::verify(&KEY, text.expose(), days(180)), None);
        let before = UnixTime(NOW.0 - 301);
        assert_eq!(DeviceCookie::verify(&KEY, text.expose(), before), None, "from the future");
        assert_ne!(DeviceCookie::new([1; 16], NOW).unwrap().device_id, cookie.device_id);
    }

    #[test]
    fn sec_a21_any_changed_byte_or_other_key_is_refused() {
        let text = DeviceCookie::new([1; 16], NOW).unwrap().sign(&KEY);
        let text = text.expose();
        assert_eq!(DeviceCookie::verify(&[8; 32], text, NOW), None);
        for place in 0..text.len() {
            for other in [b'A', b'_', b'.', b'='] {
                let mut bytes = text.as_bytes().to_vec();
                if bytes[place] == other {
                    continue;
                }
                bytes[place] = other;
                let changed = String::from_utf8(bytes).unwrap();
                assert_eq!(DeviceCookie::verify(&KEY, &changed, NOW), None, "{changed}");
            }
        }
        for bad in ["", "rfd1..", text.get(1..).unwrap(), &format!("{text}A"), &"é".repeat(51)] {
            assert_eq!(DeviceCookie::verify(&KEY, bad, NOW), None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused(text: String, body in "[A-Za-z0-9_-]{54}", mac in "[A-Za-z0-9_-]{43}") {
            prop_assert_eq!(DeviceCookie::verify(&KEY, &text, NOW), None);
            prop_assert_eq!(DeviceCookie::verify(&KEY, &format!("rfd1.{body}.{mac}"), NOW), None);
        }
    }
}
