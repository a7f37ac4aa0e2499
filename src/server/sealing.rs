//! How the vault is opened: at once, or after somebody brings the root key.

use std::path::PathBuf;

use super::StartError;
use super::listeners::Listeners;
use crate::base::Clock;
use crate::config::Config;
use crate::store::Store;
use crate::vault::{RootKeySources, Unseal, Vault};

/// Opens the vault of the configured server. Sealed, it answers 503 until `ringfence vault unseal`
/// brings the key; nothing else is open meanwhile.
pub(super) async fn open_vault(
    config: &Config,
    store: &Store,
    listeners: &Listeners,
    clock: &Clock,
) -> Result<Vault, StartError> {
    let data = &config.server.data;
    if config.vault.sealed {
        let expected = store.installation().read().await?.map(|row| row.root_key_id);
        let unseal = Unseal::bind(data, expected, clock.clone())?;
        tracing::warn!("sealed: waiting for the root key; bring it with `ringfence vault unseal`");
        let root = tokio::select! {
            root = unseal.wait() => root?,
            failed = listeners.answer_sealed(config) => {
                failed?;
                std::future::pending().await
            }
        };
        let source = PathBuf::from("`ringfence vault unseal`");
        return Ok(Vault::open_with(&root, source, store, clock.unix()).await?);
    }
    Ok(Vault::open_from(&RootKeySources::of_config(config), store, clock.unix()).await?)
}
