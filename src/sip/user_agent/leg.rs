//! One side of a call, from INVITE to the last answer to BYE: what all its phases share.
//!
//! The engine hears exactly one `Rejected` or `Ended` per leg. A leg outlives that event when it
//! still owes the peer something: a CANCEL, an ACK, a BYE.

use super::core::{self, Core, LegTimer, Owner};
use super::established::Established;
use super::event::Event;
use super::incoming::Offered;
use super::outgoing::Calling;
use crate::base::{Cause, LegId};
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::message::{Method, Request, Response, StatusCode};
use crate::sip::transaction::TransactionId;
use std::time::Instant;

/// A leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) dialog_id: DialogId,
    pub(super) phase: Phase,
    is_over: bool,
}

/// Where a leg stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// Our INVITE has no final response.
    Calling(Calling),
    /// The peer's INVITE has no final response of ours.
    Offered(Box<Offered>),
    /// A 2xx was sent or received.
    Established(Box<Established>),
    /// Our BYE has no answer.
    Leaving(Box<Dialog>),
    /// Nothing is owed any more.
    Gone,
}

impl Leg {
    pub(super) fn new(id: LegId, dialog_id: DialogId, phase: Phase) -> Self {
        Self { id, dialog_id, phase, is_over: false }
    }

    /// Whether the engine heard the last of it.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(self.phase, Phase::Gone)
    }

    pub(super) fn is_calling(&self) -> bool {
        matches!(self.phase, Phase::Calling(_))
    }

    pub(super) fn is_established(&self) -> bool {
        matches!(self.phase, Phase::Established(_))
    }

    /// Tells the engine the last of this leg, once.
    pub(super) fn finish(&mut self, core: &mut Core, event: Event) {
        if !std::mem::replace(&mut self.is_over, true) {
            core.emit(event);
        }
    }

    /// Tells the engine that the leg ended.
    pub(super) fn end(&mut self, core: &mut Core, cause: Cause) {
        let leg = self.id;
        self.finish(core, Event::Ended { leg, cause });
    }

    /// Ends the leg on our side, whatever its phase.
    pub(super) fn hang_up(&mut self, core: &mut Core, now: Instant, cause: Cause) {
        if self.is_over {
            return;
        }
        self.end(core, cause);
        match self.take_phase() {
            Phase::Calling(mut calling) => {
                calling.give_up(core, now, self.id, cause);
                self.phase = Phase::Calling(calling);
            }
            Phase::Offered(offered) => offered.refuse(core, now, cause),
            Phase::Established(mut established) if established.awaits_ack() => {
                established.leave_after_ack(core, now, cause);
                self.phase = Phase::Established(established);
            }
            Phase::Established(established) => self.leave(core, now, *established, cause),
            phase @ (Phase::Leaving(_) | Phase::Gone) => self.phase = phase,
        }
    }

    /// Answers what the peer still waits for and sends BYE.
    pub(super) fn leave(
        &mut self,
        core: &mut Core,
        now: Instant,
        mut established: Established,
        cause: Cause,
    ) {
        established.refuse_offer(core, now, StatusCode::REQUEST_TERMINATED);
        self.send_bye(core, now, established.dialog, cause);
    }

    /// Sends BYE. When the flow cannot take even that, the peer's own timers end the call.
    pub(super) fn send_bye(
        &mut self,
        core: &mut Core,
        now: Instant,
        mut dialog: Dialog,
        cause: Cause,
    ) {
        core.clear_timers(self.id);
        let bye = build_bye(core, &mut dialog, cause);
        self.phase = match core.send(now, bye, Owner::Bye(self.id)) {
            Ok(_) => Phase::Leaving(Box::new(dialog)),
            Err(_) => Phase::Gone,
        };
    }

    /// Takes the phase out; whoever calls puts the next one in, or leaves the leg gone.
    pub(super) fn take_phase(&mut self) -> Phase {
        std::mem::replace(&mut self.phase, Phase::Gone)
    }

    /// Whether a request found by our tag carries the peer's too (SECURITY S-11).
    pub(super) fn is_from_peer(&self, request: &Request) -> bool {
        match &self.phase {
            Phase::Calling(calling) => calling.has_early(&request.headers),
            Phase::Offered(offered) => offered.dialog.is_from_peer(&request.headers),
            Phase::Established(established) => established.dialog.is_from_peer(&request.headers),
            Phase::Leaving(dialog) => dialog.is_from_peer(&request.headers),
            Phase::Gone => false,
        }
    }

    /// The flow has a new connection: a 2xx the peer did not acknowledge goes out again.
    pub(super) fn resend_success(&self, core: &mut Core) {
        if let Phase::Established(established) = &self.phase {
            established.resend_success(core);
        }
    }

    /// A CANCEL of the peer for the INVITE in server transaction `id`.
    pub(super) fn handle_cancel(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: TransactionId,
        cancel: &Request,
    ) {
        match self.take_phase() {
            Phase::Offered(offered) => {
                offered.terminate(core, now);
                self.end(core, core::cause_of_cancel(cancel));
            }
            Phase::Established(mut established) => {
                if established.is_offer(id) {
                    established.refuse_offer(core, now, StatusCode::REQUEST_TERMINATED);
                    established.pump_offer(core, now, self.id);
                }
                self.phase = Phase::Established(established);
            }
            phase @ (Phase::Calling(_) | Phase::Leaving(_) | Phase::Gone) => self.phase = phase,
        }
    }

    /// The answer to our BYE, or none: either way nothing is owed any more.
    pub(super) fn handle_bye_response(&mut self, response: &Response) {
        if response.status.get() >= 200 && matches!(self.phase, Phase::Leaving(_)) {
            self.phase = Phase::Gone;
        }
    }

    /// Runs one of the leg's timers.
    pub(super) fn handle_timer(&mut self, core: &mut Core, now: Instant, timer: LegTimer) {
        match (self.take_phase(), timer) {
            (Phase::Calling(calling), LegTimer::CancelUnanswered) => calling.forget(core),
            (Phase::Established(established), LegTimer::AckMissing) => {
                let cause = established.leave_cause().unwrap_or(Cause::SignalingLost);
                self.end(core, cause);
                self.leave(core, now, *established, cause);
            }
            (Phase::Established(established), LegTimer::Expiry) => {
                self.end(core, Cause::SignalingLost);
                self.leave(core, now, *established, Cause::SignalingLost);
            }
            (Phase::Established(mut established), LegTimer::CopyOfSuccess) => {
                established.copy_success(core, now, self.id);
                self.phase = Phase::Established(established);
            }
            (Phase::Established(mut established), LegTimer::Reoffer) => {
                established.retry_offer(core, now, self.id);
                self.phase = Phase::Established(established);
            }
            (Phase::Established(mut established), LegTimer::Refresh) => {
                established.refresh(core, now, self.id);
                self.phase = Phase::Established(established);
            }
            (Phase::Established(established), LegTimer::CancelUnanswered) => {
                self.phase = Phase::Established(established);
            }
            (
                phase @ (Phase::Calling(_) | Phase::Offered(_) | Phase::Leaving(_) | Phase::Gone),
                LegTimer::CopyOfSuccess
                | LegTimer::AckMissing
                | LegTimer::Reoffer
                | LegTimer::Refresh
                | LegTimer::Expiry
                | LegTimer::CancelUnanswered,
            ) => self.phase = phase,
        }
    }
}

/// A BYE with its reason.
pub(super) fn build_bye(core: &mut Core, dialog: &mut Dialog, cause: Cause) -> Request {
    let via = core.via();
    let mut bye = dialog.request(Method::Bye, &via);
    core.sign(&mut bye.headers);
    bye.headers.push("Reason", core::reason(cause));
    bye
}
