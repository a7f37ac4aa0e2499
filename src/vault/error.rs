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
    /// The data was sealed with another key.
    #[error(
        "{path} is root key {found}, but the data here was encrypted with root key {expected}; \
         put that file back (nothing was changed)"
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
         put that file back (nothing was changed)"
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
    /// The operating system gives no random bytes or the library failed.
    #[error("cryptography is not available")]
    Unavailable,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
