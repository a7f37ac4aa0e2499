//! The timers of RFC 3261 §17 (table 4) and RFC 6026, for both kinds of transport.

use std::time::{Duration, Instant};

/// The round-trip estimate.
pub const T1: Duration = Duration::from_millis(500);
/// The longest interval between copies of a non-INVITE request or of a response to INVITE.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may live in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64·T1: how long a transaction waits before it gives up (timers B, F, H, L, M).
pub const TIMEOUT: Duration = Duration::from_secs(32);

/// Which timers apply: those for a transport that loses messages, or those for one that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Whether the transport retransmits by itself (TLS, TCP, WebSocket).
    pub is_reliable: bool,
}

impl Timing {
    /// Timers A, E and G: the first copy of a message, if copies are sent at all.
    pub(super) fn first_copy(self, now: Instant) -> Option<Resend> {
        (!self.is_reliable).then(|| Resend { at: now + T1, interval: T1 })
    }

    /// Timers D and J: how long to absorb copies of a final response or of a non-INVITE request.
    pub(super) fn absorb(self, now: Instant) -> Instant {
        if self.is_reliable { now } else { now + TIMEOUT }
    }

    /// Timers I and K: how long late copies may still be under way.
    pub(super) fn linger(self, now: Instant) -> Instant {
        if self.is_reliable { now } else { now + T4 }
    }
}

/// When the next copy of a message goes out.
#[derive(Clone, Copy, Debug)]
pub(in crate::sip) struct Resend {
    pub(in crate::sip) at: Instant,
    interval: Duration,
}

impl Resend {
    /// Copies from T1 on, for a 2xx, which is repeated on reliable transports too.
    pub(in crate::sip) fn of_success(now: Instant) -> Self {
        Self { at: now + T1, interval: T1 }
    }

    /// Doubles the interval, without end (timer A).
    pub(super) fn doubled(self, now: Instant) -> Self {
        self.next(now, TIMEOUT)
    }

    /// Doubles the interval up to T2 (timers E and G, and a 2xx).
    pub(in crate::sip) fn doubled_to_t2(self, now: Instant) -> Self {
        self.next(now, T2)
    }

    /// T2 from now on (timer E once a provisional response came).
    pub(super) fn at_t2(now: Instant) -> Self {
        Self { at: now + T2, interval: T2 }
    }

    fn next(self, now: Instant, longest: Duration) -> Self {
        let interval = (self.interval * 2).min(longest);
        Self { at: now + interval, interval }
    }
}
