//! A provider's public keys (JWK set, RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::discovery::key_is_for;
use super::error::{IdTokenError, OidcError};
use crate::base::limit;

/// The keys of a provider that can sign ID tokens for us: RSA for RS256, P-256 for ES256. All
/// others, above all symmetric ones, are as if they were not there.
#[derive(Clone)]
pub(super) struct KeySet(Vec<SigningKey>);

#[derive(Clone)]
pub(super) struct SigningKey {
    name: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
    /// Whom it may sign for, where the provider says so (Microsoft).
    issuer: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    issuer: Option<String>,
}

impl KeySet {
    pub(super) fn parse(json: &[u8]) -> Result<Self, OidcError> {
        let unusable = OidcError::Provider { what: "key set" };
        let Ok(document) = serde_json::from_slice::<Document>(json) else {
            return Err(unusable);
        };
        let keys: Vec<_> = document
            .keys
            .into_iter()
            .take(limit::OIDC_KEYS_MAX)
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
            .filter_map(SigningKey::new)
            .collect();
        if keys.is_empty() { Err(unusable) } else { Ok(Self(keys)) }
    }

    /// The key a token names, or the only one when it names none.
    pub(super) fn find(
        &self,
        name: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&SigningKey, IdTokenError> {
        let Some(name) = name else {
            return match self.0.as_slice() {
                [only] if only.algorithm == algorithm => Ok(only),
                [_] => Err(IdTokenError::Algorithm),
                _ => Err(IdTokenError::NoKeyName),
            };
        };
        let mut named = self.0.iter().filter(|key| key.name.as_deref() == Some(name)).peekable();
        if named.peek().is_none() {
            return Err(IdTokenError::UnknownKey);
        }
        named.find(|key| key.algorithm == algorithm).ok_or(IdTokenError::Algorithm)
    }
}

impl SigningKey {
    fn new(jwk: Jwk) -> Option<Self> {
        let is_for_signing = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
            && jwk.key_ops.is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !is_for_signing {
            return None;
        }
        let (algorithm, alg, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let key = DecodingKey::from_rsa_components(&jwk.n?, &jwk.e?).ok()?;
                (Algorithm::RS256, "RS256", key)
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (jwk.x?, jwk.y?);
                let is_whole =
                    |part: &str| URL_SAFE_NO_PAD.decode(part).is_ok_and(|bytes| bytes.len() == 32);
                if !is_whole(&x) || !is_whole(&y) {
                    return None;
                }
                (Algorithm::ES256, "ES256", DecodingKey::from_ec_components(&x, &y).ok()?)
            }
            _ => return None,
        };
        if jwk.alg.is_some_and(|stated| stated != alg) {
            return None;
        }
        Some(Self { name: jwk.kid, algorithm, key, issuer: jwk.issuer })
    }

    /// Whether `signature` over `message` is this key's.
    pub(super) fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message, &self.key, self.algorithm).unwrap_or(false)
    }

    pub(super) fn is_for(&self, issuer: &str) -> bool {
        self.issuer.as_deref().is_none_or(|own| key_is_for(own, issuer))
    }
}
