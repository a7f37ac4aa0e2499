//! What holds for every request and every answer: where it comes from, cross-origin answers,
//! security headers.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::limiting::count;
use super::origin::From;
use super::problem::Problem;
use super::router::Peer;
use super::services::Services;
use super::visit::Visit;
use crate::access::throttle::{RateClass, RequestFacts};
use crate::config::{Config, Mode};
use crate::engine::door::ListenerKind;
use crate::telemetry::metric;

/// What the guard knows; built once.
pub(super) struct Guard {
    services: Arc<Services>,
    hardening: Hardening,
}

/// The security headers.
#[derive(Clone)]
pub(super) struct Hardening {
    policy: HeaderValue,
    is_production: bool,
}

impl Guard {
    pub(super) fn new(services: Arc<Services>) -> Self {
        let hardening = Hardening::new(&services);
        Self { services, hardening }
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
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let allowed = match guard.services.origins.of(request.headers()) {
        From::Allowed(origin) => HeaderValue::from_str(origin).ok(),
        From::Foreign | From::Unsaid => None,
    };
    let is_api = request.uri().path().starts_with("/api/");
    let asked = Asked::of(&request, guard.services.clock.now());
    let is_preflight = is_api && request.method() == Method::OPTIONS;
    let mut response = match peer {
        None => Peer::missing().into_response(),
        Some(peer) => {
            let visit = Visit::new(peer, request.headers(), &guard.services.proxies);
            if is_preflight {
                preflight(&guard.services, &visit)
            } else {
                request.extensions_mut().insert(visit);
                next.run(request).await
            }
        }
    };
    if let Some(origin) = allowed.filter(|_| is_api) {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    let is_tls = peer.is_none_or(|peer| peer.listener == ListenerKind::Tls);
    guard.hardening.write(response.headers_mut(), is_tls);
    asked.log(&guard.services, response.status());
    response
}

/// What is remembered of a request for the log: neither headers nor body nor query, which hold
/// credentials (A20).
struct Asked {
    method: Method,
    path: String,
    at: Instant,
}

impl Asked {
    fn of(request: &Request, at: Instant) -> Self {
        let (method, uri) = (request.method().clone(), request.uri());
        let mut path: String = uri.path().chars().take(PATH_LOGGED_MAX).collect();
        if uri.query().is_some() {
            path.push_str("?***");
        }
        Self { method, path, at }
    }

    fn log(&self, services: &Services, status: StatusCode) {
        let took = services.clock.now().saturating_duration_since(self.at);
        let (status, duration_ms) = (status.as_u16(), took.as_millis());
        let (method, path) = (self.method.as_str(), self.path.as_str());
        tracing::debug!(method, path, status, duration_ms, "answered");
        metrics::counter!(metric::HTTP_RESPONSES, "status" => status.to_string()).increment(1);
    }
}

/// Longer paths are nobody's.
const PATH_LOGGED_MAX: usize = 200;

/// What pages of other allowed origins may read besides the body.
const EXPOSED: &str = "ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after";

/// The answer to a browser that asks whether it may ask.
fn preflight(services: &Services, visit: &Visit) -> Response {
    let facts = RequestFacts::anonymous(RateClass::Static, visit.ip);
    let quota = match count(services, &facts) {
        Ok(quota) => quota,
        Err(problem) => return problem.into_response(),
    };
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    let mut response = (StatusCode::NO_CONTENT, headers).into_response();
    quota.write(response.headers_mut());
    response
}

impl Hardening {
    pub(super) fn new(services: &Services) -> Self {
        let policy = HeaderValue::from_str(&content_security_policy(services))
            .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
        Self { policy, is_production: is_production(&services.config) }
    }

    /// For answers that are no pages, before there is a configuration of pages.
    pub(super) fn bare() -> Self {
        let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        Self { policy, is_production: false }
    }

    pub(super) fn write(&self, headers: &mut HeaderMap, is_tls: bool) {
        for (name, value) in FIXED {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        if !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
        // Never in development: it would forbid http://localhost to every other program. Over plain
        // HTTP it says nothing (RFC 6797 section 7.2).
        if is_tls && self.is_production {
            let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
            headers.insert(STRICT_TRANSPORT_SECURITY, year);
        }
    }
}

fn is_production(config: &Config) -> bool {
    match config.mode {
        Mode::Production => true,
        Mode::Development => false,
    }
}

impl Peer {
    pub(super) fn missing() -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_peer", "unknown connection")
    }
}

/// Requirements A21: Helmet's set; microphone and passkeys for ourselves alone.
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
        "microphone=(self), publickey-credentials-create=(self), publickey-credentials-get=(self), \
         camera=(), geolocation=(), payment=(), usb=(), display-capture=()",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];
