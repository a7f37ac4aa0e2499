//! The vault: opened once at start, it keeps the derived keys and forgets the root.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::VaultError;
use super::envelope::{Kek, Place};
use super::root_key::{RootKey, expand};
use crate::base::{Secret, UnixTime};
use crate::store::{Installation, Store, StoreError};
use crate::telemetry::metric;

/// What a key is for; keys of two purposes share nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Wraps the data keys of PBX credentials.
    Credentials,
    /// Signs session tokens (HS256).
    SessionToken,
    /// Signs the nonces of SIP digest challenges.
    DigestNonce,
}

impl Purpose {
    fn info(self) -> &'static str {
        match self {
            Self::Credentials => "rf/v1/kek-credentials/1",
            Self::SessionToken => "rf/v1/jwt/1",
            Self::DigestNonce => "rf/v1/sip-nonce/1",
        }
    }
}

/// The open vault.
pub struct Vault {
    key_id: String,
    credentials: Kek,
    session_token: Zeroizing<[u8; 32]>,
    digest_nonce: Zeroizing<[u8; 32]>,
}

/// The root key's file in the data folder.
const ROOT_KEY_FILE: &str = "root.key";
const KEK_ID: u32 = 1;

impl Vault {
    /// Opens the vault of `folder`. A new database gets a new installation row and, unless the
    /// file is there already, a new root key; a used one must find the key it was sealed with.
    ///
    /// # Errors
    /// The key is missing, wrong or unsafe, or the database cannot be used. Nothing was changed.
    pub async fn open(folder: &Path, store: &Store, now: UnixTime) -> Result<Self, VaultError> {
        let path = folder.join(ROOT_KEY_FILE);
        let file = RootKey::read(&path)?;
        let installed = store.installation().read().await?;
        let (root, installation) = match (file, installed) {
            (Some(root), Some(installation)) => (root, installation),
            (None, Some(installation)) => {
                return Err(VaultError::Missing { path, expected: installation.root_key_id });
            }
            (file, None) => {
                let root = match file {
                    Some(root) => root,
                    None => RootKey::create(&path)?,
                };
                let installation = install(&root, store, now).await?;
                (root, installation)
            }
        };
        let key_id = root.id()?;
        if key_id != installation.root_key_id {
            let (found, expected) = (key_id, installation.root_key_id);
            return Err(VaultError::WrongKey { path, found, expected });
        }
        let prk = root.extract(&installation.install_id);
        let derive = |purpose: Purpose| {
            let mut key = Zeroizing::new([0; 32]);
            expand(&prk, purpose.info().as_bytes(), key.as_mut()).map(|()| key)
        };
        Ok(Self {
            credentials: Kek { id: KEK_ID, key: derive(Purpose::Credentials)? },
            session_token: derive(Purpose::SessionToken)?,
            digest_nonce: derive(Purpose::DigestNonce)?,
            key_id,
        })
    }

    /// The root key's name, safe to show.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The key that signs session tokens.
    #[must_use]
    pub fn session_token_key(&self) -> &[u8; 32] {
        &self.session_token
    }

    /// The key that signs the nonces of SIP digest challenges.
    #[must_use]
    pub fn digest_nonce_key(&self) -> &[u8; 32] {
        &self.digest_nonce
    }

    /// Seals a secret for one place.
    ///
    /// # Errors
    /// Random bytes are not available.
    pub fn seal(&self, place: Place<'_>, secret: &Secret) -> Result<Vec<u8>, VaultError> {
        self.credentials.seal(place, secret.expose().as_bytes())
    }

    /// Opens what was sealed for this place; counted by `purpose`, a word for metrics.
    ///
    /// # Errors
    /// Damaged, moved from another row, or sealed by another key.
    pub fn open_sealed(
        &self,
        place: Place<'_>,
        sealed: &[u8],
        purpose: &'static str,
    ) -> Result<Secret, VaultError> {
        let refused = || VaultError::Sealed { key_id: self.key_id.clone() };
        let bytes = self.credentials.open(place, sealed).map_err(|_| refused())?;
        metrics::counter!(metric::SECRETS_OPENED, "purpose" => purpose).increment(1);
        std::str::from_utf8(&bytes).map(Secret::new).map_err(|_| refused())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Writes the installation's row; when another process was first, its row counts.
async fn install(root: &RootKey, store: &Store, now: UnixTime) -> Result<Installation, VaultError> {
    let mut install_id = [0; 16];
    aws_lc_rs::rand::fill(&mut install_id).map_err(|_| VaultError::Unavailable)?;
    let new = Installation { install_id, root_key_id: root.id()? };
    match store.installation().create(&new, now).await {
        Ok(()) => Ok(new),
        Err(StoreError::Conflict(_)) => {
            let first = store.installation().read().await?;
            first.ok_or(VaultError::Store(StoreError::Damaged("installation")))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn c04_a_wrong_or_missing_root_key_is_named_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(ROOT_KEY_FILE);
        let store = Store::open(folder.path()).await.unwrap();
        let open = async || Vault::open(folder.path(), &store, UnixTime(1)).await;
        let first = open().await.unwrap();
        let again = open().await.unwrap();
        assert_eq!(first.session_token_key(), again.session_token_key());
        assert_ne!(first.session_token_key(), first.digest_nonce_key());
        let kept = std::fs::read(&path).unwrap();

        std::fs::remove_file(&path).unwrap();
        let error = open().await.unwrap_err();
        assert!(
            matches!(&error, VaultError::Missing { expected, .. } if expected == first.key_id())
        );
        assert!(!path.exists(), "no new key may be made over sealed data");

        let other = RootKey::create(&path).unwrap().id().unwrap();
        let error = open().await.unwrap_err().to_string();
        assert!(error.contains(first.key_id()) && error.contains(&other), "{error}");

        std::fs::write(&path, kept).unwrap();
        assert_eq!(open().await.unwrap().key_id(), first.key_id());
    }
}
