//! People. What they are in a workspace is in `memberships`.

use std::fmt;

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{StoreError, UserId};
use crate::base::UnixTime;

/// A person.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Identity.
    pub id: UserId,
    /// What they sign in with; lower case.
    pub name: String,
    /// What others see.
    pub display_name: String,
    /// Where mail goes; they may sign in with it too.
    pub email: Option<String>,
    /// When they showed that they read mail there.
    pub email_verified_at: Option<UnixTime>,
    /// PHC string of argon2id; `None` has no password and cannot sign in with one.
    pub password_hash: Option<String>,
    /// When the password was last set.
    pub password_changed_at: Option<UnixTime>,
    /// PHC strings of former passwords, newest first.
    pub former_passwords: Vec<String>,
    /// IANA name; days of reports begin there.
    pub time_zone: String,
    /// PHC string of the PIN for reports of previous days.
    pub pin_hash: Option<String>,
    /// Wrong PINs in a row.
    pub pin_failures: u32,
    /// No PIN is looked at before.
    pub pin_locked_until: UnixTime,
    /// May not sign in.
    pub disabled: bool,
    /// When added.
    pub created_at: UnixTime,
}

impl fmt::Debug for UserRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRow").field("id", &self.id).field("name", &self.name).finish()
    }
}

/// A person to add.
#[derive(Clone)]
pub struct NewUser {
    /// Sign-in name; lower case, checked by `access`.
    pub name: String,
    /// What others see.
    pub display_name: String,
    /// Mail address; lower case.
    pub email: Option<String>,
    /// When it was verified.
    pub email_verified_at: Option<UnixTime>,
    /// PHC string.
    pub password_hash: Option<String>,
}

/// The people's repository.
pub struct Users<'a> {
    pub(super) link: Link<'a>,
}

impl Users<'_> {
    /// Adds a person.
    ///
    /// # Errors
    /// Name or mail address is taken, or the database cannot be used.
    pub async fn insert(&mut self, new: &NewUser, now: UnixTime) -> Result<UserRow, StoreError> {
        let id = UserId::random();
        let changed = new.password_hash.as_ref().map(|_| now);
        let insert = query(
            "INSERT INTO users (id, name, display_name, email, email_verified_at, password_hash,
                                password_changed_at, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        )
        .bind(id.as_bytes().as_slice())
        .bind(&new.name)
        .bind(&new.display_name)
        .bind(&new.email)
        .bind(new.email_verified_at.map(seconds))
        .bind(&new.password_hash)
        .bind(changed.map(seconds))
        .bind(seconds(now));
        self.link.execute(insert).await?;
        let NewUser { name, display_name, email, email_verified_at, password_hash } = new.clone();
        Ok(UserRow {
            id,
            name,
            display_name,
            email,
            email_verified_at,
            password_hash,
            password_changed_at: changed,
            former_passwords: Vec::new(),
            time_zone: "UTC".into(),
            pin_hash: None,
            pin_failures: 0,
            pin_locked_until: UnixTime(0),
            disabled: false,
            created_at: now,
        })
    }

    /// The person who signs in with this name or mail address.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_sign_in(&mut self, name: &str) -> Result<Option<UserRow>, StoreError> {
        let select = query("SELECT * FROM users WHERE name = $1 OR email = $1").bind(name);
        self.link.optional(select).await?.as_ref().map(user).transpose()
    }

    /// One person.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_id(&mut self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        let select = query("SELECT * FROM users WHERE id = $1").bind(id.as_bytes().as_slice());
        self.link.optional(select).await?.as_ref().map(user).transpose()
    }

    /// Replaces a password's hash and keeps the newest `keep` former ones; `false` when there is
    /// no such person.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_password_hash(
        &mut self,
        id: UserId,
        hash: &str,
        former: &[String],
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE users SET password_hash = $2, former_passwords = $3,
                              password_changed_at = $4, updated_at = $4 WHERE id = $1",
        )
        .bind(id.as_bytes().as_slice())
        .bind(hash)
        .bind(former.join("\n"))
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Lets a person sign in or not; `false` when there is no such person.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_disabled(
        &mut self,
        id: UserId,
        disabled: bool,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query("UPDATE users SET disabled = $2, updated_at = $3 WHERE id = $1")
            .bind(id.as_bytes().as_slice())
            .bind(i64::from(disabled))
            .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Removes a person and everything of theirs; `false` when there is no such person.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove(&mut self, id: UserId) -> Result<bool, StoreError> {
        let delete = query("DELETE FROM users WHERE id = $1").bind(id.as_bytes().as_slice());
        Ok(self.link.execute(delete).await? == 1)
    }
}

/// A person from a row that holds all columns of `users`.
pub(super) fn user(row: &AnyRow) -> Result<UserRow, StoreError> {
    let former = row.text("former_passwords")?;
    let failures = row.int("pin_failures")?;
    Ok(UserRow {
        id: row.id("id")?,
        name: row.text("name")?,
        display_name: row.text("display_name")?,
        email: row.text_opt("email")?,
        email_verified_at: row.time_opt("email_verified_at")?,
        password_hash: row.text_opt("password_hash")?,
        password_changed_at: row.time_opt("password_changed_at")?,
        former_passwords: former.lines().map(str::to_owned).collect(),
        time_zone: row.text("time_zone")?,
        pin_hash: row.text_opt("pin_hash")?,
        pin_failures: u32::try_from(failures).map_err(|_| StoreError::Damaged("pin_failures"))?,
        pin_locked_until: row.time("pin_locked_until")?,
        disabled: row.flag("disabled")?,
        created_at: row.time("created_at")?,
    })
}
