//! Recovery codes: ten texts that each replace the second factor once.
//!
//! Owns their form and their hash. 120 random bits each, so a fast hash keeps them (ASVS 6.5.2).
//! Does not own which are left: the store deletes a hash when it is used.

use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::random::NoRandom;
use crate::base::Secret;

/// How many a person gets at once.
pub const RECOVERY_CODES: usize = 10;

/// Letters and digits nobody mistakes for one another: no 0 and O, no 1 and I. Exactly 32, so that
/// five random bits are one character without bias.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// 24 characters of 5 bits: 120 bits.
const CHARACTERS: usize = 24;
const GROUP: usize = 4;
/// Longest text looked at: a code with anything people type between its groups.
const TEXT_BYTES_MAX: usize = 64;

/// Makes a fresh set, such as `7KQM-2XWE-…`, to be shown once.
///
/// # Errors
/// The system gives no random bytes.
pub fn recovery_codes() -> Result<Vec<Secret>, NoRandom> {
    (0..RECOVERY_CODES).map(|_| recovery_code()).collect()
}

/// The hash under which a code is kept, whatever its case, dashes and spaces; `None` for a text
/// that is no code.
#[must_use]
pub fn recovery_code_hash(text: &Secret) -> Option<[u8; 32]> {
    let normal = normalise(text.expose())?;
    digest(&SHA256, normal.as_ref()).as_ref().try_into().ok()
}

fn recovery_code() -> Result<Secret, NoRandom> {
    let mut bytes = Zeroizing::new([0; CHARACTERS]);
    aws_lc_rs::rand::fill(bytes.as_mut()).map_err(|_| NoRandom)?;
    let mut code = String::with_capacity(CHARACTERS + CHARACTERS / GROUP);
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 && index % GROUP == 0 {
            code.push('-');
        }
        let letter = ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or_default();
        code.push(char::from(letter));
    }
    Ok(Secret::new(code))
}

fn normalise(text: &str) -> Option<Zeroizing<[u8; CHARACTERS]>> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let mut normal = Zeroizing::new([0; CHARACTERS]);
    let mut places = normal.iter_mut();
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'-') {
        let byte = byte.to_ascii_uppercase();
        if !ALPHABET.contains(&byte) {
            return None;
        }
        *places.next()? = byte;
    }
    let is_complete = places.next().is_none();
    is_complete.then_some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn c12_ten_readable_codes_of_at_least_112_bits() {
        let codes = recovery_codes().unwrap();
        assert_eq!(codes.len(), 10);
        for code in &codes {
            let code = code.expose();
            assert_eq!(code.len(), 29);
            assert!(code.split('-').all(|group| group.len() == 4), "{code}");
            assert!(!code.contains(['0', 'O', '1', 'I', 'o', 'i']), "{code}");
        }
        const { assert!(CHARACTERS * 5 >= 112) };
        let different: HashSet<_> = codes.iter().map(|code| code.expose().to_owned()).collect();
        assert_eq!(different.len(), 10);
    }

    #[test]
    fn a_code_is_found_however_it_is_typed_and_no_other_text_is() {
        let codes = recovery_codes().unwrap();
        let kept: Vec<_> = codes.iter().map(|code| recovery_code_hash(code).unwrap()).collect();
        for (index, code) in codes.iter().enumerate() {
            let code = code.expose();
            let spaced = format!(" {}\n", code.replace('-', " "));
            for typed in [code, &code.to_lowercase(), &code.replace('-', ""), &spaced] {
                let hash = recovery_code_hash(&Secret::new(typed)).unwrap();
                assert_eq!(hash, kept[index], "{typed}");
            }
        }
        let fresh = recovery_codes().unwrap();
        assert!(!kept.contains(&recovery_code_hash(&fresh[0]).unwrap()));
        let code = codes[0].expose();
        for typed in
            ["", "-", &code.replacen(|_| true, "", 1), &format!("{code}A"), &"A".repeat(65_536)]
        {
            assert_eq!(recovery_code_hash(&Secret::new(typed)), None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_code_or_not(text: String) {
            let _ = recovery_code_hash(&Secret::new(text));
        }
    }
}
