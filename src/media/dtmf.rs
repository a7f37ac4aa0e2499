//! Key presses in RTP (RFC 4733 telephone-event): reading them once each, and writing them.
//!
//! Owns event state on both sides of a leg. Does not own RTP headers or sequence numbers, and
//! does not decide where a key goes. Between clocks (48000 towards browsers, 8000 towards the
//! PBX) a press travels as a [`KeyPress`], whose length is a `Duration`.

use std::time::{Duration, Instant};

/// One key press, complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPress {
    /// `0`–`9`, `*`, `#`, `A`–`D`.
    pub digit: char,
    /// How long it was held.
    pub duration: Duration,
}

/// Reads the telephone-event packets of one leg; each press comes out once, at its end.
#[derive(Debug)]
pub struct Parser {
    _clock_rate: u32,
}

impl Parser {
    /// A parser for events that count in `clock_rate`.
    #[must_use]
    pub fn new(clock_rate: u32) -> Self {
        Self { _clock_rate: clock_rate }
    }

    /// Takes one telephone-event packet: its RTP timestamp, marker and payload.
    pub fn handle_packet(&mut self, now: Instant, timestamp: u32, marker: bool, payload: &[u8]) {
        let _ = (now, timestamp, marker, payload);
    }

    /// The next press that ended. Drain after `handle_packet` and `handle_timeout`.
    pub fn poll_output(&mut self) -> Option<KeyPress> {
        None
    }

    /// Whether a key is down now.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        false
    }

    /// When an event whose end never came is taken as ended.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Ends an event that is no longer refreshed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }
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
    _clock_rate: u32,
}

impl Generator {
    /// A generator whose durations and timestamps count in `clock_rate`.
    #[must_use]
    pub fn new(clock_rate: u32) -> Self {
        Self { _clock_rate: clock_rate }
    }

    /// Queues a press. `timestamp` is the leg's RTP time at `now`. Returns false, and drops the
    /// press, for a character that is no key or when the queue is full.
    pub fn press(&mut self, now: Instant, timestamp: u32, press: KeyPress) -> bool {
        let _ = (now, timestamp, press);
        false
    }

    /// Whether events are being sent or wait: audio of the leg is held back meanwhile.
    #[must_use]
    pub fn is_active(&self) -> bool {
        false
    }

    /// The next packet due. Drain after `press` and `handle_timeout`.
    pub fn poll_output(&mut self) -> Option<DtmfPacket> {
        None
    }

    /// When the next packet is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Makes the packets due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }
}
