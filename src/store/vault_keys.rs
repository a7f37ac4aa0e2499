//! The numbers and states of keys, and the sealed values under them. No key is stored.

use sqlx::any::AnyRow;
use sqlx::query;

use super::StoreError;
use super::link::{Columns, Link, seconds};
use crate::base::UnixTime;

/// A key of a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultKeyRow {
    /// Which ring.
    pub purpose: String,
    /// Its number, from 1.
    pub key_id: u32,
    /// What it is used for now.
    pub state: KeyState,
    /// When it became active.
    pub created_at: UnixTime,
    /// When it retired.
    pub retired_at: Option<UnixTime>,
}

/// What a key is used for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Seals or signs; one in each ring.
    Active,
    /// Opens or verifies what it sealed or signed before.
    Retiring,
    /// Nothing.
    Retired,
}

impl KeyState {
    /// As stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }

    /// From its stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Retiring, Self::Retired].into_iter().find(|s| s.as_str() == word)
    }
}

/// A column that holds vault envelopes: how to find and replace them.
#[derive(Debug)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The ring of keys it is sealed with, as in `vault_keys.purpose`.
    pub purpose: &'static str,
    /// Whether its rows belong to a workspace.
    pub of_workspace: bool,
    count: &'static str,
    page: &'static str,
    swap: &'static str,
}

macro_rules! sealed_column {
    ($purpose:literal, $table:literal . $column:literal, row $row:literal $(, $workspace:literal)?) => {
        SealedColumn {
            table: $table,
            column: $column,
            purpose: $purpose,
            of_workspace: false $(|| !$workspace.is_empty())?,
            // Bytes 6 to 9 of an envelope are the number of its key.
            count: concat!(
                "SELECT substr(", $column, ", 6, 4) AS key_id, COUNT(*) AS sealed_count FROM ",
                $table, " WHERE ", $column, " IS NOT NULL GROUP BY substr(", $column, ", 6, 4)"
            ),
            page: concat!(
                "SELECT ", $row, " AS row_id, ", $($workspace, " AS workspace_id, ",)?
                $column, " AS sealed FROM ", $table,
                " WHERE ", $column, " IS NOT NULL AND substr(", $column, ", 6, 4) <> $1 AND ",
                $row, " > $2 ORDER BY ", $row, " LIMIT $3"
            ),
            swap: concat!(
                "UPDATE ", $table, " SET ", $column, " = $1 WHERE ", $row, " = $2 AND ", $column,
                " = $3"
            ),
        }
    };
}

/// Every column that holds envelopes; the vault seals for no other.
pub const SEALED_COLUMNS: &[SealedColumn] = &[
    sealed_column!("credentials", "trunks"."password_sealed", row "id", "workspace_id"),
    sealed_column!("credentials", "secrets"."value_sealed", row "id", "workspace_id"),
    sealed_column!("totp", "second_factors"."totp_sealed", row "user_id"),
    sealed_column!("totp", "second_factors"."totp_pending_sealed", row "user_id"),
];

/// A sealed value and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedValue {
    /// The row.
    pub row: [u8; 16],
    /// The row's workspace, where it has one.
    pub workspace: Option<[u8; 16]>,
    /// The envelope.
    pub sealed: Vec<u8>,
}

/// The repository of key numbers and of what they seal.
pub struct VaultKeys<'a> {
    pub(super) link: Link<'a>,
}

impl VaultKeys<'_> {
    /// All keys, by ring and number.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&mut self) -> Result<Vec<VaultKeyRow>, StoreError> {
        let select = query("SELECT * FROM vault_keys ORDER BY purpose, key_id");
        self.link.all(select).await?.iter().map(key).collect()
    }

    /// Notes the first key of a ring, unless there is one.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn begin(&mut self, purpose: &str, now: UnixTime) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO vault_keys (purpose, key_id, state, created_at)
             VALUES ($1, 1, 'active', $2) ON CONFLICT DO NOTHING",
        )
        .bind(purpose)
        .bind(seconds(now));
        self.link.execute(insert).await.map(drop)
    }

    /// Makes `key_id` the active key of a ring; the one before is retiring from now on.
    ///
    /// # Errors
    /// The number was used, or the database cannot be used.
    pub async fn replace(
        &mut self,
        purpose: &str,
        key_id: u32,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let retire = query(
            "UPDATE vault_keys SET state = 'retiring' WHERE purpose = $1 AND state = 'active'",
        )
        .bind(purpose);
        self.link.execute(retire).await?;
        let insert = query(
            "INSERT INTO vault_keys (purpose, key_id, state, created_at)
             VALUES ($1, $2, 'active', $3)",
        )
        .bind(purpose)
        .bind(i64::from(key_id))
        .bind(seconds(now));
        self.link.execute(insert).await.map(drop)
    }

    /// Moves a replaced key between retiring and retired; `false` when it is not one.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_retired(
        &mut self,
        purpose: &str,
        key_id: u32,
        retired_at: Option<UnixTime>,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE vault_keys SET state = $3, retired_at = $4
             WHERE purpose = $1 AND key_id = $2 AND state <> 'active'",
        )
        .bind(purpose)
        .bind(i64::from(key_id))
        .bind(retired_at.map_or(KeyState::Retiring, |_| KeyState::Retired).as_str())
        .bind(retired_at.map(seconds));
        Ok(self.link.execute(update).await? == 1)
    }

    /// How many values of a column each key seals.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn count(&mut self, column: &SealedColumn) -> Result<Vec<(u32, u64)>, StoreError> {
        let rows = self.link.all(query(column.count)).await?;
        let counted = |row: &AnyRow| {
            let id = row.bytes("key_id")?.try_into().map_err(|_| StoreError::Damaged("key_id"))?;
            let count = u64::try_from(row.int("sealed_count")?).unwrap_or(0);
            Ok((u32::from_be_bytes(id), count))
        };
        rows.iter().map(counted).collect()
    }

    /// Values of a column not sealed with `active`, after row `after`, by row.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn sealed_otherwise(
        &mut self,
        column: &SealedColumn,
        active: u32,
        after: &[u8],
        limit: i64,
    ) -> Result<Vec<SealedValue>, StoreError> {
        let page =
            query(column.page).bind(active.to_be_bytes().to_vec()).bind(after.to_vec()).bind(limit);
        let id = |bytes: Vec<u8>| bytes.try_into().map_err(|_| StoreError::Damaged(column.table));
        let value = |row: &AnyRow| {
            let workspace =
                if column.of_workspace { Some(row.bytes("workspace_id")?) } else { None };
            Ok(SealedValue {
                row: id(row.bytes("row_id")?)?,
                workspace: workspace.map(id).transpose()?,
                sealed: row.bytes("sealed")?,
            })
        };
        self.link.all(page).await?.iter().map(value).collect()
    }

    /// Replaces an envelope that nobody changed since it was read; `false` when somebody did.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn swap(
        &mut self,
        column: &SealedColumn,
        old: &SealedValue,
        new: &[u8],
    ) -> Result<bool, StoreError> {
        let swap =
            query(column.swap).bind(new.to_vec()).bind(old.row.to_vec()).bind(old.sealed.clone());
        Ok(self.link.execute(swap).await? == 1)
    }
}

fn key(row: &AnyRow) -> Result<VaultKeyRow, StoreError> {
    Ok(VaultKeyRow {
        purpose: row.text("purpose")?,
        key_id: u32::try_from(row.int("key_id")?).map_err(|_| StoreError::Damaged("key_id"))?,
        state: row.word("state", KeyState::from_word)?,
        created_at: row.time("created_at")?,
        retired_at: row.time_opt("retired_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{UserId, testing};

    #[tokio::test]
    async fn one_key_of_a_ring_is_active_and_a_number_is_used_once() {
        for test in testing::each().await {
            let store = &test.store;
            for _ in 0..2 {
                store.vault_keys().begin("totp", UnixTime(1)).await.unwrap();
            }
            assert!(!store.vault_keys().set_retired("totp", 1, Some(UnixTime(2))).await.unwrap());
            store.vault_keys().replace("totp", 2, UnixTime(3)).await.unwrap();
            assert!(store.vault_keys().replace("totp", 2, UnixTime(3)).await.is_err());
            assert!(store.vault_keys().set_retired("totp", 1, Some(UnixTime(4))).await.unwrap());
        }
    }

    #[tokio::test]
    async fn sealed_values_are_counted_paged_and_replaced_only_when_unchanged() {
        for test in testing::each().await {
            let store = &test.store;
            let (workspace, user) =
                testing::workspace_with(store, "one", "100", crate::store::Level::AGENT).await;
            let envelope =
                |id: u32| [b"RFE1\x01".as_slice(), &id.to_be_bytes(), b"rest of it"].concat();
            let mut secrets = store.secrets();
            for name in ["a", "b", "c"] {
                let row = crate::store::SecretRow {
                    id: crate::store::RecordId::random(),
                    workspace_id: workspace.id,
                    kind: "smtp".into(),
                    name: name.into(),
                    value_sealed: envelope(1),
                };
                secrets.put(&row, UnixTime(1)).await.unwrap();
            }
            let column = &SEALED_COLUMNS[1];
            let mut keys = store.vault_keys();
            assert_eq!(keys.count(column).await.unwrap(), [(1, 3)]);
            let page = keys.sealed_otherwise(column, 2, &[], 2).await.unwrap();
            assert_eq!(page.len(), 2);
            assert_eq!(page[0].workspace, Some(*workspace.id.as_bytes()));
            assert!(keys.swap(column, &page[0], &envelope(2)).await.unwrap());
            assert!(!keys.swap(column, &page[0], &envelope(3)).await.unwrap());
            let rest = keys.sealed_otherwise(column, 2, &page[1].row, 9).await.unwrap();
            assert_eq!(rest.len(), 1);
            let mut counts = keys.count(column).await.unwrap();
            counts.sort_unstable();
            assert_eq!(counts, [(1, 2), (2, 1)]);
            for column in SEALED_COLUMNS {
                keys.count(column).await.unwrap();
                keys.sealed_otherwise(column, 1, &[], 1).await.unwrap();
                let nothing = SealedValue {
                    row: *UserId::random().as_bytes(),
                    workspace: None,
                    sealed: envelope(1),
                };
                assert!(!keys.swap(column, &nothing, b"").await.unwrap());
            }
            let _ = user;
        }
    }
}
