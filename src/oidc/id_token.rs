//! ID tokens (OpenID Connect Core 1.0 section 3.1.3.7, RFC 8725): RS256 and ES256 by the
//! provider's published keys, nothing else.
//!
//! Shares nothing with `access::token`, which takes HS256 alone: neither can be made to take a
//! token of the other's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::IgnoredAny;
use subtle::ConstantTimeEq as _;

use super::discovery::IssuerRule;
use super::error::IdTokenError;
use super::keys::KeySet;
use crate::base::{Secret, UnixTime, limit};

/// Judges the ID tokens of one provider for one client.
pub(super) struct IdTokenVerifier<'a> {
    pub(super) issuer: &'a IssuerRule,
    pub(super) client_id: &'a str,
    pub(super) keys: &'a KeySet,
}

/// What is used of a token's claims. Addresses and names are as the provider wrote them.
#[derive(Debug, Deserialize)]
pub(super) struct IdClaims {
    pub(super) iss: String,
    pub(super) sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: u64,
    iat: u64,
    nbf: Option<u64>,
    nonce: Option<String>,
    /// Microsoft's tenant.
    tid: Option<String>,
    #[serde(flatten)]
    pub(super) person: Person,
}

/// What a provider says of a person, in a token or at its userinfo endpoint.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Person {
    pub(super) email: Option<String>,
    pub(super) email_verified: Option<Verified>,
    /// Microsoft: whether the owner of the address' domain is verified.
    pub(super) xms_edov: Option<Verified>,
    pub(super) name: Option<String>,
}

/// A flag as found: only a true boolean is a true one, but for Apple.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Verified {
    Flag(bool),
    Text(String),
    Other(IgnoredAny),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

impl IdTokenVerifier<'_> {
    /// The claims of `token`, when it is good now and for the sign-in that has `nonce`.
    pub(super) fn verify(
        &self,
        token: &str,
        nonce: &Secret,
        now: UnixTime,
    ) -> Result<IdClaims, IdTokenError> {
        if token.len() > limit::ID_TOKEN_BYTES_MAX {
            return Err(IdTokenError::Form);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(IdTokenError::Form)?;
        let (header, claims) = message.split_once('.').ok_or(IdTokenError::Form)?;
        // The key is chosen by its name among the provider's; `jku`, `jwk` and `x5u` are not
        // looked at.
        let header: Header = decode(header)?;
        if header.crit.is_some() {
            return Err(IdTokenError::Form);
        }
        let algorithm = match header.alg.as_str() {
            "RS256" => Algorithm::RS256,
            "ES256" => Algorithm::ES256,
            _ => return Err(IdTokenError::Algorithm),
        };
        let key = self.keys.find(header.kid.as_deref(), algorithm)?;
        if !key.has_signed(message.as_bytes(), signature) {
            return Err(IdTokenError::Signature);
        }
        let claims: IdClaims = decode(claims)?;
        if !key.is_for(&claims.iss) {
            return Err(IdTokenError::Issuer);
        }
        self.judge(&claims, nonce, now)?;
        Ok(claims)
    }

    fn judge(&self, claims: &IdClaims, nonce: &Secret, now: UnixTime) -> Result<(), IdTokenError> {
        if !self.issuer.permits_token(&claims.iss, claims.tid.as_deref()) {
            return Err(IdTokenError::Issuer);
        }
        self.judge_audience(claims)?;
        let skew = limit::TOKEN_CLOCK_SKEW.as_secs();
        if now.0 >= claims.exp.saturating_add(skew) {
            return Err(IdTokenError::Expired);
        }
        let latest_start = claims.nbf.unwrap_or(0).max(claims.iat);
        if latest_start > now.0.saturating_add(skew) {
            return Err(IdTokenError::NotYetValid);
        }
        let own = nonce.expose().as_bytes();
        let is_ours = claims.nonce.as_deref().is_some_and(|it| it.as_bytes().ct_eq(own).into());
        if !is_ours {
            return Err(IdTokenError::Nonce);
        }
        let is_subject = !claims.sub.is_empty() && claims.sub.len() <= SUBJECT_BYTES_MAX;
        if is_subject { Ok(()) } else { Err(IdTokenError::Form) }
    }

    fn judge_audience(&self, claims: &IdClaims) -> Result<(), IdTokenError> {
        let is_ours = |name: &String| name == self.client_id;
        let is_accepted = match &claims.aud {
            Audience::One(name) => is_ours(name),
            Audience::Several(names) => match names.as_slice() {
                [name] => is_ours(name),
                names => names.iter().any(is_ours) && claims.azp.is_some(),
            },
        };
        if is_accepted && claims.azp.as_ref().is_none_or(is_ours) {
            Ok(())
        } else {
            Err(IdTokenError::Audience)
        }
    }
}

/// OpenID Connect Core section 2: a subject has at most 255 characters.
const SUBJECT_BYTES_MAX: usize = 255;

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, IdTokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| IdTokenError::Form)?;
    serde_json::from_slice(&bytes).map_err(|_| IdTokenError::Form)
}
