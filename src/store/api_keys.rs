//! Keys for programs. A key itself is never here, only its SHA-256.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{ApiKeyId, StoreError, UserId, WorkspaceId};
use crate::base::UnixTime;

/// A key, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Identity.
    pub id: ApiKeyId,
    /// Of which workspace.
    pub workspace_id: WorkspaceId,
    /// Whose.
    pub user_id: UserId,
    /// What people call it; unique among the workspace's keys that are not revoked.
    pub name: String,
    /// Its public part; unique.
    pub prefix: String,
    /// SHA-256 of the whole key.
    pub key_hash: [u8; 32],
    /// As lists show it.
    pub masked: String,
    /// Words between spaces.
    pub scopes: String,
    /// When made.
    pub created_at: UnixTime,
    /// When it ends; `None` never.
    pub expires_at: Option<UnixTime>,
    /// Last use, to within a minute.
    pub last_used_at: Option<UnixTime>,
    /// From where.
    pub last_used_ip: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<UnixTime>,
}

/// A key with its owner's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyListing {
    /// The key.
    pub row: ApiKeyRow,
    /// The owner's sign-in name.
    pub user_name: String,
}

/// The keys' repository.
pub struct ApiKeys<'a> {
    pub(super) link: Link<'a>,
}

/// Most rows of one list, the newest.
const LIST_MAX: i64 = 1_000;

impl ApiKeys<'_> {
    /// Adds a key.
    ///
    /// # Errors
    /// Name (`name`) or public part (`prefix`) is taken, or the database cannot be used.
    pub async fn insert(&mut self, new: &ApiKeyRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO api_keys (id, workspace_id, user_id, name, prefix, key_hash, masked,
                                   scopes, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(new.id.as_bytes().as_slice())
        .bind(new.workspace_id.as_bytes().as_slice())
        .bind(new.user_id.as_bytes().as_slice())
        .bind(&new.name)
        .bind(&new.prefix)
        .bind(new.key_hash.as_slice())
        .bind(&new.masked)
        .bind(&new.scopes)
        .bind(seconds(new.created_at))
        .bind(new.expires_at.map(seconds));
        self.link.execute(insert).await.map(drop)
    }

    /// The key of a public part, revoked or not.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_prefix(&mut self, prefix: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        let select = query("SELECT * FROM api_keys WHERE prefix = $1").bind(prefix);
        self.link.optional(select).await?.as_ref().map(key).transpose()
    }

    /// How many keys of a workspace are neither revoked nor over.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn count_active(
        &mut self,
        workspace: WorkspaceId,
        now: UnixTime,
    ) -> Result<u64, StoreError> {
        let select = query(
            "SELECT COUNT(*) AS n FROM api_keys
             WHERE workspace_id = $1 AND revoked_at IS NULL
                   AND (expires_at IS NULL OR expires_at > $2)",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(seconds(now));
        let row = self.link.optional(select).await?;
        let count = row.map_or(Ok(0), |row| row.int("n"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// A workspace's keys, of one person or of all, the newest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(
        &mut self,
        workspace: WorkspaceId,
        user: Option<UserId>,
    ) -> Result<Vec<ApiKeyListing>, StoreError> {
        let everybody = i64::from(user.is_none());
        let select = query(
            "SELECT k.*, u.name AS user_name FROM api_keys AS k JOIN users AS u ON u.id = k.user_id
             WHERE k.workspace_id = $1 AND ($2 = 1 OR k.user_id = $3)
             ORDER BY k.created_at DESC, k.id LIMIT $4",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(everybody)
        .bind(user.map_or_else(Vec::new, |id| id.as_bytes().to_vec()))
        .bind(LIST_MAX);
        let rows = self.link.all(select).await?;
        let listing =
            |row: &AnyRow| Ok(ApiKeyListing { row: key(row)?, user_name: row.text("user_name")? });
        rows.iter().map(listing).collect()
    }

    /// Revokes a key of a workspace, of one person or of anybody; `None` when there is none that
    /// is not revoked.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn revoke(
        &mut self,
        workspace: WorkspaceId,
        id: ApiKeyId,
        user: Option<UserId>,
        now: UnixTime,
    ) -> Result<Option<ApiKeyRow>, StoreError> {
        let anybody = i64::from(user.is_none());
        let update = query(
            "UPDATE api_keys SET revoked_at = $3
             WHERE workspace_id = $1 AND id = $2 AND revoked_at IS NULL
                   AND ($4 = 1 OR user_id = $5) RETURNING *",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(id.as_bytes().as_slice())
        .bind(seconds(now))
        .bind(anybody)
        .bind(user.map_or_else(Vec::new, |id| id.as_bytes().to_vec()));
        self.link.returning(update).await?.first().map(key).transpose()
    }

    /// Revokes every key of a person in a workspace, or in all; the revoked ones.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn revoke_all_of(
        &mut self,
        user: UserId,
        workspace: Option<WorkspaceId>,
        now: UnixTime,
    ) -> Result<Vec<ApiKeyRow>, StoreError> {
        let everywhere = i64::from(workspace.is_none());
        let update = query(
            "UPDATE api_keys SET revoked_at = $2
             WHERE user_id = $1 AND revoked_at IS NULL AND ($3 = 1 OR workspace_id = $4)
             RETURNING *",
        )
        .bind(user.as_bytes().as_slice())
        .bind(seconds(now))
        .bind(everywhere)
        .bind(workspace.map_or_else(Vec::new, |id| id.as_bytes().to_vec()));
        self.link.returning(update).await?.iter().map(key).collect()
    }

    /// Keys revoked at `since` or later, by whatever process.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn revoked_since(&mut self, since: UnixTime) -> Result<Vec<ApiKeyRow>, StoreError> {
        let select = query("SELECT * FROM api_keys WHERE revoked_at >= $1").bind(seconds(since));
        self.link.all(select).await?.iter().map(key).collect()
    }

    /// Notes a use.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn touch(
        &mut self,
        id: ApiKeyId,
        ip: Option<&str>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let update =
            query("UPDATE api_keys SET last_used_at = $2, last_used_ip = $3 WHERE id = $1")
                .bind(id.as_bytes().as_slice())
                .bind(seconds(now))
                .bind(ip);
        self.link.execute(update).await.map(drop)
    }
}

fn key(row: &AnyRow) -> Result<ApiKeyRow, StoreError> {
    Ok(ApiKeyRow {
        id: row.id("id")?,
        workspace_id: row.id("workspace_id")?,
        user_id: row.id("user_id")?,
        name: row.text("name")?,
        prefix: row.text("prefix")?,
        key_hash: row.digest("key_hash")?,
        masked: row.text("masked")?,
        scopes: row.text("scopes")?,
        created_at: row.time("created_at")?,
        expires_at: row.time_opt("expires_at")?,
        last_used_at: row.time_opt("last_used_at")?,
        last_used_ip: row.text_opt("last_used_ip")?,
        revoked_at: row.time_opt("revoked_at")?,
    })
}
