//! The audit's rows, its head and its checkpoints. Knows no hash: the chain is `access::audit`'s.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{Backend, StoreError, WorkspaceId};
use crate::base::UnixTime;

/// An audited event. Identities and hash are as stored, of any length: a row that somebody
/// damaged must still be readable, to be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place, from 1, without gaps.
    pub seq: i64,
    /// When.
    pub at: UnixTime,
    /// Who did it: the kind.
    pub actor_kind: String,
    /// Who did it: the identity.
    pub actor_id: Option<Vec<u8>>,
    /// In which workspace.
    pub workspace_id: Option<Vec<u8>>,
    /// What was done.
    pub action: String,
    /// What it was done to: the kind.
    pub target_kind: String,
    /// What it was done to: the identity.
    pub target_id: String,
    /// From which address.
    pub ip: Option<String>,
    /// Canonical JSON.
    pub details: String,
    /// The chain's hash.
    pub row_hash: Vec<u8>,
}

/// Where the chain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// The last row; 0 before the first.
    pub seq: i64,
    /// Its hash.
    pub row_hash: [u8; 32],
    /// The key of the next row, a vault envelope.
    pub key_sealed: Vec<u8>,
}

/// A signed statement about the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCheckpointRow {
    /// The last row it knew.
    pub seq: i64,
    /// When it was signed.
    pub at: UnixTime,
    /// That row's hash.
    pub row_hash: Vec<u8>,
    /// Over the other three.
    pub signature: Vec<u8>,
}

/// Which events to list, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter<'a> {
    /// Of this workspace alone.
    pub workspace: Option<WorkspaceId>,
    /// Of this action alone.
    pub action: Option<&'a str>,
    /// Of this target or actor alone, by text of its identity.
    pub target_id: Option<&'a str>,
    /// Before this one.
    pub before_seq: Option<i64>,
    /// Not older than this.
    pub since: Option<UnixTime>,
}

/// The audit's repository.
pub struct AuditTable<'a> {
    pub(super) link: Link<'a>,
}

impl AuditTable<'_> {
    /// Where the chain ends. In a transaction nobody else can append until it is over.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn head(&mut self) -> Result<Option<AuditHead>, StoreError> {
        // SQLite has one writer, whose transaction began with the write lock.
        let is_locking = matches!(&self.link, Link::Change(change)
            if change.backend() == Backend::Postgres);
        let select = query(if is_locking {
            "SELECT seq, row_hash, key_sealed FROM audit_head WHERE one = 1 FOR UPDATE"
        } else {
            "SELECT seq, row_hash, key_sealed FROM audit_head WHERE one = 1"
        });
        let Some(row) = self.link.optional(select).await? else { return Ok(None) };
        Ok(Some(AuditHead {
            seq: row.int("seq")?,
            row_hash: row.digest("row_hash")?,
            key_sealed: row.bytes("key_sealed")?,
        }))
    }

    /// Writes the first head, before the first row; does nothing when there is a head or a row.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn begin(&mut self, head: &AuditHead) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO audit_head (one, seq, row_hash, key_sealed)
             SELECT 1, $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM audit) ON CONFLICT DO NOTHING",
        )
        .bind(head.seq)
        .bind(head.row_hash.to_vec())
        .bind(head.key_sealed.clone());
        self.link.execute(insert).await.map(drop)
    }

    /// Appends the row after head `from` and moves the head to it; only in a transaction that
    /// read that head.
    ///
    /// # Errors
    /// The head is another, or the database cannot be used.
    pub async fn append(
        &mut self,
        row: &AuditRow,
        from: i64,
        head: &AuditHead,
    ) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO audit (seq, at, actor_kind, actor_id, workspace_id, action, target_kind,
                                target_id, ip, details, row_hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(row.seq)
        .bind(seconds(row.at))
        .bind(&row.actor_kind)
        .bind(&row.actor_id)
        .bind(&row.workspace_id)
        .bind(&row.action)
        .bind(&row.target_kind)
        .bind(&row.target_id)
        .bind(&row.ip)
        .bind(&row.details)
        .bind(&row.row_hash);
        self.link.execute(insert).await?;
        let update = query(
            "UPDATE audit_head SET seq = $1, row_hash = $2, key_sealed = $3
             WHERE one = 1 AND seq = $4",
        )
        .bind(head.seq)
        .bind(head.row_hash.to_vec())
        .bind(head.key_sealed.clone())
        .bind(from);
        match self.link.execute(update).await? {
            1 => Ok(()),
            _ => Err(StoreError::Damaged("audit_head")),
        }
    }

    /// Rows after `after`, by number.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn page(&mut self, after: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        let select = query(
            "SELECT seq, at, actor_kind, actor_id, workspace_id, action, target_kind, target_id,
                    ip, details, row_hash
             FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(after)
        .bind(limit);
        self.link.all(select).await?.iter().map(event).collect()
    }

    /// Events for people to read, newest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(
        &mut self,
        filter: AuditFilter<'_>,
        limit: i64,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let select = query(
            "SELECT seq, at, actor_kind, actor_id, workspace_id, action, target_kind, target_id,
                    ip, details, row_hash
             FROM audit
             WHERE seq < $1 AND ($2 = 0 OR workspace_id = $3) AND ($4 = '' OR action = $4)
                   AND ($5 = '' OR target_id = $5) AND at >= $6
             ORDER BY seq DESC LIMIT $7",
        )
        .bind(filter.before_seq.unwrap_or(i64::MAX))
        .bind(i64::from(filter.workspace.is_some()))
        .bind(filter.workspace.map_or_else(Vec::new, |id| id.as_bytes().to_vec()))
        .bind(filter.action.unwrap_or(""))
        .bind(filter.target_id.unwrap_or(""))
        .bind(seconds(filter.since.unwrap_or(UnixTime(0))))
        .bind(limit);
        self.link.all(select).await?.iter().map(event).collect()
    }

    /// All checkpoints, by row.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn checkpoints(&mut self) -> Result<Vec<AuditCheckpointRow>, StoreError> {
        let select = query("SELECT * FROM audit_checkpoints ORDER BY seq");
        self.link.all(select).await?.iter().map(checkpoint).collect()
    }

    /// Checkpoints of rows after `after`, by row.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn checkpoints_after(
        &mut self,
        after: i64,
    ) -> Result<Vec<AuditCheckpointRow>, StoreError> {
        let select =
            query("SELECT * FROM audit_checkpoints WHERE seq > $1 ORDER BY seq").bind(after);
        self.link.all(select).await?.iter().map(checkpoint).collect()
    }

    /// The last checkpoint.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn last_checkpoint(&mut self) -> Result<Option<AuditCheckpointRow>, StoreError> {
        let select = query("SELECT * FROM audit_checkpoints ORDER BY seq DESC LIMIT 1");
        self.link.optional(select).await?.as_ref().map(checkpoint).transpose()
    }

    /// When the first row after `after` was written.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn first_at(&mut self, after: i64) -> Result<Option<UnixTime>, StoreError> {
        let select = query("SELECT at FROM audit WHERE seq > $1 ORDER BY seq LIMIT 1").bind(after);
        self.link.optional(select).await?.map(|row| row.time("at")).transpose()
    }

    /// Adds a checkpoint; one of the same row stays.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn add_checkpoint(&mut self, new: &AuditCheckpointRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO audit_checkpoints (seq, at, row_hash, signature) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        )
        .bind(new.seq)
        .bind(seconds(new.at))
        .bind(&new.row_hash)
        .bind(&new.signature);
        self.link.execute(insert).await.map(drop)
    }
}

fn event(row: &AnyRow) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        seq: row.int("seq")?,
        at: row.time("at")?,
        actor_kind: row.text("actor_kind")?,
        actor_id: row.bytes_opt("actor_id")?,
        workspace_id: row.bytes_opt("workspace_id")?,
        action: row.text("action")?,
        target_kind: row.text("target_kind")?,
        target_id: row.text("target_id")?,
        ip: row.text_opt("ip")?,
        details: row.text("details")?,
        row_hash: row.bytes("row_hash")?,
    })
}

fn checkpoint(row: &AnyRow) -> Result<AuditCheckpointRow, StoreError> {
    Ok(AuditCheckpointRow {
        seq: row.int("seq")?,
        at: row.time("at")?,
        row_hash: row.bytes("row_hash")?,
        signature: row.bytes("signature")?,
    })
}
