//! A call the peer places: checks, 1xx, 200, refusal, CANCEL. RFC 3261 §8.2, §13.3.

use super::body;
use super::core::{self, Core};
use super::established::{Established, Success};
use super::event::{Event, IncomingInvite};
use super::leg::{Leg, Phase};
use super::reply::Reply;
use super::session_timer::{MIN_SE_S, SessionTimer};
use crate::base::{Cause, LegId};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Headers, Request, Response, StatusCode};
use crate::sip::text;
use crate::sip::transaction::TransactionId;
use crate::sip::uri::NameAddr;
use std::time::Instant;

/// Headers of the protocol itself; everything else is shown to the engine, and so is Max-Forwards,
/// which has to go down from leg to leg (SECURITY S-15).
const PROTOCOL_HEADERS: [&str; 18] = [
    "Via",
    "Route",
    "Record-Route",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "Content-Length",
    "Content-Type",
    "Content-Disposition",
    "Allow",
    "Supported",
    "Require",
    "Authorization",
    "Proxy-Authorization",
    "Session-Expires",
    "Min-SE",
];

/// The peer's INVITE without a final response of ours.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) dialog: Dialog,
    transaction: TransactionId,
    invite: Request,
    has_offer: bool,
    timer: Option<SessionTimer>,
    /// The one SDP of this call, once it was sent in a 183.
    ring_sdp: Option<Vec<u8>>,
}

/// An INVITE outside any dialog that may become a call.
pub(super) struct Examined {
    dialog: Dialog,
    from: NameAddr,
    to: NameAddr,
    sdp: Option<Vec<u8>>,
    timer: Option<SessionTimer>,
}

impl Leg {
    /// Takes an INVITE outside any dialog: sends 100 and tells the engine.
    pub(super) fn receive(
        core: &mut Core,
        now: Instant,
        id: TransactionId,
        invite: Request,
        call: Examined,
        is_authenticated: bool,
    ) -> Self {
        let Examined { dialog, from, to, sdp, timer } = call;
        let leg = LegId::next();
        let has_offer = sdp.is_some();
        core.respond(now, id, &invite.reply(StatusCode::TRYING));
        core.invites.insert(id, leg);
        core.emit(Event::Invited(Box::new(IncomingInvite {
            leg,
            number: invite.uri.user.clone().unwrap_or_default(),
            from: showable(from),
            to: showable(to),
            request_uri: invite.uri.clone(),
            headers: shown_headers(&invite.headers),
            sdp,
            authenticated: is_authenticated,
        })));
        let dialog_id = dialog.id();
        let offered = Offered { dialog, transaction: id, invite, has_offer, timer, ring_sdp: None };
        Self::new(leg, dialog_id, Phase::Offered(Box::new(offered)))
    }

    /// The engine's `Ring`.
    pub(super) fn ring(&mut self, core: &mut Core, now: Instant, sdp: Option<Vec<u8>>) {
        if let Phase::Offered(offered) = &mut self.phase {
            offered.ring(core, now, sdp);
        }
    }

    /// The engine's `Answer`.
    pub(super) fn answer(&mut self, core: &mut Core, now: Instant, sdp: Vec<u8>) {
        match self.take_phase() {
            Phase::Offered(offered) => {
                let established = offered.accept(core, now, self.id, sdp);
                self.phase = Phase::Established(Box::new(established));
            }
            phase @ (Phase::Calling(_)
            | Phase::Established(_)
            | Phase::Leaving(_)
            | Phase::Gone) => self.phase = phase,
        }
    }
}

impl Offered {
    fn ring(&mut self, core: &mut Core, now: Instant, sdp: Option<Vec<u8>>) {
        // At most one SDP per INVITE (INTEROP case 15), and none where we would have to offer:
        // that needs 100rel.
        if self.ring_sdp.is_none() && self.has_offer {
            self.ring_sdp = sdp;
        }
        let status = match self.ring_sdp {
            Some(_) => StatusCode::SESSION_PROGRESS,
            None => StatusCode::RINGING,
        };
        let mut response = self.reply(core, status);
        if let Some(sdp) = self.ring_sdp.clone() {
            core::attach_sdp(&mut response.headers, &mut response.body, sdp);
        }
        core.respond(now, self.transaction, &response);
    }

    fn accept(self, core: &mut Core, now: Instant, leg: LegId, sdp: Vec<u8>) -> Established {
        let mut response = self.reply(core, StatusCode::OK);
        if let Some(timer) = self.timer {
            timer.write_response(&mut response.headers);
        }
        let sdp = self.ring_sdp.unwrap_or(sdp);
        core::attach_sdp(&mut response.headers, &mut response.body, sdp);
        core.respond(now, self.transaction, &response);
        let mut established = Established::as_callee(self.dialog, &self.invite.headers);
        let success = Success {
            invite: &self.invite,
            response: &response,
            is_initial: true,
            wants_answer: !self.has_offer,
        };
        established.await_ack(core, now, leg, success);
        established.start_timer(core, now, leg, self.timer);
        established
    }

    /// The engine's `Hangup` before an answer.
    pub(super) fn refuse(self, core: &mut Core, now: Instant, cause: Cause) {
        let mut response = self.reply(core, core::status(cause.status()));
        cause.text().clone_into(&mut response.reason);
        response.headers.push("Reason", core::reason(cause));
        core.respond(now, self.transaction, &response);
    }

    /// 487 after CANCEL or BYE (INTEROP case 3).
    pub(super) fn terminate(self, core: &mut Core, now: Instant) {
        let response = self.reply(core, StatusCode::REQUEST_TERMINATED);
        core.respond(now, self.transaction, &response);
    }

    fn reply(&self, core: &Core, status: StatusCode) -> Response {
        let tag = self.dialog.id().local_tag;
        if status.get() < 300 {
            core.reply_in_dialog(&self.invite, status, &tag)
        } else {
            core.reply(&self.invite, status, &tag)
        }
    }
}

impl Examined {
    /// Looks at everything about an INVITE that can be wrong by itself.
    ///
    /// # Errors
    /// What to answer when the INVITE makes no leg.
    pub(super) fn of(core: &mut Core, invite: &Request) -> Result<Self, Reply> {
        let headers = &invite.headers;
        if headers.max_forwards() == Some(0) {
            return Err(StatusCode::TOO_MANY_HOPS.into());
        }
        if headers.contains("Replaces") {
            // Nothing of ours can be replaced yet (INTEROP case 42).
            return Err(StatusCode::CALL_DOES_NOT_EXIST.into());
        }
        let sdp = read_sdp(headers, &invite.body)?;
        let timer = read_timer(headers)?;
        let tag = core.random().tag();
        let dialog = Dialog::of_callee(invite, &tag);
        match (dialog, headers.from_(), headers.to()) {
            (Ok(dialog), Some(from), Some(to)) => Ok(Self { dialog, from, to, sdp, timer }),
            _ => Err(StatusCode::BAD_REQUEST.into()),
        }
    }
}

/// The SDP of a request.
pub(super) fn read_sdp(headers: &Headers, body: &[u8]) -> Result<Option<Vec<u8>>, Reply> {
    body::sdp(headers, body).map_err(|_| {
        Reply::with(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Accept", body::SDP.to_owned())
    })
}

/// The session timer a request asks for.
pub(super) fn read_timer(headers: &Headers) -> Result<Option<SessionTimer>, Reply> {
    SessionTimer::of_request(headers).map_err(|_| {
        Reply::with(StatusCode::SESSION_INTERVAL_TOO_SMALL, "Min-SE", MIN_SE_S.to_string())
    })
}

fn shown_headers(headers: &Headers) -> Vec<(String, String)> {
    let is_shown = |name: &str| !PROTOCOL_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
    let shown = headers.iter().filter(|(name, _)| is_shown(name));
    shown.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// An address whose display name is fit for a screen (SECURITY S-06).
fn showable(mut address: NameAddr) -> NameAddr {
    address.display_name = address.display_name.map(|name| text::clean(&name).into_owned());
    address
}
