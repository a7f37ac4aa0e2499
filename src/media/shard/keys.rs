//! Key presses of a leg: read from its telephone-events, and written to it as such.

use std::time::Instant;

use crate::media::dtmf::{DtmfPacket, Generator, KeyPress, Parser};
use crate::media::format::DtmfFormat;

/// Both directions of one leg's telephone-events; empty until they are negotiated.
#[derive(Default)]
pub(super) struct Keys {
    format: Option<DtmfFormat>,
    pressed: Option<Box<Parser>>,
    sent: Option<Box<Generator>>,
}

impl Keys {
    /// Takes what was negotiated; a repetition changes nothing under way.
    pub(super) fn set_format(&mut self, format: Option<DtmfFormat>) {
        let clock = |format: Option<DtmfFormat>| format.map(|format| format.clock_rate);
        if clock(self.format) != clock(format) {
            (self.pressed, self.sent) = (None, None);
        }
        self.format = format;
    }

    /// Takes an event packet from the peer.
    pub(super) fn handle_packet(
        &mut self,
        now: Instant,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
    ) {
        let Some(format) = self.format else { return };
        self.pressed
            .get_or_insert_with(|| Box::new(Parser::new(format.clock_rate)))
            .handle_packet(now, timestamp, marker, payload);
    }

    /// The next press the peer ended.
    pub(super) fn poll_pressed(&mut self) -> Option<KeyPress> {
        self.pressed.as_mut()?.poll_output()
    }

    /// Queues a press for the peer; false if it has no telephone-events or the queue is full.
    pub(super) fn press(&mut self, now: Instant, timestamp: u32, press: KeyPress) -> bool {
        let Some(format) = self.format else { return false };
        self.sent
            .get_or_insert_with(|| Box::new(Generator::new(format.clock_rate)))
            .press(now, timestamp, press)
    }

    /// The next event packet for the peer, and its payload type.
    pub(super) fn poll_packet(&mut self) -> Option<(u8, DtmfPacket)> {
        let payload_type = self.format?.payload_type;
        Some((payload_type, self.sent.as_mut()?.poll_output()?))
    }

    /// Whether audio to the peer is held back for events.
    pub(super) fn is_sending(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.is_active())
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let pressed = self.pressed.as_ref().and_then(|pressed| pressed.poll_timeout());
        let sent = self.sent.as_ref().and_then(|sent| sent.poll_timeout());
        pressed.into_iter().chain(sent).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(pressed) = &mut self.pressed {
            pressed.handle_timeout(now);
        }
        if let Some(sent) = &mut self.sent {
            sent.handle_timeout(now);
        }
    }
}
