//! One deadline per key, and the earliest of all at hand.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// A set of deadlines, at most one per key.
#[derive(Debug)]
pub(in crate::sip) struct Deadlines<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: HashMap<K, Instant>,
}

impl<K: Copy + Ord + Hash> Deadlines<K> {
    /// None yet.
    pub(in crate::sip) fn new() -> Self {
        Self { by_time: BTreeSet::new(), by_key: HashMap::new() }
    }

    /// Sets, moves or (with `None`) clears the deadline of `key`.
    pub(in crate::sip) fn set(&mut self, key: K, at: Option<Instant>) {
        if let Some(old) = self.by_key.remove(&key) {
            self.by_time.remove(&(old, key));
        }
        if let Some(at) = at {
            self.by_key.insert(key, at);
            self.by_time.insert((at, key));
        }
    }

    /// The earliest deadline.
    pub(in crate::sip) fn first(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the earliest key whose deadline has come.
    pub(in crate::sip) fn take_due(&mut self, now: Instant) -> Option<K> {
        let (at, key) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.by_time.pop_first();
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_moved_deadline_is_due_once_and_at_its_new_time() {
        let start = crate::base::Clock::system().now();
        let mut deadlines = Deadlines::new();
        deadlines.set(1, Some(start));
        deadlines.set(1, Some(start + Duration::from_secs(2)));
        deadlines.set(2, Some(start + Duration::from_secs(1)));
        assert_eq!(deadlines.take_due(start), None);
        let later = start + Duration::from_secs(3);
        assert_eq!(deadlines.take_due(later), Some(2));
        assert_eq!(deadlines.take_due(later), Some(1));
        assert_eq!(deadlines.take_due(later), None);
        assert_eq!(deadlines.first(), None);
    }
}
