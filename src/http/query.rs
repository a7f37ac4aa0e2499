//! Query strings: known names only, and never a secret, because addresses end up in logs,
//! histories and `Referer` headers (C24, W-17).

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A query read strictly: unknown and repeated names are refused.
pub(super) struct StrictQuery<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|query| Self(query.0)).map_err(|_| {
            let detail = "the address has a parameter that is unknown, missing or malformed";
            Problem::new(StatusCode::BAD_REQUEST, "bad_query", detail)
        })
    }
}

/// Refuses a query that carries a credential. The words name none of it.
///
/// # Errors
/// One of its names is a credential's, or one of its values looks like one.
pub(super) fn refuse_secrets(query: Option<&str>) -> Result<(), Problem> {
    if query.is_some_and(has_secret) {
        let detail = "a credential does not belong into an address, which ends up in logs: send it \
                      in a header or in the body, and replace this one";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "secret_in_query", detail));
    }
    Ok(())
}

pub(super) fn has_secret(query: &str) -> bool {
    query.split('&').filter(|pair| !pair.is_empty()).any(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.to_ascii_lowercase().replace(['-', '.'], "_");
        SECRET_NAMES.contains(&name.as_str()) || looks_secret(value)
    })
}

/// A key of ours, or the beginning of a JWT.
fn looks_secret(value: &str) -> bool {
    value.contains("_live_") || value.starts_with("eyJ")
}

/// Names under which people and programs send credentials. Escaped spellings do not matter: no
/// route reads them, this is for those who mean well.
const SECRET_NAMES: [&str; 24] = [
    "access_token",
    "accesstoken",
    "api_key",
    "apikey",
    "api_token",
    "auth",
    "auth_token",
    "authorization",
    "bearer",
    "client_secret",
    "code",
    "cookie",
    "id_token",
    "jwt",
    "key",
    "pass",
    "passwd",
    "password",
    "pin",
    "refresh_token",
    "secret",
    "session",
    "ticket",
    "token",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c24_sec_w17_a_query_with_a_credential_is_refused() {
        for query in [
            "token=x",
            "a=b&Access-Token=x",
            "api_key=dn_live_a1b2c3d4_x",
            "x=dn_live_a1b2c3d4_x",
            "x=eyJhbGciOiJIUzI1NiJ9.e30.x",
            "password",
            "code=123456",
        ] {
            let problem = refuse_secrets(Some(query)).unwrap_err();
            assert_eq!(problem.code(), "secret_in_query", "{query}");
            assert!(!format!("{problem:?}").contains("dn_live"), "{problem:?}");
        }
        for query in [None, Some(""), Some("from=2026-01-01&to=2026-01-02"), Some("limit=5")] {
            assert!(refuse_secrets(query).is_ok(), "{query:?}");
        }
    }
}
