//! Every URL of the server: the API from the table of rights, and what is beside it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Extensions, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};

use super::authorize::{Gate, authorize};
use super::guard::{Guard, guard};
use super::limiting::{Limited, count, limited};
use super::problem::Problem;
use super::routes::route_of;
use super::services::Services;
use super::visit::Visit;
use super::{assets, docs, health, upgrade};
use crate::access::policy::Endpoint;
use crate::access::throttle::{RateClass, RequestFacts};
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
        extensions.get::<Self>().copied().ok_or_else(Self::missing)
    }
}

/// Everything, behind the guard.
pub fn router(services: Arc<Services>) -> Router {
    let guarding = Arc::new(Guard::new(Arc::clone(&services)));
    api(&services)
        .merge(beside(&services))
        .fallback_service(files(&services))
        .layer(from_fn_with_state(guarding, guard))
        .with_state(services)
}

/// The API: one route and one gate for each row of the table.
fn api(services: &Arc<Services>) -> Router<Arc<Services>> {
    let mut router = Router::new();
    for endpoint in Endpoint::ALL {
        let gate = Gate { services: Arc::clone(services), endpoint: *endpoint };
        let handler = route_of(*endpoint).handler.route_layer(from_fn_with_state(gate, authorize));
        router = router.route(endpoint.rule().path, handler);
    }
    router.method_not_allowed_fallback(wrong_method)
}

/// What belongs to the API but is in no table, because it shows nothing of anybody.
fn beside(services: &Arc<Services>) -> Router<Arc<Services>> {
    let layer =
        |class| from_fn_with_state(Limited { services: Arc::clone(services), class }, limited);
    let nowhere = Router::new()
        .route("/api", any(nothing))
        .route("/api/{*rest}", any(nothing))
        .layer(layer(RateClass::General));
    let open = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/docs", get(docs::index))
        .route("/docs/{file}", get(docs::file))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(layer(RateClass::Static));
    nowhere.merge(open).route("/ws", any(upgrade::upgrade))
}

/// The web application.
fn files(services: &Arc<Services>) -> Router {
    let limits = Limited { services: Arc::clone(services), class: RateClass::Static };
    Router::new().fallback(assets::serve).layer(from_fn_with_state(limits, limited))
}

async fn nothing() -> Problem {
    Problem::not_found()
}

/// A path of the API with a method that it does not take: no gate counts it, so this does.
async fn wrong_method(
    State(services): State<Arc<Services>>,
    visit: Visit,
) -> Result<Response, Problem> {
    let facts = RequestFacts::anonymous(RateClass::General, visit.ip);
    let quota = count(&services, &facts)?;
    let mut response = method_not_allowed().await.into_response();
    quota.write(response.headers_mut());
    Ok(response)
}

async fn method_not_allowed() -> Problem {
    let detail = "this address does not take this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
