//! Security headers: on every answer of every route, refusals and failures too.

use super::*;
use crate::access::policy::Endpoint;

const FIXED: [(&str, &str); 11] = [
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
    ("vary", "Origin"),
];

fn check(answer: &Answer, what: &str) {
    for (name, value) in FIXED {
        assert_eq!(answer.header(name), Some(value), "{what}: {name}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    for part in [
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{what}: {part} not in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
    let permissions = answer.header("permissions-policy").unwrap();
    assert!(permissions.contains("microphone=(self)"), "{what}");
    assert!(permissions.contains("publickey-credentials-get=(self)"), "{what}");
    for absent in ["server", "x-powered-by", "access-control-allow-origin"] {
        assert_eq!(answer.header(absent), None, "{what}");
    }
    assert!(answer.header("cache-control").is_some(), "{what}");
    if what.contains(" /api") || answer.status >= 400 {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    }
}

#[tokio::test]
async fn a21_sec_w04_every_answer_of_every_route_has_the_security_headers() {
    let edge = Edge::in_production().await;
    let id = crate::access::UserId::random().to_string();
    let mut seen = std::collections::BTreeSet::new();
    let mut asked: Vec<(String, String)> = Endpoint::ALL
        .iter()
        .map(|endpoint| endpoint.rule())
        .map(|rule| (rule.verb.as_str().to_string(), rule.path.replace("{id}", &id)))
        .collect();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/phone/settings"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/docs"),
        ("GET", "/docs/index.html"),
        ("GET", "/docs/nothing"),
        ("GET", "/api/v1/nothing"),
        ("GET", "/api"),
        ("DELETE", "/api/v1/me"),
        ("OPTIONS", "/api/v1/me"),
        ("GET", "/nothing.js"),
        ("GET", "/ws"),
        ("GET", "/%00"),
        ("PATCH", "/"),
        ("GET", "/api/v1/me?token=x"),
    ] {
        asked.push((method.to_string(), path.to_string()));
    }
    for (count, (method, path)) in asked.iter().enumerate() {
        let from = at(&format!("10.{count}.0.1"));
        let request = request(method, path, &[], String::new());
        let answer = edge.send_from(from, ListenerKind::Tls, request).await;
        check(&answer, &format!("{method} {path}"));
        let year = Some("max-age=31536000; includeSubDomains");
        assert_eq!(answer.header("strict-transport-security"), year, "{method} {path}");
        assert!(answer.status < 500, "{method} {path}: {}", answer.status);
        seen.insert(answer.status);
    }
    for status in [200, 204, 401, 404, 405, 415] {
        assert!(seen.contains(&status), "{status} not in {seen:?}");
    }
}

#[tokio::test]
async fn a21_sec_w04_limits_failures_and_development_have_them_too() {
    let edge = Edge::new().await;
    let answer = edge.get("/healthz", &[]).await;
    check(&answer, "GET /healthz");
    assert_eq!(answer.header("strict-transport-security"), None, "localhost is everybody's");
    let mut limited = edge.get("/api/v1/me", &[]).await;
    for _ in 0..400 {
        limited = edge.get("/api/v1/me", &[]).await;
    }
    assert_eq!(limited.status, 429);
    check(&limited, "GET /api/v1/me");
    edge.clock.advance(A_WHILE);
    let cookie = edge.sign_in("1009").await;
    edge.services.store.close().await;
    let failed = edge.get("/api/v1/users", &[("cookie", &cookie)]).await;
    assert_eq!((failed.status, failed.code()), (503, "unavailable"));
    check(&failed, "GET /api/v1/users");
    let no_peer = request("GET", "/", &[], String::new());
    let answer = Answer::of(edge.router.clone().oneshot(no_peer).await.unwrap()).await;
    assert_eq!(answer.status, 500);
    check(&answer, "GET / without a connection");
}
