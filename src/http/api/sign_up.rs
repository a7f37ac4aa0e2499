//! Making an account, proving a mail address, and a forgotten password.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::json::StrictJson;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::visit::Visit;
use super::shared::Done;
use super::sign_in::LinkKey;
use crate::access::SignUpRequest;
use crate::access::connection::Connections;
use crate::base::Secret;

/// How one may sign in.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct SignInOptions {
    password: bool,
    sign_up: bool,
    providers: Vec<ProviderOffered>,
}

/// An identity provider.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct ProviderOffered {
    name: String,
    title: &'static str,
}

/// An account and a workspace.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct SignUp {
    email: String,
    password: String,
    display_name: String,
    workspace: String,
}

/// A mail address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct EmailAddress {
    email: String,
}

/// A new password, with the key of the link that was mailed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct NewPassword {
    key: String,
    password: String,
}

/// `GET sign-in-options`.
pub(in super::super) async fn options(
    State(services): State<Arc<Services>>,
) -> Result<Json<SignInOptions>, Problem> {
    let providers = services.access.connections().providers().await?;
    let offered = providers.into_iter().filter(|(_, provider, _)| provider.enabled);
    let providers =
        offered.map(|(name, ..)| ProviderOffered { title: title(name), name: name.to_string() });
    let sign_up = services.access.settings().installation().signup_enabled;
    Ok(Json(SignInOptions { password: true, sign_up, providers: providers.collect() }))
}

/// `POST sign-up`.
pub(in super::super) async fn sign_up(
    State(services): State<Arc<Services>>,
    visit: Visit,
    StrictJson(body): StrictJson<SignUp>,
) -> Result<(StatusCode, Json<Done>), Problem> {
    let request = SignUpRequest {
        email: body.email,
        password: Secret::new(body.password),
        display_name: body.display_name,
        workspace: body.workspace,
    };
    services.access.account().sign_up(&request, &visit.client()).await?;
    Ok((StatusCode::CREATED, Json(Done {})))
}

/// `POST email/verify`.
pub(in super::super) async fn verify(
    State(services): State<Arc<Services>>,
    visit: Visit,
    StrictJson(body): StrictJson<LinkKey>,
) -> Result<Json<Done>, Problem> {
    services.access.account().verify_email(&body.key, &visit.client()).await?;
    Ok(Json(Done {}))
}

/// `POST email/resend`: the same answer whether there is such an account or not.
pub(in super::super) async fn resend(
    State(services): State<Arc<Services>>,
    visit: Visit,
    StrictJson(body): StrictJson<EmailAddress>,
) -> Result<StatusCode, Problem> {
    services.access.account().resend(&body.email, &visit.client()).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `POST password/forgot`: the same answer whether there is such an account or not.
pub(in super::super) async fn forgot(
    State(services): State<Arc<Services>>,
    visit: Visit,
    StrictJson(body): StrictJson<EmailAddress>,
) -> Result<StatusCode, Problem> {
    services.access.account().forgot(&body.email, &visit.client()).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `POST password/reset`: ends all sessions of the person.
pub(in super::super) async fn reset(
    State(services): State<Arc<Services>>,
    visit: Visit,
    StrictJson(body): StrictJson<NewPassword>,
) -> Result<StatusCode, Problem> {
    let password = Secret::new(body.password);
    services.access.account().reset(&body.key, &password, &visit.client()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A provider's name for people.
pub(super) fn title(name: &str) -> &'static str {
    match Connections::PROVIDERS.iter().find(|provider| **provider == name) {
        Some(&"google") => "Google",
        Some(&"microsoft") => "Microsoft",
        Some(&"apple") => "Apple",
        Some(_) | None => "Your provider",
    }
}
