//! Where the root key of a configured server comes from: the same for the server and for the
//! commands beside it.

use super::RootKeySources;
use crate::config::{Config, Mode};

impl RootKeySources {
    /// Development mode has `root.key` in its folder; a configured server whatever its
    /// configuration and this process's environment say.
    #[must_use]
    pub fn of_config(config: &Config) -> Self {
        let folder = &config.server.data;
        match config.mode {
            Mode::Development => Self::of_folder(folder),
            Mode::Production => Self::of_process(
                folder,
                config.vault.key_file.as_deref(),
                config.vault.allow_env_key,
                |name| std::env::var(name).ok(),
            ),
        }
    }
}
