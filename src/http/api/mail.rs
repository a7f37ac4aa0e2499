//! How the installation sends mail.

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
use super::shared::Nothing;
use crate::access::connection::MailConnection;
use crate::base::Secret;

/// The mail server. Its password is never shown.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct MailShown {
    host: String,
    port: u16,
    user: Option<String>,
    from: String,
    /// `opportunistic`, `required` or `implicit`.
    tls: String,
    ca_pem: Option<String>,
    has_password: bool,
}

/// The mail server to use. Without a password the one before stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct MailToSet {
    host: String,
    port: u16,
    user: Option<String>,
    password: Option<String>,
    from: String,
    tls: String,
    ca_pem: Option<String>,
}

/// `GET settings/mail`; empty texts while there is none.
pub(in super::super) async fn show(
    State(services): State<Arc<Services>>,
) -> Result<Json<MailShown>, Problem> {
    shown(&services).await
}

/// `PUT settings/mail`.
pub(in super::super) async fn change(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<MailToSet>,
) -> Result<Json<MailShown>, Problem> {
    let MailToSet { host, port, user, password, from, tls, ca_pem } = body;
    let password = password.map(Secret::new);
    let connection = MailConnection { host, port, user, from, tls, ca_pem };
    let connections = services.access.connections();
    connections.set_mail(&caller.actor, &connection, password.as_ref()).await?;
    shown(&services).await
}

/// `POST settings/mail/test`: a mail to oneself.
pub(in super::super) async fn test(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<StatusCode, Problem> {
    let user = services.store.users().by_id(caller.principal.user_id).await?;
    let Some(email) = user.and_then(|user| user.email) else {
        let detail = "you have no mail address: ask for one to be set";
        return Err(Problem::unacceptable("no_email", detail));
    };
    services.mail_test.send(&email).await.map_err(|why| {
        Problem::new(
            StatusCode::BAD_GATEWAY,
            "mail_failed",
            format!("the mail was not sent: {why}"),
        )
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn shown(services: &Services) -> Result<Json<MailShown>, Problem> {
    let found = services.access.connections().mail().await?;
    let (mail, has_password) = match found {
        Some((mail, has_password)) => (mail, has_password),
        None => {
            let (host, from, tls) = (String::new(), String::new(), "required".to_string());
            (MailConnection { host, port: 587, user: None, from, tls, ca_pem: None }, false)
        }
    };
    let MailConnection { host, port, user, from, tls, ca_pem } = mail;
    Ok(Json(MailShown { host, port, user, from, tls, ca_pem, has_password }))
}
