//! Six-digit codes sent by mail as the second factor (B7, B8).
//!
//! Owns the code, its keyed hash and when it is good. A code has only 20 bits, so its hash is keyed
//! and bound to one sign-in: a stolen table reveals none, and a code seen elsewhere fits nowhere.
//! Does not own the row: the store counts a try before it is judged, and a newer code replaces it.

use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use subtle::ConstantTimeEq;

use super::random::NoRandom;
use crate::base::{Secret, UnixTime};

/// How long a code is good.
pub const EMAIL_CODE_LIFE: Duration = Duration::from_secs(600);

/// Wrong codes after which only a new one helps.
pub const EMAIL_CODE_TRIES_MAX: u8 = 5;

/// A code that was sent, as kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SentCode {
    /// Its [`email_code_hash`].
    pub hash: [u8; 32],
    /// When it was sent.
    pub sent_at: UnixTime,
    /// Tries before this one.
    pub tries: u8,
}

/// Why a code does not let anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailCodeRefusal {
    /// Not the code sent for this sign-in.
    #[error("the code is wrong; use the one in the newest mail")]
    Wrong,
    /// Older than ten minutes.
    #[error("the code is older than 10 minutes; ask for a new one")]
    Expired,
    /// Five wrong codes were entered.
    #[error("too many wrong codes; ask for a new one")]
    Spent,
}

impl EmailCodeRefusal {
    /// A stable word.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Wrong => "code_wrong",
            Self::Expired => "code_expired",
            Self::Spent => "code_spent",
        }
    }
}

/// Makes a code of six digits, each of the million equally likely.
///
/// # Errors
/// The system gives no random bytes.
pub fn email_code() -> Result<Secret, NoRandom> {
    loop {
        let mut bytes = [0; 4];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandom)?;
        let number = u32::from_ne_bytes(bytes);
        // Rejected above, where the codes would not be equally likely: once in 4,500 times.
        if number < u32::MAX - u32::MAX % CODES {
            return Ok(Secret::new(format!("{:06}", number % CODES)));
        }
    }
}

/// The hash under which a code of one sign-in is kept.
#[must_use]
pub fn email_code_hash(key: &[u8; 32], transaction: &str, code: &Secret) -> [u8; 32] {
    let mut hmac = hmac::Context::with_key(&hmac::Key::new(HMAC_SHA256, key));
    hmac.update(b"email-code\0");
    hmac.update(transaction.as_bytes());
    hmac.update(b"\0");
    hmac.update(code.expose().trim().as_bytes());
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(hmac.sign().as_ref()) {
        *to = *from;
    }
    hash
}

impl SentCode {
    /// Checks what a person entered for this sign-in.
    ///
    /// # Errors
    /// The code is spent, expired or wrong.
    pub fn check(
        &self,
        key: &[u8; 32],
        transaction: &str,
        entered: &Secret,
        now: UnixTime,
    ) -> Result<(), EmailCodeRefusal> {
        if self.tries >= EMAIL_CODE_TRIES_MAX {
            return Err(EmailCodeRefusal::Spent);
        }
        if now >= self.sent_at.plus(EMAIL_CODE_LIFE) {
            return Err(EmailCodeRefusal::Expired);
        }
        let digits = entered.expose().trim();
        let is_code = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_code && bool::from(email_code_hash(key, transaction, entered).ct_eq(&self.hash)) {
            Ok(())
        } else {
            Err(EmailCodeRefusal::Wrong)
        }
    }
}

const CODES: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const SENT: UnixTime = UnixTime(1_000_000);

    fn sent(code: &Secret) -> SentCode {
        SentCode { hash: email_code_hash(&KEY, "login-1", code), sent_at: SENT, tries: 0 }
    }

    #[test]
    fn b7_codes_have_six_digits_and_are_uniform() {
        let mut counts = [0u32; 60];
        for _ in 0..10_000 {
            let code = email_code().unwrap();
            assert_eq!(code.expose().len(), 6);
            for (place, digit) in code.expose().bytes().enumerate() {
                counts[place * 10 + usize::from(digit - b'0')] += 1;
            }
        }
        let chi: f64 = counts.iter().map(|n| (f64::from(*n) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi < 110.0, "54 degrees of freedom, {chi}");
    }

    #[test]
    fn b8_sec_a17_a_code_is_good_for_ten_minutes() {
        let code = email_code().unwrap();
        let check = |s| sent(&code).check(&KEY, "login-1", &code, UnixTime(SENT.0 + s));
        assert_eq!(check(0), Ok(()));
        assert_eq!(check(599), Ok(()));
        assert_eq!(check(601), Err(EmailCodeRefusal::Expired));
        assert_eq!(EmailCodeRefusal::Expired.code(), "code_expired");
    }

    #[test]
    fn sec_a17_a_code_of_another_sign_in_or_key_and_the_sixth_try_are_refused() {
        let code = Secret::new("012345");
        let good = sent(&code);
        let wrong = Err(EmailCodeRefusal::Wrong);
        assert_eq!(good.check(&KEY, "login-2", &code, SENT), wrong);
        assert_eq!(good.check(&[8; 32], "login-1", &code, SENT), wrong);
        let texts = ["", "12345", "0123456", "012346", "01234５", "+12345", &"0".repeat(65_536)];
        for text in texts {
            assert_eq!(good.check(&KEY, "login-1", &Secret::new(text), SENT), wrong);
        }
        assert_eq!(good.check(&KEY, "login-1", &Secret::new(" 012345\n"), SENT), Ok(()));
        let fifth = SentCode { tries: 4, ..good };
        assert_eq!(fifth.check(&KEY, "login-1", &code, SENT), Ok(()));
        let sixth = SentCode { tries: 5, ..good };
        assert_eq!(sixth.check(&KEY, "login-1", &code, SENT), Err(EmailCodeRefusal::Spent));
    }

    #[test]
    fn what_is_kept_is_not_the_bare_hash_of_the_code() {
        let code = Secret::new("012345");
        let bare = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"012345");
        assert_ne!(bare.as_ref(), sent(&code).hash);
    }
}
