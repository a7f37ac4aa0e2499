//! A browser's phone: one task that owns its WebSocket, its SIP user agent and its registration.
//!
//! The task outlives its socket while a call is up: the browser that comes back with the same
//! `+sip.instance` hands its new socket to it and the call goes on (INTEROP case 44).

mod signaling;
mod socket;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::sleep_until;
use tokio_tungstenite::tungstenite::Bytes;

use self::socket::{close, close_code};
use super::Engine;
use super::directory::{Line, PhoneId};
use super::door::{PhoneInfo, PhoneSocket};
use super::leg_calls::LegCalls;
use super::link::{LinkDoor, LinkMessage, deliver, refuse_waiting};
use crate::base::{Cause, limit};
use crate::sip::user_agent::UserAgent;

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
    /// The session ended; the socket closes with the last call.
    is_leaving: bool,
}

/// The phone's registration.
struct Registered {
    line: Line,
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
            is_leaving: false,
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
                    LinkMessage::Revoked => self.revoked(),
                    LinkMessage::Recheck => self.recheck(),
                    other => self.mail(other),
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
                    // A phone that only loses its socket would show its calls as up.
                    self.user_agent.shut_down(self.engine.clock().now(), Cause::Normal);
                    let _ = self.events(self.engine.clock().now());
                    let _ = self.flush(socket).await;
                    close(socket, code, reason).await;
                    return SocketEnd::Closed;
                }
                // Only a frame can ask for it, and that was returned above.
                Next::HandOver(_) => return SocketEnd::Lost,
            }
        }
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
                    other => { let _ = self.mail(other); }
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
        self.is_leaving = false;
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
            self.engine.directory().unregister(&registered.line, self.id);
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
