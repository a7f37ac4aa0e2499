//! Third-party secrets: sealed on save, opened on use, by a key hierarchy under one root key.
//!
//! ```text
//! root key 32 B ── HKDF-SHA256(salt = install id, info = "rf/v1/PURPOSE/NUMBER")
//!   ├─ kek-credentials/N, kek-totp/N   wrap data keys; a new N by rotation
//!   ├─ jwt/N                           signs session tokens; a new N by rotation
//!   └─ one key for each other purpose  (derived.rs)
//! ```
//!
//! Owns the root key's sources, every derived key and the sealed format. Does not decide who may
//! use a secret (`access`) nor keep rows (`store`). Losing the root key is losing the secrets;
//! a wrong one is refused at start, by name, before anything is touched.

mod backup;
mod derived;
mod envelope;
mod error;
mod keys;
mod ring;
mod root_key;
mod rotation;
mod secrets;
mod sources;
#[cfg(test)]
mod tests;
mod trunks;
mod unseal;

pub use backup::{BackupError, BackupReport, backup, restore};
pub use derived::Purpose;
pub use envelope::{Place, SEAL_OVERHEAD};
pub use error::VaultError;
pub use keys::Vault;
pub use ring::{Ring, SessionTokenKey, SessionTokenKeys};
pub use root_key::{ROOT_KEY_FILE, ROOT_KEY_VARIABLE, RootKey, RootKeySources};
pub use rotation::{KekStatus, Rekeyed, VaultStatus};
pub use secrets::{SecretBook, SecretKind};
pub use trunks::{NewTrunk, TrunkBook, TrunkBookError};
pub use unseal::{Answer, CONTROL_SOCKET, Unseal, UnsealError, offer};
