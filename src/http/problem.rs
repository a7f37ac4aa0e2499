//! Refusals as RFC 9457 problems: a stable code for programs, a sentence for people.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::access::{AccessError, SessionError, TokenError};
use crate::store::StoreError;

/// A refusal. Boxed: results that hold one are returned far more often without.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
    header: Option<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    /// A refusal with its stable code and a sentence.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Parts { status, code, detail, field: None, header: None }))
    }

    /// 401: who are you?
    #[must_use]
    pub fn unauthorized(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 403: not you.
    #[must_use]
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
    }

    /// 503, to be tried again.
    #[must_use]
    pub fn busy(code: &'static str, detail: impl Into<String>, retry_after_s: u16) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
            .with_header(RETRY_AFTER, HeaderValue::from(retry_after_s))
    }

    /// Names the field of the request that is wrong.
    #[must_use]
    pub fn in_field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { status, code, detail, field, header } = *self.0;
        let body = Body {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: &detail,
            field: field.as_deref(),
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, json).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, problem);
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<StoreError> for Problem {
    /// Logs what happened here, where it is handled; the client learns only that it did (O-07).
    fn from(error: StoreError) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(%error, cause, "the database failed");
        Self::busy("unavailable", "the database cannot be used now; try again in a moment", 5)
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        Self::unauthorized(error.code(), error.to_string())
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::None => Self::unauthorized("not_signed_in", error.to_string()),
            SessionError::Expired => Self::unauthorized("session_expired", error.to_string()),
            SessionError::Store(error) => error.into(),
            SessionError::NoRandom(_) => Self::busy("unavailable", "try again in a moment", 5),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Refused => Self::unauthorized("sign_in_refused", error.to_string()),
            AccessError::LinkDead => Self::new(StatusCode::GONE, "link_dead", error.to_string()),
            AccessError::Busy => Self::busy("busy", error.to_string(), 3),
            AccessError::Session(error) => error.into(),
            AccessError::Token(error) => error.into(),
            AccessError::Store(error) => error.into(),
        }
    }
}
