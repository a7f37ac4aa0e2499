//! People's passkeys, and the challenges that wait for one to be made or shown.

use sqlx::any::AnyRow;
use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{PasskeyId, StoreError, UserId};
use crate::base::UnixTime;

/// A passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyRow {
    /// Its identity here.
    pub id: PasskeyId,
    /// Whose.
    pub user_id: UserId,
    /// Its identity in the browser, 1 to 1023 bytes.
    pub credential_id: Vec<u8>,
    /// `COSE_Key`.
    pub public_key: Vec<u8>,
    /// Signatures it had made when it was last shown.
    pub sign_count: u32,
    /// What its owner calls it.
    pub name: String,
    /// How browsers reach it: `internal`, `usb`, ….
    pub transports: Vec<String>,
    /// When it was made.
    pub created_at: UnixTime,
    /// When it was last shown.
    pub last_used_at: Option<UnixTime>,
}

/// A challenge that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasskeyChallenge {
    /// What for and whose, hashed: there is one of each.
    pub bound_to: [u8; 32],
    /// Who was asked.
    pub user_id: UserId,
    /// SHA-256 of the challenge.
    pub challenge_hash: [u8; 32],
    /// Good before then.
    pub expires_at: UnixTime,
}

/// The passkeys' repository.
pub struct Passkeys<'a> {
    pub(super) link: Link<'a>,
}

impl Passkeys<'_> {
    /// Adds a passkey.
    ///
    /// # Errors
    /// It is somebody's already, or the database cannot be used.
    pub async fn insert(&mut self, new: &PasskeyRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, name,
                                   transports, created_at, last_used_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(new.id.as_bytes().as_slice())
        .bind(new.user_id.as_bytes().as_slice())
        .bind(new.credential_id.clone())
        .bind(new.public_key.clone())
        .bind(i64::from(new.sign_count))
        .bind(&new.name)
        .bind(new.transports.join(" "))
        .bind(seconds(new.created_at))
        .bind(new.last_used_at.map(seconds));
        self.link.execute(insert).await.map(drop)
    }

    /// A person's passkeys, the oldest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn of_user(&mut self, user: UserId) -> Result<Vec<PasskeyRow>, StoreError> {
        let select = query("SELECT * FROM passkeys WHERE user_id = $1 ORDER BY created_at, id")
            .bind(user.as_bytes().as_slice());
        self.link.all(select).await?.iter().map(passkey).collect()
    }

    /// How many passkeys a person has.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn count_of(&mut self, user: UserId) -> Result<usize, StoreError> {
        let select = query("SELECT COUNT(*) AS n FROM passkeys WHERE user_id = $1")
            .bind(user.as_bytes().as_slice());
        let row = self.link.optional(select).await?;
        Ok(usize::try_from(row.map_or(Ok(0), |row| row.int("n"))?).unwrap_or(0))
    }

    /// Notes that a passkey was shown, unless its counter has been seen by now: of any number of
    /// requests with the same counter one gets `true`. Those that do not count stay at 0.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn shown(
        &mut self,
        id: PasskeyId,
        sign_count: u32,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE passkeys SET sign_count = $2, last_used_at = $3
             WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))",
        )
        .bind(id.as_bytes().as_slice())
        .bind(i64::from(sign_count))
        .bind(seconds(now));
        Ok(self.link.execute(update).await? == 1)
    }

    /// Names one of a person's passkeys; `false` when it is none of theirs.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn rename(
        &mut self,
        user: UserId,
        id: PasskeyId,
        name: &str,
    ) -> Result<bool, StoreError> {
        let update = query("UPDATE passkeys SET name = $3 WHERE user_id = $1 AND id = $2")
            .bind(user.as_bytes().as_slice())
            .bind(id.as_bytes().as_slice())
            .bind(name);
        Ok(self.link.execute(update).await? == 1)
    }

    /// Takes one of a person's passkeys away; `false` when it is none of theirs.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove(&mut self, user: UserId, id: PasskeyId) -> Result<bool, StoreError> {
        let delete = query("DELETE FROM passkeys WHERE user_id = $1 AND id = $2")
            .bind(user.as_bytes().as_slice())
            .bind(id.as_bytes().as_slice());
        Ok(self.link.execute(delete).await? == 1)
    }

    /// Takes all of a person's passkeys away, and what they were asked.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove_all_of(&mut self, user: UserId) -> Result<u64, StoreError> {
        let challenges = query("DELETE FROM passkey_challenges WHERE user_id = $1")
            .bind(user.as_bytes().as_slice());
        self.link.execute(challenges).await?;
        let delete =
            query("DELETE FROM passkeys WHERE user_id = $1").bind(user.as_bytes().as_slice());
        self.link.execute(delete).await
    }

    /// Keeps a challenge; an older one for the same is void.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn ask(&mut self, challenge: &PasskeyChallenge) -> Result<(), StoreError> {
        let upsert = query(
            "INSERT INTO passkey_challenges (bound_to, user_id, challenge_hash, expires_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (bound_to) DO UPDATE
             SET challenge_hash = excluded.challenge_hash, expires_at = excluded.expires_at",
        )
        .bind(challenge.bound_to.as_slice())
        .bind(challenge.user_id.as_bytes().as_slice())
        .bind(challenge.challenge_hash.as_slice())
        .bind(seconds(challenge.expires_at));
        self.link.execute(upsert).await.map(drop)
    }

    /// Spends the challenge that waits, whatever its answer is; its hash, if it is good now.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn answer(
        &mut self,
        bound_to: &[u8; 32],
        user: UserId,
        now: UnixTime,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        let delete = query(
            "DELETE FROM passkey_challenges WHERE bound_to = $1 AND user_id = $2
             RETURNING challenge_hash, expires_at",
        )
        .bind(bound_to.as_slice())
        .bind(user.as_bytes().as_slice());
        let rows = self.link.returning(delete).await?;
        match rows.first() {
            Some(row) if now < row.time("expires_at")? => row.digest("challenge_hash").map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// Forgets challenges that nobody answered in time.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn forget_challenges(&mut self, now: UnixTime) -> Result<u64, StoreError> {
        let delete =
            query("DELETE FROM passkey_challenges WHERE expires_at <= $1").bind(seconds(now));
        self.link.execute(delete).await
    }
}

fn passkey(row: &AnyRow) -> Result<PasskeyRow, StoreError> {
    let count = u32::try_from(row.int("sign_count")?);
    Ok(PasskeyRow {
        id: row.id("id")?,
        user_id: row.id("user_id")?,
        credential_id: row.bytes("credential_id")?,
        public_key: row.bytes("public_key")?,
        sign_count: count.map_err(|_| StoreError::Damaged("sign_count"))?,
        name: row.text("name")?,
        transports: row.text("transports")?.split_whitespace().map(str::to_owned).collect(),
        created_at: row.time("created_at")?,
        last_used_at: row.time_opt("last_used_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Level, testing};

    fn row(user_id: UserId, credential_id: &[u8]) -> PasskeyRow {
        PasskeyRow {
            id: PasskeyId::random(),
            user_id,
            credential_id: credential_id.to_vec(),
            public_key: vec![1, 2, 3],
            sign_count: 0,
            name: "Laptop".into(),
            transports: vec!["internal".into(), "hybrid".into()],
            created_at: UnixTime(5),
            last_used_at: None,
        }
    }

    #[tokio::test]
    async fn x07_a_passkey_is_one_persons_and_its_counter_only_rises() {
        for test in testing::each().await {
            let store = &test.store;
            let (_, ann) = testing::workspace_with(store, "one", "1001", Level::AGENT).await;
            let (_, bob) = testing::workspace_with(store, "two", "1002", Level::AGENT).await;
            let mut passkeys = store.passkeys();
            let key = row(ann.id, b"abc");
            passkeys.insert(&key).await.unwrap();
            let twice = passkeys.insert(&row(bob.id, b"abc")).await.unwrap_err();
            assert!(matches!(twice, StoreError::Conflict(_)), "{twice:?}");
            assert_eq!(passkeys.of_user(ann.id).await.unwrap(), std::slice::from_ref(&key));
            assert_eq!(passkeys.count_of(bob.id).await.unwrap(), 0);
            assert!(passkeys.shown(key.id, 0, UnixTime(6)).await.unwrap(), "never counts");
            let uses: Vec<_> = (0..20)
                .map(|_| {
                    let store = store.clone();
                    tokio::spawn(
                        async move { store.passkeys().shown(key.id, 7, UnixTime(7)).await },
                    )
                })
                .collect();
            let mut wins = 0;
            for used in uses {
                wins += usize::from(used.await.unwrap().unwrap());
            }
            assert_eq!(wins, 1);
            for late in [0, 6, 7] {
                assert!(!passkeys.shown(key.id, late, UnixTime(8)).await.unwrap(), "{late}");
            }
            let found = &passkeys.of_user(ann.id).await.unwrap()[0];
            assert_eq!((found.sign_count, found.last_used_at), (7, Some(UnixTime(7))));
            assert!(!passkeys.rename(bob.id, key.id, "Mine").await.unwrap());
            assert!(passkeys.rename(ann.id, key.id, "Phone").await.unwrap());
            assert!(!passkeys.remove(bob.id, key.id).await.unwrap());
            assert!(passkeys.remove(ann.id, key.id).await.unwrap());
            passkeys.insert(&key).await.unwrap();
            assert_eq!(passkeys.remove_all_of(ann.id).await.unwrap(), 1);
            passkeys.insert(&key).await.unwrap();
            assert!(store.users().remove(ann.id).await.is_ok());
            assert_eq!(passkeys.count_of(ann.id).await.unwrap(), 0, "goes with its owner");
        }
    }

    #[tokio::test]
    async fn x07_a_challenge_is_answered_once_in_time_and_by_whom_was_asked() {
        for test in testing::each().await {
            let store = &test.store;
            let (_, ann) = testing::workspace_with(store, "one", "1001", Level::AGENT).await;
            let (_, bob) = testing::workspace_with(store, "two", "1002", Level::AGENT).await;
            let ask = async |hash: u8| {
                let challenge = PasskeyChallenge {
                    bound_to: [1; 32],
                    user_id: ann.id,
                    challenge_hash: [hash; 32],
                    expires_at: UnixTime(100),
                };
                store.passkeys().ask(&challenge).await.unwrap();
            };
            let answer = async |user: UserId, at: u64| {
                store.passkeys().answer(&[1; 32], user, UnixTime(at)).await.unwrap()
            };
            ask(2).await;
            ask(3).await;
            assert_eq!(answer(bob.id, 99).await, None);
            assert_eq!(answer(ann.id, 99).await, Some([3; 32]), "the newest");
            assert_eq!(answer(ann.id, 99).await, None, "once");
            ask(4).await;
            assert_eq!(answer(ann.id, 100).await, None, "late");
            ask(5).await;
            assert_eq!(store.passkeys().forget_challenges(UnixTime(99)).await.unwrap(), 0);
            assert_eq!(store.passkeys().forget_challenges(UnixTime(100)).await.unwrap(), 1);
        }
    }
}
