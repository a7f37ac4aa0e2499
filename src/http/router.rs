//! Every URL of the server, in one table.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{Extensions, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};

use super::guard::{Guard, guard};
use super::problem::Problem;
use super::services::Services;
use super::{assets, health, phone_api, session_api, token_api, upgrade};
use crate::engine::door::ListenerKind;

/// The connection a request came on; put into its extensions by the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The peer's address.
    pub remote: SocketAddr,
    /// Over TLS or plain.
    pub listener: ListenerKind,
}

impl Peer {
    pub(super) fn of(extensions: &Extensions) -> Result<Self, Problem> {
        let peer = extensions.get::<Self>().copied();
        peer.ok_or_else(|| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_peer", "unknown connection")
        })
    }
}

/// The table.
pub fn router(services: Arc<Services>) -> Router {
    let guarding = Arc::new(Guard::new(Arc::clone(&services)));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/api/v1/login", post(session_api::login))
        .route("/api/v1/start", post(session_api::start))
        .route("/api/v1/logout", post(session_api::logout))
        .route("/api/v1/me", get(session_api::me))
        .route("/api/v1/token", post(token_api::token))
        .route("/api/v1/ticket", post(token_api::ticket))
        .route("/api/v1/phone", get(phone_api::phone))
        .route("/api/{*rest}", any(nothing))
        .route("/api", any(nothing))
        .route("/ws", any(upgrade::upgrade))
        .fallback(assets::serve)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(guarding, guard))
        .with_state(services)
}

async fn nothing() -> Problem {
    Problem::not_found()
}

async fn wrong_method() -> Problem {
    let detail = "this address does not take this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
