//! Bodies that are refused, and how little a refusal says.

use super::*;
use crate::base::limit;

#[tokio::test]
async fn sec_w16_s08_bad_bodies_are_refused_with_the_field() {
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
async fn sec_o07_no_refusal_says_more_than_it_must() {
    let edge = Edge::new().await;
    let cookie = edge.sign_in("1009").await;
    let id = crate::access::UserId::random();
    for (method, path, body) in [
        ("POST", "/api/v1/login", r#"{"user":"canary-77","password":"canary-77"}"#),
        ("POST", "/api/v1/login", r#"{"user":"' OR 1=1 --","password":"canary-77"}"#),
        ("POST", "/api/v1/login/factor", r#"{"attempt":"canary-77","method":"totp","code":"1"}"#),
        ("POST", "/api/v1/password/reset", r#"{"key":"canary-77","password":"canary-77"}"#),
        ("POST", "/api/v1/invites/look", r#"{"key":"canary-77"}"#),
        ("POST", "/api/v1/start", r#"{"key":"canary-77"}"#),
        (
            "POST",
            "/api/v1/me/password",
            r#"{"old":"canary-77","new":"canary-77-x","end_other_sessions":true}"#,
        ),
        ("POST", "/api/v1/users", r#"{"name":"x y","number":"1"}"#),
        ("GET", "/api/v1/me?token=canary-77", ""),
        ("GET", "/api/v1/audit?before=canary-77", ""),
        ("GET", &format!("/api/v1/users/{id}"), ""),
        ("GET", "/api/v1/nothing/canary-77", ""),
    ] {
        let headers =
            [("content-type", "application/json"), ("origin", ORIGIN), ("cookie", &cookie)];
        let answer = edge.send(request(method, path, &headers, body.to_string())).await;
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.text);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        for secret in ["canary", "SELECT", "sqlite", "src/", ".rs", "panicked", "users.", "at line"]
        {
            assert!(!answer.text.contains(secret), "{path}: {secret} in {}", answer.text);
        }
        for member in ["type", "title", "status", "detail", "code", "error"] {
            assert!(answer.body.get(member).is_some(), "{path}: {member}");
        }
    }
}

#[tokio::test]
async fn sec_a29_a_person_cannot_promote_themselves_with_members_that_are_not_asked_for() {
    let edge = Edge::new().await;
    let cookie = edge.sign_in("1001").await;
    for body in [
        json!({"role": "owner"}),
        json!({"level": 9}),
        json!({"workspace": "other"}),
        json!({"display_name": "x", "user_id": "y"}),
        json!({"number": "1009"}),
    ] {
        let answer = edge.write("PATCH", "/api/v1/me", &[("cookie", &cookie)], &body).await;
        assert_eq!((answer.status, answer.code()), (422, "invalid_field"), "{body}");
    }
    let me = edge.get("/api/v1/me", &[("cookie", &cookie)]).await;
    assert_eq!((&me.body["level"], &me.body["role"]), (&json!(1), &json!("member")));
}

#[tokio::test]
async fn sec_w10_no_parameter_reaches_the_database_as_text() {
    let edge = Edge::new().await;
    let cookie = edge.sign_in("1009").await;
    let cookie = [("cookie", cookie.as_str())];
    for nasty in ["' OR '1'='1", "1; DROP TABLE users", "\u{0}", "%27%20OR%201=1", "\u{1f511}"] {
        let body = json!({"user": nasty, "password": nasty});
        assert!(edge.post("/api/v1/login", &[], &body).await.status < 500, "{nasty}");
        let body = json!({"name": nasty, "number": nasty, "role": nasty});
        assert!(edge.post("/api/v1/users", &cookie, &body).await.status < 500, "{nasty}");
        let body = json!({(nasty): nasty});
        let answer = edge.write("PATCH", "/api/v1/policy", &cookie, &body).await;
        assert!(answer.status < 500, "{nasty}");
        edge.clock.advance(A_WHILE);
    }
    for path in [
        "/api/v1/audit?action=%27%20OR%201=1",
        "/api/v1/audit?before=99999999999999999999",
        "/api/v1/login-history?after=%27",
        "/api/v1/login-history?after=1.2",
        "/api/v1/reports?from=%27&to=2023-99-99",
        "/api/v1/reports?from=0000-00-00",
    ] {
        let answer = edge.get(path, &cookie).await;
        assert!(answer.status < 500, "{path}: {}", answer.text);
    }
    assert_eq!(edge.get("/api/v1/users", &cookie).await.body["items"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn x07_sec_w16_passkeys_are_refused_in_one_sentence_and_bad_bytes_at_their_field() {
    let edge = Edge::new().await;
    let cookie = edge.sign_in("1001").await;
    let headers = [("cookie", cookie.as_str())];
    let path = "/api/v1/me/second-factor/passkeys";
    let add = async |client_data: &str| {
        let body = json!({"name": "a", "client_data": client_data, "attestation_object": "oA"});
        edge.post(path, &headers, &body).await
    };
    for bad in ["=", "a", "a+b", "a b", "é"] {
        let answer = add(bad).await;
        let found = (answer.status, &answer.body["field"]);
        assert_eq!(found, (422, &json!("client_data")), "{bad}: {}", answer.text);
    }
    let answer = add("e30").await;
    assert_eq!((answer.status, answer.code()), (401, "passkey_refused"), "{}", answer.text);
    assert!(!answer.text.contains("challenge"), "why is for the log: {}", answer.text);
    let password = json!({"password": "x"});
    let begun = edge.post(&format!("{path}/begin"), &headers, &password).await;
    assert_eq!((begun.status, begun.code()), (422, "method_refused"), "not in the preset");
    let attempt = json!({"attempt": "A".repeat(43)});
    let asked = edge.post("/api/v1/login/passkey/ask", &[], &attempt).await;
    assert_eq!((asked.status, asked.code()), (401, "attempt_over"), "{}", asked.text);
}
