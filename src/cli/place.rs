//! Which server's data a command works on.

use std::path::PathBuf;
use std::sync::Arc;

use super::args::Place;
use super::failure::{Exit, Failure};
use crate::access::Access;
use crate::base::Clock;
use crate::config::{Config, ServeFlags};
use crate::store::Store;
use crate::vault::{TrunkBook, Vault};

/// A server's data, open beside the server itself.
pub(super) struct Data {
    pub(super) store: Store,
    pub(super) access: Access,
    pub(super) trunks: TrunkBook,
    /// `sip.ca` of the configuration.
    pub(super) ca: Option<PathBuf>,
}

/// Whether a command may make the data folder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It adds something.
    Make,
    /// It only looks or changes.
    Refuse,
}

const DEV_FOLDER: &str = "ringfence-dev";

/// Opens the data folder of `--data`, of `--config`, or of development mode in this folder.
pub(super) async fn open(place: &Place, missing: Missing) -> Result<Data, Failure> {
    let environment =
        std::env::vars_os().filter_map(|(k, v)| k.into_string().ok().zip(v.into_string().ok()));
    let config = match &place.config {
        Some(path) => Some(Config::load(Some(path), environment, &ServeFlags::default())?),
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
    if missing == Missing::Refuse && !folder.join("ringfence.db").exists() {
        let words =
            format!("no server's data in {}; give --data DIR or --config FILE", folder.display());
        return Err(Failure::words(Exit::Usage, words));
    }
    let clock = Clock::system();
    let store = Store::open(&folder).await?;
    let vault = Arc::new(Vault::open(&folder, &store, clock.unix()).await?);
    // The issuer of tokens is the server's name, as the server itself takes it.
    let issuer = config.as_ref().map_or("localhost", |config| &config.server.public_host);
    let access = Access::new(store.clone(), &vault, clock.clone(), issuer);
    let trunks = TrunkBook::new(store.clone(), vault, clock);
    Ok(Data { store, access, trunks, ca: config.and_then(|config| config.sip.ca) })
}
