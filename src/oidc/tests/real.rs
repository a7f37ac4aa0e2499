//! Against `tests/identity/oidc-provider.mjs`, a certified provider from the npm registry.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::browser::visit;
use crate::base::{Clock, Secret, UnixTime};
use crate::net::fetch::{Exceptions, Fetcher};
use crate::oidc::{
    Callback, ClientSecret, Identity, Kind, OidcClient, OidcError, Pending, Provider, ResponseMode,
};

const REDIRECT: &str = "http://127.0.0.1/callback";

/// One kind, as the program describes it.
#[derive(Deserialize)]
struct Described {
    origin: String,
    issuer: String,
    #[serde(rename = "tokenIssuer")]
    token_issuer: String,
    client_id: String,
    client_secret: String,
}

#[derive(Deserialize)]
struct All {
    google: Described,
    microsoft: Described,
    apple: Described,
    generic: Described,
}

/// The program, which ends with its standard input.
struct Running {
    all: All,
    _program: Child,
}

/// `None`, said aloud, where Node or its packages are missing; a failure in CI.
async fn start() -> Option<Running> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/identity");
    let program = Command::new("node")
        .args(["oidc-provider.mjs", REDIRECT])
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let missing = !folder.join("node_modules/oidc-provider").exists();
    let (Ok(mut program), false) = (program, missing) else {
        assert!(std::env::var_os("CI").is_none(), "no Node, or run npm ci in tests/identity");
        eprintln!("SKIPPED: needs Node, and npm ci in tests/identity");
        return None;
    };
    let mut lines = BufReader::new(program.stdout.take().expect("output")).lines();
    let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await;
    let line = line.expect("the program starts").expect("readable").expect("a line");
    Some(Running { all: serde_json::from_str(&line).expect("JSON"), _program: program })
}

impl Described {
    fn provider(&self, kind: Kind) -> Provider {
        let of_kind = match kind {
            Kind::Google => Provider::google(&self.client_id),
            Kind::Microsoft => Provider::microsoft("common", &self.client_id),
            Kind::Apple => Provider::apple(&self.client_id),
            Kind::Generic => Provider::generic("own", &self.issuer, &self.client_id),
        };
        Provider { issuer: self.issuer.clone(), ..of_kind }
    }

    fn secret(&self) -> ClientSecret {
        ClientSecret::Text(Secret::new(self.client_secret.clone()))
    }
}

impl Running {
    fn each(&self) -> [(&Described, Provider); 4] {
        let All { google, microsoft, apple, generic } = &self.all;
        [
            (google, google.provider(Kind::Google)),
            (microsoft, microsoft.provider(Kind::Microsoft)),
            (apple, apple.provider(Kind::Apple)),
            (generic, generic.provider(Kind::Generic)),
        ]
    }

    fn client(&self) -> OidcClient {
        let origins = self.each().map(|(described, _)| described.origin.parse().expect("origin"));
        let exceptions = Exceptions { origins: origins.to_vec(), ..Exceptions::default() };
        OidcClient::new(Fetcher::new(exceptions).expect("fetcher"))
    }
}

fn now() -> UnixTime {
    Clock::system().unix()
}

/// Sends `who` to the provider and back.
async fn go(client: &OidcClient, provider: &Provider, who: &str) -> (Pending, Callback) {
    let (url, pending) = client.begin(provider, REDIRECT, now()).await.expect("begun");
    let callback = visit(&format!("{url}&login_hint={who}"), REDIRECT).await;
    (pending, callback)
}

async fn sign_in(
    client: &OidcClient,
    (described, provider): &(&Described, Provider),
    who: &str,
) -> Result<Identity, OidcError> {
    let (pending, callback) = go(client, provider, who).await;
    client.finish(provider, &described.secret(), &pending, &callback, now()).await
}

#[tokio::test]
async fn a05_people_sign_in_by_google_microsoft_apple_and_any_other_issuer() {
    let Some(running) = start().await else { return };
    let client = running.client();
    for each in running.each() {
        let (described, provider) = &each;
        let identity = sign_in(&client, &each, "ada").await.expect("identity");
        let id = if provider.id == "own" { "generic" } else { &provider.id };
        assert_eq!(identity.issuer, described.token_issuer);
        assert_eq!(identity.subject, "ada");
        assert_eq!(identity.email.as_deref(), Some("ada@example.com"));
        assert!(identity.email_verified, "{id}");
        let is_post = provider.response_mode == ResponseMode::FormPost;
        assert_eq!(is_post, provider.kind == Kind::Apple);
        let name = (!is_post).then(|| format!("Ada of {id}"));
        assert_eq!(identity.name, name);
    }
}

#[tokio::test]
async fn a06_sec_a36_real_answers_about_the_address_are_read_strictly() {
    let Some(running) = start().await else { return };
    let client = running.client();
    for each in running.each() {
        let bob = sign_in(&client, &each, "unverified-bob").await.expect("identity");
        assert_eq!((bob.email.as_deref(), bob.email_verified), (Some("bob@example.com"), false));
        let eve = sign_in(&client, &each, "text-eve").await.expect("identity");
        let is_apple = each.1.kind == Kind::Apple;
        assert_eq!(eve.email_verified, is_apple, "{:?}", each.1.kind);
    }
    // The same subject at another issuer is another person.
    let [google, _, apple, _] = running.each();
    let at_google = sign_in(&client, &google, "ada").await.expect("identity");
    let at_apple = sign_in(&client, &apple, "ada").await.expect("identity");
    assert_eq!(at_google.subject, at_apple.subject);
    assert_ne!(at_google.issuer, at_apple.issuer);
}

#[tokio::test]
async fn a05_sec_a35_a_changed_dropped_or_replayed_answer_gives_no_identity() {
    let Some(running) = start().await else { return };
    let client = running.client();
    for (described, provider) in running.each() {
        let finish = async |pending: &Pending, callback: &Callback| {
            let secret = described.secret();
            let finished = client.finish(&provider, &secret, pending, callback, now()).await;
            finished.err().map_or("signed in", |error| error.code())
        };
        let (pending, callback) = go(&client, &provider, "ada").await;
        let changed = |change: fn(&mut Callback)| {
            let mut callback = callback.clone();
            change(&mut callback);
            callback
        };
        type Change = fn(&mut Callback);
        let cases: [(Change, &str); 6] = [
            (|callback| callback.state = None, "oidc_state"),
            (|callback| callback.state = Some("x".repeat(43)), "oidc_state"),
            (|callback| callback.code = None, "oidc_code"),
            (|callback| callback.code = Some(String::new()), "oidc_code"),
            (|callback| callback.code = Some("made up".into()), "oidc_code"),
            (|callback| callback.iss = Some("https://evil.example".into()), "oidc_mix_up"),
        ];
        for (change, code) in cases {
            assert_eq!(finish(&pending, &changed(change)).await, code);
        }
        let without_issuer = changed(|callback| callback.iss = None);
        // Microsoft does not promise an issuer; the others here do.
        if provider.kind != Kind::Microsoft {
            assert_eq!(finish(&pending, &without_issuer).await, "oidc_mix_up");
        }
        assert_eq!(finish(&pending, &callback).await, "signed in");
        assert_eq!(finish(&pending, &callback).await, "oidc_code");

        let (mut pending, callback) = go(&client, &provider, "ada").await;
        pending.pkce_verifier = Secret::new("v".repeat(43));
        assert_eq!(finish(&pending, &callback).await, "oidc_code");
        let (mut pending, callback) = go(&client, &provider, "ada").await;
        pending.nonce = Secret::new("n".repeat(43));
        assert_eq!(finish(&pending, &callback).await, "oidc_id_token");
        let (mut pending, callback) = go(&client, &provider, "ada").await;
        pending.created_at -= 601;
        assert_eq!(finish(&pending, &callback).await, "oidc_expired");
        let (pending, callback) = go(&client, &provider, "deny").await;
        assert_eq!(finish(&pending, &callback).await, "oidc_denied");
    }
}

#[tokio::test]
async fn sec_a35_an_answer_of_one_provider_is_not_taken_for_anothers() {
    let Some(running) = start().await else { return };
    let client = running.client();
    let [(google, at_google), _, (apple, at_apple), _] = running.each();
    let (pending, callback) = go(&client, &at_google, "ada").await;
    let crossed = client.finish(&at_apple, &apple.secret(), &pending, &callback, now()).await;
    assert!(matches!(crossed, Err(OidcError::State)));
    // The attacker gives the victim's browser its own provider's answer with the right state.
    let (_, evil) = go(&client, &at_apple, "ada").await;
    let mixed = Callback { state: callback.state.clone(), ..evil };
    let crossed = client.finish(&at_google, &google.secret(), &pending, &mixed, now()).await;
    assert!(matches!(crossed, Err(OidcError::MixUp)));
    // A wrong client secret is our fault and said so.
    let wrong = ClientSecret::Text(Secret::new("wrong"));
    let refused = client.finish(&at_google, &wrong, &pending, &callback, now()).await;
    assert!(matches!(&refused, Err(OidcError::Refused { reason }) if reason == "invalid_client"));
}

#[tokio::test]
async fn a_pending_sign_in_survives_being_sealed_and_shows_no_secret_when_printed() {
    let Some(running) = start().await else { return };
    let client = running.client();
    let (described, provider) = &running.each()[0];
    let (pending, callback) = go(&client, provider, "ada").await;
    let stored = serde_json::to_vec(&pending).expect("JSON");
    let restored: Pending = serde_json::from_slice(&stored).expect("the same");
    assert_eq!(restored, pending);
    for shown in [format!("{pending:?}"), format!("{callback:?}"), format!("{client:?}")] {
        for secret in [&pending.state, &pending.nonce, &pending.pkce_verifier] {
            assert!(!shown.contains(secret.expose()), "{shown}");
        }
        assert!(!shown.contains(callback.code.as_deref().expect("code")));
    }
    client
        .finish(provider, &described.secret(), &restored, &callback, now())
        .await
        .expect("identity");
}
