//! The edge from outside: every URL through the real router, sockets through real connections.

mod bodies;
mod connections;
mod cookies;
mod described;
mod headers;
mod ids;
mod limits;
mod matrix;
mod origins;
mod plain;
mod reach;
mod secrets;
mod signing_in;
mod sockets;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::*;
use crate::access::audit::Audit;
use crate::access::organisation::{Author, NewPerson};
use crate::access::throttle::{Load, RateLimits};
use crate::access::{
    Access, AccessParts, DevAgent, Letter, Level, Mailbox, Role, TrustedProxies, WorkspaceId,
};
use crate::base::{Clock, Secret, UnixTime};
use crate::config::{Config, DevFlags, Mode};
use crate::engine::door::{ListenerKind, PhoneDoor, PhoneInfo, PhoneSocket};
use crate::net::fetch::{Exceptions, Fetcher};
use crate::oidc::OidcClient;
use crate::store::Store;
use crate::vault::{SecretBook, TrunkBook, Vault};

const ORIGIN: &str = "http://localhost:8080";
const PASSWORD: &str = "seventeen orange kites";

/// A door that keeps what comes through.
struct Phones {
    arrived: mpsc::Sender<(PhoneSocket, PhoneInfo)>,
    has_room: Mutex<bool>,
}

impl PhoneDoor for Phones {
    fn has_room(&self) -> bool {
        *self.has_room.lock().unwrap()
    }

    fn phone_connected(&self, socket: PhoneSocket, phone: PhoneInfo) {
        self.arrived.try_send((socket, phone)).unwrap();
    }
}

/// A mailbox that keeps what is posted.
#[derive(Default)]
struct Letters(Mutex<Vec<(String, Letter)>>);

impl Mailbox for Letters {
    fn post(&self, to: &str, letter: Letter) {
        self.0.lock().unwrap().push((to.to_string(), letter));
    }
}

/// An engine that leads nowhere, and mail that always arrives.
struct Nowhere;

impl DialPlan for Nowhere {
    fn lead<'a>(&'a self, _: WorkspaceId, _: &'a str, number: &'a str) -> BoxFuture<'a, Lead> {
        let words = format!("{number} leads nowhere");
        Box::pin(async move { Lead { route: "refused", words } })
    }
}

impl MailTest for Nowhere {
    fn send<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

struct Edge {
    services: Arc<Services>,
    router: Router,
    clock: Clock,
    agents: Vec<DevAgent>,
    phones: Arc<Phones>,
    arrived: mpsc::Receiver<(PhoneSocket, PhoneInfo)>,
    letters: Arc<Letters>,
    load: Arc<Mutex<u16>>,
    folder: tempfile::TempDir,
}

impl Edge {
    async fn new() -> Self {
        Self::of(Mode::Development, &[]).await
    }

    async fn in_production() -> Self {
        Self::of(Mode::Production, &[]).await
    }

    async fn of(mode: Mode, proxies: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(UnixTime(1_700_000_000));
        let store = Store::open(folder.path()).await.unwrap();
        let vault = Arc::new(Vault::open(folder.path(), &store, clock.unix()).await.unwrap());
        let audit = Audit::open(store.clone(), vault.clone(), folder.path(), clock.clone());
        let audit = audit.await.unwrap();
        let letters = Arc::new(Letters::default());
        let access = Access::open(AccessParts {
            store: store.clone(),
            vault: vault.clone(),
            audit,
            clock: clock.clone(),
            issuer: "localhost".into(),
            mailbox: letters.clone(),
        });
        let access = Arc::new(access.await.unwrap());
        let origins = vec!["http://localhost:8080".to_string()];
        access.serve(crate::access::passkey::Site::new("localhost", origins).unwrap());
        let agents = access.dev_agents().await.unwrap();
        let mut config = Config::dev(DevFlags::default()).unwrap();
        config.mode = mode;
        let plain = config.server.listen_plain;
        let (arriving, arrived) = mpsc::channel(128);
        let phones = Arc::new(Phones { arrived: arriving, has_room: Mutex::new(true) });
        let load = Arc::new(Mutex::new(0));
        let busy = load.clone();
        let busy = move || Load::per_mille(*busy.lock().unwrap());
        let services = Arc::new(Services {
            public_origin: "https://localhost".into(),
            origins: Origins::new(&config, plain, &config.server.listen_tls),
            config: Arc::new(config),
            clock: clock.clone(),
            secrets: SecretBook::new(store.clone(), vault.clone(), clock.clone()),
            trunks: TrunkBook::new(store.clone(), vault.clone(), clock.clone()),
            oidc: Arc::new(OidcClient::new(Fetcher::new(Exceptions::default()).unwrap())),
            proxies: TrustedProxies::new(proxies.iter().map(|network| network.parse().unwrap())),
            limits: Limits::new(RateLimits::default(), clock.clone(), Box::new(busy)),
            readiness: Box::new(Vec::new),
            phones: phones.clone(),
            dial_plan: Arc::new(Nowhere),
            mail_test: Arc::new(Nowhere),
            store,
            vault,
            access,
        });
        let router = router(services.clone());
        Self { services, router, clock, agents, phones, arrived, letters, load, folder }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        self.send_over(ListenerKind::Plain, request).await
    }

    async fn send_over(&self, listener: ListenerKind, request: Request<Body>) -> Answer {
        self.send_from(remote(), listener, request).await
    }

    async fn send_from(
        &self,
        remote: SocketAddr,
        listener: ListenerKind,
        mut request: Request<Body>,
    ) -> Answer {
        request.extensions_mut().insert(Peer { remote, listener });
        Answer::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request("GET", path, headers, String::new())).await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.write("POST", path, headers, body).await
    }

    async fn write(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let headers =
            [&[("content-type", "application/json"), ("origin", ORIGIN)], headers].concat();
        self.send(request(method, path, &headers, body.to_string())).await
    }

    /// Signs one of development's people in by link; `name=value` of the cookie.
    async fn sign_in(&self, number: &str) -> String {
        let user = self.agent(number).member.user.id;
        self.sign_in_by_link(user).await
    }

    async fn sign_in_by_link(&self, user: crate::access::UserId) -> String {
        let key = self.services.access.start_links().make(user).unwrap();
        let answer = self.post("/api/v1/start", &[], &json!({"key": key.expose()})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.cookie()
    }

    fn agent(&self, number: &str) -> &DevAgent {
        self.agents.iter().find(|agent| agent.member.membership.number == number).unwrap()
    }

    fn home(&self) -> WorkspaceId {
        self.agent("1009").member.membership.workspace_id
    }

    /// Adds somebody whose name is their number and whose password is [`PASSWORD`].
    async fn add(
        &self,
        workspace: WorkspaceId,
        number: &str,
        role: Role,
        level: u8,
    ) -> crate::store::Member {
        let new = person(number, role, level);
        let people = self.services.access.organisation().people();
        people.add(&Author::system(), workspace, &new).await.unwrap()
    }

    /// A connection as the server's listener would accept it.
    fn connect(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(256 * 1024);
        let http = Http::new(self.services.clone());
        tokio::spawn(
            async move { http.serve_connection(far, ListenerKind::Plain, remote()).await },
        );
        near
    }

    /// Sends an upgrade; the answer's head.
    async fn upgrade(&self, path: &str, headers: &[(&str, &str)]) -> String {
        let mut head = format!("GET {path} HTTP/1.1\r\nHost: localhost:8080\r\n");
        for (name, value) in
            UPGRADE.iter().filter(|(name, _)| !headers.iter().any(|h| h.0 == *name))
        {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        for (name, value) in headers.iter().filter(|(_, value)| *value != "-") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.exchange(format!("{head}\r\n").as_bytes()).await
    }

    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut connection = self.connect();
        connection.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
            match connection.read(&mut buffer).await.unwrap() {
                0 => break,
                length => answer.extend_from_slice(&buffer[..length]),
            }
        }
        String::from_utf8(answer).unwrap()
    }
}

fn person(number: &str, role: Role, level: u8) -> NewPerson {
    NewPerson {
        name: format!("p{number}"),
        display_name: None,
        email: None,
        role: Some(role),
        level: Level::new(level),
        number: number.into(),
        password: Some(Secret::new(PASSWORD)),
    }
}

const UPGRADE: [(&str, &str); 6] = [
    ("upgrade", "websocket"),
    ("connection", "keep-alive, Upgrade"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-protocol", "sip"),
    ("origin", ORIGIN),
];

fn remote() -> SocketAddr {
    "127.0.0.1:50000".parse().unwrap()
}

fn at(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse::<IpAddr>().unwrap(), 50_000)
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body)).unwrap()
}

struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Value,
    text: String,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Self { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn cookie(&self) -> String {
        self.header("set-cookie").unwrap().split(';').next().unwrap().to_string()
    }

    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }
}

fn status_of(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// Longer than any window of a rate limit but the hourly ones.
const A_WHILE: Duration = Duration::from_secs(16 * 60);
