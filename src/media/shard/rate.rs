//! How many packets one peer may have us handle.

use std::time::{Duration, Instant};

use crate::base::limit;

/// A token bucket kept as one instant: when it would be full again (the virtual scheduling form
/// of ITU-T I.371's GCRA).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RateLimit {
    full_at: Option<Instant>,
}

impl RateLimit {
    /// Takes one packet's worth; false if there is none left. Ask for authentic packets only, or
    /// a stranger could use up the peer's share.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |at| at.max(now));
        let within = full_at - now <= BURST;
        if within {
            self.full_at = Some(full_at + EACH);
        }
        within
    }
}

const EACH: Duration = Duration::from_micros(1_000_000 / limit::LEG_PACKETS_PER_SECOND_MAX);
const BURST: Duration =
    Duration::from_micros(1_000_000 / limit::LEG_PACKETS_PER_SECOND_MAX * limit::LEG_BURST_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Clock;

    #[test]
    fn m20_a_burst_passes_and_a_flood_is_cut_to_the_rate() {
        let (start, mut rate) = (Clock::system().now(), RateLimit::default());
        let burst = (0..10_000).filter(|_| rate.take(start)).count() as u64;
        assert_eq!(burst, limit::LEG_BURST_MAX + 1);
        let flood = (1..=200_000_u64)
            .filter(|step| rate.take(start + Duration::from_micros(step * 50)))
            .count() as u64;
        let expected = 10 * limit::LEG_PACKETS_PER_SECOND_MAX;
        assert!(flood.abs_diff(expected) <= 2, "{flood}");
    }
}
