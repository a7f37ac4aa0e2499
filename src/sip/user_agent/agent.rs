//! The user agent of one flow: finds who a message, command or timer is for. RFC 3261 §8.

use super::account::Account;
use super::command::Command;
use super::config::UserAgentConfig;
use super::core::{Core, Owner};
use super::dtmf::KeyPress;
use super::incoming::Examined;
use super::leg::Leg;
use super::outgoing;
use super::registers::Registers;
use super::reply::Reply;
use super::{Output, core};
use crate::base::{Cause, LegId};
use crate::sip::dialog::DialogId;
use crate::sip::message::{Message, Method, ParseError, Request, Response, StatusCode};
use crate::sip::transaction::{TransactionEvent, TransactionId, TransactionOutput};
use crate::sip::uri::Scheme;
use std::collections::HashMap;
use std::time::Instant;

/// The option tags a peer may require of us.
const EXTENSIONS: [&str; 1] = ["timer"];

/// The SIP side of one flow: a browser's WebSocket, or a link to a PBX.
///
/// Drain [`UserAgent::poll_output`] after every call of a method that takes `now`, and call
/// [`UserAgent::handle_timeout`] at [`UserAgent::poll_timeout`].
#[derive(Debug)]
pub struct UserAgent {
    core: Core,
    legs: HashMap<LegId, Leg>,
    dialogs: HashMap<DialogId, LegId>,
    registers: Registers,
    account: Option<Account>,
}

impl UserAgent {
    /// The user agent of a flow that just opened.
    #[must_use]
    pub fn new(config: UserAgentConfig) -> Self {
        Self {
            core: Core::new(config),
            legs: HashMap::new(),
            dialogs: HashMap::new(),
            registers: Registers::new(),
            account: None,
        }
    }

    /// Takes what the flow brought.
    pub fn handle_message(&mut self, now: Instant, message: Result<Message, ParseError>) {
        match message {
            Ok(message) => self.core.transactions.receive(now, message),
            Err(error) => self.refuse_malformed(&error),
        }
        self.run_transactions(now);
    }

    /// Does what the engine asks. A command for a leg that is gone is ignored: its end crossed it.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Invite(call) => self.place(now, *call),
            Command::Ring { leg, sdp } => self.with_leg(leg, |leg, core| leg.ring(core, now, sdp)),
            Command::Answer { leg, sdp } => {
                self.with_leg(leg, |leg, core| leg.answer(core, now, sdp));
            }
            Command::Hangup { leg, cause } => {
                self.with_leg(leg, |leg, core| leg.hang_up(core, now, cause));
            }
            Command::ReOffer { leg, sdp } => {
                self.with_leg(leg, |leg, core| leg.re_offer(core, now, sdp));
            }
            Command::ReAnswer { leg, sdp } => {
                self.with_leg(leg, |leg, core| leg.re_answer(core, now, sdp));
            }
            Command::ReReject { leg, status } => {
                self.with_leg(leg, |leg, core| leg.re_reject(core, now, status));
            }
            Command::SendDtmf { leg, digit, duration_ms } => self.with_leg(leg, |leg, core| {
                leg.send_dtmf(core, now, KeyPress { digit, duration_ms });
            }),
            Command::Register(registration) => {
                let account =
                    Account::start(&mut self.core, now, *registration, self.account.take());
                self.account = Some(account);
            }
            Command::Ping => Account::ping(&mut self.core, now),
            Command::AnswerRegister { key, answer } => {
                self.registers.answer(&mut self.core, now, key, answer);
            }
        }
        self.run_transactions(now);
    }

    /// The connection is gone. Dialogs stay; nothing is sent until [`UserAgent::flow_replaced`].
    pub fn flow_lost(&mut self, now: Instant) {
        self.core.is_connected = false;
        self.run_transactions(now);
    }

    /// The same peer has a new connection: what it may have missed goes out again.
    pub fn flow_replaced(&mut self, now: Instant) {
        self.core.is_connected = true;
        self.core.transactions.resend_waiting(now);
        let mut legs: Vec<_> = self.legs.keys().copied().collect();
        legs.sort_unstable();
        for id in legs {
            self.with_leg(id, |leg, core| leg.resend_success(core));
        }
        if let Some(account) = &mut self.account {
            account.handle_new_flow(&mut self.core, now);
        }
        self.run_transactions(now);
    }

    /// Hangs up every leg. The flow may close once [`UserAgent::leg_count`] is 0.
    pub fn shut_down(&mut self, now: Instant, cause: Cause) {
        let mut legs: Vec<_> = self.legs.keys().copied().collect();
        legs.sort_unstable();
        for id in legs {
            self.with_leg(id, |leg, core| leg.hang_up(core, now, cause));
        }
        self.run_transactions(now);
    }

    /// How many legs there are, with those that only wait for a last answer.
    #[must_use]
    pub fn leg_count(&self) -> usize {
        self.legs.len()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.core.take_output()
    }

    /// When [`UserAgent::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let account = self.account.as_ref().and_then(Account::poll_timeout);
        let timers = [self.core.transactions.poll_timeout(), self.core.next_timer(), account];
        timers.into_iter().flatten().min()
    }

    /// Runs the timers that are due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.transactions.handle_timeout(now);
        self.run_transactions(now);
        while let Some((id, timer)) = self.core.take_due_timer(now) {
            self.with_leg(id, |leg, core| leg.handle_timer(core, now, timer));
        }
        if let Some(account) = &mut self.account {
            account.handle_timeout(&mut self.core, now);
        }
        self.run_transactions(now);
    }

    fn run_transactions(&mut self, now: Instant) {
        while let Some(output) = self.core.transactions.poll_output() {
            match output {
                TransactionOutput::Transmit(bytes) => self.core.transmit(bytes),
                TransactionOutput::Event(event) => self.handle_transaction(now, event),
            }
        }
    }

    fn handle_transaction(&mut self, now: Instant, event: TransactionEvent<Owner>) {
        match event {
            TransactionEvent::Requested { id, request } => self.handle_request(now, id, request),
            TransactionEvent::Merged { id, request } => {
                self.core.refuse(now, id, &request, StatusCode::LOOP_DETECTED);
            }
            TransactionEvent::Acknowledged { request } => {
                // An ACK without a dialog is a stray: nothing answers an ACK.
                if let Some(id) = self.leg_of(&request) {
                    self.with_leg(id, |leg, core| leg.handle_ack(core, now, &request));
                }
            }
            TransactionEvent::Responded { id, owner, response, request } => {
                self.handle_response(now, id, owner, &response, request);
            }
            TransactionEvent::TimedOut { id, owner, request } => {
                // As RFC 3261 §8.1.3.1 says: silence is a 408.
                let response = request.reply(StatusCode::REQUEST_TIMEOUT);
                self.handle_response(now, id, owner, &response, Some(request));
            }
        }
    }

    fn handle_response(
        &mut self,
        now: Instant,
        id: TransactionId,
        owner: Owner,
        response: &Response,
        request: Option<Request>,
    ) {
        match owner {
            Owner::Invite(leg) => self.handle_invite_response(now, id, leg, response, request),
            Owner::ReInvite(leg) => {
                let is_success = (200..300).contains(&response.status.get());
                let is_established = self.legs.get(&leg).is_some_and(Leg::is_established);
                if is_success && !is_established {
                    // We hung up meanwhile: its ACK is owed all the same.
                    let _ = outgoing::acknowledge(&mut self.core, id, response);
                }
                self.with_leg(leg, |leg, core| leg.handle_reinvite_response(core, now, response));
            }
            Owner::Refresh(leg) | Owner::Info(leg) => self.with_leg(leg, |leg, core| {
                leg.handle_other_response(core, now, owner, response);
            }),
            Owner::Bye(leg) => self.with_leg(leg, |leg, _| leg.handle_bye_response(response)),
            Owner::Register => {
                if let Some(account) = &mut self.account {
                    account.handle_response(&mut self.core, now, response, request);
                }
            }
            Owner::Ping => Account::handle_pong(&mut self.core, response),
            Owner::Nobody => {}
        }
    }

    fn handle_invite_response(
        &mut self,
        now: Instant,
        id: TransactionId,
        leg: LegId,
        response: &Response,
        request: Option<Request>,
    ) {
        if self.legs.get(&leg).is_some_and(Leg::is_calling) {
            self.with_leg(leg, |leg, core| {
                leg.handle_invite_response(core, now, response, request);
            });
        } else if (200..300).contains(&response.status.get()) {
            outgoing::dismiss_success(&mut self.core, now, id, response);
        }
    }

    fn handle_request(&mut self, now: Instant, id: TransactionId, request: Request) {
        if request.method == Method::Cancel {
            return self.handle_cancel(now, id, &request);
        }
        if let Some(reply) = refusal(&request) {
            return self.core.refuse(now, id, &request, reply);
        }
        if request.headers.to().is_some_and(|to| to.tag().is_some()) {
            return match self.leg_of(&request) {
                Some(leg) => {
                    self.with_leg(leg, |leg, core| leg.handle_request(core, now, id, request))
                }
                None => self.core.refuse(now, id, &request, StatusCode::CALL_DOES_NOT_EXIST),
            };
        }
        match &request.method {
            Method::Invite => self.receive_invite(now, id, request),
            Method::Register if self.core.is_phone() => {
                self.registers.receive(&mut self.core, now, id, request);
            }
            Method::Options => {
                let tag = self.core.random().tag();
                let mut response = self.core.reply_in_dialog(&request, StatusCode::OK, &tag);
                response.headers.push("Accept", super::body::SDP);
                self.core.respond(now, id, &response);
            }
            Method::Refer => self.core.refuse(now, id, &request, core::status(603)),
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => {
                self.core.refuse(now, id, &request, StatusCode::CALL_DOES_NOT_EXIST);
            }
            Method::Register
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Ack
            | Method::Cancel => {
                self.core.refuse(now, id, &request, StatusCode::METHOD_NOT_ALLOWED);
            }
            Method::Other(_) => self.core.refuse(now, id, &request, StatusCode::NOT_IMPLEMENTED),
        }
    }

    /// 200 to the CANCEL when it is about anything at all; the INVITE gets its 487 if it is not
    /// answered yet.
    fn handle_cancel(&mut self, now: Instant, id: TransactionId, cancel: &Request) {
        let Some(invite) = self.core.transactions.cancelled_by(cancel) else {
            return self.core.refuse(now, id, cancel, StatusCode::CALL_DOES_NOT_EXIST);
        };
        let leg = self.core.invites.get(&invite).copied();
        let tag =
            leg.and_then(|leg| self.legs.get(&leg)).map(|leg| leg.dialog_id.local_tag.clone());
        let tag = tag.unwrap_or_else(|| self.core.random().tag());
        let response = self.core.reply(cancel, StatusCode::OK, &tag);
        self.core.respond(now, id, &response);
        if let Some(leg) = leg {
            self.with_leg(leg, |leg, core| leg.handle_cancel(core, now, invite, cancel));
        }
    }

    fn receive_invite(&mut self, now: Instant, id: TransactionId, invite: Request) {
        if self.is_full() {
            let status = if self.core.is_phone() {
                StatusCode::BUSY_HERE
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            return self.core.refuse(now, id, &invite, status);
        }
        let is_authenticated = match self.core.check_credentials(now, &invite) {
            Ok(is_authenticated) => is_authenticated,
            Err(reply) => return self.core.refuse(now, id, &invite, reply),
        };
        match Examined::of(&mut self.core, &invite) {
            Ok(call) => {
                let leg = Leg::receive(&mut self.core, now, id, invite, call, is_authenticated);
                self.insert(leg);
            }
            Err(reply) => self.core.refuse(now, id, &invite, reply),
        }
    }

    fn place(&mut self, now: Instant, call: super::command::OutgoingInvite) {
        let leg = call.leg;
        // A dead socket is told at once, so that the next phone is tried (INTEROP case 45).
        let unsent = if !self.core.is_connected {
            Some((core::status(480), "Not connected"))
        } else if self.is_full() {
            Some((StatusCode::SERVICE_UNAVAILABLE, "Too many calls"))
        } else {
            None
        };
        if let Some((status, words)) = unsent {
            let status =
                if self.core.is_phone() { status } else { StatusCode::SERVICE_UNAVAILABLE };
            return self.core.emit(outgoing::rejected(leg, status, words));
        }
        match Leg::place(&mut self.core, now, call) {
            Ok(leg) => self.insert(leg),
            Err(status) => self.core.emit(outgoing::rejected(leg, status, "Too many calls")),
        }
    }

    /// Whether another call is too much. Legs that only wait for a last answer count too, less
    /// strictly, so that a peer that never answers cannot pile them up.
    fn is_full(&self) -> bool {
        let calls_max = self.core.config.dialogs_max;
        let is_piled_up = self.legs.len() >= calls_max.saturating_mul(4);
        is_piled_up || self.legs.values().filter(|leg| !leg.is_over()).count() >= calls_max
    }

    /// Answers what could not be read, as far as its beginning could.
    fn refuse_malformed(&mut self, error: &ParseError) {
        let Some(response) = error.response() else { return };
        let mut response = response.clone();
        let tag = self.core.random().tag();
        core::tag_to(&mut response.headers, &tag);
        response.headers.push("Server", &self.core.config.product);
        let mut bytes = Vec::new();
        response.write(&mut bytes);
        self.core.transmit(bytes);
    }

    /// The leg whose Call-ID and both tags a request carries.
    fn leg_of(&self, request: &Request) -> Option<LegId> {
        let id = *self.dialogs.get(&DialogId::of_request(&request.headers)?)?;
        self.legs.get(&id)?.is_from_peer(request).then_some(id)
    }

    fn insert(&mut self, leg: Leg) {
        self.dialogs.insert(leg.dialog_id.clone(), leg.id);
        self.legs.insert(leg.id, leg);
    }

    /// Runs `action` on a leg, and forgets the leg when nothing is owed any more.
    fn with_leg(&mut self, id: LegId, action: impl FnOnce(&mut Leg, &mut Core)) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        action(leg, &mut self.core);
        if leg.is_gone() {
            debug_assert!(leg.is_over(), "the engine hears the end of every leg");
            self.core.clear_timers(id);
            self.dialogs.remove(&leg.dialog_id);
            self.legs.remove(&id);
            debug_assert!(self.dialogs.len() == self.legs.len(), "one dialog id per leg");
        }
    }
}

/// What is wrong with a request before it is known what it is about. RFC 3261 §8.2.2.
fn refusal(request: &Request) -> Option<Reply> {
    if matches!(request.uri.scheme, Scheme::Other { .. }) {
        return Some(StatusCode::UNSUPPORTED_URI_SCHEME.into());
    }
    let required = request.headers.require();
    let is_unknown = |tag: &&str| !EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(tag));
    let unknown: Vec<&str> = required.into_iter().filter(is_unknown).collect();
    if unknown.is_empty() {
        return None;
    }
    Some(Reply::with(StatusCode::BAD_EXTENSION, "Unsupported", unknown.join(", ")))
}
