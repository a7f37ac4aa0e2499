//! Invitations to a workspace.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{InviteId, Level, Role, StoreError, UserId, WorkspaceId};
use crate::base::UnixTime;

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteRow {
    /// Identity.
    pub id: InviteId,
    /// Where to.
    pub workspace_id: WorkspaceId,
    /// Who; lower case.
    pub email: String,
    /// As what.
    pub role: Role,
    /// With which level.
    pub level: Level,
    /// At which number.
    pub number: String,
    /// By whom, unless from a shell.
    pub invited_by: Option<UserId>,
    /// When.
    pub created_at: UnixTime,
    /// When it ends.
    pub expires_at: UnixTime,
    /// When it was used.
    pub accepted_at: Option<UnixTime>,
    /// When it was taken back.
    pub revoked_at: Option<UnixTime>,
}

/// The invitations' repository.
pub struct Invites<'a> {
    pub(super) link: Link<'a>,
}

/// Most rows of one list, the newest.
const LIST_MAX: i64 = 1_000;

impl Invites<'_> {
    /// Adds an invitation under the hash of its link's key.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn insert(&mut self, new: &InviteRow, hash: &[u8; 32]) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO invites (id, workspace_id, email, role, level, number, token_hash,
                                  invited_by, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(new.id.as_bytes().as_slice())
        .bind(new.workspace_id.as_bytes().as_slice())
        .bind(&new.email)
        .bind(new.role.as_str())
        .bind(i64::from(new.level.get()))
        .bind(&new.number)
        .bind(hash.as_slice())
        .bind(new.invited_by.map(|id| id.as_bytes().to_vec()))
        .bind(seconds(new.created_at))
        .bind(seconds(new.expires_at));
        self.link.execute(insert).await.map(drop)
    }

    /// The invitation of a link.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<InviteRow>, StoreError> {
        let select = query("SELECT * FROM invites WHERE token_hash = $1").bind(hash.as_slice());
        self.link.optional(select).await?.as_ref().map(invite).transpose()
    }

    /// A workspace's invitations, the newest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&mut self, workspace: WorkspaceId) -> Result<Vec<InviteRow>, StoreError> {
        let select = query(
            "SELECT * FROM invites WHERE workspace_id = $1 ORDER BY created_at DESC, id LIMIT $2",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(LIST_MAX);
        self.link.all(select).await?.iter().map(invite).collect()
    }

    /// How many invitations of a workspace can still be accepted.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn count_open(
        &mut self,
        workspace: WorkspaceId,
        now: UnixTime,
    ) -> Result<u64, StoreError> {
        let select = query(
            "SELECT COUNT(*) AS n FROM invites
             WHERE workspace_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL
                   AND expires_at > $2",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(seconds(now));
        let row = self.link.optional(select).await?;
        let count = row.map_or(Ok(0), |row| row.int("n"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Uses an invitation up; `false` when it was used, taken back or is over: of two who come at
    /// once one is told so.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn accept(&mut self, id: InviteId, now: UnixTime) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE invites SET accepted_at = $2
             WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2",
        )
        .bind(id.as_bytes().as_slice())
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Takes an invitation of a workspace back; `false` when there is no open one.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn revoke(
        &mut self,
        workspace: WorkspaceId,
        id: InviteId,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE invites SET revoked_at = $3
             WHERE workspace_id = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(id.as_bytes().as_slice())
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Takes every open invitation of an address to a workspace back: the newest alone counts.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn supersede(
        &mut self,
        workspace: WorkspaceId,
        email: &str,
        now: UnixTime,
    ) -> Result<u64, StoreError> {
        let update = query(
            "UPDATE invites SET revoked_at = $3
             WHERE workspace_id = $1 AND email = $2 AND accepted_at IS NULL
                   AND revoked_at IS NULL",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(email)
        .bind(seconds(now));
        self.link.execute(update).await
    }
}

fn invite(row: &AnyRow) -> Result<InviteRow, StoreError> {
    let level = u8::try_from(row.int("level")?).ok().and_then(Level::new);
    Ok(InviteRow {
        id: row.id("id")?,
        workspace_id: row.id("workspace_id")?,
        email: row.text("email")?,
        role: row.word("role", Role::from_word)?,
        level: level.ok_or(StoreError::Damaged("level"))?,
        number: row.text("number")?,
        invited_by: row.id_opt("invited_by")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        accepted_at: row.time_opt("accepted_at")?,
        revoked_at: row.time_opt("revoked_at")?,
    })
}
