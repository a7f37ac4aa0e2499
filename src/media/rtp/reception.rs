//! What we received of one source: loss and jitter by RFC 3550 A.1, A.3 and A.8, and the block that
//! reports it.
//!
//! Fed with packets that were authenticated and are no replays; knows no RTCP format.

use std::time::{Duration, Instant};

use super::rtcp::ReceptionBlock;

/// Largest gap forward that is still the same run of sequence numbers (RFC 3550 A.1).
const DROPOUT_MAX: u16 = 3000;

/// Largest step back that is reordering and not a restart (RFC 3550 A.1).
const MISORDER_MAX: u16 = 100;

/// Most a report can say was lost: the field has 24 bits with a sign.
const TOTAL_LOST_MAX: u64 = 0x7f_ffff;

/// Reception statistics of one leg, one source at a time.
#[derive(Clone, Debug, Default)]
pub struct ReceptionStats {
    run: Option<Run>,
    transit: Option<Transit>,
    /// Jitter times 16, as A.8 keeps it.
    jitter: u64,
    received: u64,
    /// Packets lost in runs that ended.
    lost_before: u64,
    last_report: Interval,
    sender_report: Option<(u32, Instant)>,
}

/// Sequence numbers of one source without a restart.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    /// Highest, with cycles above the low 16 bits.
    highest: u64,
    received: u64,
    /// Where a jump went, to see whether a second packet follows it.
    jumped_to: Option<u16>,
}

/// When a packet arrived against what its timestamp says.
#[derive(Clone, Copy, Debug)]
struct Transit {
    first_arrival: Instant,
    clock_rate: u32,
    timestamp: u32,
    transit: u32,
}

/// Counts at the last report.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    expected: u64,
    lost: u64,
}

impl ReceptionStats {
    /// Counts a packet. `clock_rate` is that of its payload, Hz.
    pub fn on_rtp(&mut self, now: Instant, sequence_number: u16, timestamp: u32, clock_rate: u32) {
        if self.note_sequence(sequence_number) {
            self.received += 1;
            self.note_arrival(now, timestamp, clock_rate);
        }
    }

    /// The source changed (another SSRC): totals go on, sequence numbers and timing begin anew.
    pub fn begin_source(&mut self) {
        self.lost_before = self.lost();
        self.run = None;
        self.transit = None;
        self.sender_report = None;
    }

    /// A sender report of this source arrived; `ntp_middle` is the middle of its NTP timestamp.
    pub fn on_sender_report(&mut self, now: Instant, ntp_middle: u32) {
        self.sender_report = Some((ntp_middle, now));
    }

    /// Packets received.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets expected minus received, over the life of the leg; never negative.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_before + self.run.map_or(0, |run| run.expected().saturating_sub(run.received))
    }

    /// Interarrival jitter, RTP units.
    #[must_use]
    pub fn jitter(&self) -> u32 {
        u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX)
    }

    /// The block about `ssrc` for the next report (RFC 3550 §6.4.1); `None` before any packet.
    /// Begins a new interval for the fraction lost.
    pub fn report(&mut self, now: Instant, ssrc: u32) -> Option<ReceptionBlock> {
        let run = self.run?;
        let lost = self.lost();
        let total = Interval { expected: self.received + lost, lost };
        let expected = total.expected.saturating_sub(self.last_report.expected);
        let lost_now = total.lost.saturating_sub(self.last_report.lost);
        self.last_report = total;
        let fraction = (lost_now << 8).checked_div(expected).unwrap_or(0);
        let (last_sender_report, delay) = self
            .sender_report
            .map_or((0, 0), |(ntp, at)| (ntp, in_65536ths(now.saturating_duration_since(at))));
        Some(ReceptionBlock {
            ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            total_lost: u32::try_from(lost.min(TOTAL_LOST_MAX)).unwrap_or(0),
            highest_sequence_number: u32::try_from(run.highest & 0xffff_ffff).unwrap_or(0),
            jitter: self.jitter(),
            last_sender_report,
            delay,
        })
    }

    /// RFC 3550 A.1, without probation: the packet is authentic. False for a packet that may begin
    /// a new run, which the next one decides.
    fn note_sequence(&mut self, sequence_number: u16) -> bool {
        let Some(run) = &mut self.run else {
            self.run = Some(Run::new(sequence_number));
            return true;
        };
        let ahead = sequence_number.wrapping_sub(run.sequence_number());
        if ahead < DROPOUT_MAX {
            run.highest += u64::from(ahead);
        } else if ahead <= u16::MAX - MISORDER_MAX {
            if run.jumped_to != Some(sequence_number) {
                run.jumped_to = Some(sequence_number.wrapping_add(1));
                return false;
            }
            self.lost_before = self.lost();
            self.run = Some(Run::new(sequence_number));
            return true;
        }
        run.jumped_to = None;
        run.received += 1;
        true
    }

    /// RFC 3550 A.8. Packets with the timestamp of the one before (key presses, split frames) say
    /// nothing about jitter.
    fn note_arrival(&mut self, now: Instant, timestamp: u32, clock_rate: u32) {
        let before = self.transit.filter(|transit| transit.clock_rate == clock_rate);
        let first_arrival = before.map_or(now, |before| before.first_arrival);
        let arrival = in_units(now.saturating_duration_since(first_arrival), clock_rate);
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = before {
            if before.timestamp == timestamp {
                return;
            }
            let change = transit.wrapping_sub(before.transit).cast_signed().unsigned_abs();
            let settled = (self.jitter + 8) >> 4;
            self.jitter = self.jitter.saturating_add(u64::from(change)).saturating_sub(settled);
        }
        self.transit = Some(Transit { first_arrival, clock_rate, timestamp, transit });
    }
}

impl Run {
    fn new(sequence_number: u16) -> Self {
        let first = u64::from(sequence_number);
        Self { first, highest: first, received: 1, jumped_to: None }
    }

    fn sequence_number(&self) -> u16 {
        u16::try_from(self.highest & 0xffff).unwrap_or(0)
    }

    fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }
}

/// A duration in units of an RTP clock, wrapping as timestamps do.
fn in_units(duration: Duration, clock_rate: u32) -> u32 {
    let units = duration.as_micros() * u128::from(clock_rate) / 1_000_000;
    u32::try_from(units & 0xffff_ffff).unwrap_or(0)
}

/// A duration in 1/65536 s, as reports carry it.
fn in_65536ths(duration: Duration) -> u32 {
    in_units(duration, 65_536)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Clock, UnixTime};
    use proptest::prelude::*;

    const FRAME: Duration = Duration::from_millis(20);

    fn start() -> Instant {
        Clock::manual(UnixTime(0)).now()
    }

    /// Feeds 20 ms PCMU packets with these sequence numbers, on time.
    fn feed(stats: &mut ReceptionStats, numbers: impl IntoIterator<Item = u16>) {
        let start = start();
        for (at, number) in numbers.into_iter().enumerate() {
            let at = u32::try_from(at).unwrap();
            stats.on_rtp(start + FRAME * at, number, at * 160, 8000);
        }
    }

    #[test]
    fn packets_on_time_have_neither_loss_nor_jitter_across_a_wrap() {
        let mut stats = ReceptionStats::default();
        feed(&mut stats, (65_500..=65_535).chain(0..100));
        assert_eq!((stats.received(), stats.lost(), stats.jitter()), (136, 0, 0));
        let block = stats.report(start(), 7).unwrap();
        assert_eq!(block.highest_sequence_number, (1 << 16) | 99);
    }

    #[test]
    fn lost_packets_are_counted_and_late_ones_given_back() {
        let mut stats = ReceptionStats::default();
        feed(&mut stats, [1, 2, 3, 6, 7]);
        assert_eq!(stats.lost(), 2);
        feed(&mut stats, [4]);
        assert_eq!(stats.lost(), 1);
    }

    #[test]
    fn the_fraction_lost_is_that_since_the_last_report() {
        let mut stats = ReceptionStats::default();
        feed(&mut stats, [0, 1, 2, 4]);
        assert_eq!(stats.report(start(), 7).unwrap().fraction_lost, 51);
        feed(&mut stats, [5, 6]);
        let block = stats.report(start(), 7).unwrap();
        assert_eq!((block.fraction_lost, block.total_lost), (0, 1));
    }

    #[test]
    fn a_restarted_sequence_is_followed_after_two_packets_and_is_not_loss() {
        let mut stats = ReceptionStats::default();
        feed(&mut stats, [10, 11, 12, 40_000, 40_001, 40_002]);
        assert_eq!((stats.received(), stats.lost()), (5, 0));
        feed(&mut stats, [9]);
        assert_eq!(stats.received(), 5);
    }

    #[test]
    fn jitter_settles_at_what_the_network_adds() {
        let mut stats = ReceptionStats::default();
        let start = start();
        for at in 0..2000u32 {
            let late = if at % 2 == 0 { Duration::ZERO } else { Duration::from_millis(10) };
            let number = u16::try_from(at).unwrap();
            stats.on_rtp(start + FRAME * at + late, number, at * 160, 8000);
        }
        assert!((75..=80).contains(&stats.jitter()), "{}", stats.jitter());
    }

    #[test]
    fn a_change_of_clock_or_source_is_not_jitter() {
        let mut stats = ReceptionStats::default();
        feed(&mut stats, 0..10);
        stats.on_rtp(start() + FRAME * 10, 10, 999_999, 48_000);
        stats.begin_source();
        stats.on_rtp(start() + FRAME * 11, 30_000, 5, 8000);
        assert_eq!((stats.jitter(), stats.received(), stats.lost()), (0, 12, 0));
    }

    #[test]
    fn the_delay_since_the_last_sender_report_is_told_in_65536ths() {
        let mut stats = ReceptionStats::default();
        feed(&mut stats, [1]);
        stats.on_sender_report(start(), 0xabcd_0123);
        let block = stats.report(start() + Duration::from_millis(1500), 7);
        assert_eq!(block.map_or(0, |block| block.last_sender_report), 0xabcd_0123);
        let first = start();
        stats.on_sender_report(first, 1);
        let block = stats.report(first + Duration::from_millis(1500), 7).unwrap();
        assert_eq!(block.delay, 98_304);
    }

    proptest! {
        #[test]
        fn any_packets_are_counted_without_overflow(
            packets in proptest::collection::vec((any::<u16>(), any::<u32>(), 0u64..100_000), 1..300)
        ) {
            let mut stats = ReceptionStats::default();
            let mut now = start();
            for (number, timestamp, later) in packets {
                now += Duration::from_millis(later);
                stats.on_rtp(now, number, timestamp, 48_000);
                let _ = stats.report(now, 1);
            }
        }
    }
}
