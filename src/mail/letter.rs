//! What is written to people.

use std::time::Duration;

use crate::base::{Secret, UnixTime, limit};

/// One mail: its template and what is filled in. Links and codes are secrets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Mail {
    /// To whoever signed up: the address has to be confirmed.
    VerifyEmail {
        /// Where to confirm it.
        link: Secret,
    },
    /// To whoever forgot their password.
    ResetPassword {
        /// Where to choose a new one.
        link: Secret,
    },
    /// The second factor by mail.
    SignInCode {
        /// Six digits.
        code: Secret,
    },
    /// To somebody who does not have an account yet.
    Invite {
        /// Where to accept.
        link: Secret,
        /// Into which workspace.
        workspace: String,
        /// Who invites.
        by: String,
    },
    /// An administrator took the second factor away.
    SecondFactorReset {
        /// Which administrator.
        by: String,
    },
    /// Somebody signed in from a device not seen before.
    NewSignIn {
        /// Browser and system.
        device: String,
        /// From where.
        ip: String,
        /// When.
        at: UnixTime,
    },
    /// The password was changed.
    PasswordChanged {
        /// When.
        at: UnixTime,
    },
    /// To the owner: the contact form, or somebody who wants to be shown the product.
    Inquiry(Box<Inquiry>),
    /// To whoever set up mail: it works.
    Test,
}

/// What a stranger typed into the contact form. All of it is theirs.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// `Contact` or `Demo`.
    pub topic: String,
    /// Their name.
    pub name: String,
    /// Their address; answers go there when it is one.
    pub email: String,
    /// Their company.
    pub company: String,
    /// Their message.
    pub message: String,
    /// When they want to be shown the product, as they typed it.
    pub preferred_time: Option<String>,
}

impl Mail {
    /// The name of its templates, and of its kind in logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::ResetPassword { .. } => "reset_password",
            Self::SignInCode { .. } => "sign_in_code",
            Self::Invite { .. } => "invite",
            Self::SecondFactorReset { .. } => "second_factor_reset",
            Self::NewSignIn { .. } => "new_sign_in",
            Self::PasswordChanged { .. } => "password_changed",
            Self::Inquiry(_) => "inquiry",
            Self::Test => "test",
        }
    }

    /// Whether reading it lets the reader in: not for a connection in clear, unless permitted.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        match self {
            Self::VerifyEmail { .. }
            | Self::ResetPassword { .. }
            | Self::SignInCode { .. }
            | Self::Invite { .. } => true,
            Self::SecondFactorReset { .. }
            | Self::NewSignIn { .. }
            | Self::PasswordChanged { .. }
            | Self::Inquiry(_)
            | Self::Test => false,
        }
    }

    /// How long it is of use; after that it is no longer tried.
    #[must_use]
    pub fn life(&self) -> Duration {
        match self {
            Self::SignInCode { .. } => limit::MAIL_CODE_LIFE,
            _ => limit::MAIL_LIFE,
        }
    }

    pub(super) fn subject(&self) -> String {
        match self {
            Self::VerifyEmail { .. } => "Confirm your email address".into(),
            Self::ResetPassword { .. } => "Choose a new password".into(),
            // Without the code: subjects show on locked screens.
            Self::SignInCode { .. } => "Your sign-in code".into(),
            Self::Invite { workspace, .. } => {
                format!("You are invited to {}", one_line(workspace))
            }
            Self::SecondFactorReset { .. } => "Your second factor was reset".into(),
            Self::NewSignIn { .. } => "New sign-in to your account".into(),
            Self::PasswordChanged { .. } => "Your password was changed".into(),
            Self::Inquiry(inquiry) => {
                format!("{} request from {}", one_line(&inquiry.topic), one_line(&inquiry.name))
            }
            Self::Test => "Mail works".into(),
        }
    }
}

/// A person's text as one line of bounded length: no line break can begin a header with it.
pub(super) fn one_line(text: &str) -> String {
    let visible = |c: char| if c.is_control() || is_line_break(c) { ' ' } else { c };
    let line: String = text
        .chars()
        .map(visible)
        .filter(|c| !is_bidi(*c))
        .take(limit::MAIL_LINE_CHARS_MAX)
        .collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A person's text of several lines, bounded, without other control characters.
pub(super) fn lines(text: &str) -> String {
    let is_kept = |c: &char| (!c.is_control() || *c == '\n') && !is_bidi(*c);
    text.chars().filter(is_kept).take(limit::MAIL_TEXT_CHARS_MAX).collect()
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Characters that turn the direction of text, by which a name can pose as another.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
