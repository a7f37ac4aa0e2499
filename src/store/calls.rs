//! Calls that are over: one row each, and figures of them.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds, time};
use super::{NumberId, RecordId, StoreError, UserId, WorkspaceId};
use crate::base::UnixTime;

/// A call to write down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCall {
    /// Of which workspace.
    pub workspace_id: WorkspaceId,
    /// The agent, where one took part.
    pub user_id: Option<UserId>,
    /// The phone number it was from or to, where it is one of the workspace's.
    pub number_id: Option<NumberId>,
    /// `out`, `in` or `internal`.
    pub direction: &'static str,
    /// Who called.
    pub caller: String,
    /// Who was called.
    pub callee: String,
    /// When.
    pub started_at: UnixTime,
    /// When it was answered.
    pub answered_at: Option<UnixTime>,
    /// When it was over.
    pub ended_at: UnixTime,
    /// Why.
    pub cause: &'static str,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRow {
    /// Identity.
    pub id: RecordId,
    /// The agent.
    pub user_id: Option<UserId>,
    /// The phone number.
    pub number_id: Option<NumberId>,
    /// `out`, `in` or `internal`.
    pub direction: String,
    /// Who called.
    pub caller: String,
    /// Who was called.
    pub callee: String,
    /// When.
    pub started_at: UnixTime,
    /// When it was answered.
    pub answered_at: Option<UnixTime>,
    /// When it was over.
    pub ended_at: UnixTime,
    /// Why.
    pub cause: String,
}

/// Figures of the calls that began within one quarter of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallQuarter {
    /// Its first second.
    pub from: UnixTime,
    /// How many began.
    pub calls: u64,
    /// How many of them were answered.
    pub answered: u64,
    /// How long those were answered, together.
    pub seconds: u64,
}

/// The calls' repository.
pub struct Calls<'a> {
    pub(super) link: Link<'a>,
}

/// Days begin at a multiple of this wherever on Earth since 1972.
const QUARTER_S: i64 = 15 * 60;

impl Calls<'_> {
    /// Writes a call down.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn insert(&mut self, new: &NewCall) -> Result<RecordId, StoreError> {
        let id = RecordId::random();
        let insert = query(
            "INSERT INTO calls (id, workspace_id, user_id, number_id, direction, caller, callee,
                                started_at, answered_at, ended_at, cause)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(id.as_bytes().as_slice())
        .bind(new.workspace_id.as_bytes().as_slice())
        .bind(new.user_id.map(|id| id.as_bytes().to_vec()))
        .bind(new.number_id.map(|id| id.as_bytes().to_vec()))
        .bind(new.direction)
        .bind(&new.caller)
        .bind(&new.callee)
        .bind(seconds(new.started_at))
        .bind(new.answered_at.map(seconds))
        .bind(seconds(new.ended_at))
        .bind(new.cause);
        self.link.execute(insert).await?;
        Ok(id)
    }

    /// Calls of a phone number of a workspace that began before a time, the newest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn of_number(
        &mut self,
        workspace: WorkspaceId,
        number: NumberId,
        before: UnixTime,
        limit: i64,
    ) -> Result<Vec<CallRow>, StoreError> {
        let select = query(
            "SELECT * FROM calls WHERE workspace_id = $1 AND number_id = $2 AND started_at < $3
             ORDER BY started_at DESC, id LIMIT $4",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(number.as_bytes().as_slice())
        .bind(seconds(before))
        .bind(limit);
        self.link.all(select).await?.iter().map(call).collect()
    }

    /// Figures of a workspace's calls that began from `from` on and before `until`, by quarters of
    /// an hour: whoever asks adds them up to days of a time zone.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_quarter(
        &mut self,
        workspace: WorkspaceId,
        from: UnixTime,
        until: UnixTime,
    ) -> Result<Vec<CallQuarter>, StoreError> {
        let select = query(
            "SELECT started_at / $4 AS quarter, COUNT(*) AS calls, COUNT(answered_at) AS answered,
                    CAST(COALESCE(SUM(ended_at - answered_at), 0) AS BIGINT) AS seconds
             FROM calls WHERE workspace_id = $1 AND started_at >= $2 AND started_at < $3
             GROUP BY started_at / $4 ORDER BY 1",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(seconds(from))
        .bind(seconds(until))
        .bind(QUARTER_S);
        let count = |row: &AnyRow, column: &str| -> Result<u64, StoreError> {
            Ok(u64::try_from(row.int(column)?).unwrap_or(0))
        };
        let quarter = |row: &AnyRow| {
            Ok(CallQuarter {
                from: time(row.int("quarter")?.saturating_mul(QUARTER_S)),
                calls: count(row, "calls")?,
                answered: count(row, "answered")?,
                seconds: count(row, "seconds")?,
            })
        };
        self.link.all(select).await?.iter().map(quarter).collect()
    }
}

fn call(row: &AnyRow) -> Result<CallRow, StoreError> {
    Ok(CallRow {
        id: row.id("id")?,
        user_id: row.id_opt("user_id")?,
        number_id: row.id_opt("number_id")?,
        direction: row.text("direction")?,
        caller: row.text("caller")?,
        callee: row.text("callee")?,
        started_at: row.time("started_at")?,
        answered_at: row.time_opt("answered_at")?,
        ended_at: row.time("ended_at")?,
        cause: row.text("cause")?,
    })
}
