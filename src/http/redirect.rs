//! The plain listener: sends browsers to HTTPS, and takes nothing that must not go in clear
//! (A17, B17, X13).
//!
//! A GET or HEAD without a credential is answered 308 to the same path at the configured host,
//! never at the host the request names. Everything else was sent in clear by mistake: it is
//! refused, so that the mistake is noticed, and audited. A certificate authority's challenges are
//! not ours to answer yet: 404 rather than a redirect.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, LOCATION, PROXY_AUTHORIZATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::api::shared::entry;
use super::guard::Hardening;
use super::limiting::count;
use super::problem::Problem;
use super::query::has_secret;
use super::router::Peer;
use super::services::Services;
use crate::access::Actor;
use crate::access::audit::{Action, AuditError, Entry};
use crate::access::throttle::{Decision, RateClass, RequestFacts};

#[derive(Clone)]
struct Plain {
    services: Arc<Services>,
    hardening: Hardening,
}

/// Answers every request of the plain listener.
pub(super) fn redirect_router(services: Arc<Services>) -> Router {
    let hardening = Hardening::new(&services);
    Router::new().fallback(answer).with_state(Plain { services, hardening })
}

async fn answer(State(plain): State<Plain>, request: Request) -> Response {
    let mut response = match Peer::of(request.extensions()) {
        Ok(peer) => respond(&plain.services, peer.remote, &request.into_parts().0).await,
        Err(problem) => problem.into_response(),
    };
    plain.hardening.write(response.headers_mut(), false);
    response
}

async fn respond(services: &Services, remote: SocketAddr, request: &Parts) -> Response {
    let ip = remote.ip().to_canonical();
    let facts = RequestFacts::anonymous(RateClass::Static, ip);
    let quota = match count(services, &facts) {
        Ok(quota) => quota,
        Err(problem) => return problem.into_response(),
    };
    let mut response = judge(services, ip, request).await.unwrap_or_else(Problem::into_response);
    quota.write(response.headers_mut());
    response
}

async fn judge(services: &Services, ip: IpAddr, request: &Parts) -> Result<Response, Problem> {
    let Parts { method, uri, headers, .. } = request;
    let is_read = method == Method::GET || method == Method::HEAD;
    if !is_read || has_credential(headers, uri) {
        note(services, ip, method, uri).await;
        let detail = "this must not be sent in clear: use https, and replace the credential that \
                      was just sent";
        return Err(Problem::forbidden("tls_required", detail));
    }
    if uri.path().starts_with("/.well-known/acme-challenge/") {
        return Err(Problem::not_found());
    }
    let location = location(&services.public_origin, uri);
    let location = HeaderValue::from_str(&location).map_err(|_| Problem::not_found())?;
    Ok((StatusCode::PERMANENT_REDIRECT, [(LOCATION, location)]).into_response())
}

fn has_credential(headers: &HeaderMap, uri: &Uri) -> bool {
    [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].iter().any(|name| headers.contains_key(name))
        || uri.query().is_some_and(has_secret)
}

/// The same path and query at our own origin. An absolute or odd target (`//evil`) leads to the
/// front page.
fn location(origin: &str, uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.starts_with('/') && !path.starts_with("//") { path } else { "/" };
    format!("{origin}{path}")
}

/// Writes down that somebody sends in clear, at most as often as passwords may be guessed: anybody
/// can make such a request.
async fn note(services: &Services, ip: IpAddr, method: &Method, uri: &Uri) {
    let facts = RequestFacts::anonymous(RateClass::Auth, ip);
    if matches!(services.limits.check(&facts), Decision::Refused { .. }) {
        return;
    }
    let path: String = uri.path().chars().take(200).collect();
    let entry = entry(services, &Actor::anonymous(Some(ip)), Action::TlsRequired)
        .on("path", path)
        .with("method", method.as_str());
    if let Err(error) = record(services, entry).await {
        tracing::error!(%error, "a credential sent in clear could not be audited");
    }
}

async fn record(services: &Services, entry: Entry) -> Result<(), AuditError> {
    let mut change = services.store.begin().await?;
    services.access.audit().record(&mut change, entry).await?;
    Ok(change.commit().await?)
}
