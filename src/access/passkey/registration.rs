//! A passkey is made (WebAuthn §7.1).

use minicbor::Decoder;

use super::authenticator_data::{AttestedCredential, AuthenticatorData};
use super::client_data::{Ceremony, check};
use super::{PasskeyRefusal, Site};
use crate::base::limit;

/// What the browser answers when a passkey was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `attestationObject`.
    pub attestation_object: Vec<u8>,
}

/// A passkey to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// Its identifier, 1 to 1023 bytes.
    pub id: Vec<u8>,
    /// Its key in COSE's form.
    pub public_key: Vec<u8>,
    /// Signatures so far.
    pub sign_count: u32,
}

const MALFORMED: PasskeyRefusal = PasskeyRefusal::Malformed("attestation object");
/// `fmt`, `attStmt`, `authData`; enterprise attestation adds two.
const MEMBERS_MAX: u64 = 8;

impl Registration {
    /// Checks it and gives what to keep.
    ///
    /// # Errors
    /// It is not what was asked for, by whom, or where.
    pub fn check(
        &self,
        site: &Site,
        challenge_hash: &[u8; 32],
    ) -> Result<NewCredential, PasskeyRefusal> {
        check(&self.client_data, Ceremony::Registration, site, challenge_hash)?;
        let data = AuthenticatorData::read(authenticator_data(&self.attestation_object)?)?;
        data.check(site)?;
        let AttestedCredential { id, key_bytes, .. } = data.credential.ok_or(MALFORMED)?;
        Ok(NewCredential { id, public_key: key_bytes, sign_count: data.sign_count })
    }
}

/// The authenticator data inside an attestation object (§6.5.4). The statement is skipped.
fn authenticator_data(object: &[u8]) -> Result<&[u8], PasskeyRefusal> {
    if object.len() > limit::PASSKEY_ATTESTATION_BYTES_MAX {
        return Err(MALFORMED);
    }
    let mut decoder = Decoder::new(object);
    let found = find(&mut decoder).map_err(|_| MALFORMED)?;
    if decoder.position() == object.len() { found.ok_or(MALFORMED) } else { Err(MALFORMED) }
}

fn find<'b>(decoder: &mut Decoder<'b>) -> Result<Option<&'b [u8]>, minicbor::decode::Error> {
    let Some(count) = decoder.map()?.filter(|count| *count <= MEMBERS_MAX) else {
        return Ok(None);
    };
    let mut found = None;
    for _ in 0..count {
        match decoder.str()? {
            "authData" if found.is_none() => found = Some(decoder.bytes()?),
            _ => decoder.skip()?,
        }
    }
    Ok(found)
}
