//! Why something was not done.

use crate::access::api_key::ApiKeyError;
use crate::access::audit::AuditError;
use crate::access::password::PasswordError;
use crate::access::password_policy::PasswordRefusal;
use crate::access::pin::PinError;
use crate::access::random::NoRandom;
use crate::base::UnixTime;
use crate::store::StoreError;

/// Why a change or a look was refused; nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrganisationError {
    /// Not there, or in another workspace: nobody can tell which.
    #[error("there is no such thing here")]
    NotFound,
    /// Seen, but not theirs to do.
    #[error("you may not do this")]
    Forbidden,
    /// More than the author has, given or touched.
    #[error("this needs a higher role or level than yours")]
    MoreThanOwn,
    /// The workspace would have no owner.
    #[error("this is the last owner of the workspace: make another person owner first")]
    LastOwner,
    /// The home workspace stays.
    #[error("the home workspace runs the installation and cannot be disabled")]
    HomeWorkspace,
    /// What a person is everywhere is not one workspace's to change.
    #[error("this person belongs to other workspaces too: take them out of this one instead")]
    SharedPerson,
    /// Another one has it.
    #[error("another one has this {0}: choose another")]
    Taken(&'static str),
    /// A value that is none.
    #[error("{field} {must}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// A password the policy refuses.
    #[error(transparent)]
    Password(#[from] PasswordRefusal),
    /// As many as there may be.
    #[error("the workspace has {0} active API keys, as many as it may: revoke one first")]
    KeyLimit(u32),
    /// What was shown again is wrong.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The link of an invitation was never one.
    #[error("this is no invitation: open the link of the mail again, or ask for a new one")]
    LinkUnknown,
    /// The invitation is over.
    #[error("this invitation has expired: ask for a new one")]
    LinkExpired,
    /// The invitation was accepted.
    #[error("this invitation was used: sign in instead")]
    LinkUsed,
    /// The invited address has an account.
    #[error("there is an account with this mail address: sign in, then open the link again")]
    AccountExists,
    /// Previous days without the PIN.
    #[error("reports of previous days need the PIN")]
    PinRequired,
    /// There is no PIN to enter.
    #[error("no PIN is set: set one first")]
    PinNotSet,
    /// A text that is not allowed as a PIN.
    #[error(transparent)]
    PinInvalid(#[from] PinError),
    /// Not the PIN.
    #[error("the PIN is wrong; {tries_left} tries left")]
    PinWrong {
        /// How many.
        tries_left: u32,
    },
    /// Too many wrong PINs.
    #[error("too many wrong PINs: wait until the lock ends")]
    PinLocked {
        /// When.
        until: UnixTime,
    },
    /// As many as are kept.
    #[error("there are too many {0}")]
    Full(&'static str),
    /// Too much at once.
    #[error("too many people set passwords at once: try again in a few seconds")]
    Busy,
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// It could not be audited, so it did not happen.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
}

/// Why what a person showed again does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Name, password or code is not theirs.
    #[error("confirm with your user name and password")]
    Wrong,
    /// They have a second factor and showed none.
    #[error("confirm with your second factor too")]
    CodeRequired,
    /// Too many wrong ones.
    #[error("too many wrong passwords: try again in {retry_after_s} seconds")]
    TooMany {
        /// Seconds.
        retry_after_s: u32,
    },
    /// It cannot be checked now.
    #[error("too many people sign in at once: try again in a few seconds")]
    Busy,
}

/// Why somebody cannot call from a number.
#[derive(Debug, thiserror::Error)]
pub enum NumberError {
    /// The number is not theirs to call from, or they have none and need one.
    #[error("you may not call from this number")]
    Forbidden,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an API key opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No key, or mistyped.
    #[error(transparent)]
    Malformed(#[from] ApiKeyError),
    /// Unknown, revoked, over, or of somebody who may not come in any more: nobody can tell which.
    #[error("this API key is not valid")]
    Refused,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OrganisationError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::MoreThanOwn => "more_than_own_rights",
            Self::LastOwner => "last_owner",
            Self::HomeWorkspace => "home_workspace",
            Self::SharedPerson => "shared_person",
            Self::Taken("name") => "name_taken",
            Self::Taken("email") => "email_taken",
            Self::Taken("number") => "number_taken",
            Self::Taken(_) => "taken",
            Self::Invalid { .. } => "invalid",
            Self::Password(refusal) => refusal.code(),
            Self::KeyLimit(_) => "api_key_limit",
            Self::Proof(proof) => proof.code(),
            Self::LinkUnknown => "link_unknown",
            Self::LinkExpired => "link_expired",
            Self::LinkUsed => "link_used",
            Self::AccountExists => "account_exists",
            Self::PinRequired => "pin_required",
            Self::PinNotSet => "pin_not_set",
            Self::PinInvalid(PinError::Digits) => "pin_digits",
            Self::PinInvalid(PinError::TooSimple) => "pin_too_simple",
            Self::PinWrong { .. } => "pin_wrong",
            Self::PinLocked { .. } => "pin_locked",
            Self::Full(_) => "full",
            Self::Busy => "busy",
            Self::Random(_) | Self::Audit(_) | Self::Store(_) => "unavailable",
        }
    }

    /// The field that is wrong, where it is one.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Invalid { field, .. } | Self::Taken(field) => Some(field),
            Self::Password(_) => Some("password"),
            Self::PinInvalid(_) => Some("pin"),
            _ => None,
        }
    }
}

impl ProofError {
    /// A stable word.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Wrong => "reauth_required",
            Self::CodeRequired => "reauth_code_required",
            Self::TooMany { .. } => "too_many_failures",
            Self::Busy => "busy",
        }
    }
}

impl NumberError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden_number",
            Self::Store(_) => "unavailable",
        }
    }
}

impl KeyError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "api_key_malformed",
            Self::Refused => "api_key_refused",
            Self::Store(_) => "unavailable",
        }
    }
}

impl From<StoreError> for OrganisationError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(field) => Self::Taken(field),
            other => Self::Store(other),
        }
    }
}

impl From<PasswordError> for OrganisationError {
    fn from(_: PasswordError) -> Self {
        // Its length was checked by the policy before.
        Self::Busy
    }
}
