//! Signing in by an identity provider: out to it, and back.
//!
//! What must be kept meanwhile travels in a cookie of this browser alone, sealed, for ten minutes;
//! a second window's sign-in replaces the first's. Coming back takes the cookie away before
//! anything else is looked at, so that an answer is good once. The browser is always led to a page
//! of ours: to the application, or to the sign-in page with a code that says what was wrong.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};

use super::super::cookie::Jar;
use super::super::json::read_body;
use super::super::paths::Word;
use super::super::pending::{open, seal};
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::visit::Visit;
use super::providers::redirect_uri;
use super::sign_in::{cookies, end_former};
use crate::access::connection::{ConnectionError, ProviderConnection};
use crate::access::{AccessError, Identity, SignInStep};
use crate::base::{Secret, limit};
use crate::oidc::{AppleKey, Callback, ClientSecret, OidcError, Provider, ResponseMode};

/// Why nobody was signed in: a stable word for the sign-in page.
enum Failure {
    /// With the provider's answer or settings.
    Oidc(OidcError),
    /// With the account.
    Access(AccessError),
    /// With the settings.
    Connection(ConnectionError),
    /// The cookie of the sign-in is missing, old or another's.
    Lost,
    /// The provider's secret was never set.
    NoSecret,
}

/// `GET identity/{provider}/start`.
pub(in super::super) async fn start(
    State(services): State<Arc<Services>>,
    visit: Visit,
    Word(name): Word,
) -> Result<Response, Problem> {
    let connection = match services.access.connections().provider(&name).await {
        Ok(connection) => connection,
        Err(ConnectionError::None) => return Err(Problem::not_found()),
        Err(error) => return Ok(sorry(&services, &visit, &Failure::Connection(error))),
    };
    let provider = provider_of(&name, &connection);
    let now = services.clock.unix();
    let begun = services.oidc.begin(&provider, &redirect_uri(&services, &name), now).await;
    let (address, pending) = match begun {
        Ok(begun) => begun,
        Err(error) => return Ok(sorry(&services, &visit, &Failure::Oidc(error))),
    };
    let jar = jar(&provider);
    let cookie = seal(&services.vault, &pending)
        .and_then(|sealed| jar.set(&sealed, limit::OIDC_PENDING_LIFE, visit.listener))
        .ok_or_else(|| Problem::busy("unavailable", "try again in a moment", 5))?;
    let address = HeaderValue::from_str(&address)
        .map_err(|_| Problem::new(StatusCode::BAD_GATEWAY, "oidc_provider", "bad address"))?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, address), (SET_COOKIE, cookie)]).into_response())
}

/// `GET identity/{provider}/return`.
pub(in super::super) async fn come_back(
    State(services): State<Arc<Services>>,
    visit: Visit,
    headers: HeaderMap,
    Word(name): Word,
    uri: axum::http::Uri,
) -> Result<Response, Problem> {
    let callback = axum::extract::Query::<Callback>::try_from_uri(&uri);
    let callback = callback.map_err(|_| Problem::not_found())?.0;
    Ok(finish(&services, &visit, &headers, &name, &callback).await)
}

/// `POST identity/{provider}/return`: Apple's form.
pub(in super::super) async fn come_back_by_form(
    State(services): State<Arc<Services>>,
    visit: Visit,
    headers: HeaderMap,
    Word(name): Word,
    body: axum::body::Body,
) -> Result<Response, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let is_form = kind
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    if !is_form {
        let detail = "send a form";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_a_form", detail));
    }
    let body = read_body(body).await?;
    let text = std::str::from_utf8(&body).map_err(|_| Problem::not_found())?;
    let uri = format!("/?{}", text.replace('#', "%23")).parse::<axum::http::Uri>();
    let uri = uri.map_err(|_| Problem::not_found())?;
    let callback = axum::extract::Query::<Callback>::try_from_uri(&uri);
    let callback = callback.map_err(|_| Problem::not_found())?.0;
    Ok(finish(&services, &visit, &headers, &name, &callback).await)
}

async fn finish(
    services: &Services,
    visit: &Visit,
    headers: &HeaderMap,
    name: &str,
    callback: &Callback,
) -> Response {
    match sign_in(services, visit, headers, name, callback).await {
        Ok(response) => response,
        Err(failure) => sorry(services, visit, &failure),
    }
}

async fn sign_in(
    services: &Services,
    visit: &Visit,
    headers: &HeaderMap,
    name: &str,
    callback: &Callback,
) -> Result<Response, Failure> {
    let cookie = Jar::Pending.read(headers, visit.listener).ok_or(Failure::Lost)?;
    let pending = open(&services.vault, cookie).ok_or(Failure::Lost)?;
    let connections = services.access.connections();
    let connection = connections.provider(name).await.map_err(Failure::Connection)?;
    let secret = connections.provider_secret(name).await.map_err(Failure::Connection)?;
    let secret = client_secret(name, &connection, secret).ok_or(Failure::NoSecret)?;
    let provider = provider_of(name, &connection);
    let now = services.clock.unix();
    let found = services.oidc.finish(&provider, &secret, &pending, callback, now).await;
    let found = found.map_err(Failure::Oidc)?;
    let identity = Identity {
        issuer: found.issuer,
        subject: found.subject,
        email: found.email,
        email_verified: found.email_verified,
        provider: name.to_string(),
        name: found.name,
    };
    let step = services.access.sign_in().identity(&identity, &visit.client()).await;
    match step.map_err(Failure::Access)? {
        SignInStep::Done(signed_in) | SignInStep::Enrol(signed_in) => {
            // The new session is good whether or not the former one could be ended.
            let _ = end_former(services, visit, headers).await;
            let cookies = cookies(services, visit, &signed_in).into_iter();
            Ok(lead("/".into(), cookies.chain(forget(visit)).collect()))
        }
        SignInStep::Factor { attempt, methods, email_sent } => {
            // In the fragment, which browsers keep to themselves.
            let methods: Vec<_> = methods.into_iter().map(|method| method.as_str()).collect();
            let (attempt, methods) = (attempt.expose(), methods.join(","));
            let to =
                format!("/sign-in#attempt={attempt}&methods={methods}&email_sent={email_sent}");
            Ok(lead(to, forget(visit).collect()))
        }
    }
}

/// To the sign-in page, which has words for the code.
fn sorry(_: &Services, visit: &Visit, failure: &Failure) -> Response {
    let code = failure.code();
    lead(format!("/sign-in?error={code}"), forget(visit).collect())
}

fn lead(to: String, cookies: Vec<(HeaderName, HeaderValue)>) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, to)], AppendHeaders(cookies)).into_response()
}

/// Takes the cookie of the sign-in away.
fn forget(visit: &Visit) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    Jar::PendingForm.clear(visit.listener).map(|cookie| (SET_COOKIE, cookie)).into_iter()
}

impl Failure {
    fn code(&self) -> &'static str {
        match self {
            Self::Oidc(error) => {
                if !error.is_bad_request() {
                    tracing::warn!(%error, "an identity provider could not sign somebody in");
                }
                error.code()
            }
            Self::Access(error) => {
                if error.code() == "unavailable" {
                    tracing::error!(%error, "a sign-in by an identity provider failed");
                }
                error.code()
            }
            Self::Connection(error) => error.code(),
            Self::Lost => "oidc_state",
            Self::NoSecret => "oidc_client_secret",
        }
    }
}

fn jar(provider: &Provider) -> Jar {
    match provider.response_mode {
        ResponseMode::Query => Jar::Pending,
        ResponseMode::FormPost => Jar::PendingForm,
    }
}

/// A provider with its own habits, from what an administrator said of it.
fn provider_of(name: &str, connection: &ProviderConnection) -> Provider {
    let client_id = connection.client_id.as_str();
    let mut provider = match name {
        "google" => Provider::google(client_id),
        "microsoft" => Provider::microsoft("common", client_id),
        "apple" => Provider::apple(client_id),
        _ => Provider::generic(name, "", client_id),
    };
    if let Some(issuer) = &connection.issuer {
        provider.issuer.clone_from(issuer);
    }
    provider
}

fn client_secret(
    name: &str,
    connection: &ProviderConnection,
    secret: Option<Secret>,
) -> Option<ClientSecret> {
    let secret = secret?;
    if name != "apple" {
        return Some(ClientSecret::Text(secret));
    }
    let (team_id, key_id) = connection.team_id.clone().zip(connection.key_id.clone())?;
    Some(ClientSecret::Apple(AppleKey { team_id, key_id, private_key: secret }))
}
