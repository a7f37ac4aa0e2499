//! What we received of one source: loss and jitter by RFC 3550 A.1, A.3 and A.8.

use std::time::Instant;

/// Reception statistics of one SSRC; fed with authenticated packets only.
#[derive(Clone, Debug, Default)]
pub struct ReceptionStats {}

impl ReceptionStats {
    /// Counts a packet. `clock_rate` is that of its payload, Hz.
    pub fn on_rtp(
        &mut self,
        _now: Instant,
        _sequence_number: u16,
        _timestamp: u32,
        _clock_rate: u32,
    ) {
    }

    /// Packets received, duplicates excluded.
    #[must_use]
    pub fn received(&self) -> u64 {
        0
    }

    /// Packets expected minus received, over the life of the source; never negative.
    #[must_use]
    pub fn lost(&self) -> u64 {
        0
    }

    /// Interarrival jitter, RTP units.
    #[must_use]
    pub fn jitter(&self) -> u32 {
        0
    }
}
