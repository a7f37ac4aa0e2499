//! What strangers write: contact forms and bookings of demonstrations.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{RecordId, StoreError};
use crate::base::UnixTime;

/// Something somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InquiryRow {
    /// Identity.
    pub id: RecordId,
    /// `contact` or `demo`.
    pub kind: String,
    /// When.
    pub created_at: UnixTime,
    /// Their name.
    pub name: String,
    /// Their mail address, as they say.
    pub email: String,
    /// Their words.
    pub words: String,
    /// When they want a demonstration.
    pub wanted_at: String,
    /// From where.
    pub ip: Option<String>,
}

/// The inquiries' repository.
pub struct Inquiries<'a> {
    pub(super) link: Link<'a>,
}

/// Most rows of one list, the newest.
const LIST_MAX: i64 = 1_000;

impl Inquiries<'_> {
    /// Writes one down.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn insert(&mut self, new: &InquiryRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO inquiries (id, kind, created_at, name, email, words, wanted_at, ip)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(new.id.as_bytes().as_slice())
        .bind(&new.kind)
        .bind(seconds(new.created_at))
        .bind(&new.name)
        .bind(&new.email)
        .bind(&new.words)
        .bind(&new.wanted_at)
        .bind(&new.ip);
        self.link.execute(insert).await.map(drop)
    }

    /// How many there are.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn count(&mut self) -> Result<u64, StoreError> {
        let row = self.link.optional(query("SELECT COUNT(*) AS n FROM inquiries")).await?;
        let count = row.map_or(Ok(0), |row| row.int("n"))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The newest.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&mut self) -> Result<Vec<InquiryRow>, StoreError> {
        let select = query("SELECT * FROM inquiries ORDER BY created_at DESC, id LIMIT $1");
        self.link.all(select.bind(LIST_MAX)).await?.iter().map(inquiry).collect()
    }

    /// Forgets those older than `before`; how many.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn forget(&mut self, before: UnixTime) -> Result<u64, StoreError> {
        let delete = query("DELETE FROM inquiries WHERE created_at < $1").bind(seconds(before));
        self.link.execute(delete).await
    }
}

fn inquiry(row: &AnyRow) -> Result<InquiryRow, StoreError> {
    Ok(InquiryRow {
        id: row.id("id")?,
        kind: row.text("kind")?,
        created_at: row.time("created_at")?,
        name: row.text("name")?,
        email: row.text("email")?,
        words: row.text("words")?,
        wanted_at: row.text("wanted_at")?,
        ip: row.text_opt("ip")?,
    })
}
