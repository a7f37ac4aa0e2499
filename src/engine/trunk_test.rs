//! `ringfence trunk test`: the steps of a link, one by one, with words for each.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::host_of;
use crate::base::{Clock, Secret, limit};
use crate::net::tls;
use crate::sip::digest::Credentials;
use crate::sip::framing::{Frame, StreamFramer};
use crate::sip::message::Message;
use crate::sip::uri::{Host, Uri};
use crate::sip::user_agent::{
    Command, Event, Output, PeerKind, Random, Registration, RegistrationState, Transport,
    UserAgent, UserAgentConfig,
};
use crate::store::TrunkRow;

/// How long the PBX has for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// One step of the test.
#[derive(Clone, Debug, serde::Serialize)]
pub struct TrunkStep {
    /// `address`, `connect`, `tls`, `options`, `register`.
    pub step: &'static str,
    /// Whether it succeeded.
    pub ok: bool,
    /// What was found, or what to do.
    pub detail: String,
    /// How long it took, milliseconds.
    pub took_ms: u64,
}

/// What a test found: the steps up to the first that failed.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct TrunkReport {
    /// In order.
    pub steps: Vec<TrunkStep>,
}

/// Tries a trunk without the running server: name, TCP, TLS, OPTIONS, and, when it is to register,
/// a registration that is taken back at once.
pub async fn test_trunk(
    clock: &Clock,
    row: &TrunkRow,
    password: Option<Secret>,
    ca_file: Option<PathBuf>,
) -> TrunkReport {
    let mut test = Test { clock: clock.clone(), report: TrunkReport::default(), at: clock.now() };
    test.run(row, password, ca_file).await;
    test.report
}

struct Test {
    clock: Clock,
    report: TrunkReport,
    at: Instant,
}

impl Test {
    async fn run(
        &mut self,
        row: &TrunkRow,
        password: Option<Secret>,
        ca_file: Option<PathBuf>,
    ) -> Option<()> {
        let (host, port) = (row.uri.host.clone(), row.uri.port);
        let found = lookup_host((host.as_str(), port)).await;
        let addresses: Vec<_> = found.into_iter().flatten().collect();
        let address = addresses.first().copied().ok_or_else(|| format!("{host} has no address"));
        let address = self.note("address", address.map(|a| (a, a.ip().to_string())))?;

        let tcp = timeout(limit::LINK_CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        let tcp = match tcp {
            Ok(Ok(tcp)) => Ok((tcp, format!("{address}"))),
            Ok(Err(error)) => Err(format!("cannot connect to {address}: {error}")),
            Err(_) => Err(format!("{address} did not answer in time")),
        };
        let tcp = self.note("connect", tcp)?;

        let secured = secure(tcp, row, ca_file).await;
        let mut stream = self.note("tls", secured)?;

        let mut talk = Talk::new(row, password, &stream, self.clock.clone());
        let options = talk.ask(&mut stream, Command::Ping).await.and_then(|event| match event {
            Event::Pinged { alive: true } => Ok(((), "the PBX answers".to_owned())),
            _ => Err("no answer to OPTIONS: is this a SIP/TLS port?".to_owned()),
        });
        self.note("options", options)?;
        if row.register {
            let registered = talk.register(&mut stream, row).await;
            self.note("register", registered)?;
        }
        Some(())
    }

    fn note<T>(&mut self, step: &'static str, result: Result<(T, String), String>) -> Option<T> {
        let now = self.clock.now();
        let took_ms = u64::try_from((now - self.at).as_millis()).unwrap_or(u64::MAX);
        self.at = now;
        let (value, ok, detail) = match result {
            Ok((value, detail)) => (Some(value), true, detail),
            Err(detail) => (None, false, detail),
        };
        self.report.steps.push(TrunkStep { step, ok, detail, took_ms });
        value
    }
}

async fn secure(
    tcp: TcpStream,
    row: &TrunkRow,
    ca_file: Option<PathBuf>,
) -> Result<(TlsStream<TcpStream>, String), String> {
    let host = row.uri.host.clone();
    let authorities = tls::Authorities { file: ca_file, pem: row.ca_pem.clone() };
    let config = tls::client_config(&authorities).map_err(|error| error.to_string())?;
    let name = ServerName::try_from(host.clone())
        .map_err(|_| format!("{host} is not a name a certificate can carry"))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    let stream = timeout(limit::LINK_CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| "TLS did not finish in time".to_owned())?
        .map_err(|error| tls::explain_client_error(&error, &host))?;
    let version = stream.get_ref().1.protocol_version();
    let detail = format!("{}, certificate verified for {host}", version.map_or("TLS", words));
    Ok((stream, detail))
}

fn words(version: rustls::ProtocolVersion) -> &'static str {
    match version {
        rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3",
        rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2",
        _ => "TLS",
    }
}

/// A user agent and its framing, driven for a few questions.
struct Talk {
    clock: Clock,
    user_agent: UserAgent,
    framer: StreamFramer,
}

impl Talk {
    fn new(
        row: &TrunkRow,
        password: Option<Secret>,
        stream: &TlsStream<TcpStream>,
        clock: Clock,
    ) -> Self {
        let local = stream.get_ref().0.local_addr().ok();
        let host = local.map_or(Host::None, |local| Host::from(local.ip()));
        let user = row.user.clone().unwrap_or_else(|| "ringfence".to_owned());
        let mut contact = Uri::sip(Some(&user), host.clone());
        contact.port = local.map(|local| local.port());
        contact.params.set("transport", "tls");
        let sent_by = contact.port.map_or(host.to_string(), |port| format!("{host}:{port}"));
        let credentials = password.map(|password| Credentials { user, password, realm: None });
        let user_agent = UserAgent::new(UserAgentConfig {
            transport: Transport::Tls,
            sent_by,
            contact,
            product: "Ringfence".to_owned(),
            peer: PeerKind::Trunk,
            peer_uri: Some(Uri::sip(None, host_of(&row.uri.host))),
            credentials,
            challenge: None,
            transactions_max: limit::TRANSACTIONS_PER_FLOW_MAX,
            dialogs_max: 1,
            random: Random::system(),
        });
        Self { clock, user_agent, framer: StreamFramer::new() }
    }

    async fn register(
        &mut self,
        stream: &mut TlsStream<TcpStream>,
        row: &TrunkRow,
    ) -> Result<((), String), String> {
        let domain = row.domain.as_deref().unwrap_or(&row.uri.host);
        let aor = Uri::sip(row.user.as_deref(), host_of(domain));
        let registration =
            |expires_s| Command::Register(Box::new(Registration { aor: aor.clone(), expires_s }));
        match self.ask(stream, registration(limit::REGISTER_EXPIRES_MIN_S)).await? {
            Event::Registration(RegistrationState::Registered { expires_s }) => {
                let _ = self.ask(stream, registration(0)).await;
                Ok(((), format!("accepted for {expires_s} s and taken back")))
            }
            Event::Registration(RegistrationState::Failed { status, reason, .. }) => {
                Err(format!("refused with {status} {reason}: check user and password"))
            }
            _ => Err("no answer".to_owned()),
        }
    }

    /// Gives a command and waits for the first report.
    async fn ask(
        &mut self,
        stream: &mut TlsStream<TcpStream>,
        command: Command,
    ) -> Result<Event, String> {
        let until = self.clock.now() + ANSWER_TIMEOUT;
        self.user_agent.handle_command(self.clock.now(), command);
        let mut buffer = vec![0; 8 * 1024];
        loop {
            while let Some(output) = self.user_agent.poll_output() {
                match output {
                    Output::Transmit(bytes) => {
                        stream.write_all(&bytes).await.map_err(|error| error.to_string())?;
                    }
                    Output::Event(event) => return Ok(event),
                }
            }
            stream.flush().await.map_err(|error| error.to_string())?;
            let wake = self.user_agent.poll_timeout().map_or(until, |at| at.min(until));
            tokio::select! {
                read = stream.read(&mut buffer) => match read {
                    Ok(0) => return Err("the PBX closed the connection".to_owned()),
                    Ok(length) => self.take(buffer.get(..length).unwrap_or_default())?,
                    Err(error) => return Err(error.to_string()),
                },
                () = sleep_until(wake.into()) => {
                    if self.clock.now() >= until {
                        return Err("no answer in time".to_owned());
                    }
                    self.user_agent.handle_timeout(self.clock.now());
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.framer.push(bytes);
        while let Some(frame) = self.framer.next() {
            if let Frame::Message(bytes) = frame.map_err(|error| error.to_string())? {
                self.user_agent.handle_message(self.clock.now(), Message::parse(&bytes));
            }
        }
        Ok(())
    }
}
