//! When which of many small machines wants to be called.

use std::collections::BTreeSet;
use std::time::Instant;

/// One deadline per key, earliest first. Each machine keeps its own entry's time.
#[derive(Debug)]
pub(super) struct Timers<K>(BTreeSet<(Instant, K)>);

impl<K: Ord + Copy> Timers<K> {
    pub(super) fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Moves `key`'s deadline; `at` is where its machine remembers it.
    pub(super) fn set(&mut self, key: K, at: &mut Option<Instant>, deadline: Option<Instant>) {
        if *at == deadline {
            return;
        }
        if let Some(before) = *at {
            self.0.remove(&(before, key));
        }
        if let Some(deadline) = deadline {
            self.0.insert((deadline, key));
        }
        *at = deadline;
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The next key whose time has come. Its entry stays until [`Timers::set`] moves it.
    pub(super) fn due(&self, now: Instant) -> Option<K> {
        self.0.first().filter(|(at, _)| *at <= now).map(|(_, key)| *key)
    }
}
