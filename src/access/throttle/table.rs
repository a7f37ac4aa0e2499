//! Buckets by key, in bounded memory: when a shard is full, its longest idle quarter goes.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bucket::Bucket;
use super::layers::Key;
use super::limits::ms;

/// A map in shards, each behind a lock that is held for one bucket's judgement.
pub(super) struct Table {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    shard_max: usize,
}

type Shard = HashMap<Hashed, Bucket, BuildHasherDefault<OwnHash>>;

/// A key with its hash, which is made once and with a secret, so that nobody can aim keys at one
/// place of the map.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hashed {
    hash: u64,
    key: Key,
}

impl Hash for Hashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Takes the hash that a [`Hashed`] brings.
#[derive(Default)]
struct OwnHash(u64);

impl Hasher for OwnHash {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.is_empty(), "only whole hashes are written");
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Enough that threads rarely meet; the judgement behind the lock takes under 100 ns.
const SHARDS: usize = 64;

impl Table {
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            shard_max: (entries_max / SHARDS).max(1),
        }
    }

    /// Asks a bucket, making room for it if it is new.
    pub(super) fn with<T>(&self, key: Key, ask: impl FnOnce(&mut Bucket) -> T) -> T {
        let Some((mut shard, key)) = self.shard(&key) else {
            return ask(&mut Bucket::default());
        };
        if let Some(bucket) = shard.get_mut(&key) {
            return ask(bucket);
        }
        if shard.len() >= self.shard_max {
            evict_oldest_quarter(&mut shard);
        }
        ask(shard.entry(key).or_default())
    }

    /// Changes a bucket that is there.
    pub(super) fn change(&self, key: &Key, change: impl FnOnce(&mut Bucket)) {
        if let Some((mut shard, key)) = self.shard(key) {
            shard.get_mut(&key).map(change);
        }
    }

    pub(super) fn remove(&self, key: &Key) {
        if let Some((mut shard, key)) = self.shard(key) {
            shard.remove(&key);
        }
    }

    /// Frees what was not asked for longer than `idle`.
    pub(super) fn forget_idle(&self, now_ms: u64, idle: Duration) {
        let oldest = now_ms.saturating_sub(ms(idle));
        for shard in &self.shards {
            let mut shard = locked(shard);
            shard.retain(|_, bucket| bucket.seen_ms >= oldest);
            // Half empty after a flood: give the memory back, but not at each small change.
            if shard.capacity() > 4 * shard.len().max(16) {
                shard.shrink_to_fit();
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| locked(shard).len()).sum()
    }

    fn shard(&self, key: &Key) -> Option<(MutexGuard<'_, Shard>, Hashed)> {
        let hash = self.hasher.hash_one(key);
        // The middle of the hash: the map itself uses both ends.
        let shard = self.shards.get((hash >> 32) as usize % SHARDS)?;
        Some((locked(shard), Hashed { hash, key: *key }))
    }
}

/// A bucket is never half changed, so a panic elsewhere does not spoil it.
fn locked(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A quarter at once, so that a flood of new keys pays for one pass per many of them.
fn evict_oldest_quarter(shard: &mut Shard) {
    let mut going = (shard.len() / 4).max(1);
    let mut seen: Vec<u64> = shard.values().map(|bucket| bucket.seen_ms).collect();
    let (_, youngest_going, _) = seen.select_nth_unstable(going - 1);
    let youngest_going = *youngest_going;
    shard.retain(|_, bucket| {
        let goes = bucket.seen_ms <= youngest_going && going > 0;
        going -= usize::from(goes);
        !goes
    });
}
