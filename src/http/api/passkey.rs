//! Passkeys: made, shown, named, given up. Bytes are base64url without padding.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::json::StrictJson;
use super::super::paths::Id;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::time::{rfc3339, rfc3339_or};
use super::super::visit::Visit;
use super::factor::{OwnPassword, texts_of};
use super::shared::{Items, Nothing};
use super::sign_in::{LoginAttempt, end_former, welcome};
use crate::access::passkey::{Assertion, Registration};
use crate::access::{KnownPasskey, NewPasskey, PasskeyToShow as Asked};
use crate::base::{Secret, limit};
use crate::store::{PasskeyId, PasskeyRow};

/// One's password, unless the second factor is yet to be set up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PasskeyBegin {
    password: Option<String>,
}

/// A passkey as browsers find it again.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct PasskeyDescriptor {
    /// Its identity in the browser.
    id: String,
    /// `internal`, `hybrid`, `usb`, …
    transports: Vec<String>,
}

/// What `navigator.credentials.create` needs.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct PasskeyToMake {
    /// 32 bytes to sign.
    challenge: String,
    /// The relying party identifier.
    rp_id: String,
    rp_name: &'static str,
    /// 16 bytes.
    user_id: String,
    user_name: String,
    user_display_name: String,
    /// COSE numbers, the preferred one first.
    algorithms: Vec<i64>,
    /// Passkeys whose authenticators should make no other.
    exclude: Vec<PasskeyDescriptor>,
    timeout_ms: u64,
}

/// What the browser made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PasskeyMade {
    /// To know it by: 1 to 60 characters.
    name: String,
    /// `clientDataJSON`.
    client_data: String,
    /// `attestationObject`.
    attestation_object: String,
    /// `getTransports()`.
    transports: Option<Vec<String>>,
}

/// A passkey.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct PasskeyShown {
    id: String,
    name: String,
    created_at: String,
    last_used_at: Option<String>,
}

/// A passkey in use from now on.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct PasskeyAdded {
    passkey: PasskeyShown,
    /// If there were none; each works once. Shown once.
    recovery_codes: Vec<String>,
}

/// Another name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PasskeyName {
    name: String,
}

/// What `navigator.credentials.get` needs.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct PasskeyToShow {
    /// 32 bytes to sign.
    challenge: String,
    /// The relying party identifier.
    rp_id: String,
    /// Any of these.
    allow: Vec<PasskeyDescriptor>,
    timeout_ms: u64,
}

/// What the passkey signed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PasskeyAnswer {
    /// `rawId`.
    credential_id: String,
    /// `clientDataJSON`.
    client_data: String,
    /// `authenticatorData`.
    authenticator_data: String,
    signature: String,
    /// `userHandle`, where there is one.
    user_handle: Option<String>,
}

/// A passkey for a sign-in under way.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct LoginPasskey {
    /// As given after the password.
    attempt: String,
    passkey: PasskeyAnswer,
}

/// `POST login/passkey/ask`.
pub(in super::super) async fn ask_at_login(
    State(services): State<Arc<Services>>,
    StrictJson(body): StrictJson<LoginAttempt>,
) -> Result<Json<PasskeyToShow>, Problem> {
    let asked = services.access.sign_in().ask_for_passkey(&Secret::new(body.attempt)).await?;
    Ok(Json(asked.into()))
}

/// `POST login/passkey`.
pub(in super::super) async fn login(
    State(services): State<Arc<Services>>,
    visit: Visit,
    headers: HeaderMap,
    StrictJson(body): StrictJson<LoginPasskey>,
) -> Result<Response, Problem> {
    let (attempt, answer) = (Secret::new(body.attempt), body.passkey.read()?);
    let signed_in = services.access.sign_in().passkey(&attempt, &answer, &visit.client()).await?;
    end_former(&services, &visit, &headers).await?;
    welcome(&services, &visit, signed_in).await
}

/// `GET me/second-factor/passkeys`.
pub(in super::super) async fn list(
    State(services): State<Arc<Services>>,
    caller: Caller,
) -> Result<Json<Items<PasskeyShown>>, Problem> {
    let passkeys = services.access.second_factor().passkeys(&caller.principal).await?;
    Ok(Items::all(passkeys.into_iter().map(PasskeyShown::from)))
}

/// `POST me/second-factor/passkeys/begin`.
pub(in super::super) async fn begin(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    StrictJson(body): StrictJson<PasskeyBegin>,
) -> Result<Json<PasskeyToMake>, Problem> {
    let password = body.password.map(Secret::new);
    let factor = services.access.second_factor();
    let client = visit.client();
    let begun = factor.begin_passkey(&caller.principal, password.as_ref(), &client).await?;
    Ok(Json(PasskeyToMake {
        challenge: begun.challenge.expose().to_string(),
        rp_id: begun.host,
        rp_name: "Ringfence",
        user_id: URL_SAFE_NO_PAD.encode(begun.user_id.as_bytes()),
        user_name: begun.user_name,
        user_display_name: begun.display_name,
        algorithms: begun.algorithms.to_vec(),
        exclude: begun.known.into_iter().map(PasskeyDescriptor::from).collect(),
        timeout_ms: TIMEOUT_MS,
    }))
}

/// `POST me/second-factor/passkeys`.
pub(in super::super) async fn add(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    StrictJson(body): StrictJson<PasskeyMade>,
) -> Result<(StatusCode, Json<PasskeyAdded>), Problem> {
    let new = NewPasskey {
        answer: Registration {
            client_data: bytes("client_data", &body.client_data)?,
            attestation_object: bytes("attestation_object", &body.attestation_object)?,
        },
        name: body.name,
        transports: body.transports.unwrap_or_default(),
    };
    let factor = services.access.second_factor();
    let made = factor.finish_passkey(&caller.principal, &new, &visit.client()).await?;
    let recovery_codes = texts_of(&made.recovery_codes);
    Ok((StatusCode::CREATED, Json(PasskeyAdded { passkey: made.row.into(), recovery_codes })))
}

/// `POST me/second-factor/passkeys/ask`.
pub(in super::super) async fn ask(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<Json<PasskeyToShow>, Problem> {
    let asked = services.access.second_factor().ask_for_passkey(&caller.principal).await?;
    Ok(Json(asked.into()))
}

/// `PATCH me/second-factor/passkeys/{id}`.
pub(in super::super) async fn rename(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    Id(id): Id<PasskeyId>,
    StrictJson(body): StrictJson<PasskeyName>,
) -> Result<StatusCode, Problem> {
    let factor = services.access.second_factor();
    factor.rename_passkey(&caller.principal, id, &body.name, &visit.client()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST me/second-factor/passkeys/{id}/remove`.
pub(in super::super) async fn remove(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    Id(id): Id<PasskeyId>,
    StrictJson(body): StrictJson<OwnPassword>,
) -> Result<StatusCode, Problem> {
    let password = Secret::new(body.password);
    let factor = services.access.second_factor();
    factor.remove_passkey(&caller.principal, id, &password, &visit.client()).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl PasskeyAnswer {
    /// Its bytes.
    pub(super) fn read(self) -> Result<Assertion, Problem> {
        let handle = self.user_handle.filter(|handle| !handle.is_empty());
        Ok(Assertion {
            credential_id: bytes("credential_id", &self.credential_id)?,
            client_data: bytes("client_data", &self.client_data)?,
            authenticator_data: bytes("authenticator_data", &self.authenticator_data)?,
            signature: bytes("signature", &self.signature)?,
            user_handle: handle.map(|handle| bytes("user_handle", &handle)).transpose()?,
        })
    }
}

impl From<Asked> for PasskeyToShow {
    fn from(asked: Asked) -> Self {
        Self {
            challenge: asked.challenge.expose().to_string(),
            rp_id: asked.host,
            allow: asked.known.into_iter().map(PasskeyDescriptor::from).collect(),
            timeout_ms: TIMEOUT_MS,
        }
    }
}

impl From<KnownPasskey> for PasskeyDescriptor {
    fn from(known: KnownPasskey) -> Self {
        Self { id: URL_SAFE_NO_PAD.encode(known.credential_id), transports: known.transports }
    }
}

impl From<PasskeyRow> for PasskeyShown {
    fn from(row: PasskeyRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            created_at: rfc3339(row.created_at),
            last_used_at: rfc3339_or(row.last_used_at),
        }
    }
}

/// How long the browser waits for its owner.
const TIMEOUT_MS: u64 = limit::PASSKEY_CHALLENGE_LIFE.as_secs() * 1000;

fn bytes(field: &'static str, text: &str) -> Result<Vec<u8>, Problem> {
    let words = "bytes are written in base64url without padding";
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Problem::invalid(field, words))
}
