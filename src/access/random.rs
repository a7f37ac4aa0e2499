//! Unguessable texts, and the hash under which they are kept.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::Secret;

/// The operating system gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes")]
pub struct NoRandom;

/// A fresh 256-bit key as 43 URL-safe characters.
pub(super) fn key() -> Result<Secret, NoRandom> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut()).map_err(|_| NoRandom)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_ref())))
}

/// The hash under which a key is kept; `None` for a text that is no key, without hashing it.
pub(super) fn hash(key: &str) -> Option<[u8; 32]> {
    let is_key = key.len() == 43
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !is_key {
        return None;
    }
    digest(&SHA256, key.as_bytes()).as_ref().try_into().ok()
}
