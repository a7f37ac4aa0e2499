//! Third-party secrets: sealed on save, opened on use, by a key hierarchy under one root key.
//!
//! Owns the root key's file, every derived key and the sealed format. Does not decide who may
//! use a secret (`access`) nor keep rows (`store`). Losing the root key is losing the secrets;
//! a wrong one is refused at start, by name, before anything is touched.

mod envelope;
mod error;
mod keys;
mod root_key;
mod trunks;

pub use envelope::{Place, SEAL_OVERHEAD};
pub use error::VaultError;
pub use keys::{Purpose, Vault};
pub use trunks::{NewTrunk, TrunkBook, TrunkBookError};
