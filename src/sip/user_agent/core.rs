//! What every leg of a user agent works with: transactions, timers, outputs, words of our own.

use super::Output;
use super::auth::{AuthAttempts, Authenticator};
use super::config::{PeerKind, Transport, UserAgentConfig};
use super::event::Event;
use super::random::Random;
use super::reply::Reply;
use crate::base::{Cause, LegId};
use crate::sip::message::{Headers, Method, Request, Response, StatusCode};
use crate::sip::transaction::{Deadlines, Timing, TransactionId, Transactions, TransactionsFull};
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

/// What we take; UPDATE because JsSIP refreshes its session timer with it (INTEROP finding 8).
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";
/// Our extensions. No `100rel`: neither library of browser phones has it by default.
pub(super) const SUPPORTED: &str = "timer";
/// What a 503 of ours asks the peer to wait, seconds.
const RETRY_AFTER_S: &str = "5";

/// Which of our requests a response belongs to. Requests whose answer changes nothing (CANCEL,
/// PRACK, the BYE of a fork that lost) belong to `Nobody`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Invite(LegId),
    ReInvite(LegId),
    Refresh(LegId),
    Info(LegId),
    Bye(LegId),
    Register,
    Ping,
    Nobody,
}

/// What a leg may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum LegTimer {
    /// The next copy of our unacknowledged 2xx.
    CopyOfSuccess,
    /// 64·T1 without an ACK of our 2xx.
    AckMissing,
    /// Our re-INVITE that met another (491) goes out again.
    Reoffer,
    /// We owe the peer a session refresh.
    Refresh,
    /// The peer owes us one, or did not answer ours.
    Expiry,
    /// 64·T1 after our CANCEL without a final response.
    CancelUnanswered,
}

impl LegTimer {
    const ALL: [Self; 6] = [
        Self::CopyOfSuccess,
        Self::AckMissing,
        Self::Reoffer,
        Self::Refresh,
        Self::Expiry,
        Self::CancelUnanswered,
    ];
}

/// Shared by all legs of one flow.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) config: UserAgentConfig,
    pub(super) transactions: Transactions<Owner>,
    pub(super) auth: Option<Authenticator>,
    /// INVITEs of the peer without our final response, for CANCEL.
    pub(super) invites: HashMap<TransactionId, LegId>,
    pub(super) is_connected: bool,
    /// Names this flow in the nonces we give out.
    binding: [u8; 8],
    timers: Deadlines<(LegId, LegTimer)>,
    outputs: VecDeque<Output>,
}

impl Core {
    pub(super) fn new(mut config: UserAgentConfig) -> Self {
        let timing = Timing { is_reliable: config.transport.is_reliable() };
        Self {
            transactions: Transactions::new(timing, config.transactions_max),
            auth: config.credentials.clone().map(Authenticator::new),
            invites: HashMap::new(),
            is_connected: true,
            binding: config.random.bits().to_be_bytes(),
            timers: Deadlines::new(),
            outputs: VecDeque::new(),
            config,
        }
    }

    pub(super) fn random(&mut self) -> &mut Random {
        &mut self.config.random
    }

    pub(super) fn is_phone(&self) -> bool {
        self.config.peer == PeerKind::Phone
    }

    // Outputs.

    pub(super) fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Sends bytes, unless the flow is down: then what matters goes out again when it is back.
    pub(super) fn transmit(&mut self, bytes: Vec<u8>) {
        if self.is_connected {
            self.outputs.push_back(Output::Transmit(bytes));
        }
    }

    pub(super) fn take_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    // Timers.

    pub(super) fn set_timer(&mut self, leg: LegId, timer: LegTimer, at: Option<Instant>) {
        self.timers.set((leg, timer), at);
    }

    pub(super) fn clear_timers(&mut self, leg: LegId) {
        for timer in LegTimer::ALL {
            self.timers.set((leg, timer), None);
        }
    }

    pub(super) fn take_due_timer(&mut self, now: Instant) -> Option<(LegId, LegTimer)> {
        self.timers.take_due(now)
    }

    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.first()
    }

    // Requests.

    /// A Via for a new transaction.
    pub(super) fn via(&mut self) -> String {
        let branch = self.config.random.branch();
        let transport = self.config.transport;
        let rport = match transport {
            Transport::Ws | Transport::Wss => "",
            Transport::Tls | Transport::Tcp | Transport::Udp => ";rport",
        };
        format!("SIP/2.0/{} {};branch={branch}{rport}", transport.as_str(), self.config.sent_by)
    }

    /// Makes a request fit to be sent a second time, with credentials: RFC 3261 §8.1.3.5.
    pub(super) fn renew(&mut self, request: &mut Request) {
        let via = self.via();
        let number = request.headers.cseq().map_or(1, |cseq| cseq.number);
        request.headers.insert("Via", via);
        let cseq = format!("{} {}", number.saturating_add(1), request.method);
        request.headers.insert("CSeq", cseq);
    }

    /// Answers the challenge in a refusal of `request`, which may then be sent again. `None` when
    /// there is no use in that.
    pub(super) fn authorize(
        &mut self,
        attempts: &mut AuthAttempts,
        request: &mut Request,
        response: &Response,
    ) -> Option<()> {
        let (high, low) = (self.config.random.bits(), self.config.random.bits());
        let random = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
        self.auth.as_ref()?.answer(attempts, request, response, random)?;
        self.renew(request);
        Some(())
    }

    /// Adds what every request of ours carries.
    pub(super) fn sign(&self, headers: &mut Headers) {
        headers.push("User-Agent", &self.config.product);
    }

    /// Adds what requests and responses that carry offers and answers have.
    pub(super) fn introduce(&self, headers: &mut Headers) {
        headers.push("Contact", format!("<{}>", self.config.contact));
        headers.push("Allow", ALLOW);
        headers.push("Supported", SUPPORTED);
    }

    pub(super) fn send(
        &mut self,
        now: Instant,
        request: Request,
        owner: Owner,
    ) -> Result<TransactionId, TransactionsFull> {
        self.transactions.send(now, request, owner)
    }

    // Responses.

    /// A response with our tag and product; RFC 3261 §8.2.6.
    pub(super) fn reply(&self, request: &Request, status: StatusCode, tag: &str) -> Response {
        let mut response = request.reply(status);
        tag_to(&mut response.headers, tag);
        response.headers.push("Server", &self.config.product);
        match status.get() {
            405 | 501 => response.headers.push("Allow", ALLOW),
            503 => response.headers.push("Retry-After", RETRY_AFTER_S),
            _ => {}
        }
        response
    }

    /// A response that makes or keeps a dialog: with Record-Route, Contact and Allow.
    pub(super) fn reply_in_dialog(
        &self,
        request: &Request,
        status: StatusCode,
        tag: &str,
    ) -> Response {
        let mut response = self.reply(request, status, tag);
        for value in request.headers.get_all("Record-Route") {
            response.headers.push("Record-Route", value);
        }
        self.introduce(&mut response.headers);
        response
    }

    pub(super) fn respond(&mut self, now: Instant, id: TransactionId, response: &Response) {
        if response.status.get() >= 200 {
            self.invites.remove(&id);
        }
        self.transactions.respond(now, id, response);
    }

    /// Answers with a status and the headers that explain it.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        id: TransactionId,
        request: &Request,
        reply: Reply,
        tag: &str,
    ) {
        let mut response = self.reply(request, reply.status, tag);
        for (name, value) in reply.headers {
            response.headers.push(name, value);
        }
        self.respond(now, id, &response);
    }

    /// Refuses a request outside any leg, with a tag of its own.
    pub(super) fn refuse(
        &mut self,
        now: Instant,
        id: TransactionId,
        request: &Request,
        reply: impl Into<Reply>,
    ) {
        let tag = self.config.random.tag();
        self.answer(now, id, request, reply.into(), &tag);
    }

    /// Whether the peer proved itself by digest on an INVITE.
    ///
    /// # Errors
    /// The challenge, or 400, where proof is demanded and missing.
    pub(super) fn check_credentials(
        &mut self,
        now: Instant,
        request: &Request,
    ) -> Result<bool, Reply> {
        let random = self.config.random.bits();
        match &mut self.config.challenge {
            Some(challenge) => challenge.check(now, &self.binding, random, request).map(|()| true),
            None => Ok(false),
        }
    }
}

/// A status known when writing this program.
pub(super) fn status(code: u16) -> StatusCode {
    StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR)
}

/// Adds our tag to To, unless it has one.
pub(super) fn tag_to(headers: &mut Headers, tag: &str) {
    if headers.to().is_some_and(|to| to.tag().is_none()) {
        let tagged = format!("{};tag={tag}", headers.get("To").unwrap_or_default());
        headers.insert("To", tagged);
    }
}

/// Puts an SDP into a message.
pub(super) fn attach_sdp(headers: &mut Headers, body: &mut Vec<u8>, sdp: Vec<u8>) {
    headers.insert("Content-Type", super::body::SDP);
    *body = sdp;
}

/// The `Reason` of a BYE or a final response. RFC 3326, RFC 6432.
pub(super) fn reason(cause: Cause) -> String {
    format!("Q.850;cause={};text=\"{}\"", cause.q850(), cause.text())
}

/// The `Reason` of a CANCEL: phones show no missed call for the SIP cause 200 (INTEROP case 6).
pub(super) fn cancel_reason(cause: Cause) -> String {
    if cause == Cause::AnsweredElsewhere {
        return format!("SIP;cause=200;text=\"{}\"", cause.text());
    }
    reason(cause)
}

/// Why the peer gave up a call, by its CANCEL.
pub(super) fn cause_of_cancel(cancel: &Request) -> Cause {
    debug_assert!(cancel.method == Method::Cancel, "asked about a CANCEL");
    let is_elsewhere = cancel.headers.get_all("Reason").any(|reason| {
        let reason: String = reason.chars().filter(|c| *c != ' ').collect();
        let reason = reason.to_ascii_lowercase();
        reason.starts_with("sip;") && reason.split([';', ',']).any(|part| part == "cause=200")
    });
    if is_elsewhere { Cause::AnsweredElsewhere } else { Cause::Cancelled }
}
