//! Credentials in requests never reach the log, at any level.

use std::io::Write;

use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// A log that is kept.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a20_a19_sec_w17_no_credential_is_logged_however_it_is_sent_at_any_level() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let edge = Edge::new().await;
    let cookie = edge.sign_in("1009").await;
    // Other tests log to nowhere at the same time, which is remembered for each place in the code.
    tracing::callsite::rebuild_interest_cache();
    let json = ("content-type", "application/json");
    let login = r#"{"user":"canary-77","password":"canary-77"}"#;
    let factor = r#"{"attempt":"canary-77","method":"totp","code":"canary-77"}"#;
    let key = r#"{"key":"canary-77"}"#;
    let mail = r#"{"host":"mail.example.com","port":587,"user":"u","password":"canary-77",
        "from":"a@example.com","tls":"required"}"#;
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);
    let cases: [Case<'_>; 11] = [
        ("GET", "/api/v1/me", &[("authorization", "Bearer canary-77")], ""),
        ("GET", "/api/v1/me", &[("authorization", "Basic canary-77")], ""),
        ("GET", "/api/v1/me", &[("authorization", "Bearer dn_live_canary-77_x")], ""),
        ("GET", "/api/v1/me", &[("cookie", "ringfence-dev=canary-77")], ""),
        ("GET", "/api/v1/me?token=canary-77", &[], ""),
        ("GET", "/ws?ticket=canary-77", &[], ""),
        ("GET", "/api/v1/identity/google/return?state=canary-77&code=canary-77", &[], ""),
        ("POST", "/api/v1/login", &[json, ("origin", ORIGIN)], login),
        ("POST", "/api/v1/login/factor", &[json, ("origin", ORIGIN)], factor),
        ("POST", "/api/v1/start", &[json, ("origin", ORIGIN)], key),
        ("PUT", "/api/v1/settings/mail", &[json, ("origin", ORIGIN), ("cookie", &cookie)], mail),
    ];
    for (method, path, headers, body) in cases {
        edge.send(request(method, path, headers, body.to_string())).await;
    }
    edge.upgrade("/ws", &[("authorization", "Bearer canary-77")]).await;
    edge.upgrade("/ws?ticket=canary-77", &[]).await;
    edge.upgrade("/ws", &[("sec-websocket-protocol", "sip, canary-77")]).await;
    edge.services.store.close().await;
    let body = json!({"user": "canary-77", "password": "canary-77"});
    assert_eq!(edge.post("/api/v1/login", &[], &body).await.status, 503);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("answered") && text.contains("/api/v1/me?***"), "{text}");
    let leak = text.lines().find(|line| line.contains("canary"));
    assert_eq!(leak, None);
    let secret = cookie.split('=').nth(1).unwrap();
    assert!(!text.contains(secret), "the cookie");
}
