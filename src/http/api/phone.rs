//! What a page needs to be a phone.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::services::Services;

/// A phone's settings.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Phone {
    number: String,
    display_name: String,
    /// The socket's path on this origin.
    ws: &'static str,
    /// The host part of SIP addresses.
    domain: String,
    built_in: Vec<BuiltIn>,
    /// In order of preference.
    codecs: [&'static str; 3],
}

/// A number the server itself answers.
#[derive(Serialize, ToSchema)]
struct BuiltIn {
    number: String,
    kind: &'static str,
    title: &'static str,
    words: &'static str,
}

/// `GET phone`.
pub(in super::super) async fn phone(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
) -> Json<Phone> {
    let config = &services.config;
    let built_in = config
        .numbers
        .list()
        .map(|built_in| BuiltIn {
            number: built_in.number.to_string(),
            kind: built_in.kind,
            title: built_in.title,
            words: built_in.words,
        })
        .into();
    Json(Phone {
        number: principal.number.to_string(),
        display_name: principal.name.to_string(),
        ws: "/ws",
        domain: config.server.public_host.clone(),
        built_in,
        codecs: ["opus", "pcmu", "pcma"],
    })
}
