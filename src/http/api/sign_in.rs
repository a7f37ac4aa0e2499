//! Signing in: password, second factor, development link, first administrator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::cookie::Jar;
use super::super::json::StrictJson;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::visit::Visit;
use super::me::me_of;
use crate::access::{Actor, DEVICE_COOKIE_LIFE, Of, SetUpRequest, SignInStep, SignedIn};
use crate::base::Secret;
use crate::store::Ending;

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Login {
    /// Sign-in name or mail address.
    user: String,
    password: String,
}

/// The key of a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct LinkKey {
    pub(super) key: String,
}

/// A second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct LoginFactor {
    /// As given after the password.
    attempt: String,
    /// `totp`, `email` or `recovery`.
    method: String,
    code: String,
}

/// Which sign-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct LoginAttempt {
    pub(super) attempt: String,
}

/// The password was right, and a second factor is to be shown. Nothing else is open until then.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct FactorNeeded {
    mfa_required: bool,
    /// Names this sign-in.
    attempt: String,
    /// `passkey`, `totp`, `email`, `recovery`: what may be shown, the preferred one first.
    methods: Vec<&'static str>,
    /// Whether a code is on its way by mail.
    email_sent: bool,
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct SetUp {
    key: String,
    name: String,
    display_name: String,
    email: Option<String>,
    password: String,
    /// The first workspace's name.
    workspace: String,
}

/// `POST login`.
pub(in super::super) async fn login(
    State(services): State<Arc<Services>>,
    visit: Visit,
    headers: HeaderMap,
    StrictJson(login): StrictJson<Login>,
) -> Result<Response, Problem> {
    let password = Secret::new(login.password);
    let device = Jar::Device.read(&headers, visit.listener);
    let sign_in = services.access.sign_in();
    let step = sign_in.password(&login.user, &password, &visit.client(), device).await?;
    next(&services, &visit, &headers, step).await
}

/// `POST login/factor`.
pub(in super::super) async fn factor(
    State(services): State<Arc<Services>>,
    visit: Visit,
    headers: HeaderMap,
    StrictJson(body): StrictJson<LoginFactor>,
) -> Result<Response, Problem> {
    let (attempt, code) = (Secret::new(body.attempt), Secret::new(body.code));
    let sign_in = services.access.sign_in();
    let signed_in = sign_in.factor(&attempt, &body.method, &code, &visit.client()).await?;
    end_former(&services, &visit, &headers).await?;
    welcome(&services, &visit, signed_in).await
}

/// `POST login/email-code`.
pub(in super::super) async fn email_code(
    State(services): State<Arc<Services>>,
    StrictJson(body): StrictJson<LoginAttempt>,
) -> Result<StatusCode, Problem> {
    services.access.sign_in().email_code(&Secret::new(body.attempt)).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `POST start`: the key of a development link.
pub(in super::super) async fn start(
    State(services): State<Arc<Services>>,
    visit: Visit,
    headers: HeaderMap,
    StrictJson(body): StrictJson<LinkKey>,
) -> Result<Response, Problem> {
    let signed_in = services.access.sign_in().start(&body.key, &visit.client()).await?;
    end_former(&services, &visit, &headers).await?;
    welcome(&services, &visit, signed_in).await
}

/// `POST set-up`.
pub(in super::super) async fn set_up(
    State(services): State<Arc<Services>>,
    visit: Visit,
    StrictJson(body): StrictJson<SetUp>,
) -> Result<Response, Problem> {
    let request = SetUpRequest {
        name: body.name,
        display_name: body.display_name,
        email: body.email,
        password: Secret::new(body.password),
        workspace: body.workspace,
    };
    let key = Secret::new(body.key);
    let signed_in = services.access.set_up().finish(&key, &request, &visit.client()).await?;
    welcome(&services, &visit, signed_in).await
}

/// What follows a proved identity: a session, or the question for the second factor.
pub(super) async fn next(
    services: &Services,
    visit: &Visit,
    headers: &HeaderMap,
    step: SignInStep,
) -> Result<Response, Problem> {
    match step {
        SignInStep::Done(signed_in) | SignInStep::Enrol(signed_in) => {
            end_former(services, visit, headers).await?;
            welcome(services, visit, signed_in).await
        }
        SignInStep::Factor { attempt, methods, email_sent } => {
            let needed = FactorNeeded {
                mfa_required: true,
                attempt: attempt.expose().to_string(),
                methods: methods.into_iter().map(|method| method.as_str()).collect(),
                email_sent,
            };
            Ok(Json(needed).into_response())
        }
    }
}

/// Ends the session of the cookie that a sign-in replaces.
pub(super) async fn end_former(
    services: &Services,
    visit: &Visit,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    if let Some(old) = Jar::Session.read(headers, visit.listener)
        && let Ok(old) = services.access.check_cookie(old, &visit.client()).await
    {
        let (of, id) = (Of::User(old.principal.user_id), old.principal.session_id);
        let actor = Actor::of(&old.principal, Some(visit.ip));
        services.access.sessions().end(&actor, of, id, Ending::Replaced).await?;
    }
    Ok(())
}

/// Gives the new session's cookie.
pub(super) async fn welcome(
    services: &Services,
    visit: &Visit,
    signed_in: SignedIn,
) -> Result<Response, Problem> {
    let me = me_of(services, &signed_in.principal).await?;
    let cookies = cookies(services, visit, &signed_in);
    Ok((StatusCode::OK, AppendHeaders(cookies), Json(me)).into_response())
}

/// The cookies of a sign-in: the session's, and the browser's own when it has none yet.
pub(super) fn cookies(
    services: &Services,
    visit: &Visit,
    signed_in: &SignedIn,
) -> Vec<(axum::http::HeaderName, axum::http::HeaderValue)> {
    let life = services.cookie_life(signed_in.principal.workspace_id);
    let session = Jar::Session.set(&signed_in.cookie, life, visit.listener);
    let device = signed_in
        .device_cookie
        .as_ref()
        .and_then(|device| Jar::Device.set(device, DEVICE_COOKIE_LIFE, visit.listener));
    session.into_iter().chain(device).map(|cookie| (SET_COOKIE, cookie)).collect()
}
