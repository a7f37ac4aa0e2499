//! A person's role in a workspace (requirements A11–A13): who pays, who invites, who takes part.

use std::fmt;

/// What somebody is in a workspace; compare with [`crate::access::policy`], never by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Takes part: calls, contacts, assigned numbers.
    Member,
    /// Invites people, manages numbers and settings.
    Admin,
    /// All of that, and pays.
    Owner,
}

impl Role {
    /// All roles, from the least.
    pub const ALL: [Self; 3] = [Self::Member, Self::Admin, Self::Owner];

    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// From its stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
