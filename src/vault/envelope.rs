//! The sealed format: a fresh data key per value, wrapped by the key-encryption key.
//!
//! ```text
//! "RFE1" | algorithm u8 = 1 | kek id u32 | salt 24 | wrapped data key 32+16 | nonce 12 | text | tag 16
//! ```
//!
//! The data key is wrapped by AES-256-GCM under a key of its own, HKDF of the key-encryption key
//! and a random 192-bit salt: random nonces never repeat, however many values are sealed and
//! whatever snapshot is restored (C-05). Both layers authenticate the header and the place, so a
//! value moved to another row, column or table does not open (P-04).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::VaultError;
use super::root_key::expand;

/// Where a sealed value belongs; a value opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's identity.
    pub row: &'a [u8; 16],
}

/// What sealing adds to a text, bytes.
pub const SEAL_OVERHEAD: usize = HEADER + SALT + WRAPPED + NONCE_LEN + TAG;

const MAGIC: &[u8; 4] = b"RFE1";
const AES_256_GCM_UNDER_HKDF: u8 = 1;
const HEADER: usize = 4 + 1 + 4;
const SALT: usize = 24;
const WRAPPED: usize = 32 + TAG;
const TAG: usize = 16;

/// A key-encryption key and its number.
pub(super) struct Kek {
    pub(super) id: u32,
    pub(super) key: Zeroizing<[u8; 32]>,
}

/// Why a value did not open; the caller adds which key was used.
pub(super) struct Damaged;

impl Kek {
    pub(super) fn seal(&self, place: Place<'_>, text: &[u8]) -> Result<Vec<u8>, VaultError> {
        let unavailable = |_| VaultError::Unavailable;
        let mut data_key = Zeroizing::new([0; 32]);
        let mut salt = [0; SALT];
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(data_key.as_mut()).map_err(unavailable)?;
        aws_lc_rs::rand::fill(&mut salt).map_err(unavailable)?;
        aws_lc_rs::rand::fill(&mut nonce).map_err(unavailable)?;

        let header = self.header();
        let aad = aad(&header, place);
        let mut wrapped = Zeroizing::new(data_key.to_vec());
        // Zero is the one nonce of a wrapping key that is used once.
        self.wrapping_key(&salt)?
            .seal_in_place_append_tag(zero_nonce(), Aad::from(&aad), &mut *wrapped)
            .map_err(unavailable)?;
        let mut body = text.to_vec();
        key(data_key.as_ref())?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&aad),
                &mut body,
            )
            .map_err(unavailable)?;
        Ok([header.as_slice(), &salt, &wrapped, &nonce, &body].concat())
    }

    pub(super) fn open(
        &self,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Damaged> {
        let (header, rest) = sealed.split_at_checked(HEADER).ok_or(Damaged)?;
        let (salt, rest) = rest.split_at_checked(SALT).ok_or(Damaged)?;
        let (wrapped, rest) = rest.split_at_checked(WRAPPED).ok_or(Damaged)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(Damaged)?;
        if header != self.header() {
            return Err(Damaged);
        }
        let aad = aad(header, place);
        let mut wrapped = Zeroizing::new(wrapped.to_vec());
        let data_key = self
            .wrapping_key(salt)
            .map_err(|_| Damaged)?
            .open_in_place(zero_nonce(), Aad::from(&aad), &mut wrapped)
            .map_err(|_| Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Damaged)?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = key(data_key)
            .map_err(|_| Damaged)?
            .open_in_place(nonce, Aad::from(&aad), &mut body)
            .map_err(|_| Damaged)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    fn header(&self) -> Vec<u8> {
        [MAGIC.as_slice(), &[AES_256_GCM_UNDER_HKDF], &self.id.to_be_bytes()].concat()
    }

    fn wrapping_key(&self, salt: &[u8]) -> Result<LessSafeKey, VaultError> {
        let mut wrapping = Zeroizing::new([0; 32]);
        let prk = Salt::new(HKDF_SHA256, salt).extract(self.key.as_ref());
        expand(&prk, b"rf/v1/wrap", wrapping.as_mut())?;
        key(wrapping.as_ref())
    }
}

fn key(bytes: &[u8]) -> Result<LessSafeKey, VaultError> {
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| VaultError::Unavailable)?;
    Ok(LessSafeKey::new(key))
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// `header | "rf1|table|column|" row`; the header holds the key's number. No field but the last
/// can hold a `|`, so no two places give the same bytes.
fn aad(header: &[u8], place: Place<'_>) -> Vec<u8> {
    let words = format!("rf1|{}|{}|", place.table, place.column);
    [header, words.as_bytes(), place.row].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kek(id: u32, byte: u8) -> Kek {
        Kek { id, key: Zeroizing::new([byte; 32]) }
    }

    const ROW: [u8; 16] = [7; 16];
    const HERE: Place<'static> = Place { table: "trunks", column: "password_sealed", row: &ROW };

    #[test]
    fn p04_a_value_opens_in_its_own_place_with_its_own_key_only() {
        let sealed = kek(1, 1).seal(HERE, b"hunter2").unwrap();
        assert_eq!(sealed.len(), b"hunter2".len() + SEAL_OVERHEAD);
        assert_eq!(kek(1, 1).open(HERE, &sealed).ok().unwrap().as_slice(), b"hunter2");
        let other_row = [8; 16];
        for place in [
            Place { row: &other_row, ..HERE },
            Place { column: "ca_pem", ..HERE },
            Place { table: "users", ..HERE },
        ] {
            assert!(kek(1, 1).open(place, &sealed).is_err(), "{place:?}");
        }
        assert!(kek(1, 2).open(HERE, &sealed).is_err());
        assert!(kek(2, 1).open(HERE, &sealed).is_err());
    }

    #[test]
    fn any_flipped_bit_and_any_shorter_text_is_refused() {
        let kek = kek(1, 1);
        let sealed = kek.seal(HERE, b"hunter2").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut other = sealed.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(kek.open(HERE, &other).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(kek.open(HERE, &sealed[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn c05_sealing_twice_gives_nothing_in_common() {
        let kek = kek(1, 1);
        let [one, two] = [(); 2].map(|()| kek.seal(HERE, b"").unwrap());
        assert_ne!(one[HEADER..HEADER + SALT], two[HEADER..HEADER + SALT]);
        assert_ne!(one[HEADER + SALT..], two[HEADER + SALT..]);
        assert!(kek.open(HERE, &one).ok().unwrap().is_empty());
    }
}
