//! The link development mode prints: it signs its reader in once, then is dead.

use std::time::Instant;

use dashmap::DashMap;

use super::principal::UserId;
use super::random::{self, NoRandom};
use crate::base::{Clock, Secret, limit};

/// The links that are out; kept in memory only, by hash.
pub struct StartLinks {
    clock: Clock,
    out: DashMap<[u8; 32], (UserId, Instant)>,
}

impl StartLinks {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, out: DashMap::new() }
    }

    /// Makes a key that signs this person in once. The oldest goes when too many are out.
    ///
    /// # Errors
    /// No random bytes.
    pub fn make(&self, user_id: UserId) -> Result<Secret, NoRandom> {
        let key = random::key()?;
        if self.out.len() >= limit::START_LINKS_MAX {
            let oldest = self.out.iter().min_by_key(|link| link.value().1).map(|link| *link.key());
            oldest.map(|oldest| self.out.remove(&oldest));
        }
        if let Some(hash) = random::hash(key.expose()) {
            self.out.insert(hash, (user_id, self.clock.now() + limit::START_LINK_LIFE));
        }
        Ok(key)
    }

    /// Takes a key back; whom it signs in, if it was good.
    #[must_use]
    pub fn redeem(&self, key: &str) -> Option<UserId> {
        let (_, (user_id, expires)) = self.out.remove(&random::hash(key)?)?;
        (self.clock.now() < expires).then_some(user_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixTime;

    #[test]
    fn sec_a40_a_start_link_works_once_and_not_for_ever() {
        let clock = Clock::manual(UnixTime(1_000));
        let links = StartLinks::new(clock.clone());
        let user = UserId::random();
        let key = links.make(user).unwrap();
        assert_eq!(links.redeem(key.expose()), Some(user));
        assert_eq!(links.redeem(key.expose()), None);
        let key = links.make(user).unwrap();
        clock.advance(limit::START_LINK_LIFE);
        assert_eq!(links.redeem(key.expose()), None);
    }

    #[test]
    fn the_oldest_link_goes_when_too_many_are_out() {
        let links = StartLinks::new(Clock::manual(UnixTime(1_000)));
        let first = links.make(UserId::random()).unwrap();
        links.clock.advance(std::time::Duration::from_secs(1));
        for _ in 0..limit::START_LINKS_MAX {
            links.make(UserId::random()).unwrap();
        }
        assert_eq!(links.out.len(), limit::START_LINKS_MAX);
        assert_eq!(links.redeem(first.expose()), None);
    }
}
