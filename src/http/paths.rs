//! Identities in paths: what is no identity is not there, in the same words as a missing one.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::problem::Problem;

/// The identity at `{id}`.
pub(super) struct Id<T>(pub(super) T);

/// The identity at `{user}`.
pub(super) struct OtherUser<T>(pub(super) T);

/// The word at `{provider}` or `{page}`: 1 to 40 lower-case letters, digits and dashes.
pub(super) struct Word(pub(super) String);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = parameter(parts, state, &["id"]).await?;
        text.parse().map(Self).map_err(|_| Problem::not_found())
    }
}

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for OtherUser<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = parameter(parts, state, &["user"]).await?;
        text.parse().map(Self).map_err(|_| Problem::not_found())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Word {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = parameter(parts, state, &["provider", "page"]).await?;
        let is_word = (1..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if is_word { Ok(Self(text)) } else { Err(Problem::not_found()) }
    }
}

async fn parameter<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    names: &[&str],
) -> Result<String, Problem> {
    // An escape is another spelling of the same thing: each has one.
    if parts.uri.path().contains('%') {
        return Err(Problem::not_found());
    }
    let params = RawPathParams::from_request_parts(parts, state).await;
    let params = params.map_err(|_| Problem::not_found())?;
    let found = params.iter().find(|(name, _)| names.contains(name));
    found.map(|(_, value)| value.to_string()).ok_or_else(Problem::not_found)
}
