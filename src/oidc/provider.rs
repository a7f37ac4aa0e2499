//! What an administrator says of a provider, and the secrets that prove our client to it.

use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use super::error::OidcError;
use crate::base::{Secret, UnixTime, limit};

/// Whose habits a provider has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// accounts.google.com.
    Google,
    /// Entra ID and Microsoft accounts. Its issuer holds the tenant, and an e-mail address counts
    /// as verified only by `xms_edov`: without it any tenant's administrator may have typed it.
    Microsoft,
    /// Sign in with Apple: `form_post`, a client secret that is signed, booleans as texts.
    Apple,
    /// By the specification.
    Generic,
}

/// How the provider brings its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// By redirect with a query.
    Query,
    /// By a form that the browser posts from the provider's site, so without `SameSite=Lax`
    /// cookies. Apple demands it when an e-mail address is asked for.
    FormPost,
}

/// A provider as configured. Holds no secret: listing settings opens none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The name in our own URLs.
    pub id: String,
    /// Whose habits it has.
    pub kind: Kind,
    /// The issuer, exactly as its discovery document says; for Microsoft with the tenant,
    /// `common`, `organizations` or `consumers`.
    pub issuer: String,
    /// Our name at the provider.
    pub client_id: String,
    /// What is asked for; `openid` is added when it is missing.
    pub scopes: Vec<String>,
    /// How the answer comes.
    pub response_mode: ResponseMode,
}

impl Provider {
    /// Google.
    #[must_use]
    pub fn google(client_id: impl Into<String>) -> Self {
        Self::new("google", Kind::Google, "https://accounts.google.com", client_id.into())
    }

    /// Microsoft; `tenant` is a tenant's id, `common`, `organizations` or `consumers`.
    #[must_use]
    pub fn microsoft(tenant: &str, client_id: impl Into<String>) -> Self {
        let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
        Self::new("microsoft", Kind::Microsoft, &issuer, client_id.into())
    }

    /// Apple; `client_id` is the services id.
    #[must_use]
    pub fn apple(client_id: impl Into<String>) -> Self {
        Self::new("apple", Kind::Apple, "https://appleid.apple.com", client_id.into())
    }

    /// Any other.
    #[must_use]
    pub fn generic(id: &str, issuer: &str, client_id: impl Into<String>) -> Self {
        Self::new(id, Kind::Generic, issuer, client_id.into())
    }

    fn new(id: &str, kind: Kind, issuer: &str, client_id: String) -> Self {
        let scopes: &[&str] = match kind {
            Kind::Apple => &["openid", "email", "name"],
            Kind::Google | Kind::Microsoft | Kind::Generic => &["openid", "email", "profile"],
        };
        let response_mode = match kind {
            Kind::Apple => ResponseMode::FormPost,
            Kind::Google | Kind::Microsoft | Kind::Generic => ResponseMode::Query,
        };
        Self {
            id: id.to_owned(),
            kind,
            issuer: issuer.to_owned(),
            client_id,
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            response_mode,
        }
    }

    pub(super) fn scope(&self) -> String {
        let mut scopes = self.scopes.join(" ");
        if !self.scopes.iter().any(|scope| scope == "openid") {
            scopes.insert_str(0, "openid ");
        }
        scopes
    }
}

/// What proves our client to the token endpoint.
#[derive(Clone, Debug)]
pub enum ClientSecret {
    /// A shared text.
    Text(Secret),
    /// Apple's: a key that signs an assertion for each request.
    Apple(AppleKey),
}

/// A key from Apple's developer pages.
#[derive(Clone)]
pub struct AppleKey {
    /// The ten characters of the team.
    pub team_id: String,
    /// The ten characters of the key.
    pub key_id: String,
    /// The content of the `.p8` file.
    pub private_key: Secret,
}

impl fmt::Debug for AppleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppleKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    iat: u64,
    exp: u64,
    aud: &'a str,
    sub: &'a str,
}

impl ClientSecret {
    /// The text to send.
    pub(super) fn text(&self, provider: &Provider, now: UnixTime) -> Result<Secret, OidcError> {
        match self {
            Self::Text(secret) => Ok(secret.clone()),
            Self::Apple(key) => key.sign(provider, now),
        }
    }
}

impl AppleKey {
    fn sign(&self, provider: &Provider, now: UnixTime) -> Result<Secret, OidcError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(self.private_key.expose().as_bytes())
            .map_err(|_| OidcError::ClientSecret)?;
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.key_id.clone());
        let assertion = Assertion {
            iss: &self.team_id,
            iat: now.0,
            exp: now.plus(limit::APPLE_SECRET_LIFE).0,
            aud: &provider.issuer,
            sub: &provider.client_id,
        };
        let key = EncodingKey::from_ec_der(der.secret_pkcs8_der());
        jsonwebtoken::encode(&header, &assertion, &key)
            .map(Secret::new)
            .map_err(|_| OidcError::ClientSecret)
    }
}
