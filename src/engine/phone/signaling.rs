//! What a phone's messages mean: calls it places, its registration, what its calls want of it.

use std::time::{Duration, Instant};

use super::{Next, Phone, Registered};
use crate::access::{Principal, policy};
use crate::base::{Cause, limit};
use crate::engine::call_task::CallTask;
use crate::engine::directory::PhoneEntry;
use crate::engine::leg_calls::Forwarded;
use crate::engine::link::{LinkDoor, LinkMessage};
use crate::engine::routing::{Caller, CallerSide};
use crate::sip::message::{Message, ParseErrorKind};
use crate::sip::user_agent::{Command, Event, IncomingInvite, Output, RegisterReceived};

/// Messages that are not SIP before the socket is closed with 1007.
const GARBAGE_MAX: u8 = 3;

/// What revocation closes a socket with.
const SESSION_ENDED: Next = Next::Close(4401, "session ended");

fn may_call(principal: &Principal) -> bool {
    policy::Message::Call.permission().is_none_or(|permission| principal.may(permission))
}

impl Phone {
    /// Feeds one SIP message.
    pub(super) fn sip(&mut self, bytes: &[u8]) -> Next {
        if self.session().is_some_and(|session| self.engine.is_ended(session))
            && let close @ Next::Close(..) = self.revoked()
        {
            return close;
        }
        let message = Message::parse(bytes);
        if let Err(error) = &message {
            self.engine.metrics().sip_malformed();
            if self.garbage == 0 {
                tracing::info!(phone = self.id.0, %error, "message is not SIP");
            }
            self.garbage += 1;
            if self.garbage > GARBAGE_MAX || error.kind == ParseErrorKind::NotSip {
                return Next::Close(1007, "not a SIP message");
            }
        }
        let now = self.engine.clock().now();
        self.user_agent.handle_message(now, message);
        self.events(now)
    }

    /// Carries out what the user agent reports, until it has nothing more to say. Bytes to send
    /// wait for `flush`.
    pub(super) fn events(&mut self, now: Instant) -> Next {
        while let Some(output) = self.user_agent.poll_output() {
            let event = match output {
                Output::Transmit(bytes) => {
                    self.outbox.push_back(bytes);
                    continue;
                }
                Output::Event(event) => event,
            };
            match self.calls.forward(event) {
                Forwarded::Done => {}
                Forwarded::Orphan(leg) => {
                    let hang_up = Command::Hangup { leg, cause: Cause::Failed };
                    self.user_agent.handle_command(now, hang_up);
                }
                Forwarded::Unclaimed(Event::Invited(invite)) => self.invited(now, invite),
                Forwarded::Unclaimed(Event::RegisterReceived(register)) => {
                    match self.register(now, *register) {
                        Next::Continue => {}
                        next => return next,
                    }
                }
                // A phone has no registration of ours and is not pinged by SIP.
                Forwarded::Unclaimed(_) => {}
            }
        }
        if self.is_leaving && self.calls.is_empty() { SESSION_ENDED } else { Next::Continue }
    }

    /// The session ended: the socket closes with 4401, at once or, where the policy lets calls
    /// finish, with the last call. No call begins meanwhile.
    pub(super) fn revoked(&mut self) -> Next {
        let may_finish = self
            .info
            .principal
            .as_ref()
            .is_some_and(|principal| self.engine.finishes_calls(principal.workspace_id));
        self.unregister();
        self.is_leaving = true;
        if may_finish && !self.calls.is_empty() { Next::Continue } else { SESSION_ENDED }
    }

    /// Takes over what the person may do now. A phone whose number is another's by now, or that
    /// may not be one any more, is closed: its browser comes back as what it is.
    pub(super) fn recheck(&mut self) -> Next {
        let Some(known) = &self.info.principal else { return Next::Continue };
        let now = self.engine.rights_now(known);
        let stays = now.number == known.number && (may_call(&now) || !may_call(known));
        self.info.principal = Some(now);
        if stays { Next::Continue } else { Next::Close(4403, "rights changed") }
    }

    /// A call the agent places.
    fn invited(&mut self, now: Instant, invite: Box<IncomingInvite>) {
        let leg = invite.leg;
        let principal = self.info.principal.as_ref().filter(|_| !self.is_leaving);
        let principal = principal.map(|known| self.engine.rights_now(known));
        let refusal = match (principal, self.engine.call_room()) {
            (None, _) => Cause::Forbidden,
            (Some(principal), _) if !may_call(&principal) => Cause::Forbidden,
            (Some(_), None) => Cause::Overloaded,
            (Some(principal), Some(room)) => {
                let side = CallerSide::Phone { principal, phone: self.id };
                let caller = Caller { side, door: self.door.clone(), invite };
                let call = CallTask::spawn(self.engine.clone(), caller, room);
                self.calls.insert(leg, call);
                return;
            }
        };
        self.user_agent.handle_command(now, Command::Hangup { leg, cause: refusal });
    }

    fn register(&mut self, now: Instant, register: RegisterReceived) -> Next {
        let known = self.info.principal.as_ref().map(|known| self.engine.rights_now(known));
        let outcome = self.engine.registrar().decide(known.as_ref(), &register);
        if let Some(principal) = outcome.principal {
            self.auth_deadline = None;
            self.info.principal = Some(principal);
            if let Err((code, reason)) = self.bind() {
                return Next::Close(code, reason);
            }
        }
        if let (Some(grant), Some(principal)) = (outcome.grant, &self.info.principal) {
            if grant.expires_s == 0 {
                self.unregister();
            } else if let Some(contact) = register.contact {
                let entry = PhoneEntry {
                    id: self.id,
                    line: grant.line.clone(),
                    user_id: principal.user_id,
                    attached_at: self.attached_at,
                    contact: contact.uri,
                    instance: register.instance,
                    door: self.door.clone(),
                };
                if let Some(former) = self.former_self(&entry) {
                    return Next::HandOver(former);
                }
                self.engine.directory().register(entry);
                let lifetime = Duration::from_secs(u64::from(grant.expires_s));
                // A refresh that is a little late finds the phone still there.
                let expires = now + lifetime + limit::PING_EVERY;
                self.registered = Some(Registered { line: grant.line, expires });
            }
        }
        let answer = Command::AnswerRegister { key: register.key, answer: outcome.answer };
        self.user_agent.handle_command(now, answer);
        Next::Continue
    }

    /// The task this browser had before it reconnected, if it still runs.
    fn former_self(&self, entry: &PhoneEntry) -> Option<LinkDoor> {
        if self.registered.is_some() || !self.calls.is_empty() {
            return None;
        }
        self.engine.directory().former_self(entry).map(|former| former.door)
    }

    pub(super) fn mail(&mut self, message: LinkMessage) -> Next {
        let now = self.engine.clock().now();
        match message {
            LinkMessage::Begin { leg, call, command } => {
                self.calls.insert(leg, call);
                self.user_agent.handle_command(now, command);
            }
            LinkMessage::Command(command) => {
                if let Command::Hangup { leg, .. } = &command {
                    self.calls.remove(*leg);
                }
                self.user_agent.handle_command(now, command);
            }
            // These are handled by the loop that read them.
            LinkMessage::Close { .. }
            | LinkMessage::Recheck
            | LinkMessage::Revoked
            | LinkMessage::Attach(_) => {}
        }
        self.events(now)
    }
}
