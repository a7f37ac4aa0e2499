//! A passkey is shown (WebAuthn §7.2).

use aws_lc_rs::digest::{SHA256, digest};

use super::authenticator_data::AuthenticatorData;
use super::client_data::{Ceremony, check};
use super::public_key::PublicKey;
use super::{PasskeyRefusal, Site};
use crate::base::limit;

/// What the browser answers when a passkey was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Which passkey.
    pub credential_id: Vec<u8>,
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `authenticatorData`.
    pub authenticator_data: Vec<u8>,
    /// Over both.
    pub signature: Vec<u8>,
    /// Whose it is, if the authenticator keeps that.
    pub user_handle: Option<Vec<u8>>,
}

/// The passkey it should be, as it was kept.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Known<'a> {
    /// Whose.
    pub user_handle: &'a [u8],
    /// Its key.
    pub public_key: &'a [u8],
    /// Signatures it had made when it was last shown.
    pub sign_count: u32,
}

impl Assertion {
    /// Checks it; the new counter to keep.
    ///
    /// # Errors
    /// It is not what was asked for, by whom, where, or by which key.
    pub(in super::super) fn check(
        &self,
        site: &Site,
        challenge_hash: &[u8; 32],
        known: Known<'_>,
    ) -> Result<u32, PasskeyRefusal> {
        if self.signature.len() > limit::PASSKEY_SIGNATURE_BYTES_MAX {
            return Err(PasskeyRefusal::Malformed("signature"));
        }
        if self.user_handle.as_deref().is_some_and(|handle| handle != known.user_handle) {
            return Err(PasskeyRefusal::Unknown);
        }
        check(&self.client_data, Ceremony::Assertion, site, challenge_hash)?;
        let data = AuthenticatorData::read(&self.authenticator_data)?;
        data.check(site)?;
        let mut signed = self.authenticator_data.clone();
        signed.extend_from_slice(digest(&SHA256, &self.client_data).as_ref());
        if !PublicKey::from_bytes(known.public_key)?.has_signed(&signed, &self.signature) {
            return Err(PasskeyRefusal::Signature);
        }
        // Who never counts stays at 0 (§6.1.1).
        let counts = data.sign_count != 0 || known.sign_count != 0;
        if counts && data.sign_count <= known.sign_count {
            return Err(PasskeyRefusal::Counter);
        }
        Ok(data.sign_count)
    }
}
