//! Against `tests/identity/smtp-sink.mjs`, a real mail server from the npm registry.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::{Inquiry, Mail, MailError, MailTls, Mailer, Recipient, SmtpSettings};
use crate::base::{Clock, Secret, UnixTime};

#[derive(Deserialize)]
struct Ports {
    plain: u16,
    starttls: u16,
    implicit: u16,
}

/// A test that waits longer fails and says for what.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message as the sink saw it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    tls: bool,
    user: Option<String>,
    from: String,
    to: Vec<String>,
    reply_to: Vec<String>,
    subject: String,
    text: String,
    html: Option<String>,
    headers: Vec<String>,
}

/// The program, which ends with its standard input.
struct Sink {
    ports: Ports,
    lines: Lines<BufReader<ChildStdout>>,
    ca_pem: String,
    _program: Child,
    _files: tempfile::TempDir,
}

impl Sink {
    /// `None`, said aloud, where Node or its packages are missing; a failure in CI.
    async fn start() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/identity");
        let files = tempfile::tempdir().expect("folder");
        let key = KeyPair::generate().expect("key");
        let params = CertificateParams::new(vec!["localhost".into()]).expect("names");
        let ca_pem = params.self_signed(&key).expect("signed").pem();
        let (cert_file, key_file) = (files.path().join("cert.pem"), files.path().join("key.pem"));
        std::fs::write(&cert_file, &ca_pem).expect("written");
        std::fs::write(&key_file, key.serialize_pem()).expect("written");
        let program = Command::new("node")
            .arg("smtp-sink.mjs")
            .args([&cert_file, &key_file])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let missing = !folder.join("node_modules/smtp-server").exists();
        let (Ok(mut program), false) = (program, missing) else {
            assert!(std::env::var_os("CI").is_none(), "no Node, or run npm ci in tests/identity");
            eprintln!("SKIPPED: needs Node, and npm ci in tests/identity");
            return None;
        };
        let mut lines = BufReader::new(program.stdout.take().expect("output")).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.expect("the program starts").expect("readable").expect("a line");
        let ports = serde_json::from_str(&line).expect("JSON");
        Some(Self { ports, lines, ca_pem, _program: program, _files: files })
    }

    fn settings(&self, port: u16, tls: MailTls) -> SmtpSettings {
        SmtpSettings {
            host: "localhost".into(),
            port,
            credentials: None,
            from: "Ringfence <noreply@edge.example>".into(),
            tls,
            ca_pem: Some(self.ca_pem.clone()),
            required_for_secrets: true,
        }
    }

    async fn next(&mut self) -> Seen {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.expect("a message in time").expect("readable").expect("a message");
        serde_json::from_str(&line).expect("JSON")
    }
}

fn credentials() -> Option<(String, Secret)> {
    Some(("mailer".into(), Secret::new("pass word")))
}

fn to(address: &str) -> Recipient {
    address.parse().expect("address")
}

fn code() -> Mail {
    Mail::SignInCode { code: Secret::new("042137") }
}

fn clock() -> Clock {
    Clock::manual(UnixTime(1_795_361_767))
}

/// A mailer by settings that a test may change.
fn mailer(settings: Option<SmtpSettings>) -> (Mailer, Clock, Arc<Mutex<Option<SmtpSettings>>>) {
    let (clock, settings) = (clock(), Arc::new(Mutex::new(settings)));
    let source = Arc::clone(&settings);
    let ask = move || -> futures_util::future::BoxFuture<'static, _> {
        let now = source.lock().expect("settings").clone();
        Box::pin(std::future::ready(Ok(now)))
    };
    (Mailer::new(clock.clone(), Arc::new(ask)).expect("mailer"), clock, settings)
}

async fn send(settings: &SmtpSettings, mail: Mail) -> Result<(), MailError> {
    mailer(None).0.send_now(settings, &to("ada@example.com"), &mail).await
}

/// Collects what is logged while it lives.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("log")).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("log").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn b19_mail_goes_over_tls_whenever_the_server_can() {
    let Some(mut sink) = Sink::start().await else { return };
    for (port, tls) in [
        (sink.ports.starttls, MailTls::Opportunistic),
        (sink.ports.starttls, MailTls::Required),
        (sink.ports.implicit, MailTls::Implicit),
    ] {
        let mut settings = sink.settings(port, tls);
        settings.credentials = credentials();
        let (log, _guard) = Log::start();
        send(&settings, code()).await.expect("sent");
        let seen = sink.next().await;
        assert!(seen.tls, "{tls:?}");
        assert_eq!(seen.user.as_deref(), Some("mailer"));
        assert!(!log.text().contains("mail.cleartext"));
    }
}

#[tokio::test]
async fn b19_a_server_without_starttls_gets_mail_in_clear_and_it_is_logged() {
    let Some(mut sink) = Sink::start().await else { return };
    let settings = sink.settings(sink.ports.plain, MailTls::Opportunistic);
    let (log, _guard) = Log::start();
    send(&settings, Mail::PasswordChanged { at: UnixTime(0) }).await.expect("sent");
    assert!(!sink.next().await.tls);
    let text = log.text();
    assert!(text.contains("mail.cleartext") && text.contains("WARN"), "{text}");
    assert!(text.contains("example.com") && !text.contains("ada@"), "{text}");
}

#[tokio::test]
async fn b19_x12_codes_and_links_are_refused_in_clear_and_required_refuses_all() {
    let Some(mut sink) = Sink::start().await else { return };
    let link = || Secret::new("https://edge.example/r#token");
    let mut settings = sink.settings(sink.ports.plain, MailTls::Opportunistic);
    for secret in [
        code(),
        Mail::ResetPassword { link: link() },
        Mail::VerifyEmail { link: link() },
        Mail::Invite { link: link(), workspace: "W".into(), by: "B".into() },
    ] {
        let refused = send(&settings, secret).await;
        assert!(matches!(refused, Err(MailError::Cleartext)), "{refused:?}");
    }
    let required = sink.settings(sink.ports.plain, MailTls::Required);
    assert!(matches!(send(&required, Mail::Test).await, Err(MailError::Cleartext)));
    // The password of the mail server itself never goes in clear.
    settings.credentials = credentials();
    settings.required_for_secrets = false;
    assert!(matches!(send(&settings, Mail::Test).await, Err(MailError::Cleartext)));
    // A preset may permit codes; and this is the first message that arrives at all.
    settings.credentials = None;
    send(&settings, code()).await.expect("permitted");
    assert!(sink.next().await.text.contains("042137"));
}

#[tokio::test]
async fn b19_a_certificate_that_is_not_trusted_or_not_the_servers_is_no_way_into_cleartext() {
    let Some(sink) = Sink::start().await else { return };
    let mut settings = sink.settings(sink.ports.starttls, MailTls::Opportunistic);
    settings.ca_pem = None;
    assert!(matches!(send(&settings, Mail::Test).await, Err(MailError::Untrusted)));
    let mut settings = sink.settings(sink.ports.starttls, MailTls::Opportunistic);
    settings.host = "127.0.0.1".into();
    assert!(matches!(send(&settings, Mail::Test).await, Err(MailError::Untrusted)));
    for (field, change) in [
        ("host", (|settings| settings.host = "a b".into()) as fn(&mut SmtpSettings)),
        ("from", |settings| settings.from = "nobody".into()),
        ("from", |settings| settings.from = "a@b.example\r\nBcc: eve@example.com".into()),
        ("ca_pem", |settings| settings.ca_pem = Some("-----BEGIN CERTIFICATE-----".into())),
    ] {
        let mut settings = sink.settings(sink.ports.starttls, MailTls::Required);
        change(&mut settings);
        let refused = send(&settings, Mail::Test).await;
        assert!(matches!(refused, Err(MailError::Setting { field: f }) if f == field), "{field}");
    }
}

#[tokio::test]
async fn a03_a_message_is_complete_and_holds_one_link() {
    let Some(mut sink) = Sink::start().await else { return };
    let settings = sink.settings(sink.ports.starttls, MailTls::Required);
    let link = "https://edge.example/verify#Zm9v_bar-token&x=1";
    send(&settings, Mail::VerifyEmail { link: Secret::new(link) }).await.expect("sent");
    let seen = sink.next().await;
    assert_eq!(
        (seen.from.as_str(), seen.to),
        ("noreply@edge.example", vec!["ada@example.com".into()])
    );
    assert_eq!(seen.subject, "Confirm your email address");
    assert_eq!(seen.text.matches("https://").count(), 1);
    assert!(seen.text.contains(link), "{}", seen.text);
    assert!(seen.html.expect("HTML").contains("Confirm address"));
    let has = |start: &str| seen.headers.iter().any(|header| header.starts_with(start));
    assert!(has("From: Ringfence <noreply@edge.example>") || has("From: \"Ringfence\""));
    assert!(has("Auto-Submitted: auto-generated") && has("Date: Sun, 22 Nov 2026 15:36:07 +0000"));
    assert!(has("Message-ID: <"), "{:?}", seen.headers);
}

#[tokio::test]
async fn nothing_a_person_typed_becomes_a_header_or_a_recipient() {
    let Some(mut sink) = Sink::start().await else { return };
    let settings = sink.settings(sink.ports.starttls, MailTls::Required);
    let evil = "Eve\r\nBcc: victim@example.com\r\n\r\n<b>\u{202e}body\u{2028}X-Evil: 1";
    let invite =
        Mail::Invite { link: Secret::new("https://e/"), workspace: evil.into(), by: evil.into() };
    let inquiry = |email: &str| {
        Mail::Inquiry(Box::new(Inquiry {
            topic: evil.into(),
            name: format!("Zoë {evil} {}", "x".repeat(5000)),
            email: email.into(),
            company: evil.into(),
            message: format!("Hello\r\n.\r\nQUIT\r\n{evil}"),
            preferred_time: Some(evil.into()),
        }))
    };
    for mail in [invite, inquiry(evil), inquiry("asker@example.org")] {
        let is_answerable = mail_email(&mail) == "asker@example.org";
        send(&settings, mail).await.expect("sent");
        let seen = sink.next().await;
        assert_eq!(seen.to, ["ada@example.com"]);
        let starts = |name: &str| seen.headers.iter().any(|header| header.starts_with(name));
        assert!(!starts("Bcc") && !starts("X-Evil"), "{:?}", seen.headers);
        assert!(!seen.subject.contains('\n') && seen.subject.chars().count() < 300);
        assert!(!seen.subject.contains('\u{202e}'));
        let html = seen.html.expect("HTML");
        assert!(html.contains("&lt;b&gt;") && !html.contains("<b>"));
        let expected: &[&str] = if is_answerable { &["asker@example.org"] } else { &[] };
        assert_eq!(seen.reply_to, expected);
    }
}

fn mail_email(mail: &Mail) -> &str {
    if let Mail::Inquiry(inquiry) = mail { &inquiry.email } else { "" }
}

#[tokio::test]
async fn a_mail_refused_for_now_is_tried_again_and_one_refused_for_good_is_dropped() {
    let Some(mut sink) = Sink::start().await else { return };
    let settings = sink.settings(sink.ports.starttls, MailTls::Required);
    let (mailer, clock, _) = mailer(Some(settings));
    let (log, _guard) = Log::start();
    mailer.post(to("never@example.com"), code()).expect("room");
    mailer.post(to("later-2@example.com"), code()).expect("room");
    mailer.send_due().await;
    assert_eq!(mailer.waiting(), 1);
    mailer.send_due().await;
    clock.advance(Duration::from_secs(10));
    mailer.send_due().await;
    assert_eq!(mailer.waiting(), 1);
    clock.advance(Duration::from_secs(20));
    mailer.send_due().await;
    assert_eq!(mailer.waiting(), 0);
    assert_eq!(sink.next().await.to, ["later-2@example.com"]);
    let text = log.text();
    assert!(text.contains("mail given up") && text.contains("mail_smtp"), "{text}");
    // Not even at trace level, where the library's own lines would be.
    for secret in ["042137", "never@", "later-2@"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn settings_are_asked_for_at_every_try_and_may_change_meanwhile() {
    let Some(mut sink) = Sink::start().await else { return };
    let right = sink.settings(sink.ports.starttls, MailTls::Required);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = nobody.local_addr().expect("address").port();
    drop(nobody);
    let (mailer, clock, settings) = mailer(None);
    mailer.post(to("ada@example.com"), Mail::Test).expect("room");
    mailer.send_due().await;
    assert_eq!(mailer.waiting(), 0, "nobody set up mail: dropped");
    *settings.lock().expect("settings") = Some(SmtpSettings { port, ..right.clone() });
    mailer.post(to("ada@example.com"), Mail::Test).expect("room");
    mailer.send_due().await;
    assert_eq!(mailer.waiting(), 1, "no connection: tried again");
    *settings.lock().expect("settings") = Some(right);
    clock.advance(Duration::from_secs(10));
    mailer.send_due().await;
    assert_eq!(sink.next().await.subject, "Mail works");
}

#[tokio::test]
async fn the_running_mailer_sends_what_is_posted() {
    let Some(mut sink) = Sink::start().await else { return };
    let (mailer, _, _) = mailer(Some(sink.settings(sink.ports.starttls, MailTls::Required)));
    let running = tokio::spawn(mailer.clone().run());
    for _ in 0..20 {
        mailer.post(to("ada@example.com"), Mail::Test).expect("room");
    }
    for _ in 0..20 {
        assert_eq!(sink.next().await.subject, "Mail works");
    }
    running.abort();
}

#[tokio::test]
async fn whoever_sets_mail_up_is_told_what_is_wrong() {
    let Some(sink) = Sink::start().await else { return };
    let right = sink.settings(sink.ports.starttls, MailTls::Required);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = nobody.local_addr().expect("address").port();
    drop(nobody);
    let (mailer, ..) = mailer(None);
    let told = async |settings: &SmtpSettings| {
        let sent = mailer.send_now(settings, &to("ada@example.com"), &Mail::Test).await;
        sent.expect_err("refused").to_string()
    };
    let wrong = Some(("mailer".into(), Secret::new("another word")));
    let words = told(&SmtpSettings { credentials: wrong, ..right.clone() }).await;
    assert_eq!(words, "the mail server refused user name or password (status 535)");
    let words = told(&SmtpSettings { port, ..right.clone() }).await;
    assert!(words.ends_with("nothing listens there; check host and port"), "{words}");
    let words = told(&SmtpSettings { host: "nowhere.invalid".into(), ..right.clone() }).await;
    assert!(words.ends_with("its name is not known; check the host"), "{words}");
    let words = told(&SmtpSettings { ca_pem: None, ..right.clone() }).await;
    assert!(words.contains("certificate is not trusted"), "{words}");
    let words = told(&SmtpSettings { port: sink.ports.plain, ..right }).await;
    assert!(words.contains("offers no TLS"), "{words}");
}
