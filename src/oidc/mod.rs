//! Signing in by Google, Microsoft, Apple or any other OpenID Connect issuer.
//!
//! OpenID Connect Core 1.0 (code flow), Discovery 1.0, PKCE (RFC 7636, S256 only), issuer in the
//! response (RFC 9207). Owns what is asked of a provider and what is believed of its answer. Does
//! not know accounts (who may be linked is `access`' decision), cookies or URLs of ours. Written
//! on `jsonwebtoken` and `net::fetch`, because the usual library brings a second cryptography
//! provider and an HTTP client that follows redirects.
//!
//! [`OidcClient::begin`] gives the address to send the browser to and a [`Pending`] to keep for
//! this browser alone; [`OidcClient::finish`] takes both the [`Pending`] and what came back. A
//! `Pending` is to be used once: the caller forgets it before it calls `finish`.

mod client;
mod discovery;
mod documents;
mod error;
mod exchange;
mod id_token;
mod keys;
mod pending;
mod provider;
mod random;

#[cfg(test)]
mod tests;

pub use client::{Callback, Identity, OidcClient};
pub use error::{IdTokenError, OidcError};
pub use pending::Pending;
pub use provider::{AppleKey, ClientSecret, Kind, Provider, ResponseMode};
