//! What lists of people show beside their memberships.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, seconds};
use super::memberships::member;
use super::{Member, Memberships, Role, StoreError, UserId, WorkspaceId};
use crate::base::UnixTime;

/// A person as lists show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonListing {
    /// Who, as what.
    pub member: Member,
    /// Last request of any session in the workspace, to within a minute.
    pub last_seen_at: Option<UnixTime>,
    /// Whether an authenticator app is set up.
    pub has_totp: bool,
    /// Whether there is a passkey.
    pub has_passkey: bool,
}

impl Memberships<'_> {
    /// Everybody in a workspace, or one of them, by number.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn people(
        &mut self,
        workspace: WorkspaceId,
        one: Option<UserId>,
    ) -> Result<Vec<PersonListing>, StoreError> {
        let everybody = i64::from(one.is_none());
        let select = query(
            "SELECT users.*, m.workspace_id AS m_workspace_id, m.role AS m_role,
                    m.level AS m_level, m.number AS m_number, m.created_at AS m_created_at,
                    m.changed_at AS m_changed_at, f.totp_enabled_at,
                    (SELECT MAX(s.last_seen_at) FROM sessions AS s
                     WHERE s.user_id = m.user_id AND s.workspace_id = m.workspace_id) AS seen_at,
                    (SELECT COUNT(*) FROM passkeys AS p WHERE p.user_id = m.user_id) AS passkeys
             FROM memberships AS m JOIN users ON users.id = m.user_id
                  LEFT JOIN second_factors AS f ON f.user_id = m.user_id
             WHERE m.workspace_id = $1 AND ($2 = 1 OR m.user_id = $3) ORDER BY m.number",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(everybody)
        .bind(one.map_or_else(Vec::new, |id| id.as_bytes().to_vec()));
        let listing = |row: &AnyRow| {
            Ok(PersonListing {
                member: member(row)?,
                last_seen_at: row.time_opt("seen_at")?,
                has_totp: row.int_opt("totp_enabled_at")?.is_some(),
                has_passkey: row.int("passkeys")? > 0,
            })
        };
        self.link.all(select).await?.iter().map(listing).collect()
    }

    /// How many people of a workspace have a role and may sign in.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn count_of_role(
        &mut self,
        workspace: WorkspaceId,
        role: Role,
    ) -> Result<u64, StoreError> {
        let select = query(
            "SELECT COUNT(*) AS n FROM memberships AS m JOIN users AS u ON u.id = m.user_id
             WHERE m.workspace_id = $1 AND m.role = $2 AND u.disabled = 0",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(role.as_str());
        let row = self.link.optional(select).await?;
        let count = row.map_or(Ok(0), |row| row.int("n"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Notes that what a person may do changed in all their workspaces: other processes look for
    /// it.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn touch_all_of(&mut self, user: UserId, now: UnixTime) -> Result<u64, StoreError> {
        let update = query("UPDATE memberships SET changed_at = $2 WHERE user_id = $1")
            .bind(user.as_bytes().as_slice())
            .bind(seconds(now));
        self.link.execute(update).await
    }

    /// The same for everybody of a workspace.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn touch_all_in(
        &mut self,
        workspace: WorkspaceId,
        now: UnixTime,
    ) -> Result<u64, StoreError> {
        let update = query("UPDATE memberships SET changed_at = $2 WHERE workspace_id = $1")
            .bind(workspace.as_bytes().as_slice())
            .bind(seconds(now));
        self.link.execute(update).await
    }

    /// How many people each workspace has.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn counts(&mut self) -> Result<Vec<(WorkspaceId, u64)>, StoreError> {
        let select =
            query("SELECT workspace_id, COUNT(*) AS n FROM memberships GROUP BY workspace_id");
        let count =
            |row: &AnyRow| Ok((row.id("workspace_id")?, u64::try_from(row.int("n")?).unwrap_or(0)));
        self.link.all(select).await?.iter().map(count).collect()
    }
}
