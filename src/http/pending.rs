//! The sealed cookie of a sign-in at an identity provider: AES-256-GCM under a key of the vault
//! that has no other purpose. Nobody but this server can read or make one.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::Secret;
use crate::oidc::Pending;
use crate::vault::{Purpose, Vault};

const ABOUT: &[u8] = b"rf/v1/oidc-pending-cookie";

/// Seals; `None` when the system gives no random bytes.
pub(super) fn seal(vault: &Vault, pending: &Pending) -> Option<Secret> {
    let mut bytes = serde_json::to_vec(pending).ok()?;
    let mut nonce = [0; NONCE_LEN];
    aws_lc_rs::rand::fill(&mut nonce).ok()?;
    let about = Aad::from(ABOUT);
    key(vault)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), about, &mut bytes)
        .ok()?;
    let sealed = [nonce.as_slice(), bytes.as_slice()].concat();
    Some(Secret::new(URL_SAFE_NO_PAD.encode(sealed)))
}

/// Opens; `None` for what we did not seal.
pub(super) fn open(vault: &Vault, text: &str) -> Option<Pending> {
    let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let opened = key(vault)?.open_in_place(nonce, Aad::from(ABOUT), sealed).ok()?;
    serde_json::from_slice(opened).ok()
}

fn key(vault: &Vault) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, vault.key(Purpose::OidcPending)).ok()?;
    Some(LessSafeKey::new(key))
}
