//! What a repository runs its queries on, and how columns are read.
//!
//! Every query is a literal with bound parameters, in the SQL that SQLite and PostgreSQL share.

use std::future::Future;

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, Row};
use tokio::time::timeout;

use super::id::RowId;
use super::{Change, Store, StoreError};
use crate::base::{UnixTime, limit};

/// A query with its parameters.
pub(super) type Query<'q> = sqlx::query::Query<'q, Any, AnyArguments>;

/// The connection of a repository: the store's pools, or an open transaction.
pub(super) enum Link<'a> {
    /// Reads take any connection, each write is a transaction of its own.
    Store(&'a Store),
    /// Reads and writes belong to the transaction.
    Change(&'a mut Change),
}

/// The answer of the database, which may be gone without a word: nobody waits for it for ever.
/// After an error of this a change can only be dropped.
pub(super) async fn timely<T>(
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    match timeout(limit::DATABASE_ANSWER_MAX, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
    }
}

impl Link<'_> {
    /// Rows of a query that changes nothing.
    pub(super) async fn all(&mut self, query: Query<'_>) -> Result<Vec<AnyRow>, StoreError> {
        Ok(match self {
            Self::Store(store) => timely(query.fetch_all(store.readers())).await?,
            Self::Change(change) => timely(query.fetch_all(change.connection())).await?,
        })
    }

    /// The row of a query that changes nothing and finds one or none.
    pub(super) async fn optional(
        &mut self,
        query: Query<'_>,
    ) -> Result<Option<AnyRow>, StoreError> {
        Ok(match self {
            Self::Store(store) => timely(query.fetch_optional(store.readers())).await?,
            Self::Change(change) => timely(query.fetch_optional(change.connection())).await?,
        })
    }

    /// Changes rows; how many.
    pub(super) async fn execute(&mut self, query: Query<'_>) -> Result<u64, StoreError> {
        let done = match self {
            Self::Store(store) => timely(query.execute(store.writer())).await?,
            Self::Change(change) => timely(query.execute(change.connection())).await?,
        };
        Ok(done.rows_affected())
    }

    /// Changes rows and gives back what `RETURNING` says.
    pub(super) async fn returning(&mut self, query: Query<'_>) -> Result<Vec<AnyRow>, StoreError> {
        Ok(match self {
            Self::Store(store) => timely(query.fetch_all(store.writer())).await?,
            Self::Change(change) => timely(query.fetch_all(change.connection())).await?,
        })
    }
}

/// Columns as the types rows are made of. Any other content is damage.
pub(super) trait Columns {
    /// A text.
    fn text(&self, column: &str) -> Result<String, StoreError>;
    /// A text or nothing.
    fn text_opt(&self, column: &str) -> Result<Option<String>, StoreError>;
    /// Bytes.
    fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError>;
    /// Bytes or nothing.
    fn bytes_opt(&self, column: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// A whole number.
    fn int(&self, column: &str) -> Result<i64, StoreError>;
    /// A whole number or nothing.
    fn int_opt(&self, column: &str) -> Result<Option<i64>, StoreError>;
    /// Zero or one.
    fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }
    /// Seconds since 1970.
    fn time(&self, column: &str) -> Result<UnixTime, StoreError> {
        Ok(time(self.int(column)?))
    }
    /// Seconds since 1970, or never.
    fn time_opt(&self, column: &str) -> Result<Option<UnixTime>, StoreError> {
        Ok(self.int_opt(column)?.map(time))
    }
    /// An identity.
    fn id<T: RowId>(&self, column: &'static str) -> Result<T, StoreError> {
        T::from_slice(&self.bytes(column)?).ok_or(StoreError::Damaged(column))
    }
    /// An identity or nothing.
    fn id_opt<T: RowId>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let bytes = self.bytes_opt(column)?;
        bytes.map(|id| T::from_slice(&id).ok_or(StoreError::Damaged(column))).transpose()
    }
    /// A SHA-256.
    fn digest(&self, column: &'static str) -> Result<[u8; 32], StoreError> {
        self.bytes(column)?.try_into().map_err(|_| StoreError::Damaged(column))
    }
    /// A word of a closed list.
    fn word<T>(
        &self,
        column: &'static str,
        from_word: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        from_word(&self.text(column)?).ok_or(StoreError::Damaged(column))
    }
}

impl Columns for AnyRow {
    fn text(&self, column: &str) -> Result<String, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn text_opt(&self, column: &str) -> Result<Option<String>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn bytes_opt(&self, column: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn int(&self, column: &str) -> Result<i64, StoreError> {
        Ok(self.try_get(column)?)
    }

    fn int_opt(&self, column: &str) -> Result<Option<i64>, StoreError> {
        Ok(self.try_get(column)?)
    }
}

/// A time as stored.
pub(super) fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// A time as read.
pub(super) fn time(seconds: i64) -> UnixTime {
    UnixTime(u64::try_from(seconds).unwrap_or(0))
}
