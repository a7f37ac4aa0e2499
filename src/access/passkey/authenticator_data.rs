//! What the authenticator says (WebAuthn §6.1): for which site, who was there, how often it signed,
//! and, when a passkey is made, its key.

use aws_lc_rs::digest::{SHA256, digest};
use minicbor::Decoder;
use minicbor::data::Type;

use super::public_key::PublicKey;
use super::{PasskeyRefusal, Site};
use crate::base::limit;

/// Authenticator data, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuthenticatorData {
    rp_id_hash: [u8; 32],
    flags: u8,
    /// Signatures so far; 0 for authenticators that do not count.
    pub sign_count: u32,
    /// The key that was made, in a registration.
    pub credential: Option<AttestedCredential>,
}

/// A key that was just made (§6.5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AttestedCredential {
    pub id: Vec<u8>,
    pub key: PublicKey,
    /// The key as it stood there.
    pub key_bytes: Vec<u8>,
}

const USER_PRESENT: u8 = 1;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

const MALFORMED: PasskeyRefusal = PasskeyRefusal::Malformed("authenticator data");

impl AuthenticatorData {
    /// Reads it whole: what is too short, too long or followed by anything is refused.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, PasskeyRefusal> {
        if bytes.len() > limit::PASSKEY_AUTHENTICATOR_DATA_BYTES_MAX {
            return Err(MALFORMED);
        }
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(MALFORMED)?;
        let ([flags], rest) = rest.split_first_chunk::<1>().ok_or(MALFORMED)?;
        let (count, rest) = rest.split_first_chunk::<4>().ok_or(MALFORMED)?;
        let mut rest = rest;
        let credential = match flags & HAS_CREDENTIAL {
            0 => None,
            _ => Some(credential(&mut rest)?),
        };
        if flags & HAS_EXTENSIONS != 0 {
            let mut decoder = Decoder::new(rest);
            if !matches!(decoder.datatype(), Ok(Type::Map)) {
                return Err(MALFORMED);
            }
            decoder.skip().map_err(|_| MALFORMED)?;
            rest = rest.get(decoder.position()..).ok_or(MALFORMED)?;
        }
        if !rest.is_empty() {
            return Err(MALFORMED);
        }
        let sign_count = u32::from_be_bytes(*count);
        Ok(Self { rp_id_hash: *rp_id_hash, flags: *flags, sign_count, credential })
    }

    /// Checks that it is for this site and that somebody was there. Whether they were verified is
    /// up to the authenticator: the password was shown before.
    pub(super) fn check(&self, site: &Site) -> Result<(), PasskeyRefusal> {
        if digest(&SHA256, site.host().as_bytes()).as_ref() != self.rp_id_hash {
            return Err(PasskeyRefusal::Site);
        }
        if self.flags & USER_PRESENT == 0 {
            return Err(PasskeyRefusal::Presence);
        }
        if self.flags & (BACKUP_ELIGIBLE | BACKED_UP) == BACKED_UP {
            return Err(MALFORMED);
        }
        Ok(())
    }
}

/// AAGUID, identifier, key; leaves what follows.
fn credential(rest: &mut &[u8]) -> Result<AttestedCredential, PasskeyRefusal> {
    let (_aaguid, after) = rest.split_first_chunk::<16>().ok_or(MALFORMED)?;
    let (length, after) = after.split_first_chunk::<2>().ok_or(MALFORMED)?;
    let length = usize::from(u16::from_be_bytes(*length));
    if !(1..=limit::PASSKEY_CREDENTIAL_ID_BYTES_MAX).contains(&length) {
        return Err(MALFORMED);
    }
    let (id, after) = after.split_at_checked(length).ok_or(MALFORMED)?;
    let mut decoder = Decoder::new(after);
    let key = PublicKey::read(&mut decoder)?;
    let (key_bytes, after) = after.split_at_checked(decoder.position()).ok_or(MALFORMED)?;
    *rest = after;
    Ok(AttestedCredential { id: id.to_vec(), key, key_bytes: key_bytes.to_vec() })
}
