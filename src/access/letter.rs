//! Mail as access control means it; how it is written and sent is `mail`'s.

use crate::base::Secret;

/// What a mail says.
#[derive(Clone, Debug)]
pub enum Letter {
    /// Show that you read mail here: a link's key (24 h).
    VerifyEmail {
        /// The key of the link.
        key: Secret,
    },
    /// Set a new password: a link's key (1 h).
    ResetPassword {
        /// The key of the link.
        key: Secret,
    },
    /// The second factor by mail: six digits (10 min).
    SignInCode {
        /// The digits.
        code: Secret,
    },
    /// Come and join: a link's key (7 days).
    Invite {
        /// The key of the link.
        key: Secret,
        /// Where.
        workspace: String,
        /// By whom.
        by: String,
    },
    /// An administrator took the second factor away.
    SecondFactorReset,
    /// The password was changed.
    PasswordChanged,
    /// Somebody wrote through the contact form or booked a demonstration.
    Inquiry {
        /// `contact` or `demo`.
        kind: &'static str,
        /// Their name.
        name: String,
        /// Their address.
        email: String,
        /// When they want it.
        wanted_at: String,
        /// Their words.
        words: String,
    },
}

impl Letter {
    /// Whether reading it lets somebody in: never sent in clear unless the policy says so (X12).
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(
            self,
            Self::VerifyEmail { .. }
                | Self::ResetPassword { .. }
                | Self::SignInCode { .. }
                | Self::Invite { .. }
        )
    }
}

/// Takes letters; never waits and never fails towards who asked (C8: the answer is the same).
pub trait Mailbox: Send + Sync {
    /// Sends a letter soon, with the installation's mail settings.
    fn post(&self, to: &str, letter: Letter);
}
