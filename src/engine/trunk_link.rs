//! The TLS connection we keep to a PBX: connect, verify, register, ping, and try again.
//!
//! No SIP byte is written before the PBX's certificate was verified by name and authority
//! (requirements K15, SECURITY P-01); there is no fallback to anything weaker (P-02).

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Engine;
use super::link::{LinkMessage, refuse_waiting};
use super::random;
use super::sip_stream::{SipStream, StreamEnd};
use super::trunks::{LinkState, TrunkEntry};
use crate::base::{Cause, limit};
use crate::net::tls;
use crate::sip::framing::StreamFramer;
use crate::sip::user_agent::{Command, Event, Registration, RegistrationState};
use crate::store::TrunkRow;

/// How long the PBX has to take back our registration when we stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// One PBX's link. Owned by its task.
pub struct TrunkLink {
    engine: Arc<Engine>,
    entry: TrunkEntry,
    connector: TlsConnector,
    /// Made at the first connection, when our own address is known.
    stream: Option<SipStream>,
    retry: Duration,
    /// When the last connection was lost, until there is a new one.
    lost_at: Option<Instant>,
    /// When this connection, or the last one, was made.
    connected_at: Option<Instant>,
}

/// What a connection's deadline means.
#[derive(Clone, Copy)]
enum Wait {
    /// The PBX owes an answer.
    Answer,
    /// Until the next ping.
    Pause,
}

/// How one connection ended.
enum ConnectionEnd {
    /// Try again.
    Lost(String),
    /// The engine stops.
    Closed,
}

impl TrunkLink {
    /// Starts the task of a link.
    ///
    /// # Errors
    /// The configured CA is not usable.
    pub fn spawn(
        engine: Arc<Engine>,
        entry: TrunkEntry,
        mailbox: mpsc::Receiver<LinkMessage>,
    ) -> Result<tokio::task::JoinHandle<()>, tls::TlsError> {
        let authorities = tls::Authorities {
            file: engine.config().sip.ca.clone(),
            pem: entry.row.ca_pem.clone(),
        };
        let connector = TlsConnector::from(Arc::new(tls::client_config(&authorities)?));
        let retry = limit::LINK_RETRY_MIN;
        let link = Self {
            engine,
            entry,
            connector,
            stream: None,
            retry,
            lost_at: None,
            connected_at: None,
        };
        Ok(tokio::spawn(link.run(mailbox)))
    }

    async fn run(mut self, mut mailbox: mpsc::Receiver<LinkMessage>) {
        loop {
            let reason = match self.connect_while_refusing(&mut mailbox).await {
                None => break,
                Some(Ok(mut connection)) => match self.serve(&mut connection, &mut mailbox).await {
                    ConnectionEnd::Closed => break,
                    ConnectionEnd::Lost(reason) => reason,
                },
                Some(Err(reason)) => reason,
            };
            self.set_state(LinkState::Down(reason));
            let now = self.engine.clock().now();
            self.lost_at.get_or_insert(now);
            if let Some(stream) = &mut self.stream {
                stream.user_agent.flow_lost(now);
            }
            if !self.wait(&mut mailbox).await {
                break;
            }
        }
        refuse_waiting(&mut mailbox, Cause::TrunkDown);
    }

    /// Connects, and meanwhile refuses calls; `None` when the engine stops.
    async fn connect_while_refusing(
        &mut self,
        mailbox: &mut mpsc::Receiver<LinkMessage>,
    ) -> Option<Result<TlsStream<TcpStream>, String>> {
        let connecting = connect(self.entry.row.clone(), self.connector.clone());
        let mut connecting = std::pin::pin!(connecting);
        loop {
            tokio::select! {
                connected = &mut connecting => return Some(connected),
                message = mailbox.recv() => match message {
                    None | Some(LinkMessage::Close { .. }) => return None,
                    Some(message) => self.refuse(message),
                },
            }
        }
    }

    async fn serve(
        &mut self,
        connection: &mut TlsStream<TcpStream>,
        mailbox: &mut mpsc::Receiver<LinkMessage>,
    ) -> ConnectionEnd {
        let (local, peer) = {
            let (tcp, _) = connection.get_ref();
            match (tcp.local_addr(), tcp.peer_addr()) {
                (Ok(local), Ok(peer)) => (local, peer),
                _ => return ConnectionEnd::Lost("the connection has no address".to_owned()),
            }
        };
        let others = self.engine.trunks();
        let other = others.by_address(peer.ip());
        if other.is_some_and(|other| other.workspace_id != self.entry.workspace_id) {
            // Under another name: its calls would be taken for ours.
            return ConnectionEnd::Lost("this PBX cannot be used here".to_owned());
        }
        self.entry.peer_ip.store(Some(Arc::new(peer.ip())));
        self.entry.local_ip.store(Some(Arc::new(local.ip())));
        let now = self.engine.clock().now();
        let mut stream = match self.stream.take() {
            Some(mut known) => {
                known.user_agent.flow_replaced(now);
                known
            }
            None => match self.new_stream(local) {
                Ok(stream) => stream,
                Err(reason) => return ConnectionEnd::Lost(reason),
            },
        };
        let end = self.talk(&mut stream, connection, mailbox).await;
        self.stream = Some(stream);
        end
    }

    fn new_stream(&self, local: std::net::SocketAddr) -> Result<SipStream, String> {
        let user_agent = self.engine.trunk_user_agent(&self.entry.row, local)?;
        Ok(SipStream::new(self.engine.clone(), &self.entry, self.entry.door.clone(), user_agent))
    }

    /// One connection's life: register or ping, then whatever comes.
    async fn talk(
        &mut self,
        stream: &mut SipStream,
        connection: &mut TlsStream<TcpStream>,
        mailbox: &mut mpsc::Receiver<LinkMessage>,
    ) -> ConnectionEnd {
        let mut framer = StreamFramer::new();
        let now = self.engine.clock().now();
        self.connected_at = Some(now);
        // A PBX that is starting takes the connection and loses what comes; a dead one says
        // nothing at all. Either has only so long for an answer, long before SIP itself would
        // give up (Timer F, 32 s).
        let mut wait = Wait::Answer;
        let mut deadline = now + limit::LINK_ANSWER_TIMEOUT;
        let first = match self.registration(limit::REGISTER_EXPIRES_S) {
            Some(registration) => Command::Register(Box::new(registration)),
            None => Command::Ping,
        };
        stream.user_agent.handle_command(now, first);
        loop {
            let end = stream.run(connection, &mut framer, mailbox, Some(deadline)).await;
            let now = self.engine.clock().now();
            match end {
                StreamEnd::Lost(reason) => return ConnectionEnd::Lost(reason),
                StreamEnd::Garbage(reason) => {
                    return ConnectionEnd::Lost(format!("the PBX does not speak SIP: {reason}"));
                }
                StreamEnd::Closed => {
                    self.farewell(stream, connection, &mut framer, mailbox).await;
                    return ConnectionEnd::Closed;
                }
                StreamEnd::Deadline => match wait {
                    Wait::Answer => {
                        return ConnectionEnd::Lost("the PBX does not answer".to_owned());
                    }
                    Wait::Pause => {
                        stream.user_agent.handle_command(now, Command::Ping);
                        wait = Wait::Answer;
                        deadline = now + limit::LINK_ANSWER_TIMEOUT;
                    }
                },
                StreamEnd::Report => {
                    for report in std::mem::take(&mut stream.reports) {
                        if let Some(reason) = self.report(&report) {
                            return ConnectionEnd::Lost(reason);
                        }
                    }
                    self.lost_at = None;
                    wait = Wait::Pause;
                    deadline = now + limit::LINK_PING_EVERY;
                }
            }
        }
    }

    /// Takes a report; gives the reason when the connection is of no use any more.
    fn report(&mut self, report: &Event) -> Option<String> {
        match report {
            Event::Registration(RegistrationState::Registered { .. }) => {
                self.has_answered();
                self.set_state(LinkState::Registered);
            }
            Event::Registration(RegistrationState::Removed) => {
                self.set_state(LinkState::Down("registration removed".to_owned()));
            }
            Event::Registration(RegistrationState::Failed { status, reason, is_final }) => {
                let hint = match status {
                    401 | 403 | 407 => ": check the trunk's user and password",
                    404 => ": the PBX does not know this account",
                    408 => ": no answer",
                    _ => "",
                };
                if *is_final {
                    // Asking again at once would look like guessing passwords.
                    self.retry = limit::REFUSED_RETRY;
                }
                let reason = format!("registration refused with {status} {reason}{hint}");
                if *is_final || *status == 408 {
                    return Some(reason);
                }
                self.set_state(LinkState::Down(reason));
            }
            Event::Pinged { alive: true } => {
                self.has_answered();
                // On a registered link a ping only shows that the PBX is there.
                if self.registration(0).is_none() {
                    self.set_state(LinkState::Connected);
                }
            }
            Event::Pinged { alive: false } => {
                return Some("the PBX does not answer OPTIONS".to_owned());
            }
            _ => {}
        }
        None
    }

    /// The PBX works. One that answers and hangs up is not tried again and again at once.
    fn has_answered(&mut self) {
        let lasted = self.connected_at.map(|at| self.engine.clock().now().duration_since(at));
        if lasted.is_some_and(|lasted| lasted >= limit::LINK_PING_EVERY) {
            self.retry = limit::LINK_RETRY_MIN;
        }
    }

    fn registration(&self, expires_s: u32) -> Option<Registration> {
        let user = self.entry.row.user.as_deref().filter(|_| self.entry.row.register)?;
        Some(Registration { aor: self.entry.number_uri(user), expires_s })
    }

    /// Takes the registration back before the connection closes.
    async fn farewell(
        &self,
        stream: &mut SipStream,
        connection: &mut TlsStream<TcpStream>,
        framer: &mut StreamFramer,
        mailbox: &mut mpsc::Receiver<LinkMessage>,
    ) {
        let now = self.engine.clock().now();
        stream.user_agent.shut_down(now, Cause::Stopping);
        if let Some(registration) = self.registration(0) {
            stream.user_agent.handle_command(now, Command::Register(Box::new(registration)));
        }
        let until = Some(now + FAREWELL);
        while matches!(
            stream.run(connection, framer, mailbox, until).await,
            StreamEnd::Report if !removed(&stream.reports)
        ) {
            stream.reports.clear();
        }
    }

    /// Waits before the next try, refusing calls meanwhile; `false` when the engine stops.
    async fn wait(&mut self, mailbox: &mut mpsc::Receiver<LinkMessage>) -> bool {
        // Between half and the whole of the back-off, so that many edges do not come back at once.
        let half = self.retry / 2;
        let jitter = half.mul_f64(f64::from(u32::from(random::bytes::<1>()[0])) / 255.0);
        self.retry = if self.retry >= limit::REFUSED_RETRY {
            limit::LINK_RETRY_MAX
        } else {
            (self.retry * 2).min(limit::LINK_RETRY_MAX)
        };
        let now = self.engine.clock().now();
        let until = now + half + jitter;
        loop {
            let wake = self.stream.as_ref().and_then(|stream| stream.user_agent.poll_timeout());
            let give_up = self.lost_at.map(|at| at + limit::LINK_ABSENCE_MAX);
            let give_up = give_up.filter(|_| self.stream.is_some());
            let wake = [wake, give_up].into_iter().flatten().fold(until, Instant::min);
            tokio::select! {
                message = mailbox.recv() => match message {
                    None | Some(LinkMessage::Close { .. }) => return false,
                    Some(message) => self.refuse(message),
                },
                () = sleep_until(wake.into()) => {
                    let now = self.engine.clock().now();
                    self.expire(now);
                    if give_up.is_some_and(|at| now >= at) {
                        self.give_up();
                    }
                    if now >= until {
                        return true;
                    }
                }
            }
        }
    }

    /// Ends the calls of a PBX that does not come back; the next connection starts afresh.
    fn give_up(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            stream.give_up_calls();
        }
    }

    fn expire(&mut self, now: Instant) {
        if let Some(stream) = &mut self.stream {
            stream.user_agent.handle_timeout(now);
            stream.drop_output();
        }
    }

    fn refuse(&mut self, message: LinkMessage) {
        match (&mut self.stream, message) {
            (Some(stream), message) => stream.mail_without_connection(message),
            (None, LinkMessage::Begin { leg, call, .. }) => {
                let lost = super::link::CallInput::LinkLost { leg, cause: Cause::TrunkDown };
                super::link::deliver(&call, lost);
            }
            (None, _) => {}
        }
    }

    fn set_state(&self, state: LinkState) {
        if **self.entry.state.load() == state {
            return;
        }
        match &state {
            LinkState::Down(reason) => {
                tracing::warn!(trunk = &*self.entry.name, reason, "PBX link is down");
            }
            up => tracing::info!(trunk = &*self.entry.name, state = up.as_str(), "PBX link"),
        }
        self.entry.state.store(Arc::new(state.clone()));
        self.engine.link_changed(self.entry.row.id, state);
    }
}

/// TCP and TLS to a PBX, its certificate verified by name.
async fn connect(
    row: Arc<TrunkRow>,
    connector: TlsConnector,
) -> Result<TlsStream<TcpStream>, String> {
    let (host, port) = (row.uri.host.clone(), row.uri.port);
    let connecting = async {
        let tcp = TcpStream::connect((host.as_str(), port))
            .await
            .map_err(|error| format!("cannot connect to {host}:{port}: {error}"))?;
        let _ = tcp.set_nodelay(true);
        // The reference identity is the configured name, never an address DNS gave (case 50).
        let name = ServerName::try_from(host.clone())
            .map_err(|_| format!("{host} is not a name a certificate can carry"))?;
        let connected = connector.connect(name, tcp).await;
        connected.map_err(|error| tls::explain_client_error(&error, &host))
    };
    match timeout(limit::LINK_CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(format!("{host}:{port} did not answer in time")),
    }
}

fn removed(reports: &[Event]) -> bool {
    let is_last = |report: &Event| {
        matches!(
            report,
            Event::Registration(RegistrationState::Removed | RegistrationState::Failed { .. })
        )
    };
    reports.iter().any(is_last)
}
