//! People.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::Store;
use crate::base::UnixTime;
use crate::store::{Level, NewUser, StoreError, UserId, UserRow};

/// The people's repository.
#[derive(Debug)]
pub struct Users<'a> {
    pub(super) store: &'a Store,
}

impl Users<'_> {
    /// Adds a person.
    ///
    /// # Errors
    /// Name, mail address or number is taken, or the database cannot be used.
    pub async fn insert(&self, new: &NewUser, now: UnixTime) -> Result<UserRow, StoreError> {
        let id = UserId::random();
        sqlx::query(
            "INSERT INTO users (id, name, display_name, email, number, level, password_hash,
                                created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        )
        .bind(id.as_bytes().as_slice())
        .bind(&new.name)
        .bind(&new.display_name)
        .bind(&new.email)
        .bind(&new.number)
        .bind(i64::from(new.level.get()))
        .bind(&new.password_hash)
        .bind(seconds(now))
        .execute(self.store.writer())
        .await?;
        let NewUser { name, display_name, email, number, level, password_hash } = new.clone();
        Ok(UserRow {
            id,
            name,
            display_name,
            email,
            number,
            level,
            password_hash,
            disabled: false,
            created_at: now,
        })
    }

    /// The person who signs in with this name or mail address.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_sign_in(&self, name: &str) -> Result<Option<UserRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM users WHERE name = $1 OR email = $1")
            .bind(name)
            .fetch_optional(self.store.readers())
            .await?;
        row.as_ref().map(user).transpose()
    }

    /// The person rung at this number.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_number(&self, number: &str) -> Result<Option<UserRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM users WHERE number = $1")
            .bind(number)
            .fetch_optional(self.store.readers())
            .await?;
        row.as_ref().map(user).transpose()
    }

    /// One person.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_id(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM users WHERE id = $1")
            .bind(id.as_bytes().as_slice())
            .fetch_optional(self.store.readers())
            .await?;
        row.as_ref().map(user).transpose()
    }

    /// Everybody, by number.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&self) -> Result<Vec<UserRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM users ORDER BY number")
            .fetch_all(self.store.readers())
            .await?;
        rows.iter().map(user).collect()
    }

    /// Replaces a password's hash; `false` when there is no such person.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_password_hash(
        &self,
        id: UserId,
        hash: &str,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let done =
            sqlx::query("UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1")
                .bind(id.as_bytes().as_slice())
                .bind(hash)
                .bind(seconds(now))
                .execute(self.store.writer())
                .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Lets a person sign in or not; `false` when there is no such person.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_disabled(
        &self,
        id: UserId,
        disabled: bool,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE users SET disabled = $2, updated_at = $3 WHERE id = $1")
            .bind(id.as_bytes().as_slice())
            .bind(disabled)
            .bind(seconds(now))
            .execute(self.store.writer())
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

pub(super) fn user(row: &SqliteRow) -> Result<UserRow, StoreError> {
    let id: Vec<u8> = row.try_get("id")?;
    let level: i64 = row.try_get("level")?;
    let damaged = StoreError::Damaged("users");
    Ok(UserRow {
        id: UserId::from_slice(&id).ok_or(StoreError::Damaged("users"))?,
        name: row.try_get("name")?,
        display_name: row.try_get("display_name")?,
        email: row.try_get("email")?,
        number: row.try_get("number")?,
        level: u8::try_from(level).ok().and_then(Level::new).ok_or(damaged)?,
        password_hash: row.try_get("password_hash")?,
        disabled: row.try_get("disabled")?,
        created_at: time(row.try_get("created_at")?),
    })
}

pub(super) fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

pub(super) fn time(seconds: i64) -> UnixTime {
    UnixTime(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn agent(number: &str) -> NewUser {
        NewUser {
            name: format!("agent{number}"),
            display_name: format!("Agent {number}"),
            email: Some(format!("{number}@example.com")),
            number: number.into(),
            level: Level::AGENT,
            password_hash: None,
        }
    }

    #[tokio::test]
    async fn a_person_is_found_by_name_mail_number_and_id_and_nothing_is_shared() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let added = store.users().insert(&agent("1001"), UnixTime(7)).await.unwrap();
        for found in [
            store.users().by_sign_in("agent1001").await.unwrap(),
            store.users().by_sign_in("1001@example.com").await.unwrap(),
            store.users().by_number("1001").await.unwrap(),
            store.users().by_id(added.id).await.unwrap(),
        ] {
            assert_eq!(found.unwrap(), added);
        }
        assert!(store.users().by_sign_in("' OR 1=1 --").await.unwrap().is_none());
        for (change, field) in [(1, "name"), (2, "email"), (3, "number")] {
            let mut other = agent("1002");
            match change {
                1 => other.name = "agent1001".into(),
                2 => other.email = Some("1001@example.com".into()),
                _ => other.number = "1001".into(),
            }
            let error = store.users().insert(&other, UnixTime(7)).await.unwrap_err();
            assert!(matches!(error, StoreError::Conflict(f) if f == field), "{error:?}");
        }
    }
}
