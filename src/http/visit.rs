//! Where a request comes from: the client's address behind proxies, and its browser's words.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, StatusCode};

use super::problem::Problem;
use super::router::Peer;
use crate::access::{Client, TrustedProxies};
use crate::engine::door::ListenerKind;

/// Where a request comes from; the guard puts it into the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    /// The client's address (W-08).
    pub(super) ip: IpAddr,
    /// `User-Agent`, printable and cut.
    pub(super) user_agent: Option<String>,
    /// What the connection came in on.
    pub(super) listener: ListenerKind,
}

impl Visit {
    pub(super) fn new(peer: Peer, headers: &HeaderMap, proxies: &TrustedProxies) -> Self {
        let values = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let listed: Vec<_> = values(X_FORWARDED_FOR).collect();
        let elements: Vec<_> = values(axum::http::header::FORWARDED).collect();
        let ip = proxies.client_ip(peer.remote.ip(), listed, elements);
        Self { ip, user_agent: user_agent(headers), listener: peer.listener }
    }

    pub(super) fn of(extensions: &Extensions) -> Result<Self, Problem> {
        extensions.get::<Self>().cloned().ok_or_else(|| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_peer", "unknown connection")
        })
    }
}

impl Visit {
    /// The same as access control takes it.
    pub(super) fn client(&self) -> Client {
        Client::new(self.user_agent.as_deref(), Some(self.ip))
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.extensions)
    }
}

/// `User-Agent`, printable and cut.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(USER_AGENT)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    Some(text.chars().filter(|c| !c.is_control()).take(200).collect())
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
