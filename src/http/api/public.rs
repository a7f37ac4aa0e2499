//! Forms for everybody.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::json::StrictJson;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::visit::Visit;
use super::shared::Done;
use crate::access::organisation::NewInquiry;

/// A demonstration to book.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct DemoBooking {
    name: String,
    email: String,
    /// When it would suit, in one's own words.
    wanted_at: String,
    words: String,
}

/// A message to the owner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ContactForm {
    name: String,
    email: String,
    words: String,
}

/// `POST public/demo-bookings`.
pub(in super::super) async fn book_demo(
    State(services): State<Arc<Services>>,
    visit: Visit,
    StrictJson(body): StrictJson<DemoBooking>,
) -> Result<(StatusCode, Json<Done>), Problem> {
    let DemoBooking { name, email, wanted_at, words } = body;
    let new = NewInquiry { name, email, wanted_at, words, ip: Some(visit.ip) };
    services.access.organisation().inquiries().book_demo(&new).await?;
    Ok((StatusCode::CREATED, Json(Done {})))
}

/// `POST public/contact`.
pub(in super::super) async fn contact(
    State(services): State<Arc<Services>>,
    visit: Visit,
    StrictJson(body): StrictJson<ContactForm>,
) -> Result<(StatusCode, Json<Done>), Problem> {
    let ContactForm { name, email, words } = body;
    let new = NewInquiry { name, email, wanted_at: String::new(), words, ip: Some(visit.ip) };
    services.access.organisation().inquiries().contact(&new).await?;
    Ok((StatusCode::CREATED, Json(Done {})))
}
