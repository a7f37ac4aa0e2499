//! The two steps of a sign-in: where to send the browser, and who came back.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::discovery::Metadata;
use super::documents::{DocumentCache, Documents};
use super::error::{IdTokenError, OidcError};
use super::exchange::{Exchange, Tokens, code};
use super::id_token::{IdClaims, IdTokenVerifier, Person, Verified};
use super::pending::Pending;
use super::provider::{ClientSecret, Kind, Provider, ResponseMode};
use super::random;
use crate::base::{UnixTime, limit};
use crate::net::fetch::{Fetcher, form_encode};

/// Signs people in by providers; keeps the providers' documents.
pub struct OidcClient {
    fetcher: Fetcher,
    cache: DocumentCache,
}

/// What came back by the browser: the query, or Apple's form.
#[derive(Clone, Default, Deserialize)]
pub struct Callback {
    /// What we sent.
    pub state: Option<String>,
    /// To be exchanged.
    pub code: Option<String>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// Apple's description of the person, as JSON and unsigned, at the first sign-in only.
    pub user: Option<String>,
}

/// A person, as a provider knows them. An account is (`issuer`, `subject`), never the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The token's issuer; for Microsoft it holds the person's own tenant.
    pub issuer: String,
    /// Who, at this issuer.
    pub subject: String,
    /// An address with exactly one `@`, as written by the provider.
    pub email: Option<String>,
    /// Whether the provider vouches for the address.
    pub email_verified: bool,
    /// A name to show, at most 120 characters without control characters.
    pub name: Option<String>,
}

impl OidcClient {
    /// A client that reaches providers by `fetcher`.
    #[must_use]
    pub fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, cache: DocumentCache::default() }
    }

    /// Where to send the browser, and what to keep until it comes back to `redirect_uri`.
    ///
    /// # Errors
    /// The provider cannot be reached or is not configured rightly.
    pub async fn begin(
        &self,
        provider: &Provider,
        redirect_uri: &str,
        now: UnixTime,
    ) -> Result<(String, Pending), OidcError> {
        let documents = self.cache.documents(&self.fetcher, provider, now).await?;
        let pending = Pending {
            provider: provider.id.clone(),
            state: random::text()?,
            nonce: random::text()?,
            pkce_verifier: random::text()?,
            redirect_uri: redirect_uri.to_owned(),
            created_at: now.0,
        };
        Ok((authorize_url(provider, &documents.metadata, &pending), pending))
    }

    /// Who came back. `pending` must be what [`OidcClient::begin`] gave for this very browser, and
    /// must not be used again.
    ///
    /// # Errors
    /// Anything is not as it should be; there is no identity then.
    pub async fn finish(
        &self,
        provider: &Provider,
        secret: &ClientSecret,
        pending: &Pending,
        callback: &Callback,
        now: UnixTime,
    ) -> Result<Identity, OidcError> {
        judge_state(provider, pending, callback, now)?;
        let documents = self.cache.documents(&self.fetcher, provider, now).await?;
        judge_issuer(&documents.metadata, callback)?;
        if let Some(error) = &callback.error {
            return Err(OidcError::Denied { reason: error_code(error) });
        }
        let code = code(callback.code.as_deref())?;
        let exchange = Exchange { fetcher: &self.fetcher, provider, metadata: &documents.metadata };
        let Tokens { id_token, access_token } = exchange.tokens(secret, pending, code, now).await?;
        let claims = self.verify(provider, &documents, id_token.expose(), pending, now).await?;
        if callback.iss.as_ref().is_some_and(|issuer| *issuer != claims.iss) {
            return Err(OidcError::MixUp);
        }
        let IdClaims { iss: issuer, sub: subject, person, .. } = claims;
        let mut person = person;
        if let (Kind::Generic, None, Some(token)) = (provider.kind, &person.email, access_token) {
            person = exchange.person(token, &subject).await?;
        }
        let email = person.email.take().filter(|email| is_address(email));
        let email_verified = email.is_some() && is_verified(provider.kind, &person);
        let apple_name = || callback.user.as_deref().and_then(apple_name);
        let name = match provider.kind {
            Kind::Apple => apple_name(),
            Kind::Google | Kind::Microsoft | Kind::Generic => person.name,
        };
        let name = name.and_then(|name| shown_name(&name));
        Ok(Identity { issuer, subject, email, email_verified, name })
    }

    async fn verify(
        &self,
        provider: &Provider,
        documents: &Documents,
        token: &str,
        pending: &Pending,
        now: UnixTime,
    ) -> Result<IdClaims, OidcError> {
        let verifier = |keys| IdTokenVerifier {
            issuer: &documents.metadata.issuer,
            client_id: &provider.client_id,
            keys,
        };
        let first = verifier(&documents.keys).verify(token, &pending.nonce, now);
        if first.as_ref().is_err_and(|error| *error == IdTokenError::UnknownKey)
            && let Some(keys) = self.cache.newer_keys(&self.fetcher, provider, now).await?
        {
            return Ok(verifier(&keys).verify(token, &pending.nonce, now)?);
        }
        Ok(first?)
    }
}

impl std::fmt::Debug for OidcClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcClient").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callback").field("error", &self.error).finish_non_exhaustive()
    }
}

fn authorize_url(provider: &Provider, metadata: &Metadata, pending: &Pending) -> String {
    let hash = digest(&SHA256, pending.pkce_verifier.expose().as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(hash.as_ref());
    let scope = provider.scope();
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", provider.client_id.as_str()),
        ("redirect_uri", pending.redirect_uri.as_str()),
        ("scope", scope.as_str()),
        ("state", pending.state.expose()),
        ("nonce", pending.nonce.expose()),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    if provider.response_mode == ResponseMode::FormPost {
        fields.push(("response_mode", "form_post"));
    }
    let endpoint = &metadata.authorization_endpoint;
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{joint}{}", form_encode(&fields))
}

/// The state first: nothing else of an answer that is not ours is looked at.
fn judge_state(
    provider: &Provider,
    pending: &Pending,
    callback: &Callback,
    now: UnixTime,
) -> Result<(), OidcError> {
    let expected = pending.state.expose().as_bytes();
    let is_ours =
        callback.state.as_deref().is_some_and(|state| state.as_bytes().ct_eq(expected).into());
    if !is_ours || pending.provider != provider.id {
        return Err(OidcError::State);
    }
    if pending.is_expired(now) { Err(OidcError::Expired) } else { Ok(()) }
}

/// RFC 9207 section 2.4: required where the provider promises it, and never another's.
fn judge_issuer(metadata: &Metadata, callback: &Callback) -> Result<(), OidcError> {
    let is_right = match &callback.iss {
        Some(issuer) => metadata.issuer.permits(issuer),
        None => !metadata.is_issuer_in_response,
    };
    if is_right { Ok(()) } else { Err(OidcError::MixUp) }
}

/// Whether the provider vouches for the address. A text that says `true` does not, but Apple's
/// documentation permits it; Microsoft vouches by a claim of its own.
fn is_verified(kind: Kind, person: &Person) -> bool {
    let yes = Some(Verified::Flag(true));
    match kind {
        Kind::Google | Kind::Generic => person.email_verified == yes,
        Kind::Microsoft => person.xms_edov == yes,
        Kind::Apple => {
            person.email_verified == yes
                || person.email_verified == Some(Verified::Text("true".into()))
        }
    }
}

/// The name in Apple's `user` field. Its address is not signed and so not looked at.
fn apple_name(user: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct User {
        name: Name,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Name {
        first_name: Option<String>,
        last_name: Option<String>,
    }
    if !bounded(user) {
        return None;
    }
    let User { name } = serde_json::from_str(user).ok()?;
    let parts: Vec<_> = [name.first_name, name.last_name].into_iter().flatten().collect();
    Some(parts.join(" "))
}

fn shown_name(name: &str) -> Option<String> {
    let clean: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

const NAME_CHARS_MAX: usize = 120;

/// RFC 5321: 254 is what fits into a path.
const ADDRESS_BYTES_MAX: usize = 254;

fn is_address(text: &str) -> bool {
    let mut parts = text.split('@');
    let is_part = |part: Option<&str>| part.is_some_and(|part| !part.is_empty());
    text.len() <= ADDRESS_BYTES_MAX
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        && is_part(parts.next())
        && is_part(parts.next())
        && parts.next().is_none()
}

pub(super) fn bounded(text: &str) -> bool {
    text.len() <= limit::OIDC_TEXT_BYTES_MAX
}

/// A registered error code, or `other` for a text that cannot be one.
pub(super) fn error_code(text: &str) -> String {
    let is_code = (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_code { text.to_owned() } else { "other".to_owned() }
}
