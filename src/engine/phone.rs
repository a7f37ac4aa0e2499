//! A browser's phone: one task that owns its WebSocket, its SIP user agent and its registration.
//!
//! The task outlives its socket while a call is up: the browser that comes back with the same
//! `+sip.instance` hands its new socket to it and the call goes on (INTEROP case 44).

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Bytes, Message as Frame, protocol::CloseFrame};

use super::Engine;
use super::call_task::CallTask;
use super::directory::{PhoneEntry, PhoneId};
use super::door::{PhoneInfo, PhoneSocket};
use super::leg_calls::{Forwarded, LegCalls};
use super::link::{LinkDoor, LinkMessage, deliver, refuse_waiting};
use super::routing::{Caller, CallerSide};
use crate::base::{Cause, limit};
use crate::sip::message::{Message, ParseErrorKind};
use crate::sip::user_agent::{Command, Event, IncomingInvite, Output, RegisterReceived, UserAgent};

/// Pings that may go unanswered before the socket counts as dead.
const PINGS_MISSED_MAX: u8 = 2;

/// Messages that are not SIP before the socket is closed with 1007.
const GARBAGE_MAX: u8 = 3;

/// The new socket of a phone that came back, with the REGISTER it began with.
#[derive(Debug)]
pub struct Handover {
    /// The socket.
    pub socket: PhoneSocket,
    /// What is known of it.
    pub info: PhoneInfo,
    /// The REGISTER.
    pub register: Bytes,
}

/// A phone's task. Everything but the socket, which may be absent or replaced.
pub struct Phone {
    engine: Arc<Engine>,
    id: PhoneId,
    info: PhoneInfo,
    user_agent: UserAgent,
    door: LinkDoor,
    calls: LegCalls,
    /// Messages for the socket; emptied before anything else is read.
    outbox: VecDeque<Vec<u8>>,
    registered: Option<Registered>,
    attached_at: Instant,
    auth_deadline: Option<Instant>,
    ping_at: Instant,
    pings_missed: u8,
    garbage: u8,
}

/// The phone's registration.
struct Registered {
    number: String,
    expires: Instant,
}

/// What to do after an input.
enum Next {
    /// Go on.
    Continue,
    /// Close the socket with this code and end.
    Close(u16, &'static str),
    /// Hand the socket, with the REGISTER just read, to the task this phone had before.
    HandOver(LinkDoor),
}

/// Why the loop over one socket ended.
enum SocketEnd {
    /// The peer or the network closed it.
    Lost,
    /// We closed it; the phone is done.
    Closed,
    /// A new socket took its place.
    Replaced(Box<Handover>),
    /// The socket now belongs to the phone's former task.
    HandedOver(LinkDoor, Bytes),
}

impl Phone {
    /// Starts the task of a socket that was just upgraded.
    pub fn spawn(
        engine: Arc<Engine>,
        socket: PhoneSocket,
        info: PhoneInfo,
        room: super::PhoneRoom,
    ) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let (door, mailbox) = mpsc::channel(limit::PHONE_QUEUE_MAX);
        let now = engine.clock().now();
        let phone = Self {
            id: PhoneId(NEXT.fetch_add(1, Ordering::Relaxed)),
            user_agent: engine.phone_user_agent(info.listener),
            door,
            calls: LegCalls::default(),
            outbox: VecDeque::new(),
            registered: None,
            attached_at: now,
            auth_deadline: info.principal.is_none().then_some(now + limit::SOCKET_AUTH_TIMEOUT),
            ping_at: now + limit::PING_EVERY,
            pings_missed: 0,
            garbage: 0,
            info,
            engine,
        };
        tokio::spawn(async move {
            let _room = room;
            phone.run(socket, mailbox).await;
        });
    }

    async fn run(mut self, socket: PhoneSocket, mut mailbox: mpsc::Receiver<LinkMessage>) {
        let mut socket = Some(socket);
        if let Err((code, reason)) = self.bind()
            && let Some(mut refused) = socket.take()
        {
            close(&mut refused, code, reason).await;
        }
        while let Some(mut current) = socket.take() {
            match self.serve(&mut current, &mut mailbox).await {
                SocketEnd::Closed => break,
                SocketEnd::Replaced(handover) => {
                    // The old socket's peer may be long gone: its goodbye holds nobody up.
                    tokio::spawn(async move {
                        close(&mut current, 4409, "replaced by a newer socket").await;
                    });
                    socket = Some(self.adopt(*handover));
                }
                SocketEnd::HandedOver(door, register) => {
                    let handover = Handover { socket: current, info: self.info.clone(), register };
                    deliver(&door, LinkMessage::Attach(Box::new(handover)));
                    break;
                }
                SocketEnd::Lost => socket = self.await_return(&mut mailbox).await,
            }
        }
        refuse_waiting(&mut mailbox, Cause::SignalingLost);
    }

    /// Runs one socket until it ends.
    async fn serve(
        &mut self,
        socket: &mut PhoneSocket,
        mailbox: &mut mpsc::Receiver<LinkMessage>,
    ) -> SocketEnd {
        let mut timer = pin!(sleep_until(self.next_deadline().into()));
        loop {
            if self.flush(socket).await.is_err() {
                return SocketEnd::Lost;
            }
            let deadline = self.next_deadline().into();
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            let next = tokio::select! {
                frame = socket.next() => match frame {
                    Some(Ok(frame)) => match self.frame(socket, frame).await {
                        Ok((Next::HandOver(door), bytes)) => {
                            return SocketEnd::HandedOver(door, bytes);
                        }
                        Ok((next, _)) => next,
                        Err(_) => return SocketEnd::Lost,
                    },
                    Some(Err(error)) => close_code(&error),
                    None => return SocketEnd::Lost,
                },
                Some(message) = mailbox.recv() => match message {
                    LinkMessage::Attach(handover) => return SocketEnd::Replaced(handover),
                    LinkMessage::Close { code, reason } => Next::Close(code, reason),
                    other => { self.mail(other); Next::Continue }
                },
                () = &mut timer => match self.timeout(socket).await {
                    Ok(next) => next,
                    Err(_) => return SocketEnd::Lost,
                },
            };
            match next {
                Next::Continue => {}
                Next::Close(1006, _) => return SocketEnd::Lost,
                Next::Close(code, reason) => {
                    // No call may begin on it while the goodbyes are said.
                    self.unregister();
                    let _ = self.flush(socket).await;
                    close(socket, code, reason).await;
                    return SocketEnd::Closed;
                }
                // Only a frame can ask for it, and that was returned above.
                Next::HandOver(_) => return SocketEnd::Lost,
            }
        }
    }

    /// Handles one WebSocket frame; gives the bytes back for a hand-over.
    async fn frame(
        &mut self,
        socket: &mut PhoneSocket,
        frame: Frame,
    ) -> Result<(Next, Bytes), tungstenite::Error> {
        self.pings_missed = 0;
        let bytes = match frame {
            Frame::Text(text) => Bytes::from(text),
            Frame::Binary(bytes) => bytes,
            // The page is gone, and its audio with it: nobody comes back for these calls.
            Frame::Close(Some(frame)) if frame.code == CloseCode::Away => {
                return Ok((Next::Close(1001, "going away"), Bytes::new()));
            }
            Frame::Close(_) => return Ok((Next::Close(1006, ""), Bytes::new())),
            Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {
                return Ok((Next::Continue, Bytes::new()));
            }
        };
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            // RFC 7118 §7 with RFC 5626 §3.5.1: a double CRLF asks for a single one.
            if bytes.len() >= 4 {
                socket.send(Frame::text("\r\n")).await?;
            }
            return Ok((Next::Continue, bytes));
        }
        Ok((self.sip(&bytes), bytes))
    }

    /// Feeds one SIP message.
    fn sip(&mut self, bytes: &[u8]) -> Next {
        if self.session().is_some_and(|session| self.engine.is_ended(session)) {
            return Next::Close(4401, "session ended");
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
    fn events(&mut self, now: Instant) -> Next {
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
        Next::Continue
    }

    /// A call the agent places.
    fn invited(&mut self, now: Instant, invite: Box<IncomingInvite>) {
        let leg = invite.leg;
        let refusal = match (&self.info.principal, self.engine.call_room()) {
            (None, _) => Cause::Forbidden,
            (Some(_), None) => Cause::Overloaded,
            (Some(principal), Some(room)) => {
                let side = CallerSide::Phone { principal: principal.clone(), phone: self.id };
                let caller = Caller { side, door: self.door.clone(), invite };
                let call = CallTask::spawn(self.engine.clone(), caller, room);
                self.calls.insert(leg, call);
                return;
            }
        };
        self.user_agent.handle_command(now, Command::Hangup { leg, cause: refusal });
    }

    fn register(&mut self, now: Instant, register: RegisterReceived) -> Next {
        let known = self.info.principal.clone();
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
                    number: grant.number.clone(),
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
                let lifetime = std::time::Duration::from_secs(u64::from(grant.expires_s));
                // A refresh that is a little late finds the phone still there.
                let expires = now + lifetime + limit::PING_EVERY;
                self.registered = Some(Registered { number: grant.number, expires });
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

    fn mail(&mut self, message: LinkMessage) {
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
            // Both are handled by the loop that read them.
            LinkMessage::Close { .. } | LinkMessage::Attach(_) => {}
        }
        // Commands report only about legs; those reports never close the socket.
        let _ = self.events(now);
    }

    async fn timeout(&mut self, socket: &mut PhoneSocket) -> Result<Next, tungstenite::Error> {
        let now = self.engine.clock().now();
        if self.user_agent.poll_timeout().is_some_and(|at| now >= at) {
            self.user_agent.handle_timeout(now);
            let _ = self.events(now);
        }
        if self.auth_deadline.is_some_and(|at| now >= at) {
            return Ok(Next::Close(4401, "no valid token in time"));
        }
        if self.registered.as_ref().is_some_and(|registered| now >= registered.expires) {
            self.unregister();
        }
        if now >= self.ping_at {
            if self.pings_missed >= PINGS_MISSED_MAX {
                return Ok(Next::Close(1006, ""));
            }
            self.pings_missed += 1;
            self.ping_at = now + limit::PING_EVERY;
            socket.send(Frame::Ping(Bytes::new())).await?;
        }
        Ok(Next::Continue)
    }

    fn next_deadline(&self) -> Instant {
        let expires = self.registered.as_ref().map(|registered| registered.expires);
        let others = [self.user_agent.poll_timeout(), self.auth_deadline, expires];
        others.into_iter().flatten().fold(self.ping_at, Instant::min)
    }

    /// Sends what the user agent wants sent. A reader slower than the time-out is given up.
    async fn flush(&mut self, socket: &mut PhoneSocket) -> Result<(), tungstenite::Error> {
        while let Some(bytes) = self.outbox.pop_front() {
            let frame = match String::from_utf8(bytes) {
                Ok(text) => Frame::text(text),
                Err(error) => Frame::binary(error.into_bytes()),
            };
            match timeout(limit::PHONE_WRITE_TIMEOUT, socket.send(frame)).await {
                Ok(sent) => sent?,
                Err(_) => return Err(tungstenite::Error::ConnectionClosed),
            }
        }
        Ok(())
    }

    /// Keeps the calls of a phone without a socket until it comes back or its time is over.
    async fn await_return(
        &mut self,
        mailbox: &mut mpsc::Receiver<LinkMessage>,
    ) -> Option<PhoneSocket> {
        let now = self.engine.clock().now();
        self.user_agent.flow_lost(now);
        let _ = self.events(now);
        self.outbox.clear();
        let until = now + limit::PHONE_ABSENCE_MAX;
        while !self.calls.is_empty() {
            self.outbox.clear();
            let wake = self.user_agent.poll_timeout().map_or(until, |at| at.min(until));
            tokio::select! {
                message = mailbox.recv() => match message? {
                    LinkMessage::Attach(handover) => return Some(self.adopt(*handover)),
                    LinkMessage::Close { .. } => return None,
                    other => self.mail(other),
                },
                () = sleep_until(wake.into()) => {
                    let now = self.engine.clock().now();
                    if now >= until {
                        return None;
                    }
                    self.user_agent.handle_timeout(now);
                    let _ = self.events(now);
                }
            }
        }
        None
    }

    /// Goes on with a new socket; only the same person can get here.
    fn adopt(&mut self, handover: Handover) -> PhoneSocket {
        let now = self.engine.clock().now();
        if let Some(session) = self.session() {
            self.engine.directory().socket_closed(session, self.id);
        }
        self.info = handover.info;
        self.attached_at = now;
        self.auth_deadline = None;
        // A session that ended meanwhile is noticed with the REGISTER below, or the next message.
        let _ = self.bind();
        self.pings_missed = 0;
        self.ping_at = now + limit::PING_EVERY;
        self.user_agent.flow_replaced(now);
        let _ = self.sip(&handover.register);
        handover.socket
    }

    fn session(&self) -> Option<crate::access::SessionId> {
        self.info.principal.as_ref().map(|principal| principal.session_id)
    }

    /// Ties the socket to the session of its principal, if it has one; an error is what to close
    /// the socket with.
    fn bind(&self) -> Result<(), (u16, &'static str)> {
        let Some(session) = self.session() else { return Ok(()) };
        if !self.engine.directory().socket_opened(session, self.id, self.door.clone()) {
            return Err((4429, "too many sockets of one session"));
        }
        // Entered first, asked then: an ending between the two is seen either way.
        if self.engine.is_ended(session) { Err((4401, "session ended")) } else { Ok(()) }
    }

    fn unregister(&mut self) {
        if let Some(registered) = self.registered.take() {
            self.engine.directory().unregister(&registered.number, self.id);
        }
    }
}

impl Drop for Phone {
    /// However the task ends, nothing of the phone stays behind.
    fn drop(&mut self) {
        self.unregister();
        if let Some(session) = self.session() {
            self.engine.directory().socket_closed(session, self.id);
        }
        self.calls.lose_all(Cause::SignalingLost);
    }
}

/// The close code that tells the client what it did wrong (RFC 6455 §7.4.1).
fn close_code(error: &tungstenite::Error) -> Next {
    match error {
        tungstenite::Error::Capacity(_) => Next::Close(1009, "message too big"),
        tungstenite::Error::Protocol(_) => Next::Close(1002, "protocol error"),
        tungstenite::Error::Utf8(_) => Next::Close(1007, "text is not UTF-8"),
        _ => Next::Close(1006, ""),
    }
}

async fn close(socket: &mut PhoneSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    let closing = async {
        socket.close(Some(frame)).await?;
        // Wait for the peer's half, so that the code is not lost to a reset.
        while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
        Ok::<(), tungstenite::Error>(())
    };
    let _ = timeout(limit::CLOSE_TIMEOUT, closing).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k4_each_framing_error_has_its_close_code() {
        use tungstenite::error::{CapacityError, ProtocolError};
        let size = CapacityError::MessageTooLong { size: 70_000, max_size: 65_536 };
        let cases = [
            (tungstenite::Error::Capacity(size), 1009),
            (tungstenite::Error::Protocol(ProtocolError::UnmaskedFrameFromClient), 1002),
        ];
        for (error, code) in cases {
            assert!(matches!(close_code(&error), Next::Close(found, _) if found == code));
        }
    }
}
