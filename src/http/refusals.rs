//! What the services refuse, as problems: the status by kind, the service's own code and words.
//!
//! Where the cause is ours it is logged here, where it is handled, and the client learns only that
//! something failed (O-07).

use axum::http::StatusCode;

use super::limiting::full;
use super::problem::Problem;
use crate::access::audit::AuditError;
use crate::access::connection::ConnectionError;
use crate::access::organisation::{KeyError, OrganisationError, ProofError};
use crate::access::settings::SettingsError;
use crate::access::{AccessError, SessionError, TokenError};
use crate::store::StoreError;
use crate::vault::{TrunkBookError, VaultError};

/// Ours to mend: logged, and said to be so.
pub(super) fn failed(error: &dyn std::error::Error) -> Problem {
    let cause = error.source().map(ToString::to_string);
    tracing::error!(%error, cause, "a request failed");
    Problem::busy("unavailable", "the server cannot do this now; try again in a moment", 5)
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        failed(&error)
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        failed(&error)
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        failed(&error)
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid | TokenError::Expired | TokenError::SessionEnded => {
                Self::unauthorized(error.code(), error.to_string())
            }
            TokenError::Unavailable => failed(&error),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::None | SessionError::Expired | SessionError::Ended => {
                Self::unauthorized(error.code(), error.to_string())
            }
            SessionError::Store(_) | SessionError::NoRandom(_) | SessionError::Audit(_) => {
                failed(&error)
            }
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let (code, words) = (error.code(), error.to_string());
        match error {
            AccessError::Refused | AccessError::AttemptOver => Self::unauthorized(code, words),
            AccessError::Totp(_)
            | AccessError::EmailCode(_)
            | AccessError::RecoveryCode
            | AccessError::Passkey(_) => Self::unauthorized(code, words),
            AccessError::OutOfReach(_)
            | AccessError::EmailUnverified
            | AccessError::NoPassword
            | AccessError::PasswordRequired
            | AccessError::WrongPassword
            | AccessError::IdentityUnverified
            | AccessError::NoAccount
            | AccessError::FactorRequired
            | AccessError::SignUpClosed => Self::forbidden(code, words),
            AccessError::LinkDead | AccessError::LinkUsed | AccessError::LinkExpired => {
                Self::gone(code, words)
            }
            AccessError::Busy => Self::busy(code, words, 3),
            AccessError::Throttled { scope, limit, retry_after_s } => {
                full(code, words, scope, limit, retry_after_s)
            }
            AccessError::FactorLocked { until } => {
                let until = super::time::rfc3339(until);
                Self::new(StatusCode::TOO_MANY_REQUESTS, code, words).with("locked_until", until)
            }
            AccessError::MethodRefused => Self::unacceptable(code, words).in_field("method"),
            AccessError::Password(_) => Self::unacceptable(code, words).in_field("password"),
            AccessError::Invalid { field, words } => Self::invalid(field, words),
            AccessError::NoTotp
            | AccessError::HasTotp
            | AccessError::PasskeysFull
            | AccessError::LinkRequiresVerification
            | AccessError::SetUpDone => Self::conflict(code, words),
            AccessError::Taken(field) => Self::conflict(code, words).in_field(field),
            AccessError::NotFound => Self::not_found(),
            AccessError::Session(error) => error.into(),
            AccessError::Token(error) => error.into(),
            AccessError::Audit(error) => error.into(),
            AccessError::Vault(error) => error.into(),
            AccessError::Store(error) => error.into(),
            AccessError::NoRandom(_) => failed(&error),
        }
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        let (code, words) = (error.code(), error.to_string());
        match error {
            SettingsError::Unknown(_) => Self::unacceptable(code, words),
            SettingsError::NotHere(key) => Self::forbidden(code, words).in_field(key),
            SettingsError::Value { key, .. } => Self::unacceptable(code, words).in_field(key),
            SettingsError::Preset(_) => Self::unacceptable(code, words).in_field("preset"),
            SettingsError::Audit(error) => error.into(),
            SettingsError::Store(error) => error.into(),
        }
    }
}

impl From<TrunkBookError> for Problem {
    fn from(error: TrunkBookError) -> Self {
        let words = error.to_string();
        match error {
            TrunkBookError::InBoth(_) | TrunkBookError::Exists(_) => {
                Self::conflict("trunk_exists", words).in_field("name")
            }
            TrunkBookError::HostTaken => Self::conflict("trunk_host_taken", words).in_field("host"),
            TrunkBookError::Full => Self::conflict("trunks_full", words),
            TrunkBookError::Configured(_) => Self::conflict("trunk_configured", words),
            TrunkBookError::Vault(error) => error.into(),
            TrunkBookError::Store(error) => error.into(),
        }
    }
}

impl From<ConnectionError> for Problem {
    fn from(error: ConnectionError) -> Self {
        let (code, words) = (error.code(), error.to_string());
        match error {
            ConnectionError::Field { field, .. } => Self::unacceptable(code, words).in_field(field),
            ConnectionError::None => Self::not_found(),
            ConnectionError::NotSetUp => Self::conflict(code, words),
            ConnectionError::Audit(error) => error.into(),
            ConnectionError::Vault(error) => error.into(),
            ConnectionError::Store(error) => error.into(),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Malformed(_) | KeyError::Refused => {
                Self::unauthorized(error.code(), error.to_string())
            }
            KeyError::Store(error) => error.into(),
        }
    }
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Self {
        let (code, words) = (error.code(), error.to_string());
        match error {
            ProofError::Wrong | ProofError::CodeRequired => Self::forbidden(code, words),
            ProofError::TooMany { retry_after_s } => Self::too_many(code, words, retry_after_s),
            ProofError::Busy => Self::busy(code, words, 3),
        }
    }
}

impl From<OrganisationError> for Problem {
    fn from(error: OrganisationError) -> Self {
        use OrganisationError as E;
        let (code, words, field) = (error.code(), error.to_string(), error.field());
        let problem = match error {
            E::NotFound => Self::not_found(),
            E::Forbidden | E::MoreThanOwn | E::PinRequired => Self::forbidden(code, words),
            E::PinWrong { tries_left } => {
                Self::forbidden(code, words).with("tries_left", tries_left)
            }
            E::PinLocked { until } => {
                let until = super::time::rfc3339(until);
                Self::new(StatusCode::TOO_MANY_REQUESTS, code, words).with("locked_until", until)
            }
            E::LastOwner
            | E::HomeWorkspace
            | E::SharedPerson
            | E::Taken(_)
            | E::KeyLimit(_)
            | E::AccountExists
            | E::PinNotSet
            | E::Full(_) => Self::conflict(code, words),
            E::Invalid { .. } | E::Password(_) | E::PinInvalid(_) => {
                Self::unacceptable(code, words)
            }
            E::Proof(error) => error.into(),
            E::LinkUnknown | E::LinkExpired | E::LinkUsed => Self::gone(code, words),
            E::Busy => Self::busy(code, words, 3),
            E::Random(_) => failed(&error),
            E::Audit(error) => error.into(),
            E::Store(error) => error.into(),
        };
        match field {
            Some(field) => problem.in_field(field),
            None => problem,
        }
    }
}
