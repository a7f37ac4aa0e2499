//! PBXs with their credentials: the one way to write a trunk's password down or to read it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::envelope::Place;
use super::{Vault, VaultError};
use crate::base::{Clock, Secret};
use crate::config::{CodecName, Trunk, TrunkMedia, TrunkUri};
use crate::store::{Store, StoreError, TrunkId, TrunkRow, TrunkSource, TrunkState};

/// The trunks of the store, whose passwords only this opens.
#[derive(Clone)]
pub struct TrunkBook {
    store: Store,
    vault: Arc<Vault>,
    clock: Clock,
}

/// A trunk to write down.
#[derive(Clone)]
pub struct NewTrunk {
    /// Unique name.
    pub name: String,
    /// Where it is.
    pub uri: TrunkUri,
    /// Digest user.
    pub user: Option<String>,
    /// Digest password.
    pub password: Option<Secret>,
    /// Its certificate authority, PEM.
    pub ca_pem: Option<String>,
    /// How its audio is carried.
    pub media: TrunkMedia,
    /// Offered in this order.
    pub codecs: Vec<CodecName>,
    /// Whether to register at it.
    pub register: bool,
    /// Domain of From, To and registration.
    pub domain: Option<String>,
}

impl From<&Trunk> for NewTrunk {
    fn from(trunk: &Trunk) -> Self {
        let Trunk { name, uri, user, password, ca_pem, media, codecs, register, domain } =
            trunk.clone();
        Self { name, uri, user, password, ca_pem, media, codecs, register, domain }
    }
}

impl fmt::Debug for NewTrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewTrunk").field("name", &self.name).field("uri", &self.uri).finish()
    }
}

/// Why a trunk was not written down or opened.
#[derive(Debug, thiserror::Error)]
pub enum TrunkBookError {
    /// The configuration and the store both name it.
    #[error(
        "trunk `{0}` is in the configuration and in the store; rename one, or \
         `ringfence trunk remove {0}`"
    )]
    InBoth(String),
    /// There is one of this name.
    #[error("there is a trunk `{0}` already; `ringfence trunk remove {0}` first")]
    Exists(String),
    /// It is the configuration's.
    #[error(
        "trunk `{0}` comes from the configuration: take its [[trunk]] section (or --trunk) away \
         and restart the server"
    )]
    Configured(String),
    /// Sealing or opening failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TrunkBook {
    /// The trunks of `store`, sealed by `vault`.
    #[must_use]
    pub fn new(store: Store, vault: Arc<Vault>, clock: Clock) -> Self {
        Self { store, vault, clock }
    }

    /// Adds a trunk of its own (`ringfence trunk add`).
    ///
    /// # Errors
    /// The name is taken, or the database cannot be used.
    pub async fn add(&self, new: &NewTrunk) -> Result<TrunkRow, TrunkBookError> {
        match self.store.trunks().by_name(&new.name).await?.map(|trunk| trunk.source) {
            Some(TrunkSource::Config) => return Err(TrunkBookError::Configured(new.name.clone())),
            Some(TrunkSource::Store) => return Err(TrunkBookError::Exists(new.name.clone())),
            None => {}
        }
        self.write(TrunkId::random(), new, TrunkSource::Store).await
    }

    /// Makes the store's configured trunks those of the configuration: new ones are added,
    /// changed ones follow, those no longer configured go. Trunks of the store's own stay.
    ///
    /// # Errors
    /// A name is in both, or the database cannot be used.
    pub async fn follow(&self, configured: &[Trunk]) -> Result<Vec<TrunkRow>, TrunkBookError> {
        let known = self.store.trunks().list().await?;
        let names: BTreeSet<&str> = configured.iter().map(|trunk| trunk.name.as_str()).collect();
        for trunk in &known {
            match trunk.source {
                TrunkSource::Store if names.contains(trunk.name.as_str()) => {
                    return Err(TrunkBookError::InBoth(trunk.name.clone()));
                }
                TrunkSource::Config if !names.contains(trunk.name.as_str()) => {
                    self.store.trunks().remove(trunk.id).await?;
                }
                TrunkSource::Store | TrunkSource::Config => {}
            }
        }
        for trunk in configured {
            let id = known.iter().find(|known| known.name == trunk.name).map(|known| known.id);
            let id = id.unwrap_or_else(TrunkId::random);
            self.write(id, &trunk.into(), TrunkSource::Config).await?;
        }
        self.list().await
    }

    /// All trunks, passwords sealed.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&self) -> Result<Vec<TrunkRow>, TrunkBookError> {
        Ok(self.store.trunks().list().await?)
    }

    /// Opens a trunk's password for a use: `register`, `invite`, `test`. `None` when it has none.
    ///
    /// # Errors
    /// The value is damaged or belongs to another row.
    pub fn password(
        &self,
        trunk: &TrunkRow,
        purpose: &'static str,
    ) -> Result<Option<Secret>, VaultError> {
        let sealed = trunk.password_sealed.as_deref();
        sealed.map(|sealed| self.vault.open_sealed(place(&trunk.id), sealed, purpose)).transpose()
    }

    /// Removes a trunk of the store's own by name; `false` when there is none.
    ///
    /// # Errors
    /// It is the configuration's, or the database cannot be used.
    pub async fn remove(&self, name: &str) -> Result<bool, TrunkBookError> {
        match self.store.trunks().by_name(name).await? {
            Some(trunk) if trunk.source == TrunkSource::Config => {
                Err(TrunkBookError::Configured(trunk.name))
            }
            Some(trunk) => Ok(self.store.trunks().remove(trunk.id).await?),
            None => Ok(false),
        }
    }

    /// Notes what the running server knows of a trunk; `word` as in [`TrunkState::word`].
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn note_state(
        &self,
        id: TrunkId,
        word: &str,
        detail: &str,
    ) -> Result<(), TrunkBookError> {
        let (word, detail) = (word.to_string(), detail.chars().take(500).collect());
        let state = TrunkState { word, detail, at: self.clock.unix() };
        Ok(self.store.trunks().set_state(id, &state).await?)
    }

    async fn write(
        &self,
        id: TrunkId,
        new: &NewTrunk,
        source: TrunkSource,
    ) -> Result<TrunkRow, TrunkBookError> {
        let password = new.password.as_ref();
        let password_sealed =
            password.map(|password| self.vault.seal(place(&id), password)).transpose()?;
        let NewTrunk { name, uri, user, ca_pem, media, codecs, register, domain, .. } = new.clone();
        let now = self.clock.unix();
        let state = TrunkState { word: "unknown".into(), detail: String::new(), at: now };
        let row = TrunkRow {
            id,
            name,
            source,
            uri,
            user,
            password_sealed,
            ca_pem,
            media,
            codecs,
            register,
            domain,
            state,
        };
        self.store.trunks().put(&row, now).await?;
        Ok(row)
    }
}

fn place(id: &TrunkId) -> Place<'_> {
    Place { table: "trunks", column: "password_sealed", row: id.as_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixTime;
    use crate::config::{Config, DevFlags, TrunkFlag};

    const CANARY: &str = "canary-6f1e-trunk-password";

    async fn book(folder: &std::path::Path) -> TrunkBook {
        let store = Store::open(folder).await.unwrap();
        let clock = Clock::manual(UnixTime(1_000));
        let vault = Vault::open(folder, &store, clock.unix()).await.unwrap();
        TrunkBook::new(store, Arc::new(vault), clock)
    }

    fn configured(uris: &[&str]) -> Vec<Trunk> {
        let flag = |uri: &&str| TrunkFlag {
            argument: uri.parse().unwrap(),
            ca: None,
            media: TrunkMedia::Srtp,
        };
        let flags = DevFlags { trunks: uris.iter().map(flag).collect(), ..DevFlags::default() };
        Config::dev(flags).unwrap().trunks
    }

    #[tokio::test]
    async fn a18_b16_a_store_scan_finds_no_trunk_password_and_a_restart_still_opens_it() {
        let folder = tempfile::tempdir().unwrap();
        let uri = format!("sips:ringfence:{CANARY}@pbx.example.com");
        let trunks = configured(&[&uri]);
        book(folder.path()).await.follow(&trunks).await.unwrap();
        let book = book(folder.path()).await;
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
            assert!(!found);
        }
        let trunk = book.list().await.unwrap().remove(0);
        let password = book.password(&trunk, "register").unwrap().unwrap();
        assert_eq!(password.expose(), CANARY);
    }

    #[tokio::test]
    async fn p04_a_password_moved_to_another_row_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let book = book(folder.path()).await;
        let trunks = configured(&["sips:a:one@a.example", "sips:b:two@b.example"]);
        let [one, mut two] =
            <[TrunkRow; 2]>::try_from(book.follow(&trunks).await.unwrap()).unwrap();
        two.password_sealed = one.password_sealed;
        let error = book.password(&two, "register").unwrap_err().to_string();
        assert!(error.contains(book.vault.key_id()), "{error}");
    }

    #[tokio::test]
    async fn configured_trunks_follow_the_configuration_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let book = book(folder.path()).await;
        let [one, two] = ["sips:a:one@a.example", "sips:b:two@b.example"];
        let first = book.follow(&configured(&[one, two])).await.unwrap();
        let mut own = NewTrunk::from(&configured(&[one])[0]);
        own.name = "own".into();
        book.add(&own).await.unwrap();
        assert!(matches!(book.add(&own).await, Err(TrunkBookError::Exists(_))));
        let second = book.follow(&configured(&[two])).await.unwrap();
        let names: Vec<_> = second.iter().map(|trunk| trunk.name.as_str()).collect();
        assert_eq!(names, ["own", "pbx"]);
        assert_eq!(second[1].id, first[0].id, "the same name keeps its identity");
        assert_eq!(second[1].uri.host, "b.example");
        own.name = "pbx".into();
        assert!(book.add(&own).await.is_err());
        let refused = book.remove("pbx").await.unwrap_err().to_string();
        assert!(refused.contains("comes from the configuration"), "{refused}");
        assert!(book.remove("own").await.unwrap());
        assert!(!book.remove("own").await.unwrap());
    }
}
