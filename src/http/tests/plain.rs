//! The plain listener that sends everybody to HTTPS.

use super::*;
use crate::store::AuditFilter;

async fn ask(edge: &Edge, head: &str) -> String {
    let (mut near, far) = tokio::io::duplex(64 * 1024);
    let http = Http::new(edge.services.clone());
    tokio::spawn(async move { http.serve_redirect(far, at("198.51.100.7")).await });
    near.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        match near.read(&mut buffer).await.unwrap() {
            0 => break,
            length => answer.extend_from_slice(&buffer[..length]),
        }
    }
    String::from_utf8(answer).unwrap()
}

async fn audited(edge: &Edge) -> usize {
    let filter = AuditFilter { action: Some("tls_required"), ..AuditFilter::default() };
    edge.services.store.audit().list(filter, 100).await.unwrap().len()
}

#[tokio::test]
async fn a17_b17_a_page_is_redirected_to_our_own_name_whatever_the_request_names() {
    let edge = Edge::in_production().await;
    let host = edge.services.config.server.public_host.clone();
    for (target, path) in [
        ("/x?y", "/x?y"),
        ("/", "/"),
        ("/a/b?c=d&e", "/a/b?c=d&e"),
        ("//evil.example/x", "/"),
        ("http://evil.example/x?y", "/x?y"),
    ] {
        for method in ["GET", "HEAD"] {
            let head = format!("{method} {target} HTTP/1.1\r\nHost: evil.example\r\n\r\n");
            let answer = ask(&edge, &head).await.to_lowercase();
            assert_eq!(status_of(&answer), 308, "{target}: {answer}");
            assert!(answer.contains(&format!("location: https://{host}{path}\r\n")), "{answer}");
            assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
            assert!(!answer.contains("strict-transport-security"), "{answer}");
        }
    }
    let acme = "GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(status_of(&ask(&edge, acme).await), 404);
    assert_eq!(audited(&edge).await, 0);
}

#[tokio::test]
async fn a17_sec_w06_what_must_not_go_in_clear_is_refused_and_audited() {
    let edge = Edge::in_production().await;
    let heads = [
        "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        "GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer canary-77\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nCookie: __Host-ringfence=canary-77\r\n\r\n",
        "GET /x?token=canary-77 HTTP/1.1\r\nHost: x\r\n\r\n",
        "DELETE /api/v1/users/x HTTP/1.1\r\nHost: x\r\n\r\n",
    ];
    for (count, head) in heads.into_iter().enumerate() {
        let answer = ask(&edge, head).await;
        assert_eq!(status_of(&answer), 403, "{head}: {answer}");
        assert!(!answer.to_lowercase().contains("location:"), "{answer}");
        assert_eq!(audited(&edge).await, count + 1, "{head}");
    }
    let filter = AuditFilter { action: Some("tls_required"), ..AuditFilter::default() };
    let rows = edge.services.store.audit().list(filter, 100).await.unwrap();
    assert!(rows.iter().all(|row| row.ip.as_deref() == Some("198.51.100.7")));
    assert!(!format!("{rows:?}").contains("canary"), "{rows:?}");
    for _ in 0..40 {
        ask(&edge, heads[4]).await;
    }
    assert!(audited(&edge).await <= 15, "nobody can fill the audit");
}
