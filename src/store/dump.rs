//! Every row of every table, in an order in which it can be put back: what backups are made of.
//!
//! The same on SQLite and PostgreSQL, so that a backup of one restores into the other. Tables,
//! columns and their types come from the schema itself. Rows hold what the tables hold: sealed
//! values stay sealed.

use futures_util::TryStreamExt;
use sqlx::any::AnyRow;
use sqlx::{Any, AssertSqlSafe, Row, Transaction, query};

use super::open::STEPS;
use super::{Backend, Change, Store, StoreError};

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Int,
    /// Texts.
    Text,
    /// Bytes.
    Bytes,
}

/// A table of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns in order.
    pub columns: Vec<(&'static str, Kind)>,
}

/// Every table, each after those it refers to.
#[must_use]
pub fn tables() -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for line in STEPS.iter().flat_map(|(_, _, sql)| sql.lines()) {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("CREATE"), Some("TABLE"), Some(name)) => {
                tables.push(Table { name, columns: Vec::new() });
            }
            (Some(column), Some(kind), _) if line.starts_with("    ") => {
                let kind = match kind.trim_end_matches(',') {
                    "INTEGER" => Kind::Int,
                    "TEXT" => Kind::Text,
                    "BLOB" => Kind::Bytes,
                    // A constraint of the table.
                    _ => continue,
                };
                if let Some(table) = tables.last_mut() {
                    table.columns.push((column, kind));
                }
            }
            _ => {}
        }
    }
    tables
}

/// A view of the database as it was at one moment.
pub struct Snapshot {
    transaction: Transaction<'static, Any>,
}

impl Store {
    /// Holds the present state for reading; writers go on meanwhile.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let begin = match self.backend() {
            Backend::Sqlite => "BEGIN",
            Backend::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Ok(Snapshot { transaction: self.readers().begin_with(begin).await? })
    }
}

impl Snapshot {
    /// Gives every row of a table to `take`, which may refuse to go on.
    ///
    /// # Errors
    /// The database cannot be used, or `take`'s.
    pub async fn rows<E: From<StoreError>>(
        &mut self,
        table: &Table,
        mut take: impl FnMut(Vec<Value>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let select = format!("SELECT {} FROM {}", names(table), table.name);
        let mut rows = query(AssertSqlSafe(select)).fetch(&mut *self.transaction);
        let mut count = 0;
        while let Some(row) = rows.try_next().await.map_err(StoreError::from)? {
            take(values(table, &row)?)?;
            count += 1;
        }
        Ok(count)
    }

    /// How many rows a table has.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn count(&mut self, table: &Table) -> Result<u64, StoreError> {
        let count = format!("SELECT count(*) AS n FROM {}", table.name);
        let row = query(AssertSqlSafe(count)).fetch_one(&mut *self.transaction).await?;
        Ok(u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or(0))
    }
}

impl Change {
    /// Puts a row back.
    ///
    /// # Errors
    /// It is not a row of this table, it is there already, or the database cannot be used.
    pub async fn put_back(&mut self, table: &Table, row: &[Value]) -> Result<(), StoreError> {
        if row.len() != table.columns.len() {
            return Err(StoreError::Damaged(table.name));
        }
        let places: Vec<String> = (1..=row.len()).map(|place| format!("${place}")).collect();
        let insert =
            format!("INSERT INTO {} ({}) VALUES ({})", table.name, names(table), places.join(", "));
        let mut insert = query(AssertSqlSafe(insert));
        for ((_, kind), value) in table.columns.iter().zip(row) {
            insert = match (kind, value) {
                (Kind::Int, Value::Null) => insert.bind(None::<i64>),
                (Kind::Text, Value::Null) => insert.bind(None::<String>),
                (Kind::Bytes, Value::Null) => insert.bind(None::<Vec<u8>>),
                (Kind::Int, Value::Int(value)) => insert.bind(*value),
                (Kind::Text, Value::Text(value)) => insert.bind(value.clone()),
                (Kind::Bytes, Value::Bytes(value)) => insert.bind(value.clone()),
                _ => return Err(StoreError::Damaged(table.name)),
            };
        }
        insert.execute(self.connection()).await?;
        Ok(())
    }
}

fn names(table: &Table) -> String {
    table.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn values(table: &Table, row: &AnyRow) -> Result<Vec<Value>, StoreError> {
    let value = |(at, (_, kind)): (usize, &(&str, Kind))| -> Result<Value, StoreError> {
        Ok(match kind {
            Kind::Int => row.try_get::<Option<i64>, _>(at)?.map_or(Value::Null, Value::Int),
            Kind::Text => row.try_get::<Option<String>, _>(at)?.map_or(Value::Null, Value::Text),
            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.map_or(Value::Null, Value::Bytes),
        })
    };
    table.columns.iter().enumerate().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Level, testing};

    #[tokio::test]
    async fn every_column_of_the_schema_is_known_with_its_type() {
        let test = testing::sqlite().await;
        let tables = tables();
        assert!(tables.len() > 20);
        let listed = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%'
                      ESCAPE '\\' AND name NOT LIKE 'sqlite%'";
        let listed: Vec<String> =
            sqlx::query_scalar(listed).fetch_all(test.store.readers()).await.unwrap();
        assert_eq!(listed.len(), tables.len());
        for table in &tables {
            let info = format!("SELECT name, type FROM pragma_table_info('{}')", table.name);
            let info = query(AssertSqlSafe(info)).fetch_all(test.store.readers()).await.unwrap();
            let info: Vec<(String, Kind)> = info
                .iter()
                .map(|row| {
                    let kind = match row.try_get::<String, _>("type").unwrap().as_str() {
                        "INTEGER" => Kind::Int,
                        "TEXT" => Kind::Text,
                        _ => Kind::Bytes,
                    };
                    (row.try_get("name").unwrap(), kind)
                })
                .collect();
            let known: Vec<(String, Kind)> =
                table.columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
            assert_eq!(known, info, "{}", table.name);
        }
    }

    #[tokio::test]
    async fn f21_what_is_dumped_from_one_database_is_put_back_into_another() {
        let from = testing::each().await;
        for source in &from {
            let (workspace, user) =
                testing::workspace_with(&source.store, "one", "1001", Level::ADMIN).await;
            let mut snapshot = source.store.snapshot().await.unwrap();
            let mut dumped = Vec::new();
            for table in tables() {
                let take = |row| -> Result<(), StoreError> {
                    dumped.push((table.clone(), row));
                    Ok(())
                };
                snapshot.rows(&table, take).await.unwrap();
            }
            assert_eq!(dumped.len(), 3);
            for into in testing::each().await {
                let mut change = into.store.begin().await.unwrap();
                for (table, row) in &dumped {
                    change.put_back(table, row).await.unwrap();
                }
                change.commit().await.unwrap();
                let found = into.store.memberships().member(workspace.id, user.id).await.unwrap();
                assert_eq!(found.unwrap().user, user);
            }
        }
    }
}
