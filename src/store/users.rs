//! People. What they are in a workspace is in `memberships`.

use std::fmt;

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{Level, MembershipRow, Role, StoreError, UserId, WorkspaceRow};
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
    /// May not sign in before the address is verified.
    pub must_verify: bool,
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

/// Where a person may work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As what.
    pub membership: MembershipRow,
    /// Where.
    pub workspace: WorkspaceRow,
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
            must_verify: false,
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

    /// The person of this mail address.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_email(&mut self, email: &str) -> Result<Option<UserRow>, StoreError> {
        let select = query("SELECT * FROM users WHERE email = $1").bind(email);
        self.link.optional(select).await?.as_ref().map(user).transpose()
    }

    /// Whether there is anybody.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn is_empty(&mut self) -> Result<bool, StoreError> {
        Ok(self.link.optional(query("SELECT id FROM users LIMIT 1")).await?.is_none())
    }

    /// Notes that a person reads mail at this address of theirs; `false` when it is theirs no
    /// more or was known already.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn verify_email(
        &mut self,
        id: UserId,
        email: &str,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE users SET email_verified_at = $3, must_verify = 0, updated_at = $3
             WHERE id = $1 AND email = $2 AND email_verified_at IS NULL",
        )
        .bind(id.as_bytes().as_slice())
        .bind(email)
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Lets a person sign in only once their mail address is verified.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn demand_verification(&mut self, id: UserId) -> Result<(), StoreError> {
        let update =
            query("UPDATE users SET must_verify = 1 WHERE id = $1").bind(id.as_bytes().as_slice());
        self.link.execute(update).await.map(drop)
    }

    /// Where a person may work: their memberships in workspaces that are not closed, the first
    /// joined first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn places(&mut self, id: UserId) -> Result<Vec<Place>, StoreError> {
        let select = query(
            "SELECT m.*, w.name AS w_name, w.disabled AS w_disabled, w.created_at AS w_created_at
             FROM memberships AS m JOIN workspaces AS w ON w.id = m.workspace_id
             WHERE m.user_id = $1 AND w.disabled = 0 ORDER BY m.created_at, m.workspace_id",
        )
        .bind(id.as_bytes().as_slice());
        self.link.all(select).await?.iter().map(place).collect()
    }

    /// Changes what others see and where days begin; `false` when there is no such person.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_shown(
        &mut self,
        id: UserId,
        display_name: &str,
        time_zone: &str,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE users SET display_name = $2, time_zone = $3, updated_at = $4 WHERE id = $1",
        )
        .bind(id.as_bytes().as_slice())
        .bind(display_name)
        .bind(time_zone)
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// One person.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn by_id(&mut self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        let select = query("SELECT * FROM users WHERE id = $1").bind(id.as_bytes().as_slice());
        self.link.optional(select).await?.as_ref().map(user).transpose()
    }

    /// Replaces a password's hash and the `former` ones that are kept; `false` when there is no
    /// such person.
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

fn place(row: &AnyRow) -> Result<Place, StoreError> {
    let level = u8::try_from(row.int("level")?).ok().and_then(Level::new);
    let membership = MembershipRow {
        workspace_id: row.id("workspace_id")?,
        user_id: row.id("user_id")?,
        role: row.word("role", Role::from_word)?,
        level: level.ok_or(StoreError::Damaged("level"))?,
        number: row.text("number")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    };
    let workspace = WorkspaceRow {
        id: membership.workspace_id,
        name: row.text("w_name")?,
        disabled: row.flag("w_disabled")?,
        created_at: row.time("w_created_at")?,
    };
    Ok(Place { membership, workspace })
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
        must_verify: row.flag("must_verify")?,
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
