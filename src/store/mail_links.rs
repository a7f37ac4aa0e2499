//! Links that were sent by mail, by the hash of their key.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{StoreError, UserId};
use crate::base::UnixTime;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// Shows that mail is read at an address.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
    /// Makes the first administrator.
    SetUp,
}

impl LinkKind {
    const ALL: [Self; 3] = [Self::VerifyEmail, Self::ResetPassword, Self::SetUp];

    /// As stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::SetUp => "set_up",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailLinkRow {
    /// SHA-256 of its key.
    pub token_hash: [u8; 32],
    /// What it is for.
    pub kind: LinkKind,
    /// Whose; nobody's when it was asked for an unknown address, or sets the server up.
    pub user_id: Option<UserId>,
    /// Where it was sent.
    pub email: Option<String>,
    /// When.
    pub created_at: UnixTime,
    /// Good before then.
    pub expires_at: UnixTime,
    /// When it was used.
    pub used_at: Option<UnixTime>,
    /// A newer one took its place.
    pub superseded: bool,
}

/// The links' repository.
pub struct MailLinks<'a> {
    pub(super) link: Link<'a>,
}

impl MailLinks<'_> {
    /// Adds a link.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn insert(&mut self, new: &MailLinkRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO mail_links (token_hash, kind, user_id, email, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(new.token_hash.as_slice())
        .bind(new.kind.as_str())
        .bind(new.user_id.as_ref().map(|id| id.as_bytes().as_slice()))
        .bind(&new.email)
        .bind(seconds(new.created_at))
        .bind(seconds(new.expires_at));
        self.link.execute(insert).await.map(drop)
    }

    /// Voids a person's open links of a kind; nobody's with `None`.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn supersede(
        &mut self,
        user: Option<UserId>,
        kind: LinkKind,
    ) -> Result<(), StoreError> {
        let is_nobody = i64::from(user.is_none());
        let user = user.map_or([0; 16], |id| *id.as_bytes());
        let update = query(
            "UPDATE mail_links SET superseded = 1
             WHERE kind = $1 AND used_at IS NULL
                   AND (user_id = $2 OR ($3 = 1 AND user_id IS NULL))",
        )
        .bind(kind.as_str())
        .bind(user.as_slice())
        .bind(is_nobody);
        self.link.execute(update).await.map(drop)
    }

    /// A link, in whatever state.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<MailLinkRow>, StoreError> {
        let select = query("SELECT * FROM mail_links WHERE token_hash = $1").bind(hash.as_slice());
        self.link.optional(select).await?.as_ref().map(link).transpose()
    }

    /// Uses a link up; `false` when it is used, late or void.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn redeem(&mut self, hash: &[u8; 32], now: UnixTime) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE mail_links SET used_at = $2
             WHERE token_hash = $1 AND used_at IS NULL AND superseded = 0 AND expires_at > $2",
        )
        .bind(hash.as_slice())
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// How many links of a kind were sent to somebody's address since then.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn count(
        &mut self,
        email: &str,
        kind: LinkKind,
        since: UnixTime,
    ) -> Result<u64, StoreError> {
        let select = query(
            "SELECT COUNT(*) AS links FROM mail_links
             WHERE email = $1 AND kind = $2 AND created_at > $3 AND user_id IS NOT NULL",
        )
        .bind(email)
        .bind(kind.as_str())
        .bind(seconds(since));
        let row = self.link.optional(select).await?;
        let links = row.map_or(Ok(0), |row| row.int("links"))?;
        Ok(u64::try_from(links).unwrap_or(0))
    }

    /// Forgets links that expired before `before`.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn forget(&mut self, before: UnixTime) -> Result<u64, StoreError> {
        let delete = query("DELETE FROM mail_links WHERE expires_at < $1").bind(seconds(before));
        self.link.execute(delete).await
    }
}

fn link(row: &AnyRow) -> Result<MailLinkRow, StoreError> {
    Ok(MailLinkRow {
        token_hash: row.digest("token_hash")?,
        kind: row.word("kind", LinkKind::from_word)?,
        user_id: row.id_opt("user_id")?,
        email: row.text_opt("email")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        used_at: row.time_opt("used_at")?,
        superseded: row.flag("superseded")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Level, testing};

    #[tokio::test]
    async fn a_link_is_used_once_in_time_and_a_newer_one_voids_it() {
        for test in testing::each().await {
            let store = &test.store;
            let (_, ann) = testing::workspace_with(store, "one", "1001", Level::AGENT).await;
            let new = |byte: u8, user_id| MailLinkRow {
                token_hash: [byte; 32],
                kind: LinkKind::ResetPassword,
                user_id,
                email: Some("1001@example.com".into()),
                created_at: UnixTime(100),
                expires_at: UnixTime(200),
                used_at: None,
                superseded: false,
            };
            for (byte, user) in [(1, Some(ann.id)), (2, None), (3, Some(ann.id))] {
                if byte == 3 {
                    let kind = LinkKind::ResetPassword;
                    store.mail_links().supersede(Some(ann.id), kind).await.unwrap();
                }
                store.mail_links().insert(&new(byte, user)).await.unwrap();
            }
            let redeem = async |byte: u8, at| {
                store.mail_links().redeem(&[byte; 32], UnixTime(at)).await.unwrap()
            };
            assert!(!redeem(1, 150).await, "void");
            assert!(!redeem(3, 200).await, "late");
            assert!(redeem(3, 199).await);
            assert!(!redeem(3, 199).await, "used");
            assert!(redeem(2, 150).await, "nobody's is not ann's");
            assert!(!redeem(9, 150).await);
            let row = store.mail_links().by_hash(&[3; 32]).await.unwrap().unwrap();
            assert_eq!((row.user_id, row.used_at), (Some(ann.id), Some(UnixTime(199))));
            let kind = LinkKind::ResetPassword;
            let count = store.mail_links().count("1001@example.com", kind, UnixTime(99)).await;
            assert_eq!(count.unwrap(), 2);
            assert_eq!(store.mail_links().forget(UnixTime(201)).await.unwrap(), 3);
        }
    }
}
