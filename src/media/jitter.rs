//! Puts the packets of one RTP source back in order before they are decoded, and tells losses.
//!
//! Owns up to [`limit::REORDER_PACKETS_MAX`] waiting packets. In-order packets pass at once; a
//! packet behind a hole waits at most [`limit::REORDER_WAIT_MAX`]. Does not pace: the listener's
//! own jitter buffer does. Sequence rules follow RFC 3550 appendix A.1.

use std::time::Instant;

use crate::base::limit;

/// Reordering of one source.
#[derive(Debug, Default)]
pub struct ReorderBuffer {
    /// The sequence number due next; `None` before the first packet.
    next: Option<u16>,
    /// After a jump that is no loss: the number that would confirm a new start.
    restart_at: Option<u16>,
    restarted: bool,
    slots: [Slot; limit::REORDER_PACKETS_MAX],
}

/// One packet, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Ordered<'a> {
    /// RTP timestamp; 0 for a packet without audio.
    pub timestamp: u32,
    /// The payload; `None` when the packet carried no audio.
    pub payload: Option<&'a [u8]>,
    /// Packets before this one that never came.
    pub lost: u16,
    /// The source began anew with this packet.
    pub is_restart: bool,
    /// When it arrived.
    pub arrived: Instant,
}

#[derive(Debug, Default)]
struct Slot {
    /// Its sequence number and arrival while it holds a packet.
    held: Option<(u16, Instant)>,
    timestamp: u32,
    has_audio: bool,
    /// Kept between packets, so that it allocates only until it has seen the longest one.
    payload: Vec<u8>,
}

impl ReorderBuffer {
    /// Takes a packet; `payload` is `None` when it carries no audio. Drain with [`Self::pop`].
    pub fn insert(
        &mut self,
        now: Instant,
        sequence_number: u16,
        timestamp: u32,
        payload: Option<&[u8]>,
    ) {
        let next = *self.next.get_or_insert(sequence_number);
        let ahead = sequence_number.wrapping_sub(next).cast_signed();
        if !(-MISORDER_MAX..=DROPOUT_MAX).contains(&ahead) {
            if self.restart_at != Some(sequence_number) {
                self.restart_at = Some(sequence_number.wrapping_add(1));
                return;
            }
            self.start_at(sequence_number);
        } else if ahead < 0 || self.is_held(sequence_number) {
            return;
        }
        self.restart_at = None;
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.held.is_none()) {
            slot.held = Some((sequence_number, now));
            slot.timestamp = timestamp;
            slot.has_audio = payload.is_some();
            slot.payload.clear();
            slot.payload.extend_from_slice(payload.unwrap_or_default());
        }
    }

    /// The next packet that is due at `now`, after giving up the ones missing before it if they
    /// had their time.
    pub fn pop(&mut self, now: Instant) -> Option<Ordered<'_>> {
        let next = self.next?;
        let is_full = self.slots.iter().all(|slot| slot.held.is_some());
        let may_skip = is_full || self.poll_timeout().is_some_and(|deadline| deadline <= now);
        let (slot, lost, arrived) = self
            .slots
            .iter_mut()
            .filter_map(|slot| {
                let (number, arrived) = slot.held?;
                Some((slot, number.wrapping_sub(next), arrived))
            })
            .min_by_key(|(_, ahead, _)| *ahead)?;
        if lost > 0 && !may_skip {
            return None;
        }
        slot.held = None;
        self.next = Some(next.wrapping_add(lost).wrapping_add(1));
        Some(Ordered {
            timestamp: slot.timestamp,
            payload: slot.has_audio.then_some(slot.payload.as_slice()),
            lost,
            is_restart: std::mem::take(&mut self.restarted),
            arrived,
        })
    }

    /// When the packets missing before the waiting ones are given up.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let arrivals = self.slots.iter().filter_map(|slot| slot.held.map(|(_, arrived)| arrived));
        arrivals.min().map(|first| first + limit::REORDER_WAIT_MAX)
    }

    /// Forgets the numbering: the next packet starts anew.
    pub fn restart(&mut self) {
        for slot in &mut self.slots {
            slot.held = None;
        }
        self.restarted = self.next.take().is_some() || self.restarted;
        self.restart_at = None;
    }

    fn start_at(&mut self, sequence_number: u16) {
        self.restart();
        self.next = Some(sequence_number);
    }

    fn is_held(&self, sequence_number: u16) -> bool {
        self.slots.iter().any(|slot| slot.held.is_some_and(|(held, _)| held == sequence_number))
    }
}

/// Most packets that a jump ahead may skip and still be a loss: one minute of 20 ms packets.
const DROPOUT_MAX: i16 = 3000;

/// Most packets that a late one may be behind: two seconds of 20 ms packets.
const MISORDER_MAX: i16 = 100;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::Clock;

    /// Inserts the numbers in this order at one instant and tells what comes out: number (the
    /// timestamp carries it) and losses before it.
    fn run(buffer: &mut ReorderBuffer, now: Instant, numbers: &[u16]) -> Vec<(u16, u16)> {
        let mut out = Vec::new();
        for number in numbers {
            buffer.insert(now, *number, u32::from(*number), Some(&[1]));
            drain(buffer, now, &mut out);
        }
        out
    }

    fn drain(buffer: &mut ReorderBuffer, now: Instant, out: &mut Vec<(u16, u16)>) {
        while let Some(packet) = buffer.pop(now) {
            out.push((packet.timestamp as u16, packet.lost));
        }
    }

    #[test]
    fn packets_in_order_pass_at_once_across_the_wrap() {
        let now = Clock::system().now();
        let out = run(&mut ReorderBuffer::default(), now, &[65_534, 65_535, 0, 1]);
        assert_eq!(out, [(65_534, 0), (65_535, 0), (0, 0), (1, 0)]);
    }

    #[test]
    fn swapped_and_repeated_packets_come_out_once_and_in_order() {
        let now = Clock::system().now();
        let out = run(&mut ReorderBuffer::default(), now, &[10, 12, 12, 13, 11, 11, 10, 14]);
        assert_eq!(out, [(10, 0), (11, 0), (12, 0), (13, 0), (14, 0)]);
    }

    #[test]
    fn a_missing_packet_is_given_up_when_the_one_behind_it_waited_long_enough() {
        let now = Clock::system().now();
        let mut buffer = ReorderBuffer::default();
        assert_eq!(run(&mut buffer, now, &[1, 3]), [(1, 0)]);
        let deadline = buffer.poll_timeout().unwrap();
        assert!(deadline - now <= Duration::from_millis(60));
        assert_eq!(run(&mut buffer, deadline - Duration::from_millis(1), &[4]), []);
        let mut out = Vec::new();
        drain(&mut buffer, deadline, &mut out);
        assert_eq!(out, [(3, 1), (4, 0)]);
        assert_eq!(run(&mut buffer, deadline, &[2, 5]), [(5, 0)], "too late is dropped");
        assert_eq!(buffer.poll_timeout(), None);
    }

    #[test]
    fn a_full_buffer_gives_the_missing_packet_up_at_once() {
        let now = Clock::system().now();
        let mut buffer = ReorderBuffer::default();
        let out = run(&mut buffer, now, &[0, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(out.first(), Some(&(0, 0)));
        assert_eq!(out.get(1), Some(&(2, 1)));
        assert_eq!(out.len(), 9);
    }

    #[test]
    fn a_wild_number_is_dropped_but_two_in_a_row_are_a_new_start() {
        let now = Clock::system().now();
        let mut buffer = ReorderBuffer::default();
        assert_eq!(run(&mut buffer, now, &[100, 40_000, 101]), [(100, 0), (101, 0)]);
        assert_eq!(run(&mut buffer, now, &[40_000]), []);
        buffer.insert(now, 40_001, 40_001, Some(&[1]));
        let packet = buffer.pop(now).unwrap();
        assert!(packet.is_restart && packet.lost == 0);
        assert_eq!(run(&mut buffer, now, &[40_002]), [(40_002, 0)]);
    }
}
