//! Why a sign-in by a provider did not work, with stable codes for pages and tests.

use crate::net::fetch::FetchError;

/// Why there is no identity. Nothing in it comes from the browser or, but for a registered error
/// code, from the provider.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OidcError {
    /// The answer belongs to no sign-in of this browser, or its state was changed.
    #[error("this answer does not belong to the sign-in begun here; begin again")]
    State,
    /// It took too long.
    #[error("the sign-in took too long; begin again")]
    Expired,
    /// The person or the provider said no.
    #[error("the provider did not sign you in ({reason})")]
    Denied {
        /// The provider's error code (RFC 6749 §4.1.2.1), letters and underscores only.
        reason: String,
    },
    /// The answer names another issuer than the one asked (RFC 9207).
    #[error("the answer comes from another provider than the one asked")]
    MixUp,
    /// No code in the answer.
    #[error("the provider's answer holds no code")]
    NoCode,
    /// The code was used before, is out of date, or belongs to another sign-in.
    #[error("the provider does not know this code; begin again")]
    Code,
    /// The ID token is not acceptable.
    #[error("the provider's ID token is not acceptable: {0}")]
    IdToken(#[from] IdTokenError),
    /// A document or an endpoint of the provider cannot be reached.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(#[from] FetchError),
    /// A document or answer of the provider is not what the specification says.
    #[error("the provider's {what} is not usable")]
    Provider {
        /// Which.
        what: &'static str,
    },
    /// The discovery document names another issuer than the settings.
    #[error("the discovery document names another issuer; correct `issuer` in the settings")]
    Issuer,
    /// The token endpoint refused us.
    #[error("the provider refused our client ({reason}); check client id and secret")]
    Refused {
        /// The provider's error code (RFC 6749 §5.2), letters and underscores only.
        reason: String,
    },
    /// The settings do not make a client secret.
    #[error("the provider's private key is not a PKCS#8 P-256 key in PEM")]
    ClientSecret,
    /// The system gives no random bytes.
    #[error("no random bytes")]
    NoRandom,
}

impl OidcError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::State => "oidc_state",
            Self::Expired => "oidc_expired",
            Self::Denied { .. } => "oidc_denied",
            Self::MixUp => "oidc_mix_up",
            Self::NoCode | Self::Code => "oidc_code",
            Self::IdToken(_) => "oidc_id_token",
            Self::Unreachable(_) => "oidc_unreachable",
            Self::Provider { .. } => "oidc_provider",
            Self::Issuer => "oidc_issuer",
            Self::Refused { .. } => "oidc_refused",
            Self::ClientSecret => "oidc_client_secret",
            Self::NoRandom => "unavailable",
        }
    }

    /// Whether the answer of the browser was at fault (400), not the provider or our settings
    /// (502).
    #[must_use]
    pub fn is_bad_request(&self) -> bool {
        match self {
            Self::State
            | Self::Expired
            | Self::Denied { .. }
            | Self::MixUp
            | Self::NoCode
            | Self::Code
            | Self::IdToken(_) => true,
            Self::Unreachable(_)
            | Self::Provider { .. }
            | Self::Issuer
            | Self::Refused { .. }
            | Self::ClientSecret
            | Self::NoRandom => false,
        }
    }
}

/// Which rule an ID token breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// No JWT, too long, or a claim is missing or of the wrong type.
    #[error("it is malformed")]
    Form,
    /// Signed in another way than RS256 or ES256, or another than its key is for.
    #[error("it is signed by an algorithm that is not accepted")]
    Algorithm,
    /// No key of the provider has its name.
    #[error("it names a key that the provider does not have")]
    UnknownKey,
    /// It names no key and the provider has several.
    #[error("it names no key")]
    NoKeyName,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// Another issuer.
    #[error("it comes from another issuer")]
    Issuer,
    /// For another client.
    #[error("it is for another client")]
    Audience,
    /// Past its time.
    #[error("it has expired")]
    Expired,
    /// Issued in the future.
    #[error("it is from the future; check the clocks")]
    NotYetValid,
    /// For another sign-in.
    #[error("it belongs to another sign-in")]
    Nonce,
}
