//! A sign-in that waits for the provider's answer.

use serde::{Deserialize, Serialize};

use crate::base::{Secret, UnixTime, limit};

/// What must be kept, for this browser alone and out of its reach, until the answer comes: in a
/// map of the server's or in a sealed cookie. Its texts are secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// The [`Provider::id`](super::Provider::id) asked.
    pub(super) provider: String,
    #[serde(with = "exposed")]
    pub(super) state: Secret,
    #[serde(with = "exposed")]
    pub(super) nonce: Secret,
    #[serde(with = "exposed")]
    pub(super) pkce_verifier: Secret,
    pub(super) redirect_uri: String,
    pub(super) created_at: u64,
}

impl Pending {
    /// The [`Provider::id`](super::Provider::id) asked.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The text the answer will carry: a name to keep this under.
    #[must_use]
    pub fn state(&self) -> &Secret {
        &self.state
    }

    /// When it was begun.
    #[must_use]
    pub fn created_at(&self) -> UnixTime {
        UnixTime(self.created_at)
    }

    /// Whether it is too old to be finished; a map may forget it.
    #[must_use]
    pub fn is_expired(&self, now: UnixTime) -> bool {
        now < self.created_at() || now > self.created_at().plus(limit::OIDC_PENDING_LIFE)
    }
}

/// Secrets as plain texts: the caller seals what it serialises.
mod exposed {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::base::Secret;

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}
