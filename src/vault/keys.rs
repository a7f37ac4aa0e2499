//! The vault: opened once at start, it keeps the derived keys and forgets the root.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::hkdf::Prk;
use zeroize::Zeroizing;

use super::VaultError;
use super::derived::{DerivedKeys, Purpose};
use super::envelope::{Kek, Place, kek_id};
use super::ring::{Found, Ring, Rings, SessionTokenKeys};
use super::root_key::{RootKey, RootKeySources};
use crate::base::{Secret, UnixTime};
use crate::store::{Installation, Store, StoreError};
use crate::telemetry::metric;

/// The open vault.
pub struct Vault {
    key_id: String,
    /// Derives the numbered keys; the root key cannot be computed from it.
    pub(super) prk: Prk,
    keys: DerivedKeys,
    pub(super) rings: ArcSwap<Rings>,
    opened: Mutex<BTreeMap<&'static str, u64>>,
}

impl Vault {
    /// Opens the vault of `folder`, whose root key is its `root.key`. A new database gets a new
    /// installation row and, unless the file is there already, a new root key; a used one must
    /// find the key it was sealed with.
    ///
    /// # Errors
    /// The key is missing, wrong or unsafe, or the database cannot be used. Nothing was changed.
    pub async fn open(folder: &Path, store: &Store, now: UnixTime) -> Result<Self, VaultError> {
        Self::open_from(&RootKeySources::of_folder(folder), store, now).await
    }

    /// Opens the vault with the first root key of `sources`.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub async fn open_from(
        sources: &RootKeySources,
        store: &Store,
        now: UnixTime,
    ) -> Result<Self, VaultError> {
        let found = sources.find()?;
        let installed = store.installation().read().await?;
        let path = sources.file.clone();
        let (root, source) = match (found, &installed) {
            (Some(found), _) => found,
            (None, Some(installation)) => {
                return Err(VaultError::Missing {
                    path,
                    expected: installation.root_key_id.clone(),
                });
            }
            (None, None) if sources.may_create => (RootKey::create(&path)?, path),
            (None, None) => return Err(VaultError::NoKey { path }),
        };
        Self::open_with(&root, source, store, now).await
    }

    /// Opens the vault with a root key that came from `source`, a word for messages.
    ///
    /// # Errors
    /// It is the wrong key, or the database cannot be used. Nothing was changed.
    pub async fn open_with(
        root: &RootKey,
        source: PathBuf,
        store: &Store,
        now: UnixTime,
    ) -> Result<Self, VaultError> {
        let installation = match store.installation().read().await? {
            Some(installation) => installation,
            None => install(root, store, now).await?,
        };
        let key_id = root.id()?;
        if key_id != installation.root_key_id {
            let expected = installation.root_key_id;
            return Err(VaultError::WrongKey { path: source, found: key_id, expected });
        }
        let rows = store.vault_keys().list().await?;
        let is_new = |ring: &Ring| !rows.iter().any(|row| row.purpose == ring.as_str());
        for ring in Ring::ALL.iter().filter(|ring| is_new(ring)) {
            store.vault_keys().begin(ring.as_str(), now).await?;
        }
        let prk = root.extract(&installation.install_id);
        let rings = Rings::new(&prk, &rows)?;
        Ok(Self {
            keys: DerivedKeys::new(&prk)?,
            rings: ArcSwap::from_pointee(rings),
            opened: Mutex::new(BTreeMap::new()),
            prk,
            key_id,
        })
    }

    /// Reads the states of the keys anew: after a rotation, by whichever process.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn refresh(&self, store: &Store) -> Result<(), VaultError> {
        let rows = store.vault_keys().list().await?;
        self.rings.store(Arc::new(Rings::new(&self.prk, &rows)?));
        Ok(())
    }

    /// Whether a rotation is under way: [`Vault::rekey`] has something to do.
    #[must_use]
    pub fn is_rotating(&self) -> bool {
        self.rings.load().is_rotating()
    }

    /// The root key's name, safe to show.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The key of a purpose.
    #[must_use]
    pub fn key(&self, purpose: Purpose) -> &[u8; 32] {
        self.keys.get(purpose)
    }

    /// The keys of session tokens, as last read: cheap, to be asked again for each token.
    #[must_use]
    pub fn session_token_keys(&self) -> Arc<SessionTokenKeys> {
        self.rings.load().session_token.clone()
    }

    /// The key that signs the nonces of SIP digest challenges.
    #[must_use]
    pub fn digest_nonce_key(&self) -> &[u8; 32] {
        self.key(Purpose::DigestNonce)
    }

    /// Seals a secret for one place.
    ///
    /// # Errors
    /// Random bytes are not available, or the column is not one for sealed values.
    pub fn seal(&self, place: Place<'_>, secret: &Secret) -> Result<Vec<u8>, VaultError> {
        let rings = self.rings.load();
        let keys = rings.sealing(Ring::of(place)?).ok_or(VaultError::Unavailable)?;
        keys.active.seal(place, secret.expose().as_bytes())
    }

    /// Opens what was sealed for this place; counted by `purpose`, a word for metrics.
    ///
    /// # Errors
    /// Damaged, moved from another row, or sealed by another or a retired key.
    pub fn open_sealed(
        &self,
        place: Place<'_>,
        sealed: &[u8],
        purpose: &'static str,
    ) -> Result<Secret, VaultError> {
        let refused = || VaultError::Sealed { key_id: self.key_id.clone() };
        let kek_id = kek_id(sealed).ok_or_else(refused)?;
        let ring = Ring::of(place)?;
        let rings = self.rings.load();
        let newer: Kek;
        let kek = match rings.sealing(ring).ok_or(VaultError::Unavailable)?.find(kek_id) {
            Found::Known(kek) => kek,
            Found::Newer => {
                newer = ring.derive(&self.prk, kek_id)?;
                &newer
            }
            Found::Retired => {
                return Err(VaultError::Retired { key_id: self.key_id.clone(), kek_id });
            }
        };
        let bytes = kek.open(place, sealed).map_err(|_| refused())?;
        let secret = std::str::from_utf8(&bytes).map(Secret::new).map_err(|_| refused())?;
        metrics::counter!(metric::SECRETS_OPENED, "purpose" => purpose).increment(1);
        // Purposes are words of this program: the map is as small as their number.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let count = opened.entry(purpose).or_default();
        *count = count.saturating_add(1);
        Ok(secret)
    }

    /// How many secrets this process has opened, by purpose.
    #[must_use]
    pub fn opened(&self) -> BTreeMap<&'static str, u64> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Seals the audit's key of the row after `seq`.
    ///
    /// # Errors
    /// Random bytes are not available.
    pub fn seal_audit_key(&self, seq: u64, key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        self.audit_kek().seal(audit_place(&audit_row(seq)), key)
    }

    /// Opens the audit's key of the row after `seq`; no third party's secret, so not counted.
    ///
    /// # Errors
    /// Damaged, of another row, or sealed by another key.
    pub fn open_audit_key(
        &self,
        seq: u64,
        sealed: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let refused = || VaultError::Sealed { key_id: self.key_id.clone() };
        let row = audit_row(seq);
        let bytes = self.audit_kek().open(audit_place(&row), sealed).map_err(|_| refused())?;
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| refused())?;
        Ok(Zeroizing::new(key))
    }

    /// Not of a ring: the head is sealed anew with every event, and who has the root key has the
    /// chain's seed anyway.
    fn audit_kek(&self) -> Kek {
        Kek { id: 1, key: Zeroizing::new(*self.key(Purpose::AuditHead)) }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

fn audit_row(seq: u64) -> [u8; 16] {
    u128::from(seq).to_be_bytes()
}

fn audit_place(row: &[u8; 16]) -> Place<'_> {
    Place { workspace: None, table: "audit_head", column: "key_sealed", row }
}

/// Writes the installation's row; when another process was first, its row counts.
async fn install(root: &RootKey, store: &Store, now: UnixTime) -> Result<Installation, VaultError> {
    let mut install_id = [0; 16];
    aws_lc_rs::rand::fill(&mut install_id).map_err(|_| VaultError::Unavailable)?;
    let new = Installation { install_id, root_key_id: root.id()?, home_workspace: None };
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
    use super::super::root_key::ROOT_KEY_FILE;
    use super::*;

    #[tokio::test]
    async fn sec_c04_a_wrong_or_missing_root_key_is_named_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(ROOT_KEY_FILE);
        let store = Store::open(folder.path()).await.unwrap();
        let open = async || Vault::open(folder.path(), &store, UnixTime(1)).await;
        let first = open().await.unwrap();
        let again = open().await.unwrap();
        let signing = |vault: &Vault| vault.session_token_keys().active.key.clone();
        assert_eq!(signing(&first), signing(&again));
        assert_ne!(signing(&first).as_ref(), first.digest_nonce_key());
        let kept = std::fs::read(&path).unwrap();
        let before = store.vault_keys().list().await.unwrap();

        std::fs::remove_file(&path).unwrap();
        let error = open().await.unwrap_err();
        assert!(
            matches!(&error, VaultError::Missing { expected, .. } if expected == first.key_id())
        );
        assert!(!path.exists(), "no new key may be made over sealed data");

        let other = RootKey::create(&path).unwrap().id().unwrap();
        let error = open().await.unwrap_err().to_string();
        assert!(error.contains(first.key_id()) && error.contains(&other), "{error}");
        assert_eq!(store.vault_keys().list().await.unwrap(), before);

        std::fs::write(&path, kept).unwrap();
        assert_eq!(open().await.unwrap().key_id(), first.key_id());
    }

    #[tokio::test]
    async fn a_configured_root_key_is_never_made() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let configured = folder.path().join("elsewhere.key");
        let sources = RootKeySources::of_process(folder.path(), Some(&configured), false, |_| None);
        let error = Vault::open_from(&sources, &store, UnixTime(1)).await.unwrap_err();
        assert!(matches!(error, VaultError::NoKey { path } if path == configured));
        assert!(!configured.exists());
        assert!(store.installation().read().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn the_audits_key_opens_for_its_row_alone_and_is_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let vault = Vault::open(folder.path(), &store, UnixTime(1)).await.unwrap();
        let sealed = vault.seal_audit_key(7, &[5; 32]).unwrap();
        assert_eq!(*vault.open_audit_key(7, &sealed).unwrap(), [5; 32]);
        assert!(vault.open_audit_key(8, &sealed).is_err());
        assert!(vault.opened().is_empty());
    }
}
