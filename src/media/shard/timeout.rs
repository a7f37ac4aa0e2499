//! What happens when time passes.

use std::time::Instant;

use super::browser::Handshake;
use super::leg::{FRAMES_PER_SECOND, Leg, Transport, is_due};
use super::machine::Shard;
use crate::media::command::{Event, Failure};

impl Shard {
    /// Acts on every leg whose time has come; some may be left, and then
    /// [`Shard::poll_timeout`] says so.
    pub fn handle_timeout(&mut self, now: Instant) {
        for _ in 0..LEGS_AT_ONCE_MAX {
            let Some(slot) = self.table.take_due(now) else { return };
            self.on_due(now, slot);
            self.table.reschedule(slot);
        }
    }

    fn on_due(&mut self, now: Instant, slot: u32) {
        if let Some(failure) = self.table.leg_mut(slot).and_then(|leg| expired(leg, now)) {
            self.fail(slot, failure);
            return;
        }
        let Some(leg) = self.table.leg_mut(slot).filter(|leg| !leg.is_dead) else { return };
        if is_due(leg.silence_ends(), now) {
            leg.silence_told = true;
            self.outbox.event(leg.id, Event::Silent);
        }
        if is_due(leg.keys.deadline(), now) {
            leg.keys.handle_timeout(now);
            leg.send_keys(&mut self.outbox);
            self.drain_keys(now, slot);
        }
        self.play(now, slot);
        let Some(leg) = self.table.leg_mut(slot) else { return };
        if is_due(leg.reports.due(), now) {
            leg.send_report(now, self.config.started, &mut self.outbox);
        }
        if leg.is_handshake_over(now) {
            self.retire_handshake(slot);
        }
    }

    /// Sends the frame of a prompt or key tone that is due.
    fn play(&mut self, now: Instant, slot: u32) {
        let Some(leg) = self.table.leg_mut(slot) else { return };
        let (Some(codec), Some(format)) = (leg.speakable(), leg.format) else { return };
        if !is_due(leg.hears.due(), now) {
            return;
        }
        let Some(frame) = leg.hears.next_frame(now, codec, &self.config.prompts) else { return };
        let Some(payload) = frame.frames.get(frame.index) else { return };
        if leg.keys.is_sending() {
            return;
        }
        let clock = codec.clock_rate();
        let timestamp = frame.at.wrapping_mul(clock / FRAMES_PER_SECOND);
        let numbers = leg.stream.local(now, timestamp, clock);
        leg.send_payload(&mut self.outbox, format.payload_type, numbers, payload);
    }
}

impl Leg {
    /// Whether the DTLS engine may go: audio flows, or it never will. Otherwise looks again later.
    fn is_handshake_over(&mut self, now: Instant) -> bool {
        let is_heard = self.heard_at.is_some();
        let Some(browser) = self.browser_mut() else { return false };
        let Handshake::Secured { retire_at, expires_at } = &mut browser.handshake else {
            return false;
        };
        if *retire_at > now {
            return false;
        }
        *retire_at = now + crate::base::limit::DTLS_LINGER;
        is_heard || *expires_at <= now
    }
}

/// Which of the transport's waits is over, if any.
fn expired(leg: &Leg, now: Instant) -> Option<Failure> {
    let Transport::Browser(browser) = &leg.transport else { return None };
    if leg.is_dead {
        return None;
    }
    if browser.validated_at.is_none() {
        return is_due(browser.deadline(leg.answered_at), now).then_some(Failure::IceTimeout);
    }
    if is_due(browser.consent_ends(), now) {
        return Some(Failure::ConsentExpired);
    }
    match &browser.handshake {
        Handshake::Running { deadline } if *deadline <= now => Some(Failure::DtlsTimeout),
        Handshake::Waiting { .. }
        | Handshake::Running { .. }
        | Handshake::Secured { .. }
        | Handshake::Retired => None,
    }
}

/// Legs looked at in one go, so that packets never wait long behind timers.
const LEGS_AT_ONCE_MAX: usize = 256;
