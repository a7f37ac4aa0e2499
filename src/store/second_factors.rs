//! What people show besides their password, how often they failed to, and who is excused.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{Level, Role, StoreError, UserId, WorkspaceId};
use crate::base::UnixTime;

/// A person's second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactorRow {
    /// Whose.
    pub user_id: UserId,
    /// Secret of the authenticator app, a vault envelope.
    pub totp_sealed: Option<Vec<u8>>,
    /// Secret of an app that is being set up.
    pub totp_pending_sealed: Option<Vec<u8>>,
    /// Codes of this step and those before it are spent.
    pub totp_last_step: u64,
    /// When a second factor was last shown.
    pub last_used_at: Option<UnixTime>,
    /// Which: `passkey`, `totp`, `email`, `recovery`; `reset` when an administrator took the second
    /// factor away.
    pub last_method: Option<String>,
    /// Wrong codes since the last right one.
    pub failures: u32,
    /// No code is looked at before.
    pub locked_until: UnixTime,
    /// Excused until then.
    pub exempt_until: Option<UnixTime>,
    /// Why.
    pub exempt_reason: Option<String>,
}

/// A member's second factor, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorListing {
    /// Whose.
    pub user_id: UserId,
    /// Their sign-in name.
    pub user_name: String,
    /// Whether their mail address is verified.
    pub has_email: bool,
    /// Whether they have an app.
    pub has_totp: bool,
    /// Whether they have a passkey.
    pub has_passkey: bool,
    /// What they are in the workspace.
    pub role: Role,
    /// Their level in it.
    pub level: Level,
    /// When a second factor was last shown.
    pub last_used_at: Option<UnixTime>,
    /// Excused until then.
    pub exempt_until: Option<UnixTime>,
    /// Why.
    pub exempt_reason: Option<String>,
}

/// How wrong codes lock a factor: after each so many, for so long.
#[derive(Clone, Copy, Debug)]
pub struct FactorLock {
    /// Wrong codes until a lock.
    pub tries: u32,
    /// The first lock, seconds; the second is twice as long, the third three times.
    pub first_s: u64,
    /// Wrong codes in a row from which on each lock is the longest.
    pub many: u32,
    /// The longest lock, seconds.
    pub longest_s: u64,
}

/// The second factors' repository.
pub struct SecondFactors<'a> {
    pub(super) link: Link<'a>,
}

impl SecondFactors<'_> {
    /// A person's second factor; `None` when nothing was ever noted.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn of_user(&mut self, user: UserId) -> Result<Option<SecondFactorRow>, StoreError> {
        let select = query("SELECT * FROM second_factors WHERE user_id = $1")
            .bind(user.as_bytes().as_slice());
        self.link.optional(select).await?.as_ref().map(factor).transpose()
    }

    /// Makes the row, if it is not there.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn begin(&mut self, user: UserId) -> Result<(), StoreError> {
        let insert =
            query("INSERT INTO second_factors (user_id) VALUES ($1) ON CONFLICT DO NOTHING")
                .bind(user.as_bytes().as_slice());
        self.link.execute(insert).await.map(drop)
    }

    /// Keeps the secret of an app that is being set up; an older one is void.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_pending(&mut self, user: UserId, sealed: &[u8]) -> Result<(), StoreError> {
        let update = query("UPDATE second_factors SET totp_pending_sealed = $2 WHERE user_id = $1")
            .bind(user.as_bytes().as_slice())
            .bind(sealed.to_vec());
        self.link.execute(update).await.map(drop)
    }

    /// Takes an app into use. `pending` is what was being set up: if something else is by now,
    /// nothing happens and it is `false`.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn enable_totp(
        &mut self,
        user: UserId,
        pending: &[u8],
        sealed: &[u8],
        (step, now): (u64, UnixTime),
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE second_factors
             SET totp_sealed = $3, totp_enabled_at = $5, totp_pending_sealed = NULL,
                 totp_last_step = $4, last_used_at = $5, last_method = 'totp', failures = 0,
                 locked_until = 0
             WHERE user_id = $1 AND totp_pending_sealed = $2",
        )
        .bind(user.as_bytes().as_slice())
        .bind(pending.to_vec())
        .bind(sealed.to_vec())
        .bind(i64::try_from(step).unwrap_or(i64::MAX))
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Notes that a person made a passkey.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn passkey_made(&mut self, user: UserId, now: UnixTime) -> Result<(), StoreError> {
        self.begin(user).await?;
        let update = query(
            "UPDATE second_factors
             SET last_used_at = $2, last_method = 'passkey', failures = 0, locked_until = 0
             WHERE user_id = $1",
        )
        .bind(user.as_bytes().as_slice())
        .bind(seconds(now));
        self.link.execute(update).await.map(drop)
    }

    /// Takes a person's app away, an unfinished one too; `false` when there was none.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove_totp(&mut self, user: UserId) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE second_factors
             SET totp_sealed = NULL, totp_enabled_at = NULL, totp_pending_sealed = NULL,
                 failures = 0, locked_until = 0
             WHERE user_id = $1 AND (totp_sealed IS NOT NULL OR totp_pending_sealed IS NOT NULL)",
        )
        .bind(user.as_bytes().as_slice());
        Ok(self.link.execute(update).await? == 1)
    }

    /// Takes a person's app, recovery codes and excuses away; they set up anew at the next sign-in.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn reset(&mut self, user: UserId) -> Result<(), StoreError> {
        self.begin(user).await?;
        self.remove_totp(user).await?;
        self.set_recovery_codes(user, &[]).await?;
        let update = query(
            "UPDATE second_factors SET last_method = 'reset', exempt_until = NULL,
                    exempt_reason = NULL, exempt_by = NULL
             WHERE user_id = $1",
        )
        .bind(user.as_bytes().as_slice());
        self.link.execute(update).await.map(drop)
    }

    /// Counts a try before it is judged, and locks with every so manieth; `false` while locked.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn take_try(
        &mut self,
        user: UserId,
        lock: FactorLock,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE second_factors
             SET failures_since = CASE WHEN failures = 0 THEN $2 ELSE failures_since END,
                 locked_until = CASE
                     WHEN (failures + 1) % $3 <> 0 THEN locked_until
                     WHEN failures + 1 >= $5 THEN $2 + $6
                     ELSE $2 + $4 * ((failures + 1) / $3) END,
                 failures = failures + 1
             WHERE user_id = $1 AND locked_until <= $2",
        )
        .bind(user.as_bytes().as_slice())
        .bind(seconds(now))
        .bind(i64::from(lock.tries))
        .bind(i64::try_from(lock.first_s).unwrap_or(i64::MAX))
        .bind(i64::from(lock.many))
        .bind(i64::try_from(lock.longest_s).unwrap_or(i64::MAX));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Spends a step and all before it; `false` when it was spent: of any number of requests with
    /// the same code, one gets `true` (SECURITY A-14).
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn use_step(&mut self, user: UserId, step: u64) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE second_factors SET totp_last_step = $2
             WHERE user_id = $1 AND totp_last_step < $2 AND totp_sealed IS NOT NULL",
        )
        .bind(user.as_bytes().as_slice())
        .bind(i64::try_from(step).unwrap_or(i64::MAX));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Notes that a factor was shown; failures are forgotten.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn succeeded(
        &mut self,
        user: UserId,
        method: &str,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let update = query(
            "UPDATE second_factors
             SET last_used_at = $3, failures = 0, locked_until = 0,
                 last_method = CASE WHEN last_method = 'reset' THEN last_method ELSE $2 END
             WHERE user_id = $1",
        )
        .bind(user.as_bytes().as_slice())
        .bind(method)
        .bind(seconds(now));
        self.link.execute(update).await.map(drop)
    }

    /// Excuses a person until then, or no more.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn exempt(
        &mut self,
        user: UserId,
        until: Option<UnixTime>,
        reason: Option<&str>,
        by: Option<UserId>,
    ) -> Result<(), StoreError> {
        let update = query(
            "UPDATE second_factors SET exempt_until = $2, exempt_reason = $3, exempt_by = $4
             WHERE user_id = $1",
        )
        .bind(user.as_bytes().as_slice())
        .bind(until.map(seconds))
        .bind(reason)
        .bind(by.as_ref().map(|id| id.as_bytes().as_slice()));
        self.link.execute(update).await.map(drop)
    }

    /// Everybody's second factor in a workspace, by name.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&mut self, workspace: WorkspaceId) -> Result<Vec<FactorListing>, StoreError> {
        let select = query(
            "SELECT users.id AS u_id, users.name AS u_name, users.email_verified_at, m.role,
                    m.level, f.totp_enabled_at, f.last_used_at, f.exempt_until, f.exempt_reason,
                    (SELECT COUNT(*) FROM passkeys AS p WHERE p.user_id = m.user_id) AS passkeys
             FROM memberships AS m JOIN users ON users.id = m.user_id
             LEFT JOIN second_factors AS f ON f.user_id = m.user_id
             WHERE m.workspace_id = $1 ORDER BY users.name",
        )
        .bind(workspace.as_bytes().as_slice());
        self.link.all(select).await?.iter().map(listing).collect()
    }

    /// Gives a person new recovery codes; the old ones are void.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn set_recovery_codes(
        &mut self,
        user: UserId,
        hashes: &[[u8; 32]],
    ) -> Result<(), StoreError> {
        let delete =
            query("DELETE FROM recovery_codes WHERE user_id = $1").bind(user.as_bytes().as_slice());
        self.link.execute(delete).await?;
        for hash in hashes {
            let insert = query("INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)")
                .bind(user.as_bytes().as_slice())
                .bind(hash.as_slice());
            self.link.execute(insert).await?;
        }
        Ok(())
    }

    /// Spends a recovery code; `false` when it is none of theirs or was used.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn use_recovery_code(
        &mut self,
        user: UserId,
        hash: &[u8; 32],
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE recovery_codes SET used_at = $3
             WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL",
        )
        .bind(user.as_bytes().as_slice())
        .bind(hash.as_slice())
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// How many recovery codes a person has left.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn recovery_codes_left(&mut self, user: UserId) -> Result<u32, StoreError> {
        let select = query(
            "SELECT COUNT(*) AS codes FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL",
        )
        .bind(user.as_bytes().as_slice());
        let row = self.link.optional(select).await?;
        Ok(u32::try_from(row.map_or(Ok(0), |row| row.int("codes"))?).unwrap_or(0))
    }
}

fn factor(row: &AnyRow) -> Result<SecondFactorRow, StoreError> {
    let number = |column: &'static str| {
        u32::try_from(row.int(column)?).map_err(|_| StoreError::Damaged(column))
    };
    let step = row.int("totp_last_step")?;
    Ok(SecondFactorRow {
        user_id: row.id("user_id")?,
        totp_sealed: row.bytes_opt("totp_sealed")?,
        totp_pending_sealed: row.bytes_opt("totp_pending_sealed")?,
        totp_last_step: u64::try_from(step).map_err(|_| StoreError::Damaged("totp_last_step"))?,
        last_used_at: row.time_opt("last_used_at")?,
        last_method: row.text_opt("last_method")?,
        failures: number("failures")?,
        locked_until: row.time("locked_until")?,
        exempt_until: row.time_opt("exempt_until")?,
        exempt_reason: row.text_opt("exempt_reason")?,
    })
}

fn listing(row: &AnyRow) -> Result<FactorListing, StoreError> {
    let level = u8::try_from(row.int("level")?).ok().and_then(Level::new);
    Ok(FactorListing {
        user_id: row.id("u_id")?,
        user_name: row.text("u_name")?,
        has_email: row.time_opt("email_verified_at")?.is_some(),
        has_totp: row.time_opt("totp_enabled_at")?.is_some(),
        has_passkey: row.int("passkeys")? > 0,
        role: row.word("role", Role::from_word)?,
        level: level.ok_or(StoreError::Damaged("level"))?,
        last_used_at: row.time_opt("last_used_at")?,
        exempt_until: row.time_opt("exempt_until")?,
        exempt_reason: row.text_opt("exempt_reason")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing;

    #[tokio::test]
    async fn a14_a16_a_step_is_spent_once_and_older_ones_with_it() {
        for test in testing::each().await {
            let store = &test.store;
            let (_, ann) = testing::workspace_with(store, "one", "1001", Level::AGENT).await;
            store.second_factors().begin(ann.id).await.unwrap();
            store.second_factors().begin(ann.id).await.unwrap();
            assert!(!store.second_factors().use_step(ann.id, 5).await.unwrap(), "no app");
            store.second_factors().set_pending(ann.id, b"pending").await.unwrap();
            let enable = async |pending: &[u8]| {
                let at = (4, UnixTime(9));
                store.second_factors().enable_totp(ann.id, pending, b"sealed", at).await.unwrap()
            };
            assert!(!enable(b"other").await);
            assert!(enable(b"pending").await);
            assert!(!enable(b"pending").await);
            let row = store.second_factors().of_user(ann.id).await.unwrap().unwrap();
            assert_eq!((row.totp_sealed, row.totp_pending_sealed), (Some(b"sealed".into()), None));
            let mut wins = 0;
            let uses: Vec<_> = (0..20)
                .map(|_| {
                    let store = store.clone();
                    tokio::spawn(async move { store.second_factors().use_step(ann.id, 6).await })
                })
                .collect();
            for used in uses {
                wins += usize::from(used.await.unwrap().unwrap());
            }
            assert_eq!(wins, 1);
            assert!(!store.second_factors().use_step(ann.id, 5).await.unwrap(), "older");
            assert!(store.second_factors().remove_totp(ann.id).await.unwrap());
            assert!(!store.second_factors().remove_totp(ann.id).await.unwrap());
        }
    }

    #[tokio::test]
    async fn a15_every_fifth_try_locks_and_each_lock_is_longer() {
        for test in testing::each().await {
            let store = &test.store;
            let (_, ann) = testing::workspace_with(store, "one", "1001", Level::AGENT).await;
            store.second_factors().begin(ann.id).await.unwrap();
            let lock = FactorLock { tries: 5, first_s: 300, many: 20, longest_s: 3600 };
            let take = async |at| {
                store.second_factors().take_try(ann.id, lock, UnixTime(at)).await.unwrap()
            };
            let mut now = 1_000;
            for wait in [300, 600, 900, 3600, 3600] {
                for _ in 0..5 {
                    assert!(take(now).await);
                }
                assert!(!take(now).await && !take(now + wait - 1).await, "{wait}");
                now += wait;
            }
            store.second_factors().succeeded(ann.id, "totp", UnixTime(now)).await.unwrap();
            let row = store.second_factors().of_user(ann.id).await.unwrap().unwrap();
            assert_eq!((row.failures, row.locked_until), (0, UnixTime(0)));
        }
    }

    #[tokio::test]
    async fn b12_recovery_codes_work_once_and_the_list_shows_a_workspace_only() {
        for test in testing::each().await {
            let store = &test.store;
            let (one, ann) = testing::workspace_with(store, "one", "1001", Level::AGENT).await;
            let (_, bob) = testing::workspace_with(store, "two", "1002", Level::AGENT).await;
            let mut factors = store.second_factors();
            factors.set_recovery_codes(ann.id, &[[1; 32], [2; 32]]).await.unwrap();
            factors.set_recovery_codes(bob.id, &[[1; 32]]).await.unwrap();
            assert!(factors.use_recovery_code(ann.id, &[1; 32], UnixTime(1)).await.unwrap());
            assert!(!factors.use_recovery_code(ann.id, &[1; 32], UnixTime(1)).await.unwrap());
            assert_eq!(factors.recovery_codes_left(ann.id).await.unwrap(), 1);
            assert_eq!(factors.recovery_codes_left(bob.id).await.unwrap(), 1);
            let list = factors.list(one.id).await.unwrap();
            assert_eq!(list.len(), 1);
            assert!(list[0].user_id == ann.id && list[0].has_email && !list[0].has_totp);
            factors.begin(ann.id).await.unwrap();
            let until = Some(UnixTime(50));
            factors.exempt(ann.id, until, Some("lost phone"), Some(bob.id)).await.unwrap();
            let row = factors.of_user(ann.id).await.unwrap().unwrap();
            assert_eq!((row.exempt_until, row.exempt_reason), (until, Some("lost phone".into())));
        }
    }
}
