//! Requests of the peer inside a dialog. RFC 3261 §12.2.2, §15.1.2; RFC 6086; RFC 3311.
//!
//! They are never challenged: the dialog proves the peer, and phones cannot answer (INTEROP
//! finding 4).

use super::core::{self, Core, Owner};
use super::dtmf::{self, InfoBody, KeyPress};
use super::event::Event;
use super::incoming::{read_sdp, read_timer};
use super::leg::{Leg, Phase};
use super::reoffer::{AfterReInvite, busy_with_offer};
use super::reply::Reply;
use crate::base::Cause;
use crate::sip::dialog::Dialog;
use crate::sip::message::{Method, Request, Response, StatusCode};
use crate::sip::transaction::TransactionId;
use std::time::Instant;

impl Leg {
    /// A request whose tags are this leg's, other than ACK and CANCEL.
    pub(super) fn handle_request(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: TransactionId,
        request: Request,
    ) {
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        let is_in_order =
            self.dialog_mut(&request).is_some_and(|dialog| dialog.accept_cseq(number).is_ok());
        if !is_in_order {
            return self.reply(core, now, id, &request, StatusCode::SERVER_INTERNAL_ERROR.into());
        }
        match &request.method {
            Method::Bye => self.handle_bye(core, now, id, &request),
            Method::Invite => self.handle_reinvite(core, now, id, request),
            Method::Update => self.handle_update(core, now, id, request),
            Method::Info => self.handle_info(core, now, id, &request),
            Method::Options => {
                let response = core.reply_in_dialog(&request, StatusCode::OK, "");
                core.respond(now, id, &response);
            }
            // We send no reliable provisional response: before the answer it is for nothing,
            // after it only late (INTEROP case 14).
            Method::Prack => {
                let is_late = matches!(self.phase, Phase::Established(_));
                let status = if is_late { StatusCode::OK } else { StatusCode::CALL_DOES_NOT_EXIST };
                self.reply(core, now, id, &request, status.into());
            }
            // No transfers yet; never passed on by Request-URI (INTEROP case 38).
            Method::Refer => self.reply(core, now, id, &request, core::status(603).into()),
            Method::Notify => {
                self.reply(core, now, id, &request, StatusCode::CALL_DOES_NOT_EXIST.into());
            }
            Method::Ack
            | Method::Cancel
            | Method::Register
            | Method::Subscribe
            | Method::Message
            | Method::Publish => {
                self.reply(core, now, id, &request, StatusCode::METHOD_NOT_ALLOWED.into());
            }
            Method::Other(_) => {
                self.reply(core, now, id, &request, StatusCode::NOT_IMPLEMENTED.into());
            }
        }
    }

    /// An ACK whose tags are this leg's.
    pub(super) fn handle_ack(&mut self, core: &mut Core, now: Instant, ack: &Request) {
        match self.take_phase() {
            Phase::Established(mut established) => {
                match established.handle_ack(core, self.id, ack) {
                    Some(cause) => self.leave(core, now, *established, cause),
                    None => {
                        established.pump_offer(core, now, self.id);
                        self.phase = Phase::Established(established);
                    }
                }
            }
            phase @ (Phase::Calling(_) | Phase::Offered(_) | Phase::Leaving(_) | Phase::Gone) => {
                self.phase = phase
            }
        }
    }

    /// The response to our re-INVITE.
    pub(super) fn handle_reinvite_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        response: &Response,
    ) {
        let Phase::Established(established) = &mut self.phase else { return };
        if established.handle_reinvite_response(core, now, self.id, response) == AfterReInvite::Lost
        {
            self.lose(core, now);
        }
    }

    /// The response to our INFO or to our session refresh.
    pub(super) fn handle_other_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        owner: Owner,
        response: &Response,
    ) {
        let Phase::Established(established) = &mut self.phase else { return };
        match response.status.get() {
            408 | 481 => self.lose(core, now),
            _ if owner == Owner::Refresh(self.id) => {
                established.handle_refresh_response(core, now, self.id, response);
            }
            _ => {}
        }
    }

    /// Sends a digit by INFO.
    pub(super) fn send_dtmf(&mut self, core: &mut Core, now: Instant, press: KeyPress) {
        let Phase::Established(established) = &mut self.phase else { return };
        let via = core.via();
        let mut info = established.dialog.request(Method::Info, &via);
        core.sign(&mut info.headers);
        info.headers.push("Content-Type", dtmf::DTMF_RELAY);
        info.body = dtmf::write(press);
        let _ = core.send(now, info, Owner::Info(self.id));
    }

    /// The peer knows no such call any more (INTEROP case 28).
    fn lose(&mut self, core: &mut Core, now: Instant) {
        self.end(core, Cause::SignalingLost);
        if let Phase::Established(established) = self.take_phase() {
            self.leave(core, now, *established, Cause::SignalingLost);
        }
    }

    fn handle_bye(&mut self, core: &mut Core, now: Instant, id: TransactionId, bye: &Request) {
        match self.take_phase() {
            Phase::Offered(offered) => offered.terminate(core, now),
            Phase::Established(mut established) => {
                established.refuse_offer(core, now, StatusCode::REQUEST_TERMINATED);
            }
            // Both hung up at once (INTEROP case 7); ours is answered by the peer.
            Phase::Leaving(dialog) => self.phase = Phase::Leaving(dialog),
            // A callee may not send BYE before its answer.
            phase @ (Phase::Calling(_) | Phase::Gone) => {
                self.phase = phase;
                return self.reply(core, now, id, bye, StatusCode::CALL_DOES_NOT_EXIST.into());
            }
        }
        self.reply(core, now, id, bye, StatusCode::OK.into());
        if matches!(self.phase, Phase::Gone) {
            self.end(core, Cause::Normal);
        }
    }

    fn handle_reinvite(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: TransactionId,
        request: Request,
    ) {
        match &mut self.phase {
            Phase::Established(established) if established.leave_cause().is_none() => {
                established.receive_offer(core, now, self.id, id, request);
            }
            Phase::Offered(_) => {
                let reply = busy_with_offer(core);
                self.reply(core, now, id, &request, reply);
            }
            Phase::Established(_) | Phase::Calling(_) | Phase::Leaving(_) | Phase::Gone => {
                self.reply(core, now, id, &request, StatusCode::CALL_DOES_NOT_EXIST.into());
            }
        }
    }

    fn handle_update(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: TransactionId,
        request: Request,
    ) {
        let is_established =
            matches!(&self.phase, Phase::Established(e) if e.leave_cause().is_none());
        let has_sdp = match read_sdp(&request.headers, &request.body) {
            Ok(sdp) => sdp.is_some(),
            Err(reply) => return self.reply(core, now, id, &request, reply),
        };
        match (&mut self.phase, has_sdp) {
            (Phase::Established(established), true) if is_established => {
                established.receive_offer(core, now, self.id, id, request);
            }
            (Phase::Established(_) | Phase::Calling(_) | Phase::Offered(_), false) => {
                self.refresh_by_peer(core, now, id, &request);
            }
            // Our offer has no answer yet (RFC 3311 §5.2).
            (Phase::Calling(_), true) => {
                self.reply(core, now, id, &request, StatusCode::REQUEST_PENDING.into());
            }
            (Phase::Offered(_), true) => {
                let reply = busy_with_offer(core);
                self.reply(core, now, id, &request, reply);
            }
            (Phase::Established(_), true) | (Phase::Leaving(_) | Phase::Gone, _) => {
                self.reply(core, now, id, &request, StatusCode::CALL_DOES_NOT_EXIST.into());
            }
        }
    }

    /// UPDATE without SDP: JsSIP's session refresh, every 45 seconds.
    fn refresh_by_peer(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: TransactionId,
        request: &Request,
    ) {
        let timer = match read_timer(&request.headers) {
            Ok(timer) => timer,
            Err(reply) => return self.reply(core, now, id, request, reply),
        };
        if let Some(dialog) = self.dialog_mut(request) {
            dialog.refresh_target(&request.headers);
        }
        let mut response = core.reply_in_dialog(request, StatusCode::OK, "");
        if let Some(timer) = timer {
            timer.write_response(&mut response.headers);
        }
        core.respond(now, id, &response);
        if let (Phase::Established(established), Some(timer)) = (&mut self.phase, timer) {
            established.start_timer(core, now, self.id, Some(timer));
        }
    }

    fn handle_info(&mut self, core: &mut Core, now: Instant, id: TransactionId, info: &Request) {
        let reply = match dtmf::read(&info.headers, &info.body) {
            InfoBody::Empty => StatusCode::OK.into(),
            InfoBody::KeyPress(press) => {
                if !self.is_over() {
                    let KeyPress { digit, duration_ms } = press;
                    core.emit(Event::Dtmf { leg: self.id, digit, duration_ms });
                }
                StatusCode::OK.into()
            }
            InfoBody::Malformed => StatusCode::BAD_REQUEST.into(),
            InfoBody::Unsupported => {
                Reply::with(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Accept", dtmf::ACCEPT.to_owned())
            }
        };
        self.reply(core, now, id, info, reply);
    }

    fn reply(
        &self,
        core: &mut Core,
        now: Instant,
        id: TransactionId,
        request: &Request,
        reply: Reply,
    ) {
        core.answer(now, id, request, reply, &self.dialog_id.local_tag);
    }

    /// The dialog a request of the peer belongs to.
    fn dialog_mut(&mut self, request: &Request) -> Option<&mut Dialog> {
        match &mut self.phase {
            Phase::Calling(calling) => calling.early_dialog(&request.headers),
            Phase::Offered(offered) => Some(&mut offered.dialog),
            Phase::Established(established) => Some(&mut established.dialog),
            Phase::Leaving(dialog) => Some(dialog),
            Phase::Gone => None,
        }
    }
}
