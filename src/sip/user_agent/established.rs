//! An answered call: ACK of our 2xx, session timer, leaving. RFC 3261 §13.3.1.4, RFC 4028.
//!
//! Changes of the media are in `reoffer.rs`, requests of the peer in `in_dialog.rs`.

use super::body;
use super::core::{Core, LegTimer, Owner};
use super::event::Event;
use super::reoffer::{Offer, Postponed};
use super::session_timer::SessionTimer;
use crate::base::{Cause, LegId};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Headers, Method, Request, Response, StatusCode};
use crate::sip::transaction::{Resend, TIMEOUT};
use std::time::{Duration, Instant};

/// How long after a refused refresh the next one is sent; the interval bounds how often.
const REFRESH_RETRY: Duration = Duration::from_secs(10);

/// An answered call.
#[derive(Debug)]
pub(super) struct Established {
    pub(super) dialog: Dialog,
    /// Whether the Call-ID is ours: decides who waits longer after a 491.
    pub(super) is_caller: bool,
    pub(super) allows_update: bool,
    pub(super) offer: Offer,
    pub(super) postponed: Option<Postponed>,
    unacked: Option<Unacked>,
    timer: Option<SessionTimer>,
    leave: Option<Cause>,
}

/// A 2xx to INVITE that was just sent.
pub(super) struct Success<'a> {
    pub(super) invite: &'a Request,
    pub(super) response: &'a Response,
    /// Whether it answers the call, not a change of its media.
    pub(super) is_initial: bool,
    /// Whether it held our offer, so that the ACK holds the answer.
    pub(super) wants_answer: bool,
}

/// Our 2xx to INVITE, repeated until its ACK comes, on reliable transports too.
#[derive(Debug)]
struct Unacked {
    cseq: u32,
    response: Vec<u8>,
    resend: Resend,
    is_initial: bool,
    wants_answer: bool,
}

impl Established {
    /// A call we placed, by the headers of its 2xx.
    pub(super) fn as_caller(dialog: Dialog, headers: &Headers) -> Self {
        Self::new(dialog, headers, true)
    }

    /// A call we answered, by the headers of its INVITE.
    pub(super) fn as_callee(dialog: Dialog, headers: &Headers) -> Self {
        Self::new(dialog, headers, false)
    }

    fn new(dialog: Dialog, headers: &Headers, is_caller: bool) -> Self {
        Self {
            dialog,
            is_caller,
            // SIP.js does not list UPDATE and must not get it (INTEROP section 2).
            allows_update: headers.allow().contains(&Method::Update),
            offer: Offer::None,
            postponed: None,
            unacked: None,
            timer: None,
            leave: None,
        }
    }

    // The ACK of our 2xx.

    /// Repeats a 2xx until its ACK comes.
    pub(super) fn await_ack(
        &mut self,
        core: &mut Core,
        now: Instant,
        leg: LegId,
        success: Success<'_>,
    ) {
        let Success { invite, response, is_initial, wants_answer } = success;
        let cseq = invite.headers.cseq().map_or(0, |cseq| cseq.number);
        let mut bytes = Vec::new();
        response.write(&mut bytes);
        let resend = Resend::of_success(now);
        core.set_timer(leg, LegTimer::CopyOfSuccess, Some(resend.at));
        core.set_timer(leg, LegTimer::AckMissing, Some(now + TIMEOUT));
        self.unacked = Some(Unacked { cseq, response: bytes, resend, is_initial, wants_answer });
    }

    pub(super) fn awaits_ack(&self) -> bool {
        self.unacked.is_some()
    }

    /// Sends the 2xx again: on its timer.
    pub(super) fn copy_success(&mut self, core: &mut Core, now: Instant, leg: LegId) {
        if let Some(unacked) = &mut self.unacked {
            unacked.resend = unacked.resend.doubled_to_t2(now);
            core.set_timer(leg, LegTimer::CopyOfSuccess, Some(unacked.resend.at));
            core.transmit(unacked.response.clone());
        }
    }

    /// Sends the 2xx again: the flow has a new connection.
    pub(super) fn resend_success(&self, core: &mut Core) {
        if let Some(unacked) = &self.unacked {
            core.transmit(unacked.response.clone());
        }
    }

    /// Takes an ACK. Returns the cause to leave with when the engine waits for nothing else.
    pub(super) fn handle_ack(
        &mut self,
        core: &mut Core,
        leg: LegId,
        ack: &Request,
    ) -> Option<Cause> {
        let number = ack.headers.cseq().map(|cseq| cseq.number);
        let unacked = self.unacked.take_if(|unacked| {
            // Some phones put another number into the ACK of a re-INVITE (INTEROP case 17). Where
            // nothing is lost or repeated there is no other 2xx it could be for.
            number == Some(unacked.cseq) || core.config.transport.is_reliable()
        })?;
        self.confirm(core, leg, unacked, body::sdp(&ack.headers, &ack.body).ok().flatten());
        self.leave
    }

    /// A new request of the peer shows that it has our 2xx; only its ACK was lost.
    pub(super) fn confirm_without_ack(&mut self, core: &mut Core, leg: LegId) {
        if let Some(unacked) = self.unacked.take_if(|unacked| !unacked.wants_answer) {
            self.confirm(core, leg, unacked, None);
        }
    }

    fn confirm(&self, core: &mut Core, leg: LegId, unacked: Unacked, sdp: Option<Vec<u8>>) {
        core.set_timer(leg, LegTimer::CopyOfSuccess, None);
        core.set_timer(leg, LegTimer::AckMissing, None);
        if self.leave.is_none() && (unacked.is_initial || unacked.wants_answer) {
            let sdp = sdp.filter(|_| unacked.wants_answer);
            core.emit(Event::Confirmed { leg, sdp });
        }
    }

    // Leaving.

    /// The engine hung up, but a callee may send BYE only once its 2xx is acknowledged.
    pub(super) fn leave_after_ack(&mut self, core: &mut Core, now: Instant, cause: Cause) {
        self.refuse_offer(core, now, StatusCode::REQUEST_TERMINATED);
        self.leave = Some(cause);
    }

    /// Why the engine hung up, if it did.
    pub(super) fn leave_cause(&self) -> Option<Cause> {
        self.leave
    }

    // The session timer.

    /// Starts, restarts or (with `None`) stops the session timer.
    pub(super) fn start_timer(
        &mut self,
        core: &mut Core,
        now: Instant,
        leg: LegId,
        timer: Option<SessionTimer>,
    ) {
        // Without UPDATE only an offer could refresh; then the media shows whether the call lives.
        let timer = timer.filter(|timer| !timer.is_ours || self.allows_update);
        self.timer = timer;
        let refresh_at = timer.and_then(|timer| timer.refresh_at(now));
        core.set_timer(leg, LegTimer::Refresh, refresh_at);
        core.set_timer(leg, LegTimer::Expiry, timer.map(|timer| timer.expires_at(now)));
    }

    /// Our turn to refresh: by UPDATE, which needs no SDP.
    pub(super) fn refresh(&mut self, core: &mut Core, now: Instant, leg: LegId) {
        let Some(timer) = self.timer else { return };
        let via = core.via();
        let mut update = self.dialog.request(Method::Update, &via);
        core.introduce(&mut update.headers);
        core.sign(&mut update.headers);
        timer.write_request(&mut update.headers);
        let _ = core.send(now, update, Owner::Refresh(leg));
    }

    /// The final response to our refresh, other than 408 and 481.
    pub(super) fn handle_refresh_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        leg: LegId,
        response: &Response,
    ) {
        match response.status.get() {
            100..=199 => {}
            200..=299 => {
                self.dialog.refresh_target(&response.headers);
                let timer = SessionTimer::of_response(&response.headers).or(self.timer);
                self.start_timer(core, now, leg, timer);
            }
            _ => core.set_timer(leg, LegTimer::Refresh, Some(now + REFRESH_RETRY)),
        }
    }
}
