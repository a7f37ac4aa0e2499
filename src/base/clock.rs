//! Time as a value that can be stepped.
//!
//! Machines take `now` as an argument; shells that need to ask hold a [`Clock`]. Nothing else
//! in the tree reads the system's clocks, so every rule about 10 minutes or 7 days is tested
//! without waiting.

#![expect(clippy::disallowed_methods, reason = "the one place that asks the system for time")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Whole seconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// This time, later by whole seconds of `duration`.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }
}

/// A source of monotonic and wall-clock time; clones share one.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    manual_ms: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// The system's clocks.
    #[must_use]
    pub fn system() -> Self {
        Self { started: Instant::now(), manual_ms: None }
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn manual(start: UnixTime) -> Self {
        let ms = start.0.saturating_mul(1000);
        Self { started: Instant::now(), manual_ms: Some(Arc::new(AtomicU64::new(ms))) }
    }

    /// Moves a manual clock; does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let Some(ms) = &self.manual_ms {
            ms.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
        }
    }

    /// Monotonic time, for durations and deadlines.
    #[must_use]
    pub fn now(&self) -> Instant {
        match &self.manual_ms {
            None => Instant::now(),
            Some(ms) => self.started + Duration::from_millis(ms.load(Ordering::SeqCst)),
        }
    }

    /// Wall-clock time, for tokens and rows.
    #[must_use]
    pub fn unix(&self) -> UnixTime {
        match &self.manual_ms {
            None => UnixTime(
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            ),
            Some(ms) => UnixTime(ms.load(Ordering::SeqCst) / 1000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_advanced_and_for_all_its_clones() {
        let clock = Clock::manual(UnixTime(1_000));
        let other = clock.clone();
        let before = other.now();
        clock.advance(Duration::from_secs(5));
        assert_eq!(other.unix(), UnixTime(1_005));
        assert_eq!(other.now() - before, Duration::from_secs(5));
    }
}
