//! `GET /ws`: the upgrade of a phone's socket (RFC 6455 section 4.2, RFC 7118).
//!
//! Checked in this order, each refusal in words: a well-formed upgrade, its origin, the
//! subprotocol, the credential. Nothing is read from the session before the origin is known to
//! be ours (W-01). Compression is never accepted.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use axum::response::IntoResponse;
use base64::Engine;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::authorize::may_use;
use super::caller::{bearer, by_bearer};
use super::cookie::Jar;
use super::limiting::{count, facts_of};
use super::origin::From;
use super::problem::Problem;
use super::router::Peer;
use super::services::Services;
use super::visit::Visit;
use crate::access::Principal;
use crate::access::policy::Permission;
use crate::access::throttle::RateClass;
use crate::base::limit;
use crate::engine::door::PhoneInfo;
use crate::telemetry::metric;

/// `GET /ws`.
pub(super) async fn upgrade(
    State(services): State<Arc<Services>>,
    Extension(peer): Extension<Peer>,
    visit: Visit,
    request: Request,
) -> Result<Response<Body>, Problem> {
    let (mut request, _) = request.into_parts();
    let checked = check(&services, &visit, &mut request).await;
    let principal = checked.as_ref().ok().and_then(|checked| checked.principal.as_ref());
    // In buckets of their own, which load never narrows: calls are not what is throttled first.
    let facts = facts_of(RateClass::Signaling, visit.ip, principal);
    let quota = count(&services, &facts).inspect_err(|problem| note_refused(peer, problem))?;
    let mut response = match checked {
        Ok(checked) => {
            metrics::counter!(metric::PHONE_UPGRADES).increment(1);
            let remote = SocketAddr::new(visit.ip, peer.remote.port());
            accept(services, remote, visit, checked)
        }
        Err(problem) => {
            note_refused(peer, &problem);
            problem.into_response()
        }
    };
    quota.write(response.headers_mut());
    Ok(response)
}

fn note_refused(peer: Peer, problem: &Problem) {
    let reason = problem.code();
    metrics::counter!(metric::PHONE_UPGRADES_REFUSED, "reason" => reason).increment(1);
    tracing::debug!(remote = %peer.remote, reason, "phone socket refused");
}

/// What is left of a good request.
struct Checked {
    accept_key: HeaderValue,
    on_upgrade: OnUpgrade,
    principal: Option<Principal>,
}

async fn check(
    services: &Services,
    visit: &Visit,
    request: &mut Parts,
) -> Result<Checked, Problem> {
    let accept_key = check_form(request)?;
    let on_upgrade = request.extensions.remove::<OnUpgrade>();
    let on_upgrade = on_upgrade.ok_or_else(|| bad("this connection cannot be upgraded"))?;
    let headers = &request.headers;
    if !matches!(services.origins.of(headers), From::Allowed(_)) {
        let detail = "this origin may not connect; add it to server.origins";
        return Err(Problem::forbidden("origin_refused", detail));
    }
    if !has_token(headers, SEC_WEBSOCKET_PROTOCOL, "sip") {
        return Err(bad("ask for the WebSocket subprotocol `sip` (RFC 7118)"));
    }
    if !services.phones.has_room() {
        return Err(Problem::busy("full", "too many phones are connected", 10));
    }
    let principal = identify(services, visit, request).await?;
    if let Some(principal) = &principal {
        may_use(principal, Permission::UsePhone)?;
    }
    Ok(Checked { accept_key, on_upgrade, principal })
}

fn check_form(request: &Parts) -> Result<HeaderValue, Problem> {
    let headers = &request.headers;
    if request.method != Method::GET || request.version != Version::HTTP_11 {
        return Err(bad("a phone socket opens with GET over HTTP/1.1"));
    }
    if !has_token(headers, UPGRADE, "websocket") || !has_token(headers, CONNECTION, "upgrade") {
        let detail = "this is the phones' WebSocket: connect with `Upgrade: websocket`";
        return Err(Problem::new(StatusCode::UPGRADE_REQUIRED, "not_an_upgrade", detail)
            .with_header(UPGRADE, HeaderValue::from_static("websocket")));
    }
    let version = headers.get(SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
    if version != Some(b"13") {
        let detail = "only version 13 of WebSocket is spoken";
        return Err(Problem::new(StatusCode::UPGRADE_REQUIRED, "websocket_version", detail)
            .with_header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")));
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) => key.as_bytes(),
        _ => return Err(bad("send one Sec-WebSocket-Key")),
    };
    let decoded = base64::engine::general_purpose::STANDARD.decode(key);
    if !decoded.is_ok_and(|nonce| nonce.len() == 16) {
        return Err(bad("Sec-WebSocket-Key is not 16 bytes in base64"));
    }
    HeaderValue::from_str(&derive_accept_key(key)).map_err(|_| bad("bad Sec-WebSocket-Key"))
}

fn bad(detail: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_upgrade", detail)
}

/// Whether a comma-separated header lists a word.
fn has_token(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case(word))
}

/// Whose socket this is to be. What was sent on purpose counts before the cookie, which browsers
/// send by themselves; what was sent and is not good is refused. Nothing sent: the first
/// REGISTER must say.
async fn identify(
    services: &Services,
    visit: &Visit,
    request: &Parts,
) -> Result<Option<Principal>, Problem> {
    let headers = &request.headers;
    let ticket = ticket(request.uri.query().unwrap_or(""))?;
    if let Some(token) = bearer(headers)? {
        return by_bearer(token, visit, services).await.map(Some);
    }
    if let Some(ticket) = ticket {
        let agent = visit.user_agent.as_deref();
        let principal = services.access.tickets().redeem(ticket, agent);
        let principal =
            principal.filter(|person| !services.access.revocations().is_ended(person.session_id));
        return match principal {
            Some(principal) => Ok(Some(services.access.rights_now(&principal))),
            None => {
                let detail = "the ticket was used, is too old, or is another browser's";
                Err(Problem::unauthorized("ticket_invalid", detail))
            }
        };
    }
    match Jar::Session.read(headers, visit.listener) {
        Some(cookie) => {
            let checked = services.access.check_cookie(cookie, &visit.client()).await?;
            Ok(Some(checked.principal))
        }
        None => Ok(None),
    }
}

/// The `ticket` of a query; anything else in it is refused, tokens with words of their own.
fn ticket(query: &str) -> Result<Option<&str>, Problem> {
    let mut ticket = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("ticket", value)) if ticket.is_none() => ticket = Some(value),
            _ => {
                let detail = "an address takes one `ticket` and nothing else: a token belongs into \
                              Authorization, addresses end up in logs";
                return Err(Problem::new(StatusCode::BAD_REQUEST, "bad_query", detail));
            }
        }
    }
    Ok(ticket)
}

/// Answers 101 and hands the socket over once the answer is on its way.
fn accept(
    services: Arc<Services>,
    remote: SocketAddr,
    visit: Visit,
    checked: Checked,
) -> Response<Body> {
    let Checked { accept_key, on_upgrade, principal } = checked;
    let info =
        PhoneInfo { principal, remote, listener: visit.listener, user_agent: visit.user_agent };
    tokio::spawn(async move {
        match on_upgrade.await {
            Ok(upgraded) => {
                let io = TokioIo::new(upgraded);
                let config = Some(socket_config());
                let socket = WebSocketStream::from_raw_socket(io, Role::Server, config).await;
                services.phones.phone_connected(socket, info);
            }
            Err(error) => tracing::debug!(%error, "phone left during its upgrade"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept_key);
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("sip"));
    response
}

/// Small buffers: a phone is idle nearly always, and there are thousands.
fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(2 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * limit::SIP_MESSAGE_BYTES_MAX)
        .max_message_size(Some(limit::SIP_MESSAGE_BYTES_MAX))
        .max_frame_size(Some(limit::SIP_MESSAGE_BYTES_MAX))
}
