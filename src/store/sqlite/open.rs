//! Opening the file: pragmas, pools, migrations.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::{InstallationTable, Sessions, Trunks, Users};
use crate::store::StoreError;
use crate::store::lock::make_folder;

/// The database; clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    pools: Arc<Pools>,
}

#[derive(Debug)]
struct Pools {
    /// One connection: SQLite has one writer, and waiting here is fair while waiting there is not.
    writer: SqlitePool,
    readers: SqlitePool,
}

/// How long another process may hold the file before a write fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;

impl Store {
    /// Opens `ringfence.db` in `folder`, making both if they are not there, and brings the schema
    /// up to date.
    ///
    /// # Errors
    /// The folder or file cannot be used, or is of a newer version.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        make_folder(folder)?;
        let file = folder.join("ringfence.db");
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&file)
            .map_err(|source| StoreError::Folder { path: file.clone(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options.clone())
            .await?;
        migrator().run(&writer).await.map_err(StoreError::Schema)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_lazy_with(options.read_only(true));
        Ok(Self { pools: Arc::new(Pools { writer, readers }) })
    }

    /// People.
    #[must_use]
    pub fn users(&self) -> Users<'_> {
        Users { store: self }
    }

    /// Sign-ins.
    #[must_use]
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions { store: self }
    }

    /// PBXs.
    #[must_use]
    pub fn trunks(&self) -> Trunks<'_> {
        Trunks { store: self }
    }

    /// This installation.
    #[must_use]
    pub fn installation(&self) -> InstallationTable<'_> {
        InstallationTable { store: self }
    }

    /// Whether the database answers (`/readyz`).
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(self.readers()).await?;
        Ok(())
    }

    /// Folds the log into the file and closes it.
    pub async fn close(&self) {
        self.pools.readers.close().await;
        self.pools.writer.close().await;
    }

    pub(super) fn writer(&self) -> &SqlitePool {
        &self.pools.writer
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.pools.readers
    }
}

fn migrator() -> Migrator {
    let steps = [(1, "first", include_str!("migrations/0001_first.sql"))];
    Migrator::with_migrations(
        steps
            .into_iter()
            .map(|(version, name, sql)| {
                let kind = MigrationType::Simple;
                Migration::new(version, name.into(), kind, sql.into_sql_str(), false)
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn f02_the_file_is_private_durable_and_survives_a_second_opening() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        for _ in 0..2 {
            let store = Store::open(&data).await.unwrap();
            let read = |sql: &'static str| {
                let store = store.clone();
                async move {
                    sqlx::query_scalar::<_, String>(sql).fetch_one(store.writer()).await.unwrap()
                }
            };
            assert_eq!(read("SELECT journal_mode FROM pragma_journal_mode").await, "wal");
            let full = sqlx::query_scalar::<_, i64>("SELECT synchronous FROM pragma_synchronous")
                .fetch_one(store.writer())
                .await
                .unwrap();
            assert_eq!(full, 2);
            store.ping().await.unwrap();
            store.close().await;
        }
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data), 0o700);
        assert_eq!(mode(&data.join("ringfence.db")), 0o600);
    }
}
