//! Opening a database: SQLite in the data folder, or PostgreSQL by its URL.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection, Executor, SqlSafeStr,
};
use tokio::time::timeout;

use super::link::timely;
use super::lock::make_folder;
use super::{Change, StoreError};
use crate::base::{Secret, limit};

/// The database; clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    pools: Arc<Pools>,
}

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file in the data folder.
    Sqlite,
    /// A server.
    Postgres,
}

#[derive(Debug)]
struct Pools {
    backend: Backend,
    /// One connection on SQLite, which has one writer: waiting here is fair, waiting there is not.
    writer: AnyPool,
    readers: AnyPool,
}

/// How long another process may hold the file before a write fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A step of the schema: its number, its name, its statements.
type Step = (i64, &'static str, &'static str);
/// The schema: each step is run once on a database and never changed afterwards.
pub(super) const STEPS: [Step; 2] =
    [(1, "schema", include_str!("schema.sql")), (2, "passkeys", include_str!("passkeys.sql"))];
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;

/// What was acknowledged survives a power loss; readers never wait for the writer.
const SQLITE_WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                             PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;";
/// A server that is lost in the middle of a change keeps its locks from the others for as long.
const POSTGRES: &str = "SET TIME ZONE 'UTC'; SET lock_timeout = '5s'; SET statement_timeout = '8s'; \
                        SET idle_in_transaction_session_timeout = '8s';";
const SQLITE_READER: &str = "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000;";

impl Store {
    /// Opens `ringfence.db` in `folder`, making both if they are not there, and brings the schema
    /// up to date.
    ///
    /// # Errors
    /// The folder or file cannot be used, or is of another version.
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
        install_default_drivers();
        let options = options(&format!("sqlite://{}?mode=rw", escape(&file)))?;
        let writer = pool(options.clone(), 1, SQLITE_WRITER).await?;
        migrator(Backend::Sqlite, &STEPS).run(&writer).await.map_err(StoreError::Schema)?;
        let readers = AnyPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(SQLITE_READER).await.map(drop) })
            })
            .connect_lazy_with(options);
        Ok(Self { pools: Arc::new(Pools { backend: Backend::Sqlite, writer, readers }) })
    }

    /// Opens the database of a `postgres://` URL and brings its schema up to date.
    ///
    /// # Errors
    /// It cannot be reached, or its schema is of another version.
    pub async fn open_postgres(url: &Secret) -> Result<Self, StoreError> {
        install_default_drivers();
        let writer = pool(options(url.expose())?, POSTGRES_CONNECTIONS, POSTGRES).await?;
        migrator(Backend::Postgres, &STEPS).run(&writer).await.map_err(StoreError::Schema)?;
        let readers = writer.clone();
        Ok(Self { pools: Arc::new(Pools { backend: Backend::Postgres, writer, readers }) })
    }

    /// Which database it is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.pools.backend
    }

    /// Opens a transaction. Nothing of it is there before [`Change::commit`]; dropped, it never was.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn begin(&self) -> Result<Change, StoreError> {
        let begin = match self.pools.backend {
            // Takes the write lock at once: a reader that turns writer may have to fail.
            Backend::Sqlite => "BEGIN IMMEDIATE",
            Backend::Postgres => "BEGIN",
        };
        let transaction = timely(self.pools.writer.begin_with(begin)).await?;
        Ok(Change::new(transaction, self.pools.backend))
    }

    /// Whether the database answers (`/readyz`).
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        timely(sqlx::query("SELECT 1").execute(self.readers())).await.map(drop)
    }

    /// Folds the log into the file and closes it.
    pub async fn close(&self) {
        self.pools.readers.close().await;
        self.pools.writer.close().await;
    }

    pub(super) fn writer(&self) -> &AnyPool {
        &self.pools.writer
    }

    pub(super) fn readers(&self) -> &AnyPool {
        &self.pools.readers
    }
}

fn options(url: &str) -> Result<AnyConnectOptions, StoreError> {
    let options = AnyConnectOptions::from_str(url).map_err(|_| StoreError::BadUrl)?;
    // Statements carry no values, but errors of ours say more than a log of them would.
    Ok(options.disable_statement_logging())
}

async fn pool(
    options: AnyConnectOptions,
    connections: u32,
    set_up: &'static str,
) -> Result<AnyPool, StoreError> {
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(BUSY_TIMEOUT)
        .after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(set_up).await.map(drop) })
        })
        .after_release(|connection, _| Box::pin(is_well(connection)));
    Ok(pool.connect_with(options).await?)
}

/// Whether a connection is used again. SQLite ends a transaction by itself when the disk is full
/// (SQLITE_FULL, SQLITE_IOERR) and sqlx goes on counting it: nothing could begin on it any more.
/// One that does not answer is closed, or it would keep its place in the pool.
async fn is_well(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    // Also waits for the rollback of a change that was dropped.
    let answer = timeout(limit::DATABASE_ANSWER_MAX, connection.ping()).await;
    answer.map_err(|_| sqlx::Error::PoolTimedOut)??;
    Ok(!connection.is_in_transaction())
}

/// A path as part of a URL.
fn escape(path: &Path) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut url = String::new();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(byte) {
            url.push(char::from(*byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

fn migrator(backend: Backend, steps: &[Step]) -> Migrator {
    Migrator::with_migrations(
        steps
            .iter()
            .map(|&(version, name, sql)| {
                let sql = AssertSqlSafe(in_dialect(backend, sql)).into_sql_str();
                Migration::new(version, name.into(), MigrationType::Simple, sql, false)
            })
            .collect(),
    )
}

/// The schema in the words of a database.
fn in_dialect(backend: Backend, sql: &str) -> String {
    match backend {
        Backend::Sqlite => sql.to_owned(),
        Backend::Postgres => {
            sql.replace(" BLOB", " BYTEA").replace(" INTEGER", " BIGINT").replace(") STRICT;", ");")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn f02_the_file_is_private_durable_and_survives_a_second_opening() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data of a % strange?name");
        for _ in 0..2 {
            let store = Store::open(&data).await.unwrap();
            let read = async |sql: &'static str| {
                sqlx::query_scalar::<_, String>(sql).fetch_one(store.writer()).await.unwrap()
            };
            assert_eq!(read("SELECT journal_mode FROM pragma_journal_mode").await, "wal");
            let full = read("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous").await;
            assert_eq!(full, "2");
            store.ping().await.unwrap();
            store.close().await;
        }
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data), 0o700);
        assert_eq!(mode(&data.join("ringfence.db")), 0o600);
    }

    #[tokio::test]
    async fn x07_a_database_of_the_first_step_is_brought_up_to_date_and_keeps_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ringfence.db"), "").unwrap();
        install_default_drivers();
        let url = format!("sqlite://{}?mode=rw", escape(&folder.path().join("ringfence.db")));
        let writer = pool(options(&url).unwrap(), 1, SQLITE_WRITER).await.unwrap();
        migrator(Backend::Sqlite, &STEPS[..1]).run(&writer).await.unwrap();
        let insert =
            "INSERT INTO workspaces (id, name, created_at) VALUES (randomblob(16), 'a', 1)";
        sqlx::query(insert).execute(&writer).await.unwrap();
        writer.close().await;
        for _ in 0..2 {
            let store = Store::open(folder.path()).await.unwrap();
            assert_eq!(store.workspaces().list().await.unwrap().len(), 1);
            let nobody = crate::store::UserId::random();
            assert_eq!(store.passkeys().count_of(nobody).await.unwrap(), 0);
            store.close().await;
        }
    }

    #[tokio::test]
    async fn a_change_is_seen_inside_and_is_nothing_until_it_is_committed() {
        for test in testing::each().await {
            let (store, now) = (&test.store, crate::base::UnixTime(7));
            let mut change = store.begin().await.unwrap();
            let made = change.workspaces().insert("acme", now).await.unwrap();
            assert_eq!(change.workspaces().by_id(made.id).await.unwrap(), Some(made.clone()));
            assert_eq!(store.workspaces().by_id(made.id).await.unwrap(), None);
            drop(change);
            assert!(store.workspaces().list().await.unwrap().is_empty());
            let mut change = store.begin().await.unwrap();
            let made = change.workspaces().insert("acme", now).await.unwrap();
            change.commit().await.unwrap();
            assert_eq!(store.workspaces().list().await.unwrap(), [made]);
            let twice = store.workspaces().insert("acme", now).await.unwrap_err();
            assert!(matches!(twice, StoreError::Conflict("name")), "{twice:?}");
        }
    }
}
