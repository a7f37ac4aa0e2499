//! Key presses in RTP (RFC 4733 telephone-event): reading them once each, and writing them.
//!
//! Owns event state on both sides of a leg. Does not own RTP headers or sequence numbers, and
//! does not decide where a key goes. Between clocks (48000 towards browsers, 8000 towards the
//! PBX) a press travels as a [`KeyPress`], whose length is a `Duration`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::base::limit;

/// One key press, complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPress {
    /// `0`–`9`, `*`, `#`, `A`–`D`.
    pub digit: char,
    /// How long it was held.
    pub duration: Duration,
}

/// The key of an event code (RFC 4733 §3.2), `None` for flash and everything that is no key.
#[must_use]
pub fn digit_of(event: u8) -> Option<char> {
    KEYS.iter().find(|(code, _)| *code == event).map(|(_, digit)| *digit)
}

/// The event code of a key; `a`–`d` are taken like `A`–`D`.
#[must_use]
pub fn event_of(digit: char) -> Option<u8> {
    let digit = digit.to_ascii_uppercase();
    KEYS.iter().find(|(_, key)| *key == digit).map(|(code, _)| *code)
}

/// Rewrites the duration of a telephone-event payload for another clock, for relaying packets as
/// they come. What does not fit 16 bits stays at the most, 1.36 s at 48000.
pub fn rescale(payload: &mut [u8], from: u32, to: u32) {
    let Some([_, _, high, low]) = payload.first_chunk_mut() else { return };
    let duration = u64::from(u16::from_be_bytes([*high, *low]));
    let rescaled = duration * u64::from(to) / u64::from(from.max(1));
    [*high, *low] = u16::try_from(rescaled).unwrap_or(u16::MAX).to_be_bytes();
}

/// Reads the telephone-event packets of one leg; each press comes out once, at its end.
///
/// An event is known by its timestamp: copies of its packets, however late, add nothing.
#[derive(Debug)]
pub struct Parser {
    clock_rate: u32,
    down: Option<Down>,
    /// Key and timestamp of the last event that ended, to know late copies of its packets.
    released: Option<(char, u32)>,
    presses: VecDeque<KeyPress>,
}

/// A key that is down.
#[derive(Debug)]
struct Down {
    digit: char,
    /// RTP timestamp of its current segment.
    timestamp: u32,
    /// Units of its earlier segments (§2.5.1.3).
    past_units: u64,
    /// Longest duration its current segment told.
    units: u16,
    refreshed: Instant,
}

impl Parser {
    /// A parser for events that count in `clock_rate`.
    #[must_use]
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate, down: None, released: None, presses: VecDeque::with_capacity(2) }
    }

    /// Takes one telephone-event packet: its RTP timestamp, marker and payload. What is no key,
    /// or too short, is ignored. Drain [`Self::poll_output`] after it.
    pub fn handle_packet(&mut self, now: Instant, timestamp: u32, marker: bool, payload: &[u8]) {
        let Some([event, flags, high, low]) = payload.first_chunk() else { return };
        let Some(digit) = digit_of(*event) else { return };
        let units = u16::from_be_bytes([*high, *low]);
        match &mut self.down {
            Some(down) if down.digit == digit && down.timestamp == timestamp => {
                down.units = down.units.max(units);
                down.refreshed = now;
            }
            Some(down) if down.digit == digit && down.continues_at(timestamp, marker) => {
                down.past_units += u64::from(timestamp.wrapping_sub(down.timestamp));
                (down.timestamp, down.units, down.refreshed) = (timestamp, units, now);
            }
            Some(down) if is_stale(timestamp, down.timestamp, self.clock_rate) => return,
            Some(_) | None => {
                if self.is_copy(digit, timestamp, marker) {
                    return;
                }
                self.release();
                self.down = Some(Down { digit, timestamp, past_units: 0, units, refreshed: now });
            }
        }
        if flags & END != 0 {
            self.release();
        }
    }

    /// The next press that ended. Drain after `handle_packet` and `handle_timeout`.
    pub fn poll_output(&mut self) -> Option<KeyPress> {
        self.presses.pop_front()
    }

    /// Whether a key is down now.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        self.down.is_some()
    }

    /// When an event whose end never came is taken as ended.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.down.as_ref().map(|down| down.refreshed + REFRESH_TIMEOUT)
    }

    /// Ends an event that is no longer refreshed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.release();
        }
    }

    fn release(&mut self) {
        let Some(down) = self.down.take() else { return };
        self.released = Some((down.digit, down.timestamp));
        let units = down.past_units + u64::from(down.units);
        let duration = duration_of(units, self.clock_rate);
        self.presses.push_back(KeyPress { digit: down.digit, duration });
    }

    /// Whether a packet belongs to the last event that ended, or to one before it.
    fn is_copy(&mut self, digit: char, timestamp: u32, marker: bool) -> bool {
        let Some((last_digit, last)) = self.released else { return false };
        if digit == last_digit && !marker && timestamp.wrapping_sub(last) == SEGMENT_UNITS {
            self.released = Some((digit, timestamp));
            return true;
        }
        // Some senders give every key of a burst the same timestamp: another digit is another key.
        (digit == last_digit && timestamp == last) || is_stale(timestamp, last, self.clock_rate)
    }
}

impl Down {
    /// Whether `timestamp` begins the next segment of a press too long for 16 bits.
    fn continues_at(&self, timestamp: u32, marker: bool) -> bool {
        let ahead = timestamp.wrapping_sub(self.timestamp);
        let is_full =
            ahead == SEGMENT_UNITS || (self.units >= 0xf000 && ahead == u32::from(self.units));
        !marker && is_full
    }
}

/// Whether `timestamp` is before `than`, by less than what tells a new start of the source.
fn is_stale(timestamp: u32, than: u32, clock_rate: u32) -> bool {
    let behind = than.wrapping_sub(timestamp);
    (1..clock_rate.saturating_mul(STALE_SECONDS)).contains(&behind)
}

/// One telephone-event packet to send; the caller adds payload type, SSRC and sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DtmfPacket {
    /// RTP timestamp: the start of the event, the same in all its packets.
    pub timestamp: u32,
    /// RTP marker: only on the first packet of an event.
    pub marker: bool,
    /// RTP payload.
    pub payload: [u8; 4],
}

/// Writes key presses as telephone-events of one leg, one after the other.
#[derive(Debug)]
pub struct Generator {
    clock_rate: u32,
    waiting: VecDeque<Waiting>,
    sending: Option<Sending>,
    /// When the pause after the last event is over.
    free_from: Option<Instant>,
    packets: VecDeque<DtmfPacket>,
}

#[derive(Debug)]
struct Waiting {
    event: u8,
    duration: Duration,
    /// The leg's RTP time at an instant, from which that of the start follows.
    known_at: Instant,
    timestamp: u32,
}

#[derive(Debug)]
struct Sending {
    event: u8,
    total_units: u32,
    /// RTP timestamp of the current segment, and the units of those before it.
    timestamp: u32,
    past_units: u32,
    started: Instant,
    due: Instant,
    is_first: bool,
    ends_left: u8,
}

impl Generator {
    /// A generator whose durations and timestamps count in `clock_rate`.
    #[must_use]
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            waiting: VecDeque::new(),
            sending: None,
            free_from: None,
            packets: VecDeque::with_capacity(4),
        }
    }

    /// Queues a press; its first packet is ready at once if nothing is being sent. `timestamp` is
    /// the leg's RTP time at `now`. Returns false, and drops the press, for a character that is
    /// no key or when [`limit::KEY_QUEUE_MAX`] wait.
    pub fn press(&mut self, now: Instant, timestamp: u32, press: KeyPress) -> bool {
        let Some(event) = event_of(press.digit) else { return false };
        if self.waiting.len() >= limit::KEY_QUEUE_MAX {
            return false;
        }
        let duration = press.duration.clamp(KEY_PRESS_MIN, limit::KEY_PRESS_MAX);
        self.waiting.push_back(Waiting { event, duration, known_at: now, timestamp });
        self.handle_timeout(now);
        true
    }

    /// Whether events are being sent or wait: audio of the leg is held back meanwhile.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.sending.is_some() || !self.waiting.is_empty() || !self.packets.is_empty()
    }

    /// The next packet due. Drain after `press` and `handle_timeout`.
    pub fn poll_output(&mut self) -> Option<DtmfPacket> {
        self.packets.pop_front()
    }

    /// When the next packet is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.sending {
            Some(sending) => Some(sending.due),
            None => self.waiting.front().map(|next| self.start_of(next)),
        }
    }

    /// Makes the packet due at `now`. A late call makes one packet with the right duration, not
    /// all that were missed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.sending.is_none() {
            self.start_next(now);
        }
        let clock_rate = self.clock_rate;
        let Some(sending) = self.sending.as_mut().filter(|sending| sending.due <= now) else {
            return;
        };
        let so_far = now.saturating_duration_since(sending.started) + REFRESH;
        let units = units_of(so_far, clock_rate).min(sending.total_units);
        while units - sending.past_units > SEGMENT_UNITS {
            self.packets.push_back(sending.packet(SEGMENT_UNITS as u16, false));
            sending.past_units += SEGMENT_UNITS;
            sending.timestamp = sending.timestamp.wrapping_add(SEGMENT_UNITS);
        }
        let is_end = units == sending.total_units;
        let packet = sending.packet((units - sending.past_units) as u16, is_end);
        self.packets.push_back(packet);
        if is_end {
            sending.ends_left -= 1;
        }
        sending.due = (sending.due + REFRESH).max(now + REFRESH / 2);
        if sending.ends_left == 0 {
            let end = sending.started + duration_of(sending.total_units.into(), clock_rate);
            self.free_from = Some(end + PAUSE);
            self.sending = None;
        }
    }

    fn start_next(&mut self, now: Instant) {
        let Some(next) = self
            .waiting
            .pop_front_if(|next| next.known_at.max(self.free_from.unwrap_or(next.known_at)) <= now)
        else {
            return;
        };
        let since_known = now.saturating_duration_since(next.known_at);
        self.sending = Some(Sending {
            event: next.event,
            total_units: units_of(next.duration, self.clock_rate),
            timestamp: next.timestamp.wrapping_add(units_of(since_known, self.clock_rate)),
            past_units: 0,
            started: now,
            due: now,
            is_first: true,
            ends_left: END_COPIES,
        });
    }

    fn start_of(&self, next: &Waiting) -> Instant {
        next.known_at.max(self.free_from.unwrap_or(next.known_at))
    }
}

impl Sending {
    fn packet(&mut self, units: u16, is_end: bool) -> DtmfPacket {
        let [high, low] = units.to_be_bytes();
        let flags = if is_end { END | VOLUME } else { VOLUME };
        let marker = std::mem::take(&mut self.is_first);
        DtmfPacket { timestamp: self.timestamp, marker, payload: [self.event, flags, high, low] }
    }
}

/// Units of a duration in a clock, to the nearest.
fn units_of(duration: Duration, clock_rate: u32) -> u32 {
    let scaled = duration.as_nanos() * u128::from(clock_rate) + NANOS_PER_SECOND / 2;
    u32::try_from(scaled / NANOS_PER_SECOND).unwrap_or(u32::MAX)
}

fn duration_of(units: u64, clock_rate: u32) -> Duration {
    let nanos = u128::from(units) * NANOS_PER_SECOND / u128::from(clock_rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Event codes and their keys.
const KEYS: [(u8, char); 16] = [
    (0, '0'),
    (1, '1'),
    (2, '2'),
    (3, '3'),
    (4, '4'),
    (5, '5'),
    (6, '6'),
    (7, '7'),
    (8, '8'),
    (9, '9'),
    (10, '*'),
    (11, '#'),
    (12, 'A'),
    (13, 'B'),
    (14, 'C'),
    (15, 'D'),
];

/// The E bit.
const END: u8 = 0x80;

/// -10 dBm0, as most telephones send.
const VOLUME: u8 = 10;

/// The most a duration field holds: a longer press goes on in another segment (§2.5.1.3).
const SEGMENT_UNITS: u32 = 0xffff;

/// How often a press is refreshed.
const REFRESH: Duration = Duration::from_millis(20);

/// Three missing refreshes at the RFC's slowest usual rate of 50 ms end an event.
const REFRESH_TIMEOUT: Duration = Duration::from_millis(150);

/// How many times the last packet is sent (§2.5.1.4).
const END_COPIES: u8 = 3;

/// Least length that receivers must recognise (ITU-T Q.24).
const KEY_PRESS_MIN: Duration = Duration::from_millis(40);

/// Between two presses: what Q.24 asks for, and longer than the copies of the end take.
const PAUSE: Duration = Duration::from_millis(50);

/// Packets behind by less than this are late copies; by more, the source's clock began anew.
const STALE_SECONDS: u32 = 10;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base;

    const MS: Duration = Duration::from_millis(1);

    /// A parser and a clock that stands until told.
    struct Ear {
        parser: Parser,
        now: Instant,
    }

    impl Ear {
        fn new(clock_rate: u32) -> Self {
            Self { parser: Parser::new(clock_rate), now: base::Clock::system().now() }
        }

        fn hear(&mut self, timestamp: u32, marker: bool, payload: [u8; 4]) -> Vec<KeyPress> {
            self.parser.handle_packet(self.now, timestamp, marker, &payload);
            self.now += 20 * MS;
            self.drain()
        }

        fn drain(&mut self) -> Vec<KeyPress> {
            std::iter::from_fn(|| self.parser.poll_output()).collect()
        }
    }

    fn press(digit: char, ms: u64) -> KeyPress {
        KeyPress { digit, duration: Duration::from_millis(ms) }
    }

    #[test]
    fn c35_a_press_is_told_once_however_often_its_end_is_sent() {
        let mut ear = Ear::new(48_000);
        assert_eq!(ear.hear(1000, true, [5, 10, 0x03, 0xc0]), []);
        assert!(ear.parser.is_pressed());
        assert_eq!(ear.hear(1000, false, [5, 10, 0x07, 0x80]), []);
        assert_eq!(ear.hear(1000, false, [5, 0x8a, 0x12, 0xc0]), [press('5', 100)]);
        for _ in 0..3 {
            assert_eq!(ear.hear(1000, false, [5, 0x8a, 0x12, 0xc0]), []);
        }
        assert_eq!(ear.hear(1000, false, [5, 10, 0x07, 0x80]), [], "a late refresh");
        assert!(!ear.parser.is_pressed());
    }

    #[test]
    fn the_same_key_pressed_twice_is_two_presses_with_or_without_marker() {
        for marker in [true, false] {
            let mut ear = Ear::new(8000);
            assert_eq!(ear.hear(0, marker, [1, 0x80, 0x03, 0x20]), [press('1', 100)]);
            assert_eq!(ear.hear(1600, marker, [1, 0x80, 0x03, 0x20]), [press('1', 100)]);
            assert_eq!(ear.hear(0, false, [1, 0x80, 0x03, 0x20]), [], "a copy of the first");
        }
    }

    #[test]
    fn an_event_without_end_is_ended_by_the_next_or_by_three_missing_refreshes() {
        let mut ear = Ear::new(8000);
        ear.hear(0, true, [1, 10, 0x01, 0x40]);
        assert_eq!(ear.hear(800, true, [2, 10, 0, 160]), [press('1', 40)]);
        let deadline = ear.parser.poll_timeout().unwrap();
        ear.parser.handle_timeout(deadline - MS);
        assert_eq!(ear.drain(), []);
        ear.parser.handle_timeout(deadline);
        assert_eq!(ear.drain(), [press('2', 20)]);
        assert_eq!(ear.hear(800, false, [2, 0x80, 0x03, 0x20]), [], "its end came after all");
        assert_eq!(ear.parser.poll_timeout(), None);
    }

    #[test]
    fn two_presses_can_end_with_one_packet() {
        let mut ear = Ear::new(8000);
        ear.hear(0, true, [1, 10, 0x01, 0x40]);
        let ended = ear.hear(800, true, [2, 0x80, 0x01, 0x40]);
        assert_eq!(ended, [press('1', 40), press('2', 40)]);
    }

    #[test]
    fn reordered_packets_of_an_earlier_event_do_not_disturb_the_one_that_is_down() {
        let mut ear = Ear::new(8000);
        ear.hear(0xffff_ff00, true, [1, 0x80, 0x01, 0x40]);
        ear.hear(0x100, true, [2, 10, 0, 160]);
        assert_eq!(ear.hear(0xffff_ff00, false, [1, 0x80, 0x01, 0x40]), []);
        assert_eq!(ear.hear(0x100, false, [2, 0x80, 0x01, 0x40]), [press('2', 40)]);
    }

    #[test]
    fn what_is_no_key_is_ignored() {
        let mut ear = Ear::new(8000);
        for payload in [&[][..], &[1, 0x80, 0], &[16, 0x80, 0, 160], &[255; 400]] {
            ear.parser.handle_packet(ear.now, 0, true, payload);
        }
        assert_eq!(ear.drain(), []);
        assert!(!ear.parser.is_pressed());
        let keys: String = (0..=255).filter_map(digit_of).collect();
        assert_eq!(keys, "0123456789*#ABCD");
        assert!(keys.chars().all(|key| event_of(key).and_then(digit_of) == Some(key)));
        assert_eq!((event_of('a'), event_of('x')), (Some(12), None));
    }

    #[test]
    fn c35_durations_rescale_between_the_clocks_and_stay_within_16_bits() {
        let mut payload = [1, 10, 0x12, 0xc0];
        rescale(&mut payload, 48_000, 8_000);
        assert_eq!(payload, [1, 10, 0x03, 0x20]);
        rescale(&mut payload, 8_000, 48_000);
        assert_eq!(payload, [1, 10, 0x12, 0xc0]);
        let mut long = [1, 10, 0xff, 0xff];
        rescale(&mut long, 8_000, 48_000);
        assert_eq!(long, [1, 10, 0xff, 0xff]);
        rescale(&mut [1, 10], 48_000, 8_000);
    }

    /// Runs the generator to its end, at its deadlines; tells each packet and when it came.
    fn run(generator: &mut Generator, started: Instant) -> Vec<(u64, DtmfPacket)> {
        let mut packets = Vec::new();
        let mut now = started;
        loop {
            while let Some(packet) = generator.poll_output() {
                packets.push(((now - started).as_millis() as u64, packet));
            }
            let Some(deadline) = generator.poll_timeout() else { return packets };
            now = now.max(deadline);
            generator.handle_timeout(now);
        }
    }

    #[test]
    fn a_press_is_sent_from_its_start_every_20_ms_and_its_end_three_times() {
        let now = base::Clock::system().now();
        let mut generator = Generator::new(8000);
        assert!(generator.press(now, 7000, press('#', 100)));
        let packets = run(&mut generator, now);
        let times: Vec<u64> = packets.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [0, 20, 40, 60, 80, 100, 120]);
        let durations: Vec<u16> =
            packets.iter().map(|(_, p)| u16::from_be_bytes([p.payload[2], p.payload[3]])).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        let ends = packets.iter().filter(|(_, packet)| packet.payload[1] & END != 0).count();
        assert_eq!(ends, 3);
        assert!(packets.iter().all(|(_, p)| p.timestamp == 7000 && p.payload[0] == 11));
        assert_eq!(packets.iter().filter(|(_, packet)| packet.marker).count(), 1);
        assert!(packets[0].1.marker && !generator.is_active());
    }

    #[test]
    fn queued_presses_follow_after_a_pause_on_the_legs_timeline() {
        let now = base::Clock::system().now();
        let mut generator = Generator::new(48_000);
        assert!(generator.press(now, u32::MAX - 100, press('1', 80)));
        assert!(generator.press(now + 10 * MS, 379, press('1', 80)));
        let packets = run(&mut generator, now);
        let starts: Vec<(u64, u32)> = packets
            .iter()
            .filter(|(_, packet)| packet.marker)
            .map(|(at, packet)| (*at, packet.timestamp))
            .collect();
        let second = (u32::MAX - 100).wrapping_add(130 * 48);
        assert_eq!(starts, [(0, u32::MAX - 100), (130, second)]);
    }

    #[test]
    fn the_queue_is_bounded_and_only_takes_keys() {
        let now = base::Clock::system().now();
        let mut generator = Generator::new(8000);
        assert!(!generator.press(now, 0, press('x', 100)));
        let taken = (0..100).filter(|_| generator.press(now, 0, press('1', 100))).count();
        assert_eq!(taken, limit::KEY_QUEUE_MAX + 1);
    }

    #[test]
    fn a_late_caller_gets_one_packet_with_the_right_duration() {
        let now = base::Clock::system().now();
        let mut generator = Generator::new(8000);
        generator.press(now, 0, press('1', 500));
        assert!(generator.poll_output().is_some());
        generator.handle_timeout(now + 200 * MS);
        let packet = generator.poll_output().unwrap();
        assert_eq!(packet.payload, [1, VOLUME, 0x06, 0xe0]);
        assert_eq!(generator.poll_output(), None);
    }

    #[test]
    fn c35_every_press_survives_the_way_from_generator_to_parser_in_any_clock() {
        for clock_rate in [8_000, 48_000] {
            for ms in [40, 100, 1_365, 1_366, 3_000, 8_191, 8_192, 10_000] {
                for losing in [None, Some(2), Some(3)] {
                    let now = base::Clock::system().now();
                    let mut generator = Generator::new(clock_rate);
                    let wanted = [press('7', ms), press('7', ms), press('D', ms)];
                    for one in wanted {
                        assert!(generator.press(now, 0xffff_fff0, one));
                    }
                    let mut ear = Ear::new(clock_rate);
                    let mut heard = Vec::new();
                    for (at, (_, packet)) in run(&mut generator, now).into_iter().enumerate() {
                        if losing.is_none_or(|every| at % every != 0) {
                            heard.extend(ear.hear(packet.timestamp, packet.marker, packet.payload));
                        }
                    }
                    assert_eq!(heard, wanted, "{clock_rate} {ms} {losing:?}");
                }
            }
        }
    }
}
