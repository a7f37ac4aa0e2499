//! Why a command failed, in words, and the exit code that says so to scripts.

use std::error::Error;
use std::fmt;

use crate::access::settings::SettingsError;
use crate::vault::BackupError;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It failed.
    Failed,
    /// The command line is not understood.
    Usage,
    /// The configuration or a secret's file is refused (`EX_CONFIG`).
    Config,
}

impl Exit {
    /// The code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Config => 78,
        }
    }
}

/// A failed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What to tell the person; holds no secret.
    pub words: String,
}

impl Failure {
    /// A failure with an error and its causes as words.
    #[must_use]
    pub fn new(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !words.contains(&text) {
                words.push_str(": ");
                words.push_str(&text);
            }
            cause = error.source();
        }
        Self { exit, words }
    }

    /// A failure in words.
    #[must_use]
    pub fn words(exit: Exit, words: impl Into<String>) -> Self {
        Self { exit, words: words.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

macro_rules! failed {
    ($($error:ty => $exit:ident),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(Exit::$exit, &error)
            }
        })*
    };
}

failed! {
    crate::access::AccessError => Failed,
    crate::access::audit::AuditError => Failed,
    crate::access::organisation::OrganisationError => Failed,
    crate::store::StoreError => Failed,
    crate::vault::TrunkBookError => Failed,
    crate::vault::UnsealError => Failed,
    crate::vault::VaultError => Config,
    crate::config::ConfigErrors => Config,
    crate::telemetry::log::LogError => Config,
    serde_json::Error => Failed,
    std::io::Error => Failed,
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let exit = match error {
            BackupError::WrongKey { .. } | BackupError::Vault(_) => Exit::Config,
            BackupError::NotEmpty => Exit::Usage,
            _ => Exit::Failed,
        };
        Self::new(exit, &error)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Unknown(key) => {
                let words = format!("there is no setting {key}; see: ringfence policy show");
                Self::words(Exit::Usage, words)
            }
            SettingsError::Value { .. } | SettingsError::Preset(_) | SettingsError::NotHere(_) => {
                Self::new(Exit::Usage, &error)
            }
            SettingsError::Audit(_) | SettingsError::Store(_) => Self::new(Exit::Failed, &error),
        }
    }
}
