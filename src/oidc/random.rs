//! Values nobody can guess.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::OidcError;
use crate::base::Secret;

/// 256 random bits as 43 URL-safe characters: a state, a nonce, a PKCE verifier.
pub(super) fn text() -> Result<Secret, OidcError> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(bytes.as_mut()).map_err(|_| OidcError::NoRandom)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_ref())))
}
