//! The repositories on SQLite.

mod installation;
mod open;
mod sessions;
mod trunks;
mod users;

pub use installation::InstallationTable;
pub use open::Store;
pub use sessions::Sessions;
pub use trunks::Trunks;
pub use users::Users;
