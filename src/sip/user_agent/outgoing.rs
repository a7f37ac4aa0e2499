//! A call we place: INVITE, challenges, forks, CANCEL. RFC 3261 §9.1, §13.2; RFC 3262 §4.

use super::auth::AuthAttempts;
use super::body;
use super::command::OutgoingInvite;
use super::core::{self, Core, LegTimer, Owner};
use super::established::Established;
use super::event::Event;
use super::leg::{self, Leg, Phase};
use super::session_timer::SessionTimer;
use crate::base::{Cause, LegId, limit};
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::message::{Headers, Method, Request, Response, StatusCode};
use crate::sip::text;
use crate::sip::transaction::{TIMEOUT, TransactionId};
use crate::sip::uri::{NameAddr, Scheme};
use std::time::Instant;

/// Headers only this module writes: an extra header may never be one of them (INTEROP case 58).
const OWN_HEADERS: [&str; 17] = [
    "Via",
    "Max-Forwards",
    "Route",
    "Record-Route",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "Content-Length",
    "Content-Type",
    "Allow",
    "Supported",
    "Require",
    "User-Agent",
    "Authorization",
    "Proxy-Authorization",
];

/// What a request of ours starts with (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u8 = 70;

/// Our INVITE without a final response.
#[derive(Debug)]
pub(super) struct Calling {
    transaction: TransactionId,
    is_proceeding: bool,
    cancel: Cancel,
    earlies: Vec<Early>,
    attempts: AuthAttempts,
}

/// Whether the engine gave the call up.
#[derive(Clone, Copy, Debug)]
enum Cancel {
    No,
    /// Yes, but CANCEL has to wait for a provisional response (RFC 3261 §9.1).
    Due(Cause),
    Sent(Cause),
}

/// A callee that rings.
#[derive(Debug)]
struct Early {
    dialog: Dialog,
    rseq: Option<u32>,
    sdp: Option<Vec<u8>>,
}

impl Leg {
    /// Sends the INVITE of a new leg.
    ///
    /// # Errors
    /// The status that rejects the call when the flow is at its bound.
    pub(super) fn place(
        core: &mut Core,
        now: Instant,
        call: OutgoingInvite,
    ) -> Result<Self, StatusCode> {
        let id = call.leg;
        let dialog_id =
            DialogId { call_id: core.random().call_id(), local_tag: core.random().tag() };
        let invite = build_invite(core, call, &dialog_id);
        let attempts = AuthAttempts::default();
        let transaction = core
            .send(now, invite, Owner::Invite(id))
            .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let calling = Calling {
            transaction,
            is_proceeding: false,
            cancel: Cancel::No,
            earlies: Vec::new(),
            attempts,
        };
        Ok(Self::new(id, dialog_id, Phase::Calling(calling)))
    }

    /// A response to our INVITE; `request` comes with a refusal.
    pub(super) fn handle_invite_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        response: &Response,
        request: Option<Request>,
    ) {
        match response.status.get() {
            100..=199 => self.handle_provisional(core, now, response),
            200..=299 => self.handle_success(core, now, response),
            _ => self.handle_refusal(core, now, response, request),
        }
    }

    fn handle_provisional(&mut self, core: &mut Core, now: Instant, response: &Response) {
        let Phase::Calling(calling) = &mut self.phase else { return };
        calling.is_proceeding = true;
        if let Cancel::Due(cause) = calling.cancel {
            calling.send_cancel(core, now, self.id, cause);
        }
        if self.is_over() || response.status.get() == 100 {
            return;
        }
        let Phase::Calling(calling) = &mut self.phase else { return };
        if !calling.follow_early(core, now, response) {
            return;
        }
        let status = response.status.get();
        if (180..=189).contains(&status) {
            let sdp = body::sdp(&response.headers, &response.body).ok().flatten();
            core.emit(Event::Rang { leg: self.id, status, sdp });
        }
    }

    fn handle_success(&mut self, core: &mut Core, now: Instant, response: &Response) {
        let Phase::Calling(mut calling) = self.take_phase() else { return };
        core.clear_timers(self.id);
        let Some(mut dialog) = acknowledge(core, calling.transaction, response) else {
            let event = rejected(self.id, StatusCode::SERVER_INTERNAL_ERROR, "Malformed answer");
            return self.finish(core, event);
        };
        if let Some(auth) = &mut core.auth {
            auth.note_success(&calling.attempts);
        }
        let early = calling.take_early(dialog.remote_tag());
        if let Some(early) = &early {
            dialog.raise_local_cseq(early.dialog.local_cseq());
        }
        if let Cancel::Due(cause) | Cancel::Sent(cause) = calling.cancel {
            // It answered while our CANCEL was under way (INTEROP case 1).
            return self.send_bye(core, now, dialog, cause);
        }
        // Some PBXs answer in a 183 and leave the SDP out of the 200.
        let sdp = body::sdp(&response.headers, &response.body).ok().flatten();
        let Some(sdp) = sdp.or_else(|| early.and_then(|early| early.sdp)) else {
            let event = rejected(self.id, StatusCode::NOT_ACCEPTABLE_HERE, "Answer without SDP");
            self.finish(core, event);
            return self.send_bye(core, now, dialog, Cause::NotAcceptable);
        };
        let mut established = Established::as_caller(dialog, &response.headers);
        let timer = SessionTimer::of_response(&response.headers);
        established.start_timer(core, now, self.id, timer);
        self.phase = Phase::Established(Box::new(established));
        core.emit(Event::Answered { leg: self.id, sdp });
    }

    fn handle_refusal(
        &mut self,
        core: &mut Core,
        now: Instant,
        response: &Response,
        request: Option<Request>,
    ) {
        let Phase::Calling(calling) = self.take_phase() else { return };
        core.clear_timers(self.id);
        if self.is_over() {
            return;
        }
        if let Some(calling) = calling.answer_challenge(core, now, self.id, response, request) {
            self.phase = Phase::Calling(calling);
            return;
        }
        self.finish(core, rejected(self.id, response.status, &response.reason));
    }
}

impl Calling {
    /// Whether a request comes from one of the callees that ring.
    pub(super) fn has_early(&self, headers: &Headers) -> bool {
        self.earlies.iter().any(|early| early.dialog.is_from_peer(headers))
    }

    /// The early dialog a request belongs to.
    pub(super) fn early_dialog(&mut self, headers: &Headers) -> Option<&mut Dialog> {
        let early = self.earlies.iter_mut().find(|early| early.dialog.is_from_peer(headers));
        early.map(|early| &mut early.dialog)
    }

    /// The engine gave up: CANCEL now, or as soon as it is allowed.
    pub(super) fn give_up(&mut self, core: &mut Core, now: Instant, leg: LegId, cause: Cause) {
        if self.is_proceeding {
            self.send_cancel(core, now, leg, cause);
        } else {
            self.cancel = Cancel::Due(cause);
        }
    }

    /// Nobody answered our CANCEL: the INVITE is as good as cancelled (RFC 3261 §9.1).
    pub(super) fn forget(self, core: &mut Core) {
        core.transactions.forget(self.transaction);
    }

    fn send_cancel(&mut self, core: &mut Core, now: Instant, leg: LegId, cause: Cause) {
        self.cancel = Cancel::Sent(cause);
        let Some(invite) = core.transactions.request(self.transaction) else { return };
        let mut cancel = build_cancel(invite);
        core.sign(&mut cancel.headers);
        cancel.headers.push("Reason", core::cancel_reason(cause));
        // At its bound the flow does without CANCEL; a late 2xx still gets ACK and BYE.
        let _ = core.send(now, cancel, Owner::Nobody);
        core.set_timer(leg, LegTimer::CancelUnanswered, Some(now + TIMEOUT));
    }

    /// Keeps the early dialog of a 101–199 and sends PRACK when asked. Says whether the response
    /// is news: a reliable one may be a copy, or out of order (RFC 3262 §4).
    fn follow_early(&mut self, core: &mut Core, now: Instant, response: &Response) -> bool {
        let is_reliable = response.headers.require().contains(&"100rel");
        let rseq = response.headers.seconds("RSeq").filter(|_| is_reliable);
        let Some(invite) = core.transactions.request(self.transaction) else { return false };
        let cseq = invite.headers.cseq().map_or(1, |cseq| cseq.number);
        let Ok(dialog) = Dialog::of_caller(invite, response) else { return true };
        if dialog.remote_tag().is_empty() {
            return !is_reliable;
        }
        let known = self.earlies.iter().position(|e| e.dialog.remote_tag() == dialog.remote_tag());
        if known.is_none() {
            if self.earlies.len() >= limit::FORKS_MAX {
                return !is_reliable;
            }
            self.earlies.push(Early { dialog, rseq: None, sdp: None });
        }
        let index = known.unwrap_or(self.earlies.len().saturating_sub(1));
        let Some(early) = self.earlies.get_mut(index) else { return true };
        if let Some(rseq) = rseq {
            if early.rseq.is_some_and(|last| rseq != last.wrapping_add(1)) {
                return false;
            }
            early.rseq = Some(rseq);
            let via = core.via();
            let mut prack = early.dialog.request(Method::Prack, &via);
            core.sign(&mut prack.headers);
            prack.headers.push("RAck", format!("{rseq} {cseq} INVITE"));
            let _ = core.send(now, prack, Owner::Nobody);
        }
        if let Ok(Some(sdp)) = body::sdp(&response.headers, &response.body) {
            early.sdp = Some(sdp);
        }
        true
    }

    fn take_early(&mut self, tag: &str) -> Option<Early> {
        let index = self.earlies.iter().position(|early| early.dialog.remote_tag() == tag)?;
        Some(self.earlies.swap_remove(index))
    }

    /// Sends the INVITE again with credentials, when the refusal asks for them and we have not
    /// given them in vain.
    fn answer_challenge(
        mut self,
        core: &mut Core,
        now: Instant,
        leg: LegId,
        response: &Response,
        request: Option<Request>,
    ) -> Option<Self> {
        let mut invite = request?;
        core.authorize(&mut self.attempts, &mut invite, response)?;
        self.transaction = core.send(now, invite, Owner::Invite(leg)).ok()?;
        self.is_proceeding = false;
        self.earlies.clear();
        Some(self)
    }
}

/// A 2xx to an INVITE whose leg has another answer already, or is gone: ACK, then BYE (INTEROP
/// cases 1 and 9).
pub(super) fn dismiss_success(
    core: &mut Core,
    now: Instant,
    id: TransactionId,
    response: &Response,
) {
    if let Some(mut dialog) = acknowledge(core, id, response) {
        let bye = leg::build_bye(core, &mut dialog, Cause::AnsweredElsewhere);
        let _ = core.send(now, bye, Owner::Nobody);
    }
}

/// Sends the ACK of a 2xx to INVITE and makes its dialog. RFC 3261 §13.2.2.4.
pub(super) fn acknowledge(
    core: &mut Core,
    id: TransactionId,
    response: &Response,
) -> Option<Dialog> {
    let via = core.via();
    let invite = core.transactions.request(id)?;
    let dialog = Dialog::of_caller(invite, response).ok()?;
    let mut ack = dialog.ack(dialog.local_cseq(), &via);
    for name in ["Authorization", "Proxy-Authorization"] {
        for value in invite.headers.get_all(name) {
            ack.headers.push(name, value);
        }
    }
    core.sign(&mut ack.headers);
    core.transactions.acknowledge(id, dialog.remote_tag(), &ack);
    Some(dialog)
}

fn build_invite(core: &mut Core, call: OutgoingInvite, dialog_id: &DialogId) -> Request {
    let via = core.via();
    let mut from = call.from;
    let mut to = call.to;
    let mut uri = call.request_uri;
    if core.is_phone() {
        // JsSIP takes no `sips:` (INTEROP finding 7).
        hide_sips(&mut from);
        hide_sips(&mut to);
        if uri.scheme == Scheme::Sips {
            uri.scheme = Scheme::Sip;
        }
    }
    from.set_tag(&dialog_id.local_tag);
    to.params.remove("tag");
    let mut invite = Request::new(Method::Invite, uri);
    let headers = &mut invite.headers;
    headers.push("Via", via);
    headers.push("Max-Forwards", max_forwards(&call.headers).to_string());
    headers.push("From", from.to_string());
    headers.push("To", to.to_string());
    headers.push("Call-ID", &dialog_id.call_id);
    headers.push("CSeq", "1 INVITE");
    core.introduce(headers);
    core.sign(headers);
    for (name, value) in &call.headers {
        add_extra(headers, name, value);
    }
    core::attach_sdp(&mut invite.headers, &mut invite.body, call.sdp);
    invite
}

/// What the caller's leg left of Max-Forwards, as the engine passes it on among the headers.
fn max_forwards(headers: &[(String, String)]) -> u8 {
    let given = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Max-Forwards"));
    given.and_then(|(_, value)| value.parse().ok()).unwrap_or(MAX_FORWARDS).min(MAX_FORWARDS)
}

/// Adds a header of the engine's. One that cannot be written, or is ours to write under its full
/// or compact name, is left out.
fn add_extra(headers: &mut Headers, name: &str, value: &str) {
    let mut probe = Headers::new();
    if probe.try_push(name, value).is_err() {
        return;
    }
    for (name, value) in probe.iter() {
        if !OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            headers.push(name, value);
        }
    }
}

/// The CANCEL of an INVITE: the same but for method and body, in the same branch. RFC 3261 §9.1.
fn build_cancel(invite: &Request) -> Request {
    let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
    let headers = &mut cancel.headers;
    headers.push("Via", invite.headers.get("Via").unwrap_or_default());
    headers.push("Max-Forwards", "70");
    for name in ["Route", "From", "To", "Call-ID"] {
        for value in invite.headers.get_all(name) {
            headers.push(name, value);
        }
    }
    let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
    headers.push("CSeq", format!("{number} CANCEL"));
    cancel
}

fn hide_sips(address: &mut NameAddr) {
    if address.uri.scheme == Scheme::Sips {
        address.uri.scheme = Scheme::Sip;
    }
}

pub(super) fn rejected(leg: LegId, status: StatusCode, words: &str) -> Event {
    let reason = if words.is_empty() { status.reason() } else { words };
    Event::Rejected { leg, status: status.get(), reason: text::clean(reason).into_owned() }
}
