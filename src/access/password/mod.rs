//! Passwords: argon2id on a few threads of their own, so that a storm of sign-ins neither eats
//! memory nor delays anything else.

mod pool;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::base::Secret;
use pool::Pool;

/// The password hasher.
#[derive(Clone)]
pub struct Passwords(Pool);

/// Why a password was not hashed or checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Under 8 characters.
    #[error("a password has at least 8 characters")]
    TooShort,
    /// Over 128 characters.
    #[error("a password has at most 128 characters")]
    TooLong,
    /// Too many sign-ins at once.
    #[error("too many sign-ins at once")]
    Busy,
    /// Random bytes or memory ran out.
    #[error("passwords cannot be hashed")]
    Unavailable,
}

/// OWASP's minimum: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What an unknown name is checked against, so that it costs the same: the hash, with the same
/// parameters, of random bytes that were thrown away.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cmluZ2ZlbmNlLW5vYm9keQ\
                      $SfVf3DeF7qLZrAWyRT6BS4PUSF3ljxBQpKQnZQzcM1E";

impl Passwords {
    /// A hasher of `threads` at once, each of 19 MiB.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self(Pool::new(threads))
    }

    /// Hashes a new password after checking its length.
    ///
    /// # Errors
    /// Too short, too long, or too many sign-ins at once.
    pub async fn hash(&self, password: &Secret) -> Result<String, PasswordError> {
        check_length(password)?;
        let password = password.clone();
        self.0
            .run(move || {
                let hash = argon2()?.hash_password(password.expose().as_bytes());
                hash.map(|hash| hash.to_string()).map_err(|_| PasswordError::Unavailable)
            })
            .await?
    }

    /// Whether `password` is the one hashed. Without a hash it costs the same and is `false`.
    ///
    /// # Errors
    /// Too many sign-ins at once.
    pub async fn is_right(
        &self,
        password: &Secret,
        hash: Option<&str>,
    ) -> Result<bool, PasswordError> {
        // Too long to be anybody's: checked like any other, over its beginning, and refused.
        let is_possible = check_length(password).is_ok();
        let password: Secret =
            Secret::new(password.expose().chars().take(CHARACTERS_MAX).collect::<String>());
        let is_known = hash.is_some();
        let hash = hash.unwrap_or(NOBODY).to_string();
        let matches = self
            .0
            .run(move || {
                let Ok(hash) = PasswordHash::new(&hash) else { return false };
                argon2().is_ok_and(|argon2| {
                    argon2.verify_password(password.expose().as_bytes(), &hash).is_ok()
                })
            })
            .await?;
        Ok(matches && is_known && is_possible)
    }

    /// Whether a hash was made with weaker parameters than today's.
    #[must_use]
    pub fn is_outdated(hash: &str) -> bool {
        let Ok(hash) = PasswordHash::new(hash) else { return true };
        let params = Params::try_from(&hash);
        hash.algorithm.as_str() != "argon2id"
            || params.is_ok_and(|p| p.m_cost() < MEMORY_KIB || p.t_cost() < PASSES)
    }
}

/// Checks a new password's length in characters (A2).
///
/// # Errors
/// Not 8 to 128 of them.
fn check_length(password: &Secret) -> Result<(), PasswordError> {
    match password.expose().chars().take(CHARACTERS_MAX + 1).count() {
        0..CHARACTERS_MIN => Err(PasswordError::TooShort),
        CHARACTERS_MIN..=CHARACTERS_MAX => Ok(()),
        _ => Err(PasswordError::TooLong),
    }
}

const CHARACTERS_MIN: usize = 8;
const CHARACTERS_MAX: usize = 128;

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordError::Unavailable)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a19_sec_a39_a_password_is_hashed_with_argon2id_and_only_it_is_right() {
        let passwords = Passwords::new(1);
        let password = Secret::new("correct horse");
        let hash = passwords.hash(&password).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.is_right(&password, Some(&hash)).await.unwrap());
        for wrong in ["correct hors", "correct horse1", "Correct horse", ""] {
            assert!(!passwords.is_right(&Secret::new(wrong), Some(&hash)).await.unwrap());
        }
        assert!(!Passwords::is_outdated(&hash));
        assert!(Passwords::is_outdated(&hash.replace("m=19456", "m=4096")));
    }

    #[tokio::test]
    async fn a2_sec_a37_length_counts_characters_and_nothing_is_cut_off() {
        let passwords = Passwords::new(1);
        let hash = async |password: &str| passwords.hash(&Secret::new(password)).await;
        assert_eq!(hash("seven77").await, Err(PasswordError::TooShort));
        assert_eq!(hash(&"x".repeat(129)).await, Err(PasswordError::TooLong));
        let emoji = "\u{1f511}".repeat(128);
        let hashed = hash(&emoji).await.unwrap();
        assert!(passwords.is_right(&Secret::new(emoji.clone()), Some(&hashed)).await.unwrap());
        let shorter = "\u{1f511}".repeat(127);
        assert!(!passwords.is_right(&Secret::new(shorter), Some(&hashed)).await.unwrap());
        let longer = Secret::new(format!("{emoji}x"));
        assert!(!passwords.is_right(&longer, Some(&hashed)).await.unwrap());
    }

    #[tokio::test]
    async fn sec_a20_nobody_is_checked_like_somebody_and_never_right() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY_KIB, PASSES, LANES)
        );
        let passwords = Passwords::new(1);
        assert!(!passwords.is_right(&Secret::new("correct horse"), None).await.unwrap());
    }
}
