//! Why the vault refused.

use std::path::PathBuf;

/// A vault that stays closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The file cannot be read or made.
    #[error("the root key {path} cannot be used")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not safe to use.
    #[error("the root key {path} is refused: {what}")]
    Refused {
        /// Which.
        path: PathBuf,
        /// What is wrong and what to do.
        what: &'static str,
    },
    /// A new installation has no root key and may not make one there.
    #[error("there is no root key: put 32 random bytes into {path}, mode 600, and keep a copy")]
    NoKey {
        /// Where it should be.
        path: PathBuf,
    },
    /// The data was sealed with another key.
    #[error(
        "{path} is root key {found}, but the data here was encrypted with root key {expected}; \
         put that file back, or name it with --root-key-file (nothing was changed)"
    )]
    WrongKey {
        /// The file found.
        path: PathBuf,
        /// Its name.
        found: String,
        /// The name wanted.
        expected: String,
    },
    /// The data was sealed, and the key is not there.
    #[error(
        "{path} is missing; the data here was encrypted with root key {expected}; \
         put that file back, or name it with --root-key-file (nothing was changed)"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
        /// The name wanted.
        expected: String,
    },
    /// A sealed value is damaged, was moved from another row, or was sealed by another key.
    #[error("a sealed value cannot be opened with key {key_id}")]
    Sealed {
        /// The root key in use.
        key_id: String,
    },
    /// A sealed value is from before a rotation that is over.
    #[error("a sealed value is of the retired key {kek_id} (root key {key_id}): read it anew")]
    Retired {
        /// The root key in use.
        key_id: String,
        /// The number of the retired key.
        kek_id: u32,
    },
    /// Nobody would find the value again at a rotation: a mistake of this program.
    #[error("{table}.{column} is not a column for sealed values")]
    UnknownColumn {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The operating system gives no random bytes or the library failed.
    #[error("cryptography is not available")]
    Unavailable,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
