//! Connections: slow ones, smuggled requests, health, metrics.

use super::*;
use crate::base::limit;
use axum::http::StatusCode;

#[tokio::test]
async fn sec_w07_a_body_that_never_comes_is_given_up() {
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
async fn sec_w07_a_head_that_never_ends_closes_the_connection() {
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
async fn sec_w14_smuggled_requests_are_refused() {
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
