//! Changing the media of an answered call, by either side. RFC 3261 §14, RFC 3311, RFC 6141.
//!
//! One offer at a time: ours waits while the peer's is open or a 2xx is unacknowledged, because
//! JsSIP is left broken by a 491 (INTEROP case 22). Crossing offers get 491 all the same, and ours
//! goes out again after the wait of RFC 3261 §14.1.

use super::body;
use super::core::{self, Core, LegTimer, Owner};
use super::established::{Established, Success};
use super::event::Event;
use super::incoming::{read_sdp, read_timer};
use super::leg::{Leg, Phase};
use super::reply::Reply;
use super::session_timer::SessionTimer;
use crate::base::{LegId, limit};
use crate::sip::message::{Method, Request, Response, StatusCode};
use crate::sip::transaction::TransactionId;
use std::time::{Duration, Instant};

/// Whose offer is open.
#[derive(Debug)]
pub(super) enum Offer {
    /// Nobody's.
    None,
    /// Ours, in a re-INVITE.
    Sent(SentOffer),
    /// The peer's, or its wish for one; the engine has not answered.
    Received(Box<ReceivedOffer>),
}

/// Our re-INVITE.
#[derive(Debug)]
pub(super) struct SentOffer {
    transaction: TransactionId,
    cseq: u32,
    sdp: Vec<u8>,
    glares: u8,
}

/// The peer's re-INVITE or UPDATE with SDP.
#[derive(Debug)]
pub(super) struct ReceivedOffer {
    transaction: TransactionId,
    request: Request,
    has_sdp: bool,
    timer: Option<SessionTimer>,
}

/// An offer of ours that waits for its turn.
#[derive(Debug)]
pub(super) struct Postponed {
    sdp: Vec<u8>,
    glares: u8,
    /// Whether it waits for a time, not only for the peer.
    is_timed: bool,
}

/// What a response to our re-INVITE means for the leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterReInvite {
    /// The call goes on.
    GoesOn,
    /// The peer knows no such call (408, 481): RFC 5057.
    Lost,
}

impl Leg {
    /// The engine's `ReOffer`; refused at once in a call that is not answered yet.
    pub(super) fn re_offer(&mut self, core: &mut Core, now: Instant, sdp: Vec<u8>) {
        let (leg, is_over) = (self.id, self.is_over());
        match &mut self.phase {
            Phase::Established(established) => established.re_offer(core, now, leg, sdp),
            Phase::Calling(_) | Phase::Offered(_) if !is_over => {
                core.emit(Event::ReRejected { leg, status: 491 });
            }
            Phase::Calling(_) | Phase::Offered(_) | Phase::Leaving(_) | Phase::Gone => {}
        }
    }

    /// The engine's `ReAnswer`.
    pub(super) fn re_answer(&mut self, core: &mut Core, now: Instant, sdp: Vec<u8>) {
        if let Phase::Established(established) = &mut self.phase {
            established.re_answer(core, now, self.id, sdp);
        }
    }

    /// The engine's `ReReject`.
    pub(super) fn re_reject(&mut self, core: &mut Core, now: Instant, status: u16) {
        if let Phase::Established(established) = &mut self.phase {
            established.re_reject(core, now, self.id, status);
        }
    }
}

impl Established {
    // Our offers.

    /// A newer offer replaces one that still waits.
    fn re_offer(&mut self, core: &mut Core, now: Instant, leg: LegId, sdp: Vec<u8>) {
        self.postponed = Some(Postponed { sdp, glares: 0, is_timed: false });
        core.set_timer(leg, LegTimer::Reoffer, None);
        self.pump_offer(core, now, leg);
    }

    /// Sends the offer that waits, if it may go.
    pub(super) fn pump_offer(&mut self, core: &mut Core, now: Instant, leg: LegId) {
        let is_free = matches!(self.offer, Offer::None) && !self.awaits_ack();
        if !is_free || self.leave_cause().is_some() {
            return;
        }
        let Some(postponed) = self.postponed.take_if(|postponed| !postponed.is_timed) else {
            return;
        };
        let Postponed { sdp, glares, .. } = postponed;
        let via = core.via();
        let mut invite = self.dialog.request(Method::Invite, &via);
        core.introduce(&mut invite.headers);
        core.sign(&mut invite.headers);
        core::attach_sdp(&mut invite.headers, &mut invite.body, sdp.clone());
        let cseq = self.dialog.local_cseq();
        match core.send(now, invite, Owner::ReInvite(leg)) {
            Ok(transaction) => {
                self.offer = Offer::Sent(SentOffer { transaction, cseq, sdp, glares });
            }
            Err(_) => core.emit(Event::ReRejected { leg, status: 503 }),
        }
    }

    /// The wait after a 491 is over.
    pub(super) fn retry_offer(&mut self, core: &mut Core, now: Instant, leg: LegId) {
        if let Some(postponed) = &mut self.postponed {
            postponed.is_timed = false;
        }
        self.pump_offer(core, now, leg);
    }

    /// A response to our re-INVITE.
    pub(super) fn handle_reinvite_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        leg: LegId,
        response: &Response,
    ) -> AfterReInvite {
        if response.status.get() < 200 {
            return AfterReInvite::GoesOn;
        }
        let Offer::Sent(sent) = std::mem::replace(&mut self.offer, Offer::None) else {
            return AfterReInvite::GoesOn;
        };
        match response.status.get() {
            ..=299 => self.take_answer(core, now, leg, &sent, response),
            408 | 481 => return AfterReInvite::Lost,
            491 if sent.glares < limit::GLARES_MAX && self.postponed.is_none() => {
                let wait = self.glare_wait(core);
                core.set_timer(leg, LegTimer::Reoffer, Some(now + wait));
                let glares = sent.glares + 1;
                self.postponed = Some(Postponed { sdp: sent.sdp, glares, is_timed: true });
            }
            // The engine has already changed its mind: the new offer goes instead.
            491 if self.postponed.is_some() => {}
            status => core.emit(Event::ReRejected { leg, status }),
        }
        self.pump_offer(core, now, leg);
        AfterReInvite::GoesOn
    }

    /// Confirms a 2xx to our re-INVITE, whatever became of the call (INTEROP cases 17 and 18).
    fn take_answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        leg: LegId,
        sent: &SentOffer,
        response: &Response,
    ) {
        self.dialog.refresh_target(&response.headers);
        let via = core.via();
        let mut ack = self.dialog.ack(sent.cseq, &via);
        core.sign(&mut ack.headers);
        core.transactions.acknowledge(sent.transaction, self.dialog.remote_tag(), &ack);
        if let Some(timer) = SessionTimer::of_response(&response.headers) {
            self.start_timer(core, now, leg, Some(timer));
        }
        match body::sdp(&response.headers, &response.body) {
            Ok(Some(sdp)) => core.emit(Event::ReAnswered { leg, sdp }),
            Ok(None) | Err(_) => core.emit(Event::ReRejected { leg, status: 488 }),
        }
    }

    /// RFC 3261 §14.1: the owner of the Call-ID waits longer, so that the next try does not cross.
    fn glare_wait(&self, core: &mut Core) -> Duration {
        let random = core.random().bits();
        // In units of 10 ms.
        let units = if self.is_caller { 210 + random % 191 } else { random % 201 };
        Duration::from_millis(units * 10)
    }

    // The peer's offers.

    /// A re-INVITE, or an UPDATE with SDP.
    pub(super) fn receive_offer(
        &mut self,
        core: &mut Core,
        now: Instant,
        leg: LegId,
        id: TransactionId,
        request: Request,
    ) {
        let is_invite = request.method == Method::Invite;
        if is_invite {
            self.confirm_without_ack(core, leg);
        }
        match self.examine_offer(core, &request) {
            Err(reply) => core.answer(now, id, &request, reply, ""),
            Ok((sdp, timer)) => {
                self.dialog.refresh_target(&request.headers);
                if is_invite {
                    core.respond(now, id, &request.reply(StatusCode::TRYING));
                    core.invites.insert(id, leg);
                }
                let has_sdp = sdp.is_some();
                let received = ReceivedOffer { transaction: id, request, has_sdp, timer };
                self.offer = Offer::Received(Box::new(received));
                core.emit(Event::ReOffered { leg, sdp });
            }
        }
    }

    fn examine_offer(
        &self,
        core: &mut Core,
        request: &Request,
    ) -> Result<(Option<Vec<u8>>, Option<SessionTimer>), Reply> {
        match &self.offer {
            // Only a genuinely crossing offer gets 491 (INTEROP case 23).
            Offer::Sent(_) => return Err(StatusCode::REQUEST_PENDING.into()),
            Offer::Received(_) => return Err(busy_with_offer(core)),
            Offer::None if self.awaits_ack() => return Err(busy_with_offer(core)),
            Offer::None => {}
        }
        let sdp = read_sdp(&request.headers, &request.body)?;
        let timer = read_timer(&request.headers)?;
        Ok((sdp, timer))
    }

    fn re_answer(&mut self, core: &mut Core, now: Instant, leg: LegId, sdp: Vec<u8>) {
        let Some(received) = self.take_received() else { return };
        let ReceivedOffer { transaction, request, has_sdp, timer } = *received;
        let mut response = core.reply_in_dialog(&request, StatusCode::OK, "");
        if let Some(timer) = timer {
            timer.write_response(&mut response.headers);
        }
        core::attach_sdp(&mut response.headers, &mut response.body, sdp);
        core.respond(now, transaction, &response);
        if request.method == Method::Invite {
            let wants_answer = !has_sdp;
            let success =
                Success { invite: &request, response: &response, is_initial: false, wants_answer };
            self.await_ack(core, now, leg, success);
        }
        if timer.is_some() {
            self.start_timer(core, now, leg, timer);
        }
        self.pump_offer(core, now, leg);
    }

    fn re_reject(&mut self, core: &mut Core, now: Instant, leg: LegId, status: u16) {
        self.refuse_offer(core, now, core::status(status));
        self.pump_offer(core, now, leg);
    }

    /// Answers the peer's open offer with a refusal; does nothing without one.
    pub(super) fn refuse_offer(&mut self, core: &mut Core, now: Instant, status: StatusCode) {
        if let Some(received) = self.take_received() {
            let response = core.reply(&received.request, status, "");
            core.respond(now, received.transaction, &response);
        }
    }

    /// Whether the peer's open offer came in server transaction `id`.
    pub(super) fn is_offer(&self, id: TransactionId) -> bool {
        matches!(&self.offer, Offer::Received(received) if received.transaction == id)
    }

    fn take_received(&mut self) -> Option<Box<ReceivedOffer>> {
        match std::mem::replace(&mut self.offer, Offer::None) {
            Offer::Received(received) => Some(received),
            offer @ (Offer::None | Offer::Sent(_)) => {
                self.offer = offer;
                None
            }
        }
    }
}

/// 500 with a random `Retry-After` of 0 to 10 s: RFC 3261 §14.2, INTEROP case 21.
pub(super) fn busy_with_offer(core: &mut Core) -> Reply {
    let wait_s = core.random().bits() % 11;
    Reply::with(StatusCode::SERVER_INTERNAL_ERROR, "Retry-After", wait_s.to_string())
}
