//! One's own second factor.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::time::rfc3339_or;
use super::super::visit::Visit;
use super::shared::Nothing;
use crate::base::Secret;

/// One's second factor.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct MyFactor {
    /// Whether the workspace demands one.
    required: bool,
    /// Whether an authenticator app is in use.
    totp: bool,
    /// Whether one is being set up.
    totp_pending: bool,
    /// How many passkeys there are.
    passkeys: usize,
    /// Whether codes can be mailed.
    email: bool,
    recovery_codes_left: u32,
    /// What the workspace allows.
    methods: Vec<&'static str>,
    locked_until: Option<String>,
}

/// An authenticator app to set up. Shown once.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct TotpToSetUp {
    /// To type in where no camera is.
    secret: String,
    otpauth: String,
    /// The same as a picture.
    qr_svg: String,
}

/// Six digits.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TotpCode {
    code: String,
    /// One's password, ten minutes or more after signing in.
    password: Option<String>,
}

/// What proves that it is oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TotpDisable {
    password: String,
    code: String,
}

/// One's password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct OwnPassword {
    pub(super) password: String,
}

/// Codes for when app or passkey is lost; each works once. Shown once.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// `GET me/second-factor`.
pub(in super::super) async fn show(
    State(services): State<Arc<Services>>,
    caller: Caller,
) -> Result<Json<MyFactor>, Problem> {
    let status = services.access.second_factor().status(&caller.principal).await?;
    Ok(Json(MyFactor {
        required: status.required,
        totp: status.totp,
        totp_pending: status.totp_pending,
        passkeys: status.passkeys,
        email: status.email,
        recovery_codes_left: status.recovery_codes_left,
        methods: status.methods.iter().map(|method| method.as_str()).collect(),
        locked_until: rfc3339_or(status.locked_until),
    }))
}

/// `POST me/second-factor/totp`.
pub(in super::super) async fn begin_totp(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<Json<TotpToSetUp>, Problem> {
    let begun = services.access.second_factor().begin_totp(&caller.principal).await?;
    Ok(Json(TotpToSetUp {
        secret: begun.secret_text.expose().to_string(),
        otpauth: begun.otpauth.expose().to_string(),
        qr_svg: begun.qr_svg.expose().to_string(),
    }))
}

/// `POST me/second-factor/totp/confirm`.
pub(in super::super) async fn confirm_totp(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    StrictJson(body): StrictJson<TotpCode>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let (code, password) = (Secret::new(body.code), body.password.map(Secret::new));
    let factor = services.access.second_factor();
    let shown = (&code, password.as_ref());
    let codes = factor.confirm_totp(&caller.principal, shown, &visit.client()).await?;
    Ok(Json(codes_of(&codes)))
}

/// `POST me/second-factor/totp/disable`.
pub(in super::super) async fn disable_totp(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    StrictJson(body): StrictJson<TotpDisable>,
) -> Result<StatusCode, Problem> {
    let (password, code) = (Secret::new(body.password), Secret::new(body.code));
    let factor = services.access.second_factor();
    factor.disable_totp(&caller.principal, &password, &code, &visit.client()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST me/second-factor/recovery-codes`.
pub(in super::super) async fn renew_recovery_codes(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    StrictJson(body): StrictJson<OwnPassword>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let password = Secret::new(body.password);
    let factor = services.access.second_factor();
    let codes = factor.renew_recovery_codes(&caller.principal, &password, &visit.client()).await?;
    Ok(Json(codes_of(&codes)))
}

fn codes_of(codes: &[Secret]) -> RecoveryCodes {
    RecoveryCodes { recovery_codes: texts_of(codes) }
}

/// Recovery codes as they are shown.
pub(super) fn texts_of(codes: &[Secret]) -> Vec<String> {
    codes.iter().map(|code| code.expose().to_string()).collect()
}
