//! Numbered keys: one seals or signs, those before it still open or verify until they retire.

use std::sync::Arc;

use aws_lc_rs::hkdf::Prk;
use zeroize::Zeroizing;

use super::VaultError;
use super::derived::derive;
use super::envelope::{Kek, Place};
use crate::store::{KeyState, SEALED_COLUMNS, VaultKeyRow};

/// Which keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ring {
    /// Wrap the data keys of third-party credentials.
    Credentials,
    /// Wrap the data keys of second factors.
    Totp,
    /// Sign session tokens (HS256).
    SessionToken,
}

impl Ring {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Credentials, Self::Totp, Self::SessionToken];

    /// A stable word: in the database, on the command line, in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Totp => "totp",
            Self::SessionToken => "session_token",
        }
    }

    /// The ring of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ring| ring.as_str() == word)
    }

    /// The ring that seals a place's column.
    pub(super) fn of(place: Place<'_>) -> Result<Self, VaultError> {
        let Place { table, column, .. } = place;
        SEALED_COLUMNS
            .iter()
            .find(|sealed| (sealed.table, sealed.column) == (table, column))
            .and_then(|sealed| Self::from_word(sealed.purpose))
            .ok_or(VaultError::UnknownColumn { table, column })
    }

    fn info(self, id: u32) -> String {
        match self {
            Self::Credentials => format!("rf/v1/kek-credentials/{id}"),
            Self::Totp => format!("rf/v1/kek-totp/{id}"),
            Self::SessionToken => format!("rf/v1/jwt/{id}"),
        }
    }

    pub(super) fn derive(self, prk: &Prk, id: u32) -> Result<Kek, VaultError> {
        Ok(Kek { id, key: derive(prk, &self.info(id))? })
    }
}

/// A key that signs session tokens.
#[derive(Clone)]
pub struct SessionTokenKey {
    /// The `kid` of its tokens.
    pub id: u32,
    /// HS256.
    pub key: Zeroizing<[u8; 32]>,
}

/// The keys of session tokens.
#[derive(Clone)]
pub struct SessionTokenKeys {
    /// Signs.
    pub active: SessionTokenKey,
    /// Verifies what it signed, until it retires.
    pub previous: Option<SessionTokenKey>,
}

impl SessionTokenKeys {
    /// The key of a `kid`.
    #[must_use]
    pub fn find(&self, id: u32) -> Option<&SessionTokenKey> {
        [Some(&self.active), self.previous.as_ref()].into_iter().flatten().find(|key| key.id == id)
    }
}

impl std::fmt::Debug for SessionTokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionTokenKeys").field("active", &self.active.id).finish_non_exhaustive()
    }
}

/// The keys in use of one ring.
pub(super) struct Keys {
    /// Seals.
    pub(super) active: Kek,
    /// Open; the newest first.
    pub(super) retiring: Vec<Kek>,
}

/// What to do with a number.
pub(super) enum Found<'a> {
    Known(&'a Kek),
    /// Newer than those known here: another process has rotated.
    Newer,
    Retired,
}

impl Keys {
    fn new(ring: Ring, prk: &Prk, rows: &[VaultKeyRow]) -> Result<Self, VaultError> {
        let ids = |state| {
            let is_it =
                move |row: &&VaultKeyRow| row.purpose == ring.as_str() && row.state == state;
            rows.iter().filter(is_it).map(|row| row.key_id)
        };
        // A ring that was never written down has its first key.
        let active = ring.derive(prk, ids(KeyState::Active).max().unwrap_or(1))?;
        let mut retiring: Vec<u32> = ids(KeyState::Retiring).collect();
        retiring.sort_unstable_by(|one, two| two.cmp(one));
        let retiring =
            retiring.into_iter().map(|id| ring.derive(prk, id)).collect::<Result<_, _>>()?;
        Ok(Self { active, retiring })
    }

    pub(super) fn find(&self, id: u32) -> Found<'_> {
        let mut keys = std::iter::once(&self.active).chain(&self.retiring);
        match keys.find(|kek| kek.id == id) {
            Some(kek) => Found::Known(kek),
            None if id > self.active.id => Found::Newer,
            None => Found::Retired,
        }
    }
}

/// All rings, as last read.
pub(super) struct Rings {
    credentials: Keys,
    totp: Keys,
    pub(super) session_token: Arc<SessionTokenKeys>,
}

impl Rings {
    pub(super) fn new(prk: &Prk, rows: &[VaultKeyRow]) -> Result<Self, VaultError> {
        let signing = Keys::new(Ring::SessionToken, prk, rows)?;
        let key = |kek: Kek| SessionTokenKey { id: kek.id, key: kek.key };
        let session_token = SessionTokenKeys {
            active: key(signing.active),
            previous: signing.retiring.into_iter().next().map(key),
        };
        Ok(Self {
            credentials: Keys::new(Ring::Credentials, prk, rows)?,
            totp: Keys::new(Ring::Totp, prk, rows)?,
            session_token: Arc::new(session_token),
        })
    }

    /// Whether a key has a newer one and has not retired yet.
    pub(super) fn is_rotating(&self) -> bool {
        let waits = |keys: &Keys| !keys.retiring.is_empty();
        waits(&self.credentials) || waits(&self.totp) || self.session_token.previous.is_some()
    }

    /// The keys that seal; session tokens are signed, not sealed.
    pub(super) fn sealing(&self, ring: Ring) -> Option<&Keys> {
        match ring {
            Ring::Credentials => Some(&self.credentials),
            Ring::Totp => Some(&self.totp),
            Ring::SessionToken => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sealed_column_has_a_ring() {
        for sealed in SEALED_COLUMNS {
            let ring = Ring::from_word(sealed.purpose).unwrap();
            let (table, column) = (sealed.table, sealed.column);
            let place = Place { workspace: None, table, column, row: &[0; 16] };
            assert_eq!(Ring::of(place).unwrap(), ring);
            assert_ne!(ring, Ring::SessionToken);
        }
        let other = Place { workspace: None, table: "users", column: "name", row: &[0; 16] };
        assert!(matches!(Ring::of(other), Err(VaultError::UnknownColumn { .. })));
    }
}
