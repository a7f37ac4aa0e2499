//! The RTP stream sent to one peer: one SSRC for its life, and numbers that stay continuous
//! whatever it carries.
//!
//! Sources come and go (another leg, a prompt, the codec thread, key presses). The peer sees one
//! source whose sequence numbers have exactly the gaps that the network made, and whose timestamps
//! advance with time. No sequence number is ever used for two packets, because under SRTP that
//! would encrypt twice with the same keystream (RFC 3711 §9.1).

use std::time::Instant;

use crate::media::rtp::RtpHeader;

/// What to write into a packet's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    pub sequence_number: u16,
    pub timestamp: u32,
    /// First packet after a change of source: receivers re-adjust their buffers.
    pub marker: bool,
}

/// The numbering of one outgoing stream.
#[derive(Debug)]
pub(super) struct OutboundStream {
    ssrc: u32,
    /// Highest sequence number used, extended by its roll-overs.
    highest: i64,
    /// Which of the last 64 were used; bit 0 is `highest`.
    used: u64,
    last_timestamp: u32,
    last_at: Option<Instant>,
    marker_due: bool,
    mapping: Mapping,
    packets: u32,
    octets: u32,
}

/// How the current source's numbers become ours.
#[derive(Debug)]
enum Mapping {
    /// Nothing sent since the source changed.
    None,
    /// Packets of another peer, with their own sequence numbers.
    Relayed(Relayed),
    /// Frames of our own, which bring timestamps only.
    Local { timestamp_offset: u32 },
}

#[derive(Debug)]
struct Relayed {
    ssrc: u32,
    /// Highest sequence number taken, extended.
    highest: i64,
    /// Added to an extended sequence number.
    offset: i64,
    /// Nothing below is ours: it belongs to the source before.
    floor: i64,
    timestamp_offset: u32,
    /// Consecutive packets from below the window, and the next one of that run.
    astray: u8,
    astray_next: u16,
}

/// A jump in a source's sequence numbers that no loss explains (RFC 3550 A.1 `MAX_DROPOUT`): the
/// source started anew.
const JUMP_MAX: i64 = 3000;

/// So many consecutive packets from the past are a source that started anew, not late packets.
const ASTRAY_MAX: u8 = 4;

/// How far back a packet may be late.
const REORDER_MAX: i64 = 64;

impl OutboundStream {
    /// A stream with random SSRC, timestamp and sequence number, the latter below 2^15, so that a
    /// receiver that misses the first packets does not also miss a roll-over (RFC 3711 §3.3.1).
    pub(super) fn new(random: [u8; 10]) -> Self {
        let [s0, s1, s2, s3, t0, t1, t2, t3, q0, q1] = random;
        Self {
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            highest: i64::from(u16::from_be_bytes([q0 & 0x7f, q1])),
            used: 0,
            last_timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            last_at: None,
            marker_due: true,
            mapping: Mapping::None,
            packets: 0,
            octets: 0,
        }
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets and payload bytes sent, as sender reports count them (modulo 2^32).
    pub(super) fn sent(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// Counts a packet that was sealed.
    pub(super) fn on_sent(&mut self, payload_len: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::try_from(payload_len).unwrap_or_default());
    }

    /// Another source speaks from now on.
    pub(super) fn change_source(&mut self) {
        self.mapping = Mapping::None;
        self.marker_due = true;
    }

    /// Numbers for another peer's packet; `None` if it is too late or its number is taken.
    pub(super) fn relay(&mut self, now: Instant, from: &RtpHeader, clock: u32) -> Option<Numbers> {
        let Mapping::Relayed(mapping) = &mut self.mapping else {
            return Some(self.begin_relay(now, from, clock));
        };
        let delta = distance(mapping.highest, from.sequence_number);
        if mapping.ssrc != from.ssrc || delta.abs() > JUMP_MAX {
            return Some(self.begin_relay(now, from, clock));
        }
        let extended = mapping.highest + delta + mapping.offset;
        let timestamp = from.timestamp.wrapping_add(mapping.timestamp_offset);
        if delta > 0 && extended > self.highest {
            mapping.highest += delta;
            mapping.astray = 0;
            self.advance_to(extended);
            (self.last_timestamp, self.last_at) = (timestamp, Some(now));
        } else if !(extended >= mapping.floor && take_late(&mut self.used, self.highest, extended))
        {
            if mapping.is_another_start(from.sequence_number) {
                return Some(self.begin_relay(now, from, clock));
            }
            return None;
        }
        Some(self.numbers(extended, timestamp, from.marker))
    }

    /// A packet of the current source that is not sent on: leaves no gap.
    pub(super) fn skip(&mut self, ssrc: u32, sequence_number: u16) {
        if let Mapping::Relayed(mapping) = &mut self.mapping
            && mapping.ssrc == ssrc
        {
            let delta = distance(mapping.highest, sequence_number);
            if (1..=JUMP_MAX).contains(&delta) {
                mapping.highest += delta;
                mapping.offset -= 1;
                self.marker_due = true;
            }
        }
    }

    /// Numbers for a frame of our own with `timestamp` on its source's time line.
    pub(super) fn local(&mut self, now: Instant, timestamp: u32, clock: u32) -> Numbers {
        let timestamp_offset = match &self.mapping {
            Mapping::Local { timestamp_offset } => *timestamp_offset,
            Mapping::None | Mapping::Relayed(_) => {
                let offset = self.timestamp_at(now, clock).wrapping_sub(timestamp);
                self.change_source();
                self.mapping = Mapping::Local { timestamp_offset: offset };
                offset
            }
        };
        let extended = self.highest + 1;
        self.advance_to(extended);
        let timestamp = timestamp.wrapping_add(timestamp_offset);
        (self.last_timestamp, self.last_at) = (timestamp, Some(now));
        self.numbers(extended, timestamp, false)
    }

    /// A sequence number between those of the current source, for a key press.
    pub(super) fn insert(&mut self) -> u16 {
        self.advance_to(self.highest + 1);
        if let Mapping::Relayed(mapping) = &mut self.mapping {
            mapping.offset += 1;
        }
        low_bits(self.highest)
    }

    /// The stream's timestamp at `now`: what was sent last, and the time since; at least one
    /// frame, so that two frames never share one. The first call starts the clock.
    pub(super) fn timestamp_at(&mut self, now: Instant, clock: u32) -> u32 {
        let Some(last_at) = self.last_at else {
            self.last_at = Some(now);
            return self.last_timestamp;
        };
        let elapsed = now.saturating_duration_since(last_at).as_micros();
        let units = u64::try_from(elapsed).unwrap_or_default() * u64::from(clock) / 1_000_000;
        let units = u32::try_from(units & u64::from(u32::MAX)).unwrap_or_default();
        self.last_timestamp.wrapping_add(units.max(clock / 50))
    }

    fn begin_relay(&mut self, now: Instant, from: &RtpHeader, clock: u32) -> Numbers {
        let timestamp = self.timestamp_at(now, clock);
        let incoming = i64::from(from.sequence_number);
        let extended = self.highest + 1;
        self.mapping = Mapping::Relayed(Relayed {
            ssrc: from.ssrc,
            highest: incoming,
            offset: extended - incoming,
            floor: extended,
            timestamp_offset: timestamp.wrapping_sub(from.timestamp),
            astray: 0,
            astray_next: 0,
        });
        self.advance_to(extended);
        self.marker_due = true;
        (self.last_timestamp, self.last_at) = (timestamp, Some(now));
        self.numbers(extended, timestamp, true)
    }

    fn advance_to(&mut self, extended: i64) {
        let by = u32::try_from(extended - self.highest).unwrap_or(u32::MAX);
        self.used = self.used.checked_shl(by).unwrap_or(0) | 1;
        self.highest = extended;
    }

    fn numbers(&mut self, extended: i64, timestamp: u32, marker: bool) -> Numbers {
        let marker = marker | std::mem::take(&mut self.marker_due);
        Numbers { sequence_number: low_bits(extended), timestamp, marker }
    }
}

impl Relayed {
    /// Whether `sequence_number` continues a run of packets from the past that is now long enough.
    fn is_another_start(&mut self, sequence_number: u16) -> bool {
        let continues = self.astray > 0 && sequence_number == self.astray_next;
        self.astray = if continues { self.astray + 1 } else { 1 };
        self.astray_next = sequence_number.wrapping_add(1);
        self.astray >= ASTRAY_MAX
    }
}

/// Marks a number below the highest as used; false if it was, or is too old to know.
fn take_late(used: &mut u64, highest: i64, extended: i64) -> bool {
    let back = highest - extended;
    if !(1..REORDER_MAX).contains(&back) {
        return false;
    }
    let bit = 1_u64 << back;
    let free = *used & bit == 0;
    *used |= bit;
    free
}

/// How far `sequence_number` is ahead of the extended `highest`, by the shorter way round.
fn distance(highest: i64, sequence_number: u16) -> i64 {
    i64::from(sequence_number.wrapping_sub(low_bits(highest)).cast_signed())
}

fn low_bits(extended: i64) -> u16 {
    let [.., hi, lo] = extended.to_be_bytes();
    u16::from_be_bytes([hi, lo])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::base::Clock;

    const CLOCK: u32 = 8000;

    fn packet(ssrc: u32, sequence_number: u16, timestamp: u32) -> RtpHeader {
        RtpHeader {
            marker: false,
            payload_type: 0,
            sequence_number,
            timestamp,
            ssrc,
            payload_offset: 12,
            padding: 0,
        }
    }

    fn stream() -> OutboundStream {
        OutboundStream::new([7; 10])
    }

    #[test]
    fn loss_and_reordering_of_the_source_stay_visible() {
        let (now, mut stream) = (Clock::system().now(), stream());
        let mut send = |seq: u16| stream.relay(now, &packet(1, seq, u32::from(seq) * 160), CLOCK);
        let first = send(65534).unwrap();
        assert!(first.marker);
        let third = send(0).unwrap();
        let second = send(65535).unwrap();
        assert_eq!(third.sequence_number, first.sequence_number + 2);
        assert_eq!(second.sequence_number, first.sequence_number + 1);
        assert_eq!(send(65535), None, "the same number twice");
        assert_eq!(send(5).unwrap().sequence_number, first.sequence_number + 7);
    }

    #[test]
    fn another_source_continues_the_numbers_and_the_time() {
        let (now, mut stream) = (Clock::system().now(), stream());
        let a = stream.relay(now, &packet(1, 100, 5_000), CLOCK).unwrap();
        let later = now + Duration::from_secs(2);
        let b = stream.relay(later, &packet(2, 9, 77), CLOCK).unwrap();
        assert_eq!(b.sequence_number, a.sequence_number + 1);
        assert_eq!(b.timestamp.wrapping_sub(a.timestamp), 16_000);
        assert!(b.marker);
        assert_eq!(stream.relay(later, &packet(2, 8, 0), CLOCK), None, "from before the change");
        let local = stream.local(later, 0, CLOCK);
        assert_eq!(local.sequence_number, b.sequence_number + 1);
        assert_eq!(local.timestamp.wrapping_sub(b.timestamp), 160);
    }

    #[test]
    fn skipped_packets_leave_no_gap_and_inserted_ones_make_room() {
        let (now, mut stream) = (Clock::system().now(), stream());
        let a = stream.relay(now, &packet(1, 10, 0), CLOCK).unwrap();
        stream.skip(1, 11);
        stream.skip(1, 12);
        assert_eq!(stream.insert(), a.sequence_number + 1);
        let b = stream.relay(now, &packet(1, 13, 480), CLOCK).unwrap();
        assert_eq!(b.sequence_number, a.sequence_number + 2);
        assert_eq!(b.timestamp.wrapping_sub(a.timestamp), 480);
        assert!(b.marker);
    }

    #[test]
    fn a_source_that_restarts_under_its_ssrc_is_followed() {
        let (now, mut stream) = (Clock::system().now(), stream());
        let a = stream.relay(now, &packet(1, 1000, 0), CLOCK).unwrap();
        for seq in 100..103 {
            assert_eq!(stream.relay(now, &packet(1, seq, 0), CLOCK), None);
        }
        let b = stream.relay(now, &packet(1, 103, 0), CLOCK).unwrap();
        assert_eq!(b.sequence_number, a.sequence_number + 1);
        let c = stream.relay(now, &packet(1, 40_000, 0), CLOCK).unwrap();
        assert_eq!(c.sequence_number, a.sequence_number + 2);
    }

    proptest! {
        /// Under SRTP two packets with one number would share their keystream.
        #[test]
        fn no_sequence_number_is_ever_used_twice(
            steps in proptest::collection::vec((0_u8..6, 0_u32..3, any::<u16>(), 0_u16..80), 1..400)
        ) {
            let (now, mut stream) = (Clock::system().now(), stream());
            let mut used = std::collections::HashSet::new();
            let (mut at, mut highest) = (0_u16, stream.highest);
            for (kind, ssrc, jump, back) in steps {
                let number = match kind {
                    0..=2 => {
                        at = at.wrapping_add(1);
                        let seq = at.wrapping_sub(back / 3);
                        stream.relay(now, &packet(ssrc / 2, seq, 0), CLOCK).map(|n| n.sequence_number)
                    }
                    3 => {
                        at = at.wrapping_add(1);
                        stream.skip(ssrc / 2, at);
                        None
                    }
                    4 if jump > 50_000 => {
                        at = jump;
                        None
                    }
                    4 => Some(stream.insert()),
                    _ if back > 60 => {
                        stream.change_source();
                        None
                    }
                    _ => Some(stream.local(now, 0, CLOCK).sequence_number),
                };
                if let Some(number) = number {
                    let extended = highest + distance(highest, number);
                    highest = highest.max(extended);
                    prop_assert!(used.insert(extended), "{extended} twice");
                }
            }
        }
    }
}
