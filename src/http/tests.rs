//! The edge from outside: every URL through the real router, sockets through real connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tower::ServiceExt;

use super::*;
use crate::access::{Access, DevAgent, NewPerson, Principal};
use crate::base::{Clock, Secret, UnixTime, limit};
use crate::config::{Config, DevFlags, Mode};
use crate::engine::door::{ListenerKind, PhoneDoor, PhoneInfo, PhoneSocket};
use crate::store::{Level, Store};
use crate::vault::{TrunkBook, Vault};

const ORIGIN: &str = "http://localhost:8080";

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

struct Edge {
    services: Arc<Services>,
    router: Router,
    clock: Clock,
    agents: Vec<DevAgent>,
    phones: Arc<Phones>,
    arrived: mpsc::Receiver<(PhoneSocket, PhoneInfo)>,
    folder: tempfile::TempDir,
}

impl Edge {
    async fn new() -> Self {
        Self::of(Mode::Development).await
    }

    async fn of(mode: Mode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(UnixTime(1_000_000));
        let store = Store::open(folder.path()).await.unwrap();
        let vault = Arc::new(Vault::open(folder.path(), &store, clock.unix()).await.unwrap());
        let access = Arc::new(Access::new(store.clone(), &vault, clock.clone(), "localhost"));
        let agents = access.dev_agents().await.unwrap();
        let mut config = Config::dev(DevFlags::default()).unwrap();
        config.mode = mode;
        let plain = config.server.listen_plain;
        let (arriving, arrived) = mpsc::channel(8);
        let phones = Arc::new(Phones { arrived: arriving, has_room: Mutex::new(true) });
        let services = Arc::new(Services {
            origins: Origins::new(&config, plain, &config.server.listen_tls),
            config: Arc::new(config),
            clock: clock.clone(),
            trunks: TrunkBook::new(store.clone(), vault, clock.clone()),
            store,
            access,
            readiness: Box::new(Vec::new),
            phones: phones.clone(),
        });
        let router = router(services.clone());
        Self { services, router, clock, agents, phones, arrived, folder }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        self.send_over(ListenerKind::Plain, request).await
    }

    async fn send_over(&self, listener: ListenerKind, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(Peer { remote: remote(), listener });
        Answer::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request("GET", path, headers, String::new())).await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers =
            [&[("content-type", "application/json"), ("origin", ORIGIN)], headers].concat();
        self.send(request("POST", path, &headers, body.to_string())).await
    }

    /// Signs somebody in by link; `name=value` of the cookie.
    async fn sign_in(&self, number: &str) -> String {
        let user = self.agent(number).user.id;
        let key = self.services.access.start_links().make(user).unwrap();
        let answer = self.post("/api/v1/start", &[], &json!({"key": key.expose()})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.cookie()
    }

    fn agent(&self, number: &str) -> &DevAgent {
        self.agents.iter().find(|agent| agent.user.number == number).unwrap()
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
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
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

#[tokio::test]
async fn w04_a21_every_answer_has_the_security_headers_errors_too() {
    let edge = Edge::of(Mode::Production).await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/api/v1/me"),
        ("GET", "/api/v1/nothing"),
        ("GET", "/api"),
        ("PATCH", "/api/v1/me"),
        ("POST", "/api/v1/login"),
        ("OPTIONS", "/api/v1/me"),
        ("GET", "/nothing.js"),
        ("GET", "/ws"),
        ("GET", "/%00"),
    ] {
        let request = request(method, path, &[], String::new());
        let answer = edge.send_over(ListenerKind::Tls, request).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("x-xss-protection", "0"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("origin-agent-cluster", "?1"),
            ("x-permitted-cross-domain-policies", "none"),
            ("x-dns-prefetch-control", "off"),
            ("x-download-options", "noopen"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("vary", "Origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method} {path} {name}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        for part in
            ["default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(part), "{part} not in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(answer.header("permissions-policy").unwrap().contains("microphone=(self)"));
        for absent in ["server", "x-powered-by", "access-control-allow-origin"] {
            assert_eq!(answer.header(absent), None, "{path}");
        }
        if path.starts_with("/api") {
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        }
        assert!(answer.status < 500, "{path}: {}", answer.status);
    }
    let development = Edge::new().await.get("/healthz", &[]).await;
    assert_eq!(development.header("strict-transport-security"), None);
}

#[tokio::test]
async fn a_person_signs_in_with_a_password_and_out_again() {
    let edge = Edge::new().await;
    let person = NewPerson {
        name: "ann".into(),
        display_name: Some("Ann".into()),
        email: None,
        number: "2001".into(),
        level: Level::new(5).unwrap(),
        password: Some(Secret::new("correct horse")),
    };
    edge.services.access.add_person(&person).await.unwrap();
    let login = json!({"user": "ann", "password": "correct horse"});
    let answer = edge.post("/api/v1/login", &[], &login).await;
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("ringfence-dev=") && cookie.contains("HttpOnly; SameSite=Strict"));
    let cookie = answer.cookie();

    let me = edge.get("/api/v1/me", &[("cookie", &cookie)]).await;
    assert_eq!(me.status, 200);
    assert_eq!(me.body["number"], "2001");
    assert_eq!((&me.body["level"], &me.body["tier"]), (&json!(5), &json!("supervisor")));
    assert_eq!(me.body["user"], "ann");

    let token = edge.post("/api/v1/token", &[("cookie", &cookie)], &json!({})).await;
    assert_eq!(token.body["expires_in"], 600);
    let bearer = format!("Bearer {}", token.body["token"].as_str().unwrap());
    let bearer = [("authorization", bearer.as_str())];
    assert_eq!(edge.get("/api/v1/me", &bearer).await.status, 200);

    let phone = edge.get("/api/v1/phone", &bearer).await;
    assert_eq!((&phone.body["ws"], &phone.body["display_name"]), (&json!("/ws"), &json!("Ann")));
    assert_eq!(phone.body["built_in"][0]["number"], "*43");

    let out = edge.post("/api/v1/logout", &[("cookie", &cookie)], &json!({})).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(edge.get("/api/v1/me", &[("cookie", &cookie)]).await.code(), "not_signed_in");
    let dead = edge.get("/api/v1/me", &bearer).await;
    assert_eq!((dead.status, dead.code()), (401, "session_ended"));
}

#[tokio::test]
async fn a20_o07_refusals_of_a_sign_in_are_all_the_same_and_tell_nothing() {
    let edge = Edge::new().await;
    let mut bodies = Vec::new();
    for user in ["1001", "nobody", "' OR 1=1 --"] {
        let answer = edge.post("/api/v1/login", &[], &json!({"user": user, "password": "x"})).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        bodies.push(answer.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}

#[tokio::test]
async fn a13_signing_in_gives_a_new_cookie_and_ends_the_session_of_the_old_one() {
    let edge = Edge::new().await;
    let first = edge.sign_in("1001").await;
    let key = edge.services.access.start_links().make(edge.agent("1001").user.id).unwrap();
    let key = json!({"key": key.expose()});
    let second = edge.post("/api/v1/start", &[("cookie", &first)], &key).await;
    assert_ne!(second.cookie(), first);
    assert_eq!(edge.get("/api/v1/me", &[("cookie", &first)]).await.status, 401);
    let planted = format!("ringfence-dev={}", "a".repeat(43));
    assert_eq!(edge.get("/api/v1/me", &[("cookie", &planted)]).await.status, 401);
    let again = edge.post("/api/v1/start", &[], &key).await;
    assert_eq!((again.status, again.code()), (410, "link_dead"));
}

#[tokio::test]
async fn a_token_may_not_renew_itself() {
    let edge = Edge::new().await;
    let bearer = format!("Bearer {}", edge.agent("1001").token.expose());
    let answer = edge.post("/api/v1/token", &[("authorization", &bearer)], &json!({})).await;
    assert_eq!((answer.status, answer.code()), (401, "not_signed_in"));
}

#[tokio::test]
async fn w03_a_request_from_another_site_changes_nothing() {
    let edge = Edge::new().await;
    let cookie = edge.sign_in("1001").await;
    let json = ("content-type", "application/json");
    let cookie = ("cookie", cookie.as_str());
    let cases: [(&[(&str, &str)], u16); 9] = [
        (&[json, cookie, ("origin", "https://evil.example")], 403),
        (&[json, cookie, ("origin", "null")], 403),
        (&[json, cookie, ("sec-fetch-site", "cross-site")], 403),
        (&[json, cookie, ("sec-fetch-site", "same-site")], 403),
        (&[json, cookie, ("sec-fetch-site", "none")], 403),
        (&[json, cookie], 403),
        (&[("content-type", "text/plain"), cookie, ("origin", ORIGIN)], 415),
        (&[("content-type", "application/x-www-form-urlencoded"), cookie, ("origin", ORIGIN)], 415),
        (&[cookie, ("origin", ORIGIN)], 415),
    ];
    for (headers, status) in cases {
        let answer = edge.send(request("POST", "/api/v1/logout", headers, "{}".into())).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    assert_eq!(edge.get("/api/v1/me", &[cookie]).await.status, 200, "still signed in");
    for path in ["/api/v1/logout", "/api/v1/token", "/api/v1/ticket", "/api/v1/login"] {
        let answer = edge.get(path, &[cookie]).await;
        assert_eq!((answer.status, answer.code()), (405, "method_not_allowed"), "{path}");
    }
    let own = [json, cookie, ("sec-fetch-site", "same-origin")];
    let answer = edge.send(request("POST", "/api/v1/logout", &own, "{}".into())).await;
    assert_eq!(answer.status, 204);
    let foreign = [json, ("origin", "https://evil.example")];
    let login = r#"{"user":"1001","password":"x"}"#.to_string();
    let answer = edge.send(request("POST", "/api/v1/login", &foreign, login)).await;
    assert_eq!(answer.status, 403, "nobody is signed in from elsewhere");
}

#[tokio::test]
async fn w02_a37_only_origins_on_the_list_are_answered_across_origins() {
    let edge = Edge::new().await;
    let allowed = edge.get("/api/v1/me", &[("origin", "https://localhost:8443")]).await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://localhost:8443"));
    assert_eq!(allowed.header("access-control-allow-credentials"), Some("true"));
    for origin in
        ["https://evil.example", "null", "http://localhost:8081", "http://localhost:8080.evil"]
    {
        for method in ["GET", "OPTIONS"] {
            let answer = edge
                .send(request(method, "/api/v1/me", &[("origin", origin)], String::new()))
                .await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
    }
}

#[tokio::test]
async fn w16_s08_bad_bodies_are_refused_with_the_field() {
    let edge = Edge::new().await;
    let send = async |body: String| {
        let headers = [("content-type", "application/json; charset=utf-8"), ("origin", ORIGIN)];
        let answer = edge.send(request("POST", "/api/v1/login", &headers, body)).await;
        (
            answer.status,
            answer.code().to_string(),
            answer.body["field"].as_str().map(str::to_string),
        )
    };
    let field = |name: &str| Some(name.to_string());
    let long = format!("{{\"user\":\"{}\"}}", "a".repeat(limit::HTTP_BODY_BYTES_MAX));
    assert_eq!(send(long).await, (413, "body_too_large".into(), None));
    assert_eq!(send("{".into()).await, (400, "not_json".into(), None));
    assert_eq!(
        send(r#"{"user":"a"}"#.into()).await,
        (422, "invalid_field".into(), field("password"))
    );
    let more = r#"{"user":"a","password":"b","level":9}"#;
    assert_eq!(send(more.into()).await, (422, "invalid_field".into(), field("level")));
    let crlf = r#"{"user":"a\r\nVia: x","password":"b"}"#;
    assert_eq!(send(crlf.into()).await, (422, "control_character".into(), field("user")));
}

#[tokio::test]
async fn w07_a_body_that_never_comes_is_given_up() {
    let edge = Edge::new().await;
    tokio::time::pause();
    let head = format!(
        "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\n\
         Content-Type: application/json\r\nContent-Length: 10\r\n\r\n"
    );
    let answer = edge.exchange(head.as_bytes()).await;
    assert_eq!(status_of(&answer), 408, "{answer}");
}

#[tokio::test]
async fn w07_a_head_that_never_ends_closes_the_connection() {
    let edge = Edge::new().await;
    tokio::time::pause();
    let answer = edge.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n").await;
    assert!(answer.is_empty() || status_of(&answer) == 408, "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let edge = Edge::new().await;
    let long = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n",
        "a".repeat(limit::HTTP_HEAD_BYTES_MAX)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
        "a: b\r\n".repeat(limit::HTTP_HEADERS_MAX + 1)
    );
    for head in [long, many] {
        assert_eq!(status_of(&edge.exchange(head.as_bytes()).await), 431);
    }
}

#[tokio::test]
async fn w14_smuggled_requests_are_refused() {
    let edge = Edge::new().await;
    for head in [
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    ] {
        assert_eq!(status_of(&edge.exchange(head.as_bytes()).await), 400, "{head}");
    }
}

#[tokio::test]
async fn the_server_is_ready_or_says_why_not() {
    let mut edge = Edge::new().await;
    let ready = edge.get("/readyz", &[]).await;
    assert_eq!((ready.status, &ready.body["ready"]), (200, &json!(true)));
    edge.phones = Arc::new(Phones { arrived: mpsc::channel(1).0, has_room: Mutex::new(true) });
    let store = edge.services.store.clone();
    store.close().await;
    let down = edge.get("/readyz", &[]).await;
    assert_eq!((down.status, &down.body["reasons"][0]["code"]), (503, &json!("store")));
    assert_eq!(edge.get("/healthz", &[]).await.status, 200);
    let me =
        edge.get("/api/v1/me", &[("cookie", &format!("ringfence-dev={}", "a".repeat(43)))]).await;
    assert_eq!((me.status, me.code(), me.header("retry-after")), (503, "unavailable", Some("5")));
}

#[tokio::test]
async fn an_upgrade_is_answered_with_the_subprotocol_and_without_compression() {
    let mut edge = Edge::new().await;
    let extensions = ("sec-websocket-extensions", "permessage-deflate");
    let head = edge.upgrade("/ws", &[extensions, ("user-agent", "Phone/1")]).await.to_lowercase();
    assert_eq!(status_of(&head), 101, "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    assert!(head.contains("sec-websocket-protocol: sip\r\n"), "{head}");
    assert!(!head.contains("extensions"), "{head}");
    let (_, phone) = edge.arrived.recv().await.unwrap();
    assert_eq!(phone.principal, None, "the first REGISTER must say who");
    assert_eq!((phone.remote, phone.user_agent.as_deref()), (remote(), Some("Phone/1")));
}

#[tokio::test]
async fn a_socket_carries_messages_both_ways_and_refuses_what_is_too_long() {
    let mut edge = Edge::new().await;
    let mut request = "ws://localhost:8080/ws".into_client_request().unwrap();
    request.headers_mut().insert("origin", ORIGIN.parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", "sip".parse().unwrap());
    let connection = edge.connect();
    let (mut browser, _) = tokio_tungstenite::client_async(request, connection).await.unwrap();
    let (mut phone, _) = edge.arrived.recv().await.unwrap();
    let longest = "a".repeat(limit::SIP_MESSAGE_BYTES_MAX);
    browser.send(Message::text(longest.clone())).await.unwrap();
    assert_eq!(phone.next().await.unwrap().unwrap(), Message::text(longest.clone()));
    phone.send(Message::text("SIP/2.0 200 OK")).await.unwrap();
    assert_eq!(browser.next().await.unwrap().unwrap(), Message::text("SIP/2.0 200 OK"));
    browser.send(Message::text(format!("{longest}a"))).await.unwrap();
    assert!(phone.next().await.unwrap().is_err());
}

#[tokio::test]
async fn w01_c46_an_upgrade_is_checked_in_order_before_any_session() {
    let edge = Edge::new().await;
    for (headers, status, words) in [
        (vec![("upgrade", "-")], 426, "WebSocket"),
        (vec![("connection", "close")], 426, "WebSocket"),
        (vec![("sec-websocket-version", "8")], 426, "version 13"),
        (vec![("sec-websocket-key", "-")], 400, "Sec-WebSocket-Key"),
        (vec![("sec-websocket-key", "c2hvcnQ=")], 400, "16 bytes"),
        (vec![("origin", "-")], 403, "origin"),
        (vec![("origin", "https://evil.example")], 403, "origin"),
        (vec![("origin", "null")], 403, "origin"),
        (vec![("origin", "https://localhost:8080")], 403, "origin"),
        (vec![("origin", "http://localhost:8080.evil.example")], 403, "origin"),
        (vec![("sec-websocket-protocol", "-")], 400, "subprotocol `sip`"),
        (vec![("sec-websocket-protocol", "sipp, mqtt")], 400, "subprotocol `sip`"),
        (vec![("origin", "null"), ("authorization", "Bearer x")], 403, "origin"),
        (vec![("authorization", "Bearer x")], 401, "token"),
        (vec![("authorization", "Basic eDp5")], 401, "Bearer"),
    ] {
        let answer = edge.upgrade("/ws", &headers).await;
        assert_eq!(status_of(&answer), status, "{headers:?}: {answer}");
        assert!(answer.contains(words), "{words} not in {answer}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    }
    let old = format!("GET /ws HTTP/1.0\r\nHost: x\r\nOrigin: {ORIGIN}\r\n\r\n");
    assert_eq!(status_of(&edge.exchange(old.as_bytes()).await), 400);
}

#[tokio::test]
async fn k13_a_credential_that_comes_with_the_upgrade_is_checked_before_101() {
    let mut edge = Edge::new().await;
    let cookie = edge.sign_in("1005").await;
    let ticket = edge.post("/api/v1/ticket", &[("cookie", &cookie)], &json!({})).await;
    let ticket = format!("/ws?ticket={}", ticket.body["ticket"].as_str().unwrap());
    let bearer = format!("Bearer {}", edge.agent("1001").token.expose());
    for (path, headers, number) in [
        ("/ws", vec![("cookie", cookie.as_str())], "1005"),
        ("/ws", vec![("authorization", bearer.as_str())], "1001"),
        ("/ws", vec![("authorization", bearer.as_str()), ("cookie", cookie.as_str())], "1001"),
        (ticket.as_str(), vec![], "1005"),
    ] {
        let answer = edge.upgrade(path, &headers).await;
        assert_eq!(status_of(&answer), 101, "{headers:?}: {answer}");
        let (_, phone) = edge.arrived.recv().await.unwrap();
        assert_eq!(&*phone.principal.unwrap().number, number);
    }
    let again = edge.upgrade(&ticket, &[]).await;
    assert!(status_of(&again) == 401 && again.contains("ticket_invalid"), "{again}");
    let planted = format!("ringfence-dev={}", "a".repeat(43));
    assert_eq!(status_of(&edge.upgrade("/ws", &[("cookie", &planted)]).await), 401);
    for path in
        [&format!("/ws?token={}", edge.agent("1001").token.expose()), "/ws?ticket=a&ticket=b"]
    {
        let answer = edge.upgrade(path, &[]).await;
        assert!(status_of(&answer) == 400 && answer.contains("bad_query"), "{answer}");
    }
}

#[tokio::test]
async fn k13_a_token_of_too_low_a_level_or_of_an_ended_session_opens_no_socket() {
    let edge = Edge::new().await;
    let access = &edge.services.access;
    let user = &edge.agent("1001").user;
    let low = access.mint_for(user, Level::NONE).await.unwrap().token;
    let answer =
        edge.upgrade("/ws", &[("authorization", &format!("Bearer {}", low.expose()))]).await;
    assert!(status_of(&answer) == 403 && answer.contains("level_too_low"), "{answer}");
    let token = edge.agent("1001").token.expose();
    let bearer = format!("Bearer {token}");
    let principal: Principal = access.check_token(token).unwrap();
    access.end_session(principal.session_id, crate::store::Ending::Revoked).await.unwrap();
    let answer = edge.upgrade("/ws", &[("authorization", &bearer)]).await;
    assert!(status_of(&answer) == 401 && answer.contains("session_ended"), "{answer}");
    edge.clock.advance(Duration::from_secs(600));
    let late = format!("Bearer {}", edge.agent("1005").token.expose());
    let answer = edge.upgrade("/ws", &[("authorization", &late)]).await;
    assert!(status_of(&answer) == 401 && answer.contains("token_expired"), "{answer}");
}

#[tokio::test]
async fn d01_a_full_server_refuses_sockets_before_their_upgrade() {
    let edge = Edge::new().await;
    *edge.phones.has_room.lock().unwrap() = false;
    let answer = edge.upgrade("/ws", &[]).await.to_lowercase();
    assert!(status_of(&answer) == 503 && answer.contains("retry-after: 10"), "{answer}");
}

#[tokio::test]
async fn k16_the_data_folder_holds_no_cookie_and_no_token() {
    let edge = Edge::new().await;
    let cookie = edge.sign_in("1001").await;
    let secrets = [
        cookie.split('=').nth(1).unwrap().to_string(),
        edge.agent("1001").token.expose().to_string(),
    ];
    for entry in std::fs::read_dir(edge.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        }
    }
}

#[tokio::test]
async fn unknown_addresses_of_the_api_are_problems_and_others_are_the_page() {
    let edge = Edge::new().await;
    for path in ["/api", "/api/v1", "/api/v2/me", "/api/v1/me/x"] {
        let answer = edge.get(path, &[]).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}");
    }
    let page = edge.get("/phone/settings", &[]).await;
    let is_built = page.header("content-type") == Some("text/html; charset=utf-8");
    assert!(is_built || page.code() == "not_built", "{}", page.body);
    if is_built {
        assert_eq!(page.header("cache-control"), Some("no-cache"));
    }
}

#[tokio::test]
async fn metrics_have_a_page_of_their_own() {
    let page = MetricsPage::install().unwrap();
    metrics::counter!(crate::telemetry::metric::PHONE_UPGRADES).increment(1);
    let (mut near, far) = tokio::io::duplex(64 * 1024);
    let again = MetricsPage::install().unwrap();
    tokio::spawn(async move { again.serve_connection(far, remote()).await });
    near.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("ringfence_ws_upgrades_total"), "{answer}");
    page.upkeep();
    assert_eq!(StatusCode::OK.as_u16(), status_of(&answer));
}
