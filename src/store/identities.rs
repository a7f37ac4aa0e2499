//! Accounts at identity providers that belong to people here.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{StoreError, UserId};
use crate::base::UnixTime;

/// An account at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// The provider's own name for itself.
    pub issuer: String,
    /// The account's identity there; means nothing at another issuer.
    pub subject: String,
    /// Whose it is.
    pub user_id: UserId,
    /// The provider's name here.
    pub provider: String,
    /// When it was linked.
    pub created_at: UnixTime,
}

/// The identities' repository.
pub struct Identities<'a> {
    pub(super) link: Link<'a>,
}

impl Identities<'_> {
    /// Links an account.
    ///
    /// # Errors
    /// It is linked already, or the database cannot be used.
    pub async fn insert(&mut self, new: &IdentityRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO identities (issuer, subject, user_id, provider, created_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&new.issuer)
        .bind(&new.subject)
        .bind(new.user_id.as_bytes().as_slice())
        .bind(&new.provider)
        .bind(seconds(new.created_at));
        self.link.execute(insert).await.map(drop)
    }

    /// The account of this subject at exactly this issuer.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn find(
        &mut self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<IdentityRow>, StoreError> {
        let select = query("SELECT * FROM identities WHERE issuer = $1 AND subject = $2")
            .bind(issuer)
            .bind(subject);
        self.link.optional(select).await?.as_ref().map(identity).transpose()
    }

    /// A person's accounts.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn of_user(&mut self, user: UserId) -> Result<Vec<IdentityRow>, StoreError> {
        let select =
            query("SELECT * FROM identities WHERE user_id = $1 ORDER BY provider, subject")
                .bind(user.as_bytes().as_slice());
        self.link.all(select).await?.iter().map(identity).collect()
    }
}

fn identity(row: &AnyRow) -> Result<IdentityRow, StoreError> {
    Ok(IdentityRow {
        issuer: row.text("issuer")?,
        subject: row.text("subject")?,
        user_id: row.id("user_id")?,
        provider: row.text("provider")?,
        created_at: row.time("created_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Level, testing};

    #[tokio::test]
    async fn a36_a_subject_is_somebody_at_its_own_issuer_only() {
        for test in testing::each().await {
            let store = &test.store;
            let (_, ann) = testing::workspace_with(store, "one", "1001", Level::AGENT).await;
            let row = IdentityRow {
                issuer: "https://one.example".into(),
                subject: "7".into(),
                user_id: ann.id,
                provider: "google".into(),
                created_at: UnixTime(5),
            };
            store.identities().insert(&row).await.unwrap();
            let find = async |issuer| store.identities().find(issuer, "7").await.unwrap();
            assert_eq!(find("https://one.example").await, Some(row.clone()));
            assert_eq!(find("https://two.example").await, None);
            let twice = store.identities().insert(&row).await.unwrap_err();
            assert!(matches!(twice, StoreError::Conflict(_)), "{twice:?}");
            assert_eq!(store.identities().of_user(ann.id).await.unwrap(), [row]);
        }
    }
}
