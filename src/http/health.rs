//! Whether the process is alive, and whether it should get traffic.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::services::Services;

/// `GET /healthz`.
pub(super) async fn alive() -> &'static str {
    "OK\n"
}

/// `GET /readyz`: 200, or 503 with each reason.
pub(super) async fn ready(State(services): State<Arc<Services>>) -> Response {
    let mut reasons = (services.readiness)();
    if services.store.ping().await.is_err() {
        let (code, detail) = ("store", "the database does not answer".to_string());
        reasons.push(super::Unready { code, detail });
    }
    let status = match reasons.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let reasons: Vec<_> = reasons
        .iter()
        .map(|reason| json!({"code": reason.code, "detail": reason.detail}))
        .collect();
    (status, Json(json!({"ready": reasons.is_empty(), "reasons": reasons}))).into_response()
}
