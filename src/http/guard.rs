//! What holds for every request and every answer: origins, cross-site requests, security headers.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    X_XSS_PROTECTION,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::cookie;
use super::origin::From;
use super::problem::Problem;
use super::router::Peer;
use super::services::Services;
use crate::config::{Config, Mode};
use crate::engine::door::ListenerKind;
use crate::telemetry::metric;

/// What the guard knows; built once.
pub(super) struct Guard {
    services: Arc<Services>,
    policy: HeaderValue,
    is_production: bool,
}

impl Guard {
    pub(super) fn new(services: Arc<Services>) -> Self {
        let policy = content_security_policy(&services);
        let policy = HeaderValue::from_str(&policy)
            .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
        let is_production = is_production(&services.config);
        Self { services, policy, is_production }
    }
}

fn is_production(config: &Config) -> bool {
    match config.mode {
        Mode::Production => true,
        Mode::Development => false,
    }
}

/// No inline script or style, nothing from elsewhere, in nobody's frame.
fn content_security_policy(services: &Services) -> String {
    let sockets = services.origins.socket_sources();
    format!(
        "default-src 'self'; connect-src 'self' {sockets}; img-src 'self' data:; \
         media-src 'self' blob:; worker-src 'self'; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

/// Wraps every route, and every refusal of a route.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let allowed = match guard.services.origins.of(request.headers()) {
        From::Allowed(origin) => HeaderValue::from_str(origin).ok(),
        From::Foreign | From::Unsaid => None,
    };
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = match admit(&guard, &request, peer) {
        Err(problem) => problem.into_response(),
        Ok(()) if is_api && request.method() == Method::OPTIONS => preflight(),
        Ok(()) => next.run(request).await,
    };
    if let Some(origin) = allowed.filter(|_| is_api) {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    let is_tls = peer.is_none_or(|peer| peer.listener == ListenerKind::Tls);
    harden(response.headers_mut(), &guard, is_tls);
    let status = response.status().as_str().to_string();
    metrics::counter!(metric::HTTP_RESPONSES, "status" => status).increment(1);
    response
}

/// Refuses requests that change something and come from another site (W-03).
fn admit(guard: &Guard, request: &Request, peer: Option<Peer>) -> Result<(), Problem> {
    let headers = request.headers();
    if request.method().is_safe() {
        return Ok(());
    }
    let refused = || Problem::forbidden("cross_site", "this request comes from another site");
    match guard.services.origins.of(headers) {
        From::Allowed(_) => Ok(()),
        From::Foreign => Err(refused()),
        From::Unsaid => {
            let listener = peer.map_or(ListenerKind::Tls, |peer| peer.listener);
            let has_cookie = cookie::read(headers, listener).is_some();
            let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
            match site {
                Some(b"same-origin") => Ok(()),
                Some(_) => Err(refused()),
                None if has_cookie => Err(refused()),
                None => Ok(()),
            }
        }
    }
}

fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn harden(headers: &mut HeaderMap, guard: &Guard, is_tls: bool) {
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(CONTENT_SECURITY_POLICY, guard.policy.clone());
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.append(VARY, HeaderValue::from_static("Origin"));
    // Never in development: it would forbid http://localhost to every other program.
    if is_tls && guard.is_production {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(STRICT_TRANSPORT_SECURITY, year);
    }
}

/// Requirements A21: Helmet's set, and microphone for ourselves alone.
const FIXED: [(HeaderName, &str); 12] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (X_XSS_PROTECTION, "0"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("origin-agent-cluster"), "?1"),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
    (HeaderName::from_static("x-dns-prefetch-control"), "off"),
    (HeaderName::from_static("x-download-options"), "noopen"),
    (
        HeaderName::from_static("permissions-policy"),
        "microphone=(self), camera=(), geolocation=(), payment=(), usb=(), display-capture=()",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];
