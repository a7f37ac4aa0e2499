//! PBXs with their credentials: the one way to write a trunk's password down or to read it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use dashmap::DashMap;

use super::envelope::Place;
use super::{Vault, VaultError};
use crate::base::{Clock, Secret, limit};
use crate::config::{CodecName, Trunk, TrunkMedia, TrunkUri};
use crate::store::{
    Change, Store, StoreError, TrunkId, TrunkRow, TrunkSource, TrunkState, WorkspaceId,
};

/// The trunks of the store, whose passwords only this opens.
#[derive(Clone)]
pub struct TrunkBook {
    store: Store,
    vault: Arc<Vault>,
    clock: Clock,
    /// Passwords as last read, for rows that were read before a rotation; one for each trunk.
    latest: Arc<DashMap<TrunkId, Vec<u8>>>,
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
    /// There is no room for another one.
    #[error("there are as many PBXs as there may be; remove one first")]
    Full,
    /// A PBX calls one workspace: another one's must not get its calls.
    #[error("this PBX cannot be used here")]
    HostTaken,
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
        Self { store, vault, clock, latest: Arc::default() }
    }

    /// Adds a trunk of its own (`ringfence trunk add`).
    ///
    /// # Errors
    /// The name is taken, there are too many, or the database cannot be used.
    pub async fn add(
        &self,
        workspace: WorkspaceId,
        new: &NewTrunk,
    ) -> Result<TrunkRow, TrunkBookError> {
        let mut change = self.store.begin().await?;
        let row = self.add_in(&mut change, workspace, new).await?;
        change.commit().await?;
        Ok(row)
    }

    /// Adds a trunk as part of `change`.
    ///
    /// # Errors
    /// As [`TrunkBook::add`].
    pub async fn add_in(
        &self,
        change: &mut Change,
        workspace: WorkspaceId,
        new: &NewTrunk,
    ) -> Result<TrunkRow, TrunkBookError> {
        match change.trunks().by_name(&new.name).await?.map(|trunk| trunk.source) {
            Some(TrunkSource::Config) => return Err(TrunkBookError::Configured(new.name.clone())),
            Some(TrunkSource::Store) => return Err(TrunkBookError::Exists(new.name.clone())),
            None => {}
        }
        let all = change.trunks().list().await?;
        let of_others = |row: &&TrunkRow| row.workspace_id != workspace;
        if all.iter().filter(of_others).any(|row| row.uri.host == new.uri.host) {
            return Err(TrunkBookError::HostTaken);
        }
        let theirs = all.len() - all.iter().filter(of_others).count();
        if theirs >= limit::TRUNKS_PER_WORKSPACE_MAX || all.len() >= limit::TRUNKS_MAX {
            return Err(TrunkBookError::Full);
        }
        self.write(change, workspace, TrunkId::random(), new, TrunkSource::Store).await
    }

    /// Makes the store's configured trunks those of the configuration: new ones are added,
    /// changed ones follow, those no longer configured go. Trunks of the store's own stay. New
    /// ones belong to `workspace`.
    ///
    /// # Errors
    /// A name is in both, or the database cannot be used.
    pub async fn follow(
        &self,
        workspace: WorkspaceId,
        configured: &[Trunk],
    ) -> Result<Vec<TrunkRow>, TrunkBookError> {
        let mut change = self.store.begin().await?;
        let known = change.trunks().list().await?;
        let names: BTreeSet<&str> = configured.iter().map(|trunk| trunk.name.as_str()).collect();
        for trunk in &known {
            match trunk.source {
                TrunkSource::Store if names.contains(trunk.name.as_str()) => {
                    return Err(TrunkBookError::InBoth(trunk.name.clone()));
                }
                TrunkSource::Config if !names.contains(trunk.name.as_str()) => {
                    change.trunks().remove(trunk.id).await?;
                }
                TrunkSource::Store | TrunkSource::Config => {}
            }
        }
        for trunk in configured {
            let known = known.iter().find(|known| known.name == trunk.name);
            let (id, workspace) = known
                .map_or_else(|| (TrunkId::random(), workspace), |row| (row.id, row.workspace_id));
            self.write(&mut change, workspace, id, &trunk.into(), TrunkSource::Config).await?;
        }
        change.commit().await?;
        self.list().await
    }

    /// All trunks, passwords sealed. To be called after each pass of [`Vault::rekey`]: rows that
    /// somebody holds from before open by what this reads.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&self) -> Result<Vec<TrunkRow>, TrunkBookError> {
        let rows = self.store.trunks().list().await?;
        self.latest.retain(|id, _| rows.iter().any(|row| row.id == *id));
        for row in &rows {
            match &row.password_sealed {
                Some(sealed) => drop(self.latest.insert(row.id, sealed.clone())),
                None => drop(self.latest.remove(&row.id)),
            }
        }
        Ok(rows)
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
        let Some(sealed) = trunk.password_sealed.as_deref() else { return Ok(None) };
        let place = place(&trunk.workspace_id, &trunk.id);
        let opened = self.vault.open_sealed(place, sealed, purpose);
        match (opened, self.latest.get(&trunk.id)) {
            (Err(VaultError::Retired { .. }), Some(latest)) => {
                self.vault.open_sealed(place, &latest, purpose)
            }
            (opened, _) => opened,
        }
        .map(Some)
    }

    /// Removes a trunk of the store's own by name; `false` when there is none.
    ///
    /// # Errors
    /// It is the configuration's, or the database cannot be used.
    pub async fn remove(&self, name: &str) -> Result<bool, TrunkBookError> {
        let mut change = self.store.begin().await?;
        let is_removed = self.remove_in(&mut change, name).await?;
        change.commit().await?;
        Ok(is_removed)
    }

    /// Removes a trunk as part of `change`.
    ///
    /// # Errors
    /// As [`TrunkBook::remove`].
    pub async fn remove_in(&self, change: &mut Change, name: &str) -> Result<bool, TrunkBookError> {
        match change.trunks().by_name(name).await? {
            Some(trunk) if trunk.source == TrunkSource::Config => {
                Err(TrunkBookError::Configured(trunk.name))
            }
            Some(trunk) => Ok(change.trunks().remove(trunk.id).await?),
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
        change: &mut Change,
        workspace_id: WorkspaceId,
        id: TrunkId,
        new: &NewTrunk,
        source: TrunkSource,
    ) -> Result<TrunkRow, TrunkBookError> {
        let password = new.password.as_ref();
        let place = place(&workspace_id, &id);
        let password_sealed =
            password.map(|password| self.vault.seal(place, password)).transpose()?;
        let NewTrunk { name, uri, user, ca_pem, media, codecs, register, domain, .. } = new.clone();
        let now = self.clock.unix();
        let state = TrunkState { word: "unknown".into(), detail: String::new(), at: now };
        let row = TrunkRow {
            id,
            workspace_id,
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
        change.trunks().put(&row, now).await?;
        Ok(row)
    }
}

fn place<'a>(workspace: &'a WorkspaceId, id: &'a TrunkId) -> Place<'a> {
    let (table, column) = ("trunks", "password_sealed");
    Place { workspace: Some(workspace.as_bytes()), table, column, row: id.as_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixTime;
    use crate::config::{Config, DevFlags, TrunkFlag};

    const CANARY: &str = "canary-6f1e-trunk-password";

    async fn book(folder: &std::path::Path) -> (TrunkBook, WorkspaceId) {
        let store = Store::open(folder).await.unwrap();
        let clock = Clock::manual(UnixTime(1_000));
        let vault = Vault::open(folder, &store, clock.unix()).await.unwrap();
        let workspace = match store.workspaces().insert("one", UnixTime(1)).await {
            Ok(workspace) => workspace.id,
            Err(_) => store.trunks().list().await.unwrap()[0].workspace_id,
        };
        (TrunkBook::new(store, Arc::new(vault), clock), workspace)
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
    async fn p04_a18_b14_b16_a_store_scan_finds_no_trunk_password_and_a_restart_still_opens_it() {
        let folder = tempfile::tempdir().unwrap();
        let uri = format!("sips:ringfence:{CANARY}@pbx.example.com");
        let trunks = configured(&[&uri]);
        let (first, workspace) = book(folder.path()).await;
        first.follow(workspace, &trunks).await.unwrap();
        let (book, _) = book(folder.path()).await;
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
        let (book, workspace) = book(folder.path()).await;
        let trunks = configured(&["sips:a:one@a.example", "sips:b:two@b.example"]);
        let [one, mut two] =
            <[TrunkRow; 2]>::try_from(book.follow(workspace, &trunks).await.unwrap()).unwrap();
        two.password_sealed = one.password_sealed;
        let error = book.password(&two, "register").unwrap_err().to_string();
        assert!(error.contains(book.vault.key_id()), "{error}");
    }

    #[tokio::test]
    async fn configured_trunks_follow_the_configuration_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (book, workspace) = book(folder.path()).await;
        let [one, two] = ["sips:a:one@a.example", "sips:b:two@b.example"];
        let first = book.follow(workspace, &configured(&[one, two])).await.unwrap();
        let mut own = NewTrunk::from(&configured(&[one])[0]);
        own.name = "own".into();
        book.add(workspace, &own).await.unwrap();
        assert!(matches!(book.add(workspace, &own).await, Err(TrunkBookError::Exists(_))));
        let second = book.follow(workspace, &configured(&[two])).await.unwrap();
        let names: Vec<_> = second.iter().map(|trunk| trunk.name.as_str()).collect();
        assert_eq!(names, ["own", "pbx"]);
        assert_eq!(second[1].id, first[0].id, "the same name keeps its identity");
        assert_eq!(second[1].uri.host, "b.example");
        own.name = "pbx".into();
        assert!(book.add(workspace, &own).await.is_err());
        let refused = book.remove("pbx").await.unwrap_err().to_string();
        assert!(refused.contains("comes from the configuration"), "{refused}");
        assert!(book.remove("own").await.unwrap());
        assert!(!book.remove("own").await.unwrap());
    }

    #[tokio::test]
    async fn there_are_so_many_trunks_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let (book, workspace) = book(folder.path()).await;
        let [trunk] = <[Trunk; 1]>::try_from(configured(&["sips:pbx.example.com"])).unwrap();
        for number in 0..limit::TRUNKS_PER_WORKSPACE_MAX {
            let new = NewTrunk { name: format!("pbx-{number}"), ..NewTrunk::from(&trunk) };
            book.add(workspace, &new).await.unwrap();
        }
        let refused = book.add(workspace, &NewTrunk::from(&trunk)).await.unwrap_err();
        assert!(matches!(refused, TrunkBookError::Full), "{refused}");
    }

    #[tokio::test]
    async fn sec_a28_another_workspace_does_not_get_the_calls_of_a_pbx() {
        let folder = tempfile::tempdir().unwrap();
        let (book, workspace) = book(folder.path()).await;
        let other = book.store.workspaces().insert("other", UnixTime(1)).await.unwrap();
        let [trunk] = <[Trunk; 1]>::try_from(configured(&["sips:pbx.example.com"])).unwrap();
        book.add(workspace, &NewTrunk::from(&trunk)).await.unwrap();
        let theirs = NewTrunk { name: "aaa".into(), ..NewTrunk::from(&trunk) };
        let refused = book.add(other.id, &theirs).await.unwrap_err();
        assert!(matches!(refused, TrunkBookError::HostTaken), "{refused}");
        book.add(workspace, &theirs).await.unwrap();
    }
}
