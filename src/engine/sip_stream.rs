//! A SIP connection to a PBX over TLS: frames in, messages out, one user agent behind it.
//!
//! Both the link we open and the connections a PBX opens to us run this loop.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

use super::Engine;
use super::call_task::CallTask;
use super::leg_calls::{Forwarded, LegCalls};
use super::link::{CallInput, LinkDoor, LinkMessage, deliver};
use super::routing::{Caller, CallerSide};
use super::trunks::TrunkEntry;
use crate::base::{Cause, LegId, limit};
use crate::sip::framing::{Frame, StreamFramer};
use crate::sip::message::Message;
use crate::sip::user_agent::{Command, Event, IncomingInvite, Output, RegisterAnswer, UserAgent};

/// Bytes read from the connection at once.
const READ_BYTES: usize = 8 * 1024;

/// A PBX connection's signalling state. It outlives the connection, so that calls survive a
/// reconnect.
pub struct SipStream {
    engine: Arc<Engine>,
    trunk: TrunkEntry,
    door: LinkDoor,
    /// The user agent.
    pub user_agent: UserAgent,
    calls: LegCalls,
    has_had_calls: bool,
    /// What is to be written.
    outbox: Vec<u8>,
    /// Registration and ping reports for the owner.
    pub reports: Vec<Event>,
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The peer closed it, or the network did.
    Lost(String),
    /// The peer does not speak SIP, or beyond our bounds.
    Garbage(String),
    /// The owner was told to close.
    Closed,
    /// The owner's deadline came.
    Deadline,
    /// A report waits for the owner.
    Report,
}

impl SipStream {
    /// The state of a connection to a PBX.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        trunk: &TrunkEntry,
        door: LinkDoor,
        user_agent: UserAgent,
    ) -> Self {
        Self {
            engine,
            trunk: trunk.clone(),
            door,
            user_agent,
            calls: LegCalls::default(),
            has_had_calls: false,
            outbox: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// The engine's time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.engine.clock().now()
    }

    /// Whether a call was ever accepted over it.
    #[must_use]
    pub fn has_had_calls(&self) -> bool {
        self.has_had_calls
    }

    /// Hangs up every leg and writes what that takes.
    pub async fn say_goodbye<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) {
        self.user_agent.shut_down(self.engine.clock().now(), Cause::Stopping);
        self.events();
        let _ = self.flush(stream).await;
    }

    /// Runs until the connection ends, `deadline` comes, or a report waits. Call again after the
    /// last two.
    pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        framer: &mut StreamFramer,
        mailbox: &mut mpsc::Receiver<LinkMessage>,
        deadline: Option<Instant>,
    ) -> StreamEnd {
        let mut buffer = vec![0_u8; READ_BYTES];
        let mut timer = pin!(sleep_until(self.engine.clock().now().into()));
        loop {
            self.events();
            if let Err(error) = self.flush(stream).await {
                return StreamEnd::Lost(error.to_string());
            }
            if !self.reports.is_empty() {
                return StreamEnd::Report;
            }
            let wake = [self.user_agent.poll_timeout(), deadline].into_iter().flatten().min();
            if let Some(wake) = wake {
                timer.as_mut().reset(wake.into());
            }
            tokio::select! {
                read = stream.read(&mut buffer) => match read {
                    Ok(0) => return StreamEnd::Lost("the PBX closed the connection".to_owned()),
                    Ok(length) => {
                        framer.push(buffer.get(..length).unwrap_or_default());
                        if let Err(end) = self.frames(framer) {
                            let _ = self.flush(stream).await;
                            return end;
                        }
                    }
                    // Without the close_notify that TLS asks for; the library's words for it
                    // would not help anybody.
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                        return StreamEnd::Lost("the PBX closed the connection".to_owned());
                    }
                    Err(error) => return StreamEnd::Lost(error.to_string()),
                },
                message = mailbox.recv() => match message {
                    None | Some(LinkMessage::Close { .. }) => return StreamEnd::Closed,
                    Some(message) => self.mail(message),
                },
                () = &mut timer, if wake.is_some() => {
                    let now = self.engine.clock().now();
                    self.user_agent.handle_timeout(now);
                    if deadline.is_some_and(|at| now >= at) {
                        return StreamEnd::Deadline;
                    }
                }
            }
        }
    }

    fn frames(&mut self, framer: &mut StreamFramer) -> Result<(), StreamEnd> {
        while let Some(frame) = framer.next() {
            match frame {
                Ok(Frame::Message(bytes)) => {
                    let message = Message::parse(&bytes);
                    if let Err(error) = &message {
                        self.engine.metrics().sip_malformed();
                        tracing::info!(trunk = &*self.trunk.name, %error, "message is not SIP");
                    }
                    let now = self.engine.clock().now();
                    self.user_agent.handle_message(now, message);
                    self.events();
                }
                Ok(Frame::KeepAlive) => self.outbox.extend_from_slice(b"\r\n"),
                Err(error) => return Err(StreamEnd::Garbage(error.to_string())),
            }
        }
        Ok(())
    }

    /// Carries out what the user agent reports.
    fn events(&mut self) {
        while let Some(output) = self.user_agent.poll_output() {
            match output {
                Output::Transmit(bytes) => self.outbox.extend_from_slice(&bytes),
                Output::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: Event) {
        match self.calls.forward(event) {
            Forwarded::Done => {}
            Forwarded::Orphan(leg) => self.hang_up(leg, Cause::Failed),
            Forwarded::Unclaimed(Event::Invited(invite)) => self.invited(invite),
            // Nobody registers at us over a PBX link.
            Forwarded::Unclaimed(Event::RegisterReceived(register)) => {
                let reason = "registration is not offered here".to_owned();
                let answer = RegisterAnswer::Forbidden { reason };
                let command = Command::AnswerRegister { key: register.key, answer };
                self.user_agent.handle_command(self.engine.clock().now(), command);
            }
            Forwarded::Unclaimed(report) => self.reports.push(report),
        }
    }

    /// A call the PBX places.
    fn invited(&mut self, invite: Box<IncomingInvite>) {
        let leg = invite.leg;
        let Some(room) = self.engine.call_room() else {
            self.hang_up(leg, Cause::Overloaded);
            return;
        };
        let side = CallerSide::Trunk {
            workspace_id: self.trunk.workspace_id,
            profile: self.trunk.profile(),
        };
        let caller = Caller { side, door: self.door.clone(), invite };
        self.has_had_calls = true;
        let call = CallTask::spawn(self.engine.clone(), caller, room);
        self.calls.insert(leg, call);
    }

    fn hang_up(&mut self, leg: LegId, cause: Cause) {
        let now = self.engine.clock().now();
        self.user_agent.handle_command(now, Command::Hangup { leg, cause });
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
            // A PBX link is closed by its loop and never handed over.
            LinkMessage::Close { .. }
            | LinkMessage::Recheck
            | LinkMessage::Revoked
            | LinkMessage::Attach(_) => {}
        }
    }

    /// Takes one message while there is no connection: new calls are refused at once, commands
    /// wait in the user agent for the next connection.
    pub fn mail_without_connection(&mut self, message: LinkMessage) {
        match message {
            LinkMessage::Begin { leg, call, .. } => {
                deliver(&call, CallInput::LinkLost { leg, cause: Cause::TrunkDown });
            }
            other => self.mail(other),
        }
        self.drop_output();
    }

    /// Carries out reports and drops what would have been written, while there is no connection.
    pub fn drop_output(&mut self) {
        self.events();
        self.outbox.clear();
    }

    /// Tells every call that its link is gone for good.
    pub fn give_up_calls(&mut self) {
        self.calls.lose_all(Cause::TrunkDown);
        let now = self.engine.clock().now();
        self.user_agent.shut_down(now, Cause::TrunkDown);
        self.drop_output();
    }

    async fn flush<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> std::io::Result<()> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let write = async {
            stream.write_all(&self.outbox).await?;
            stream.flush().await
        };
        match timeout(limit::PHONE_WRITE_TIMEOUT, write).await {
            Ok(written) => written?,
            Err(_) => return Err(std::io::ErrorKind::TimedOut.into()),
        }
        self.outbox.clear();
        Ok(())
    }
}
