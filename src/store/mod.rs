//! The database: what outlives the process.
//!
//! One repository per aggregate, each a few methods with bound parameters only. Knows no rule
//! about who may do what and decrypts nothing. SQLite in WAL mode with `synchronous=FULL`: what
//! was acknowledged survives a power loss.

mod error;
mod id;
mod level;
mod lock;
mod row;
mod sqlite;

pub use error::StoreError;
pub use id::{NotAnId, SessionId, TrunkId, UserId};
pub use level::Level;
pub use lock::DataLock;
pub use row::{
    Ending, Installation, NewSession, NewUser, SessionRow, TrunkRow, TrunkSource, TrunkState,
    UserRow,
};
pub use sqlite::{InstallationTable, Sessions, Store, Trunks, Users};
