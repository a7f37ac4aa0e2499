//! Which server's data a command works on.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::Place;
use super::failure::{Exit, Failure};
use super::letters::Letters;
use crate::access::audit::{Action, Audit, Entry};
use crate::access::{Access, AccessParts, Actor, trail};
use crate::base::Clock;
use crate::config::{Config, ServeFlags};
use crate::store::{Change, Member, Store, WorkspaceRow};
use crate::vault::{RootKeySources, TrunkBook, Vault};

/// A server's data, open beside the server itself.
pub(super) struct Data {
    pub(super) store: Store,
    pub(super) vault: Arc<Vault>,
    pub(super) access: Access,
    pub(super) trunks: TrunkBook,
    pub(super) clock: Clock,
    /// What the server would have mailed.
    pub(super) letters: Arc<Letters>,
    /// Where the server's pages are.
    pub(super) origin: String,
    /// `sip.ca` of the configuration.
    pub(super) ca: Option<PathBuf>,
}

/// Whether a command may make the data folder and the first workspace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It adds something.
    Make,
    /// It only looks or changes.
    Refuse,
}

/// Where a server's data is, before anything is opened.
pub(super) struct Located {
    pub(super) folder: PathBuf,
    pub(super) sources: RootKeySources,
    pub(super) config: Option<Config>,
}

/// The configuration of `serve` when none is named.
const CONFIG_FILE: &str = "ringfence.toml";
const DEV_FOLDER: &str = "ringfence-dev";
/// Where development mode listens unless it is told otherwise.
const DEV_ORIGIN: &str = "http://localhost:8080";

/// Whether a command says which server it means, or stands beside its configuration.
pub(super) fn is_named(place: &Place) -> bool {
    place.data.is_some() || place.config.is_some() || Path::new(CONFIG_FILE).is_file()
}

/// Finds the data of `--data`, of `--config`, of the `ringfence.toml` in this folder, or of
/// development mode in it.
pub(super) fn locate(place: &Place) -> Result<Located, Failure> {
    let environment =
        std::env::vars_os().filter_map(|(k, v)| k.into_string().ok().zip(v.into_string().ok()));
    let flags = ServeFlags { data: place.data.clone(), ..ServeFlags::default() };
    // As `serve` does: the configuration beside which one stands is the one that is meant.
    let beside = Path::new(CONFIG_FILE);
    let config = match &place.config {
        Some(path) => Some(path.as_path()),
        None if place.data.is_none() && beside.is_file() => Some(beside),
        None => None,
    };
    let config = match config {
        Some(path) => Some(Config::load(Some(path), environment, &flags)?),
        None => None,
    };
    let folder = match (&place.data, &config) {
        (Some(data), _) => data.clone(),
        (None, Some(config)) => config.server.data.clone(),
        (None, None) => PathBuf::from(DEV_FOLDER),
    };
    if folder.exists() && !folder.is_dir() {
        let words = format!("{} is not a folder", folder.display());
        return Err(Failure::words(Exit::Usage, words));
    }
    let mut sources = config
        .as_ref()
        .map_or_else(|| RootKeySources::of_folder(&folder), RootKeySources::of_config);
    if let Some(file) = &place.root_key_file {
        let (credential, environment) = (None, None);
        let file = file.clone();
        sources = RootKeySources { credential, file, environment, may_create: false };
    }
    Ok(Located { folder, sources, config })
}

impl Located {
    /// Opens the database, made if it is not there.
    pub(super) async fn open_store(&self) -> Result<Store, Failure> {
        Ok(match self.config.as_ref().and_then(|config| config.database.as_ref()) {
            Some(url) => {
                make_folder(&self.folder)?;
                Store::open_postgres(url).await?
            }
            None => Store::open(&self.folder).await?,
        })
    }

    fn is_elsewhere(&self) -> bool {
        self.config.as_ref().is_some_and(|config| config.database.is_some())
    }

    fn no_data(&self) -> Failure {
        let place = match self.is_elsewhere() {
            true => "the database of the configuration".to_owned(),
            false => self.folder.display().to_string(),
        };
        let words = format!("no server's data in {place}; give --data DIR or --config FILE");
        Failure::words(Exit::Usage, words)
    }
}

/// Opens the data of `place`.
pub(super) async fn open(place: &Place, missing: Missing) -> Result<Data, Failure> {
    let located = locate(place)?;
    let may_make = missing == Missing::Make;
    if !may_make && !located.is_elsewhere() && !located.folder.join("ringfence.db").exists() {
        return Err(located.no_data());
    }
    let clock = Clock::system();
    let store = located.open_store().await?;
    if !may_make && store.installation().read().await?.is_none() {
        return Err(located.no_data());
    }
    let vault = Vault::open_from(&located.sources, &store, clock.unix()).await?;
    let vault = Arc::new(vault);
    let audit = Audit::open(store.clone(), vault.clone(), &located.folder, clock.clone()).await?;
    let letters = Arc::new(Letters::default());
    let config = located.config.as_ref();
    let access = Access::open(AccessParts {
        store: store.clone(),
        vault: vault.clone(),
        audit,
        clock: clock.clone(),
        // The issuer of tokens is the server's name, as the server itself takes it.
        issuer: config.map_or("localhost", |config| &config.server.public_host).to_owned(),
        mailbox: letters.clone(),
    })
    .await?;
    let trunks = TrunkBook::new(store.clone(), vault.clone(), clock.clone());
    let ca = config.and_then(|config| config.sip.ca.clone());
    let origin = config.map_or_else(|| DEV_ORIGIN.to_owned(), origin_of);
    Ok(Data { store, vault, access, trunks, clock, letters, origin, ca })
}

impl Data {
    /// The workspace of a name, or the first one; made if there is none and `missing` says so.
    pub(super) async fn workspace(
        &self,
        name: Option<&str>,
        missing: Missing,
    ) -> Result<WorkspaceRow, Failure> {
        if let Some(name) = name {
            let found = self.store.workspaces().by_name(name).await?;
            return found.ok_or_else(|| {
                let words =
                    format!("there is no workspace `{name}`; see: ringfence workspace list");
                Failure::words(Exit::Failed, words)
            });
        }
        let home = match missing {
            Missing::Make => Some(self.access.ensure_home(&Actor::command()).await?),
            Missing::Refuse => {
                self.store.installation().read().await?.and_then(|row| row.home_workspace)
            }
        };
        let home = match home {
            Some(id) => self.store.workspaces().by_id(id).await?,
            None => None,
        };
        home.ok_or_else(|| {
            let words = "there is no workspace yet; add the first person: ringfence user add";
            Failure::words(Exit::Failed, words)
        })
    }

    /// Somebody of a workspace by name, mail address or number.
    pub(super) async fn member(
        &self,
        workspace: &WorkspaceRow,
        name: &str,
    ) -> Result<Member, Failure> {
        let user = self.store.users().by_sign_in(&name.to_lowercase()).await?;
        let by_name = match user {
            Some(user) => self.store.memberships().member(workspace.id, user.id).await?,
            None => None,
        };
        let found = match by_name {
            Some(member) => Some(member),
            None => self.store.memberships().by_number(workspace.id, name).await?,
        };
        found.ok_or_else(|| {
            let words = format!("there is nobody called `{name}` in workspace {}", workspace.name);
            Failure::words(Exit::Failed, words)
        })
    }

    /// An event of whoever types.
    pub(super) fn entry(&self, action: Action) -> Entry {
        trail::entry(&Actor::command(), action, self.clock.unix())
    }

    /// Appends an event to the audit, as part of its change.
    pub(super) async fn record(&self, change: &mut Change, entry: Entry) -> Result<(), Failure> {
        self.access.audit().record(change, entry).await?;
        Ok(())
    }

    /// A link to a page that reads the key behind `#`, so that it reaches no server, proxy or log.
    pub(super) fn link(&self, page: &str, key: &crate::base::Secret) -> String {
        format!("{}/{page}#k={}", self.origin, key.expose())
    }
}

/// Whoever types, in a workspace.
pub(super) fn actor_in(workspace: &WorkspaceRow) -> Actor {
    Actor { workspace_id: Some(workspace.id), ..Actor::command() }
}

/// Where browsers find a configured server.
fn origin_of(config: &Config) -> String {
    let host = &config.server.public_host;
    match config.server.listen_tls.first().map(std::net::SocketAddr::port) {
        None | Some(443 | 0) => format!("https://{host}"),
        Some(port) => format!("https://{host}:{port}"),
    }
}

/// Makes a data folder that nobody else may look into.
fn make_folder(folder: &Path) -> Result<(), Failure> {
    Ok(DirBuilder::new().recursive(true).mode(0o700).create(folder)?)
}
