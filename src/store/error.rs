//! What can go wrong with the database, by whose fault.

/// A failed store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another row has this value already.
    #[error("another one has this {0}")]
    Conflict(&'static str),
    /// The database cannot be used now: locked, full, gone.
    #[error("the database cannot be used")]
    Unavailable(#[source] sqlx::Error),
    /// The URL of the database is not one.
    #[error("the URL of the database is not understood: postgres://USER:PASSWORD@HOST/NAME")]
    BadUrl,
    /// The folder or file cannot be made or opened.
    #[error("{} cannot be used", path.display())]
    Folder {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The data folder is a file.
    #[error("{} is not a folder", .0.display())]
    NotAFolder(std::path::PathBuf),
    /// Another server runs on the folder.
    #[error("another server (pid {pid}) uses this data folder, {path}: stop it, or give --data")]
    InUse {
        /// Which folder.
        path: std::path::PathBuf,
        /// The other's process, as far as it is known.
        pid: String,
    },
    /// The schema is not one this version knows.
    #[error("the database is of another version")]
    Schema(#[source] sqlx::migrate::MigrateError),
    /// A row holds what no version of this program writes.
    #[error("a row of {0} is damaged")]
    Damaged(&'static str),
}

/// Columns whose values must be unique, as people know them.
const UNIQUE: [&str; 7] =
    ["name", "email", "number", "token_hash", "prefix", "workspace_id", "subject"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(database) = &error
            && database.is_unique_violation()
        {
            // SQLite names the columns, the last one last; PostgreSQL the index, `table_column_key`.
            let words = match database.constraint() {
                Some(index) => index.trim_end_matches("_key").to_owned(),
                None => database.message().to_owned(),
            };
            let field = UNIQUE.into_iter().find(|field| {
                words.strip_suffix(field).is_some_and(|rest| rest.ends_with(['.', '_']))
            });
            return Self::Conflict(field.unwrap_or("id"));
        }
        Self::Unavailable(error)
    }
}
