//! Why somebody was not let in, or something of theirs was not changed.

use super::audit::AuditError;
use super::email_code::EmailCodeRefusal;
use super::passkey::PasskeyRefusal;
use super::password_policy::PasswordRefusal;
use super::random::NoRandom;
use super::session::SessionError;
use super::token::TokenError;
use super::totp::TotpRefusal;
use crate::base::UnixTime;
use crate::store::StoreError;
use crate::vault::VaultError;

/// A refusal of access control. [`AccessError::code`] is stable; peers are told it and the words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Name and password do not match anybody who may sign in.
    #[error("name or password is wrong")]
    Refused,
    /// The password is right, and the mail address was never verified.
    #[error("the mail address is not verified yet: open the link we sent, or have it sent again")]
    EmailUnverified,
    /// The link was replaced by a newer one, or never was.
    #[error("this link is not good; ask for a new one")]
    LinkDead,
    /// The link was used.
    #[error("this link has been used")]
    LinkUsed,
    /// The link is too old.
    #[error("this link is too old; ask for a new one")]
    LinkExpired,
    /// Too many sign-ins at once.
    #[error("too many sign-ins at once; try again in a moment")]
    Busy,
    /// Too many wrong guesses.
    #[error("too many tries; wait {retry_after_s} s")]
    Throttled {
        /// What was guessed at too often.
        scope: &'static str,
        /// How many are allowed.
        limit: u32,
        /// When the next one is.
        retry_after_s: u32,
    },
    /// The sign-in took too long, is done, or never was.
    #[error("this sign-in is over; begin again with your password")]
    AttemptOver,
    /// The method is not one of those offered.
    #[error("this second factor cannot be used here")]
    MethodRefused,
    /// The code of the authenticator app is wrong or used.
    #[error(transparent)]
    Totp(#[from] TotpRefusal),
    /// The mailed code is wrong, expired or spent.
    #[error(transparent)]
    EmailCode(#[from] EmailCodeRefusal),
    /// Not one of their recovery codes, or a used one.
    #[error("this recovery code is wrong or was used")]
    RecoveryCode,
    /// The passkey was not made or shown as asked; the cause is for the log.
    #[error("the passkey was not accepted: try again, or use something else")]
    Passkey(#[source] PasskeyRefusal),
    /// They have as many passkeys as anybody may.
    #[error("you have as many passkeys as anybody may: remove one first")]
    PasskeysFull,
    /// Too many wrong codes.
    #[error("too many wrong codes; wait until the lock ends")]
    FactorLocked {
        /// When the lock ends.
        until: UnixTime,
    },
    /// No app is being set up, or none is in use.
    #[error("no authenticator app is set up")]
    NoTotp,
    /// An app is in use already.
    #[error("an authenticator app is in use; disable it first")]
    HasTotp,
    /// The policy demands a second factor.
    #[error("the policy of your workspace demands a second factor: it cannot be disabled")]
    FactorRequired,
    /// It is too long ago that they signed in.
    #[error("show that it is you: give your password")]
    PasswordRequired,
    /// They have none.
    #[error(
        "you have no password yet; ask an administrator for a link that sets one, or use \"Forgot your \
         password?\" if you have a mail address"
    )]
    NoPassword,
    /// The old password is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// The new password is not allowed.
    #[error(transparent)]
    Password(#[from] PasswordRefusal),
    /// The provider does not vouch for the address.
    #[error("the identity provider does not say that this mail address is verified")]
    IdentityUnverified,
    /// Somebody has this address and never verified it.
    #[error("an account has this mail address unverified: sign in with its password and verify it")]
    LinkRequiresVerification,
    /// Nobody has this address, and not anybody may sign up.
    #[error("there is no account for you here: ask to be invited")]
    NoAccount,
    /// Sign-up is not open.
    #[error("accounts are made by invitation")]
    SignUpClosed,
    /// The server is set up already.
    #[error("the server is set up already")]
    SetUpDone,
    /// Another one has this.
    #[error("this {0} is taken")]
    Taken(&'static str),
    /// A field is not allowed.
    #[error("{field}: {words}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What it must be.
        words: &'static str,
    },
    /// Whom it is about is out of reach of whoever asked.
    #[error("{0}")]
    OutOfReach(&'static str),
    /// There is no such thing for whoever asked.
    #[error("not found")]
    NotFound,
    /// The session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The token failed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It could not be audited, so it did not happen.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A sealed secret does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// No random bytes.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AccessError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused => "wrong_credentials",
            Self::EmailUnverified => "email_unverified",
            Self::LinkDead => "link_dead",
            Self::LinkUsed => "link_used",
            Self::LinkExpired => "link_expired",
            Self::Busy => "busy",
            Self::Throttled { .. } => "rate_limited",
            Self::AttemptOver => "attempt_over",
            Self::MethodRefused => "method_refused",
            Self::Totp(refusal) => refusal.code(),
            Self::EmailCode(refusal) => refusal.code(),
            Self::RecoveryCode => "code_wrong",
            Self::Passkey(_) => "passkey_refused",
            Self::PasskeysFull => "passkeys_full",
            Self::FactorLocked { .. } => "factor_locked",
            Self::NoTotp => "no_totp",
            Self::HasTotp => "has_totp",
            Self::FactorRequired => "factor_required",
            Self::NoPassword => "no_password",
            Self::PasswordRequired => "password_required",
            Self::WrongPassword => "wrong_password",
            Self::Password(refusal) => refusal.code(),
            Self::IdentityUnverified => "identity_unverified",
            Self::LinkRequiresVerification => "link_requires_verification",
            Self::NoAccount => "no_account",
            Self::SignUpClosed => "sign_up_closed",
            Self::SetUpDone => "set_up_done",
            Self::Taken(field) => match *field {
                "name" => "name_taken",
                "email" => "email_taken",
                "number" => "number_taken",
                "workspace" => "workspace_taken",
                _ => "taken",
            },
            Self::Invalid { .. } => "invalid",
            Self::OutOfReach(_) => "out_of_reach",
            Self::NotFound => "not_found",
            Self::Session(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::Audit(_) | Self::Vault(_) | Self::NoRandom(_) | Self::Store(_) => "unavailable",
        }
    }
}
