//! What is asked of a provider behind the browser's back: tokens for a code, and the person's
//! details where the ID token has none (OpenID Connect Core 1.0 sections 3.1.3 and 5.3).

use serde::Deserialize;

use super::client::{bounded, error_code};
use super::discovery::Metadata;
use super::error::OidcError;
use super::id_token::Person;
use super::pending::Pending;
use super::provider::{ClientSecret, Provider};
use crate::base::{Secret, UnixTime};
use crate::net::fetch::{Authorization, Fetcher, form_text};

/// What the token endpoint gave.
pub(super) struct Tokens {
    pub(super) id_token: Secret,
    /// Used for the userinfo endpoint at once, then forgotten.
    pub(super) access_token: Option<Secret>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: Option<String>,
    access_token: Option<String>,
    error: Option<String>,
}

/// A code and what belongs to it.
pub(super) struct Exchange<'a> {
    pub(super) fetcher: &'a Fetcher,
    pub(super) provider: &'a Provider,
    pub(super) metadata: &'a Metadata,
}

impl Exchange<'_> {
    /// Tokens for a code.
    pub(super) async fn tokens(
        &self,
        secret: &ClientSecret,
        pending: &Pending,
        code: &str,
        now: UnixTime,
    ) -> Result<Tokens, OidcError> {
        let secret = secret.text(self.provider, now)?;
        let client_id = self.provider.client_id.as_str();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", pending.redirect_uri.as_str()),
            ("code_verifier", pending.pkce_verifier.expose()),
        ];
        let who = if self.metadata.takes_secret_in_form {
            fields.extend([("client_id", client_id), ("client_secret", secret.expose())]);
            Authorization::None
        } else {
            Authorization::Basic(form_text(client_id), Secret::new(form_text(secret.expose())))
        };
        let answer = self.fetcher.post_form(&self.metadata.token_endpoint, &who, &fields).await?;
        let unusable = OidcError::Provider { what: "token answer" };
        let Ok(tokens) = serde_json::from_slice::<TokenAnswer>(&answer.body) else {
            return Err(unusable);
        };
        match (answer.status, tokens.id_token, tokens.error.as_deref()) {
            (200, Some(id_token), _) => Ok(Tokens {
                id_token: Secret::new(id_token),
                access_token: tokens.access_token.map(Secret::new),
            }),
            (400..500, _, Some("invalid_grant")) => Err(OidcError::Code),
            (400..500, _, Some(error)) => Err(OidcError::Refused { reason: error_code(error) }),
            _ => Err(unusable),
        }
    }

    /// The person's details, when the userinfo endpoint speaks of the same subject.
    pub(super) async fn person(
        &self,
        access_token: Secret,
        subject: &str,
    ) -> Result<Person, OidcError> {
        #[derive(Deserialize)]
        struct UserInfo {
            sub: String,
            #[serde(flatten)]
            person: Person,
        }
        let Some(url) = &self.metadata.userinfo_endpoint else { return Ok(Person::default()) };
        let answer = self.fetcher.get(url, &Authorization::Bearer(access_token)).await?;
        let info = serde_json::from_slice::<UserInfo>(&answer.body);
        match info {
            Ok(info) if answer.status == 200 && info.sub == subject => Ok(info.person),
            _ => Err(OidcError::Provider { what: "userinfo answer" }),
        }
    }
}

/// A code of the callback, when it is one.
pub(super) fn code(text: Option<&str>) -> Result<&str, OidcError> {
    text.filter(|code| !code.is_empty() && bounded(code)).ok_or(OidcError::NoCode)
}
