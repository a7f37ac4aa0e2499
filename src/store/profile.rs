//! What a person or an administrator changes about a person: name, mail address, PIN.

use sqlx::query;

use super::link::{Link, seconds};
use super::{Backend, StoreError, UserId, Users};
use crate::base::UnixTime;

impl Users<'_> {
    /// Keeps other transactions that lock this person waiting until this one is over; `false` when
    /// there is none. Only useful in a transaction.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn lock(&mut self, id: UserId) -> Result<bool, StoreError> {
        // SQLite has one writer, whose transaction began with the write lock.
        let is_locking = matches!(&self.link, Link::Change(change)
            if change.backend() == Backend::Postgres);
        let select = query(if is_locking {
            "SELECT id FROM users WHERE id = $1 FOR UPDATE"
        } else {
            "SELECT id FROM users WHERE id = $1"
        })
        .bind(id.as_bytes().as_slice());
        Ok(self.link.optional(select).await?.is_some())
    }

    /// Changes what others see and where mail goes; another address is not verified any more.
    /// `false` when there is no such person.
    ///
    /// # Errors
    /// The address is taken (`email`), or the database cannot be used.
    pub async fn set_profile(
        &mut self,
        id: UserId,
        display_name: &str,
        email: Option<&str>,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE users SET display_name = $2, email = $3, updated_at = $4,
                    email_verified_at = CASE WHEN email = $3 THEN email_verified_at END
             WHERE id = $1",
        )
        .bind(id.as_bytes().as_slice())
        .bind(display_name)
        .bind(email)
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Sets the PIN's hash, or takes the PIN away; tries begin anew. `false` when there is no such
    /// person.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_pin(
        &mut self,
        id: UserId,
        hash: Option<&str>,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE users SET pin_hash = $2, pin_failures = 0, pin_locked_until = 0,
                              updated_at = $3 WHERE id = $1",
        )
        .bind(id.as_bytes().as_slice())
        .bind(hash)
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Notes wrong PINs in a row and until when none is looked at.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_pin_tries(
        &mut self,
        id: UserId,
        failures: u32,
        locked_until: UnixTime,
    ) -> Result<(), StoreError> {
        let update =
            query("UPDATE users SET pin_failures = $2, pin_locked_until = $3 WHERE id = $1")
                .bind(id.as_bytes().as_slice())
                .bind(i64::from(failures))
                .bind(seconds(locked_until));
        self.link.execute(update).await.map(drop)
    }
}
