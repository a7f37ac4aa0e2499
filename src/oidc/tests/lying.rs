use serde_json::{Value, json};

use super::NOW;
use super::liar::{DOCUMENT, Liar};
use super::signer::{Signer, key_set};
use crate::base::{Secret, UnixTime};
use crate::oidc::{
    AppleKey, Callback, ClientSecret, IdTokenError, Identity, Kind, OidcClient, OidcError, Pending,
    Provider,
};

fn secret() -> ClientSecret {
    ClientSecret::Text(Secret::new("s&cret"))
}

fn claims(liar: &Liar, pending: &Pending) -> Value {
    json!({
        "iss": liar.issuer, "sub": "ada", "aud": "us", "nonce": pending.nonce.expose(),
        "exp": NOW.0 + 3000, "iat": NOW.0, "email": "ada@example.com", "email_verified": true,
    })
}

fn hand_out(liar: &Liar, token: &str) {
    liar.answer("/token", "200 OK", &json!({ "id_token": token }).to_string());
}

fn callback(pending: &Pending) -> Callback {
    let state = Some(pending.state.expose().to_owned());
    Callback { state, code: Some("c".into()), ..Callback::default() }
}

/// Signs in with the claims that `change` leaves.
async fn sign_in(
    kind: Kind,
    change: impl FnOnce(&mut Value),
    user: Option<&str>,
) -> Result<Identity, OidcError> {
    let (liar, signer) = (Liar::start().await, Signer::es256("1"));
    liar.answer("/keys", "200 OK", &key_set(&[signer.jwk()]));
    let client = liar.client();
    let provider = Provider { kind, ..liar.provider() };
    let (_, pending) = client.begin(&provider, "https://us.example/cb", NOW).await?;
    let mut claims = claims(&liar, &pending);
    change(&mut claims);
    hand_out(&liar, &signer.token(&claims));
    let callback = Callback { user: user.map(str::to_owned), ..callback(&pending) };
    client.finish(&provider, &secret(), &pending, &callback, NOW).await
}

#[tokio::test]
async fn a05_the_browser_is_sent_with_state_nonce_and_pkce_and_the_code_is_exchanged_with_them() {
    let (liar, signer) = (Liar::start().await, Signer::rs256("1"));
    liar.answer("/keys", "200 OK", &key_set(&[signer.jwk()]));
    let (client, provider) = (liar.client(), liar.provider());
    let redirect = "https://us.example/cb?a=b&c";
    let (url, pending) = client.begin(&provider, redirect, NOW).await.expect("begun");
    assert!(url.starts_with(&format!("{}/authorize?tenant=1&response_type=code&", liar.issuer)));
    for part in [
        "client_id=us",
        "redirect_uri=https%3A%2F%2Fus.example%2Fcb%3Fa%3Db%26c",
        "scope=openid+email+profile",
        "code_challenge_method=S256",
        &format!("state={}", pending.state.expose()),
        &format!("nonce={}", pending.nonce.expose()),
    ] {
        assert!(url.contains(part), "{part} in {url}");
    }
    assert!(!url.contains(pending.pkce_verifier.expose()) && !url.contains("cret"));
    hand_out(&liar, &signer.token(&claims(&liar, &pending)));
    let finished = client.finish(&provider, &secret(), &pending, &callback(&pending), NOW).await;
    let identity = finished.expect("identity");
    assert_eq!(
        (identity.issuer.as_str(), identity.subject.as_str()),
        (liar.issuer.as_str(), "ada")
    );
    let form = liar.last_form();
    assert!(form.contains("grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2F"));
    assert!(form.contains(&format!("code_verifier={}", pending.pkce_verifier.expose())));
    assert!(form.ends_with("client_id=us&client_secret=s%26cret"));
    // A second sign-in repeats none of it.
    let (_, other) = client.begin(&provider, redirect, NOW).await.expect("begun");
    assert_ne!(other.state, pending.state);
    assert_ne!(other.nonce, pending.nonce);
    assert_ne!(other.pkce_verifier, pending.pkce_verifier);
}

#[tokio::test]
async fn a05_sec_a35_a_token_with_a_wrong_nonce_audience_or_issuer_is_refused() {
    type Change = fn(&mut Value);
    let cases: [(Change, IdTokenError); 4] = [
        (|claims| claims["nonce"] = json!("another"), IdTokenError::Nonce),
        (|claims| claims["aud"] = json!("them"), IdTokenError::Audience),
        (|claims| claims["iss"] = json!("https://evil.example"), IdTokenError::Issuer),
        (|claims| claims["exp"] = json!(NOW.0 - 100), IdTokenError::Expired),
    ];
    for (change, expected) in cases {
        let refused = sign_in(Kind::Generic, change, None).await.expect_err("refused");
        assert!(matches!(&refused, OidcError::IdToken(error) if *error == expected), "{refused}");
        assert!(refused.is_bad_request());
        assert_eq!(refused.code(), "oidc_id_token");
    }
}

#[tokio::test]
async fn a06_sec_a36_an_address_is_verified_only_by_a_true_boolean_and_at_apple_by_its_text() {
    let text = json!("true");
    for (kind, claim, value, expected) in [
        (Kind::Google, "email_verified", json!(true), true),
        (Kind::Google, "email_verified", json!(false), false),
        (Kind::Google, "email_verified", text.clone(), false),
        (Kind::Google, "email_verified", json!(1), false),
        (Kind::Google, "email_verified", json!(null), false),
        (Kind::Google, "email_verified", json!([true]), false),
        (Kind::Generic, "email_verified", json!(true), true),
        (Kind::Generic, "email_verified", text.clone(), false),
        (Kind::Apple, "email_verified", json!(true), true),
        (Kind::Apple, "email_verified", text.clone(), true),
        (Kind::Apple, "email_verified", json!("false"), false),
        (Kind::Apple, "email_verified", json!("TRUE"), false),
        (Kind::Microsoft, "email_verified", json!(true), false),
        (Kind::Microsoft, "xms_edov", json!(true), true),
        (Kind::Microsoft, "xms_edov", text, false),
    ] {
        let change = |claims: &mut Value| {
            claims["email_verified"] = json!(null);
            claims[claim] = value.clone();
        };
        let identity = sign_in(kind, change, None).await.expect("identity");
        assert_eq!(identity.email_verified, expected, "{kind:?} {claim} {value}");
        assert_eq!(identity.email.as_deref(), Some("ada@example.com"));
    }
}

#[tokio::test]
async fn a06_what_is_no_address_is_none_and_not_verified() {
    for email in
        ["", "ada", "@", "a@b@c", "ada@", "a da@example.com", "ada@example.com\r\nBcc: x@y"]
    {
        let change = |claims: &mut Value| claims["email"] = json!(email);
        let identity = sign_in(Kind::Google, change, None).await.expect("identity");
        assert_eq!((identity.email, identity.email_verified), (None, false), "{email}");
    }
}

#[tokio::test]
async fn a05_apples_name_comes_by_the_form_and_its_unsigned_address_is_not_believed() {
    let user = r#"{"name":{"firstName":"Ada","lastName":"Lovelace\n"},"email":"evil@example.com"}"#;
    let identity = sign_in(Kind::Apple, |_| {}, Some(user)).await.expect("identity");
    assert_eq!(identity.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(identity.email.as_deref(), Some("ada@example.com"));
    for user in ["", "{", "null", r#"{"name":7}"#] {
        let identity = sign_in(Kind::Apple, |_| {}, Some(user)).await.expect("identity");
        assert_eq!(identity.name, None);
    }
    // Others' user field is nothing.
    let identity = sign_in(Kind::Google, |_| {}, Some(user)).await.expect("identity");
    assert_eq!(identity.name, None);
}

#[tokio::test]
async fn a05_apples_client_secret_is_an_assertion_signed_for_this_request() {
    let pair = rcgen::KeyPair::generate().expect("key");
    let key = AppleKey {
        team_id: "TEAM123456".into(),
        key_id: "KEY1234567".into(),
        private_key: Secret::new(pair.serialize_pem()),
    };
    assert!(!format!("{key:?}").contains("PRIVATE"));
    let (liar, signer) = (Liar::start().await, Signer::es256("1"));
    liar.answer("/keys", "200 OK", &key_set(&[signer.jwk()]));
    let (client, provider) = (liar.client(), Provider { kind: Kind::Apple, ..liar.provider() });
    let (_, pending) = client.begin(&provider, "https://us.example/cb", NOW).await.expect("begun");
    hand_out(&liar, &signer.token(&claims(&liar, &pending)));
    let secret = ClientSecret::Apple(key);
    client.finish(&provider, &secret, &pending, &callback(&pending), NOW).await.expect("identity");
    let form = liar.last_form();
    let assertion = form.split("client_secret=").nth(1).expect("assertion");
    let decode = |part: Option<&str>| -> Value {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        serde_json::from_slice(&engine.decode(part.expect("part")).expect("base64")).expect("JSON")
    };
    let mut parts = assertion.split('.');
    let header = decode(parts.next());
    assert_eq!((&header["alg"], &header["kid"]), (&json!("ES256"), &json!("KEY1234567")));
    let expected = json!({
        "iss": "TEAM123456", "iat": NOW.0, "exp": NOW.0 + 300, "aud": liar.issuer, "sub": "us",
    });
    assert_eq!(decode(parts.next()), expected);
    let bad = AppleKey {
        team_id: String::new(),
        key_id: String::new(),
        private_key: Secret::new("nonsense"),
    };
    let bad = ClientSecret::Apple(bad);
    let refused = client.finish(&provider, &bad, &pending, &callback(&pending), NOW).await;
    assert!(matches!(refused, Err(OidcError::ClientSecret)));
}

#[tokio::test]
async fn sec_a35_unknown_keys_are_fetched_at_most_once_a_minute() {
    let (liar, old, new) = (Liar::start().await, Signer::es256("old"), Signer::es256("new"));
    liar.answer("/keys", "200 OK", &key_set(&[old.jwk()]));
    let (client, provider) = (liar.client(), liar.provider());
    let (_, pending) = client.begin(&provider, "https://us.example/cb", NOW).await.expect("begun");
    hand_out(&liar, &new.token(&claims(&liar, &pending)));
    liar.answer("/keys", "200 OK", &key_set(&[new.jwk()]));
    let finish = async |client: &OidcClient, after: u64| {
        let now = UnixTime(NOW.0 + after);
        client.finish(&provider, &secret(), &pending, &callback(&pending), now).await
    };
    for after in [0, 30, 59] {
        let refused = finish(&client, after).await;
        assert!(matches!(refused, Err(OidcError::IdToken(IdTokenError::UnknownKey))));
    }
    assert_eq!(liar.asked("/keys"), 1);
    finish(&client, 60).await.expect("by the new key");
    hand_out(&liar, &old.token(&claims(&liar, &pending)));
    for _ in 0..3 {
        assert!(finish(&client, 61).await.is_err());
    }
    assert_eq!((liar.asked("/keys"), liar.asked(DOCUMENT)), (2, 1));
    // After an hour everything is fetched anew.
    client.begin(&provider, "https://us.example/cb", UnixTime(NOW.0 + 3600)).await.expect("begun");
    assert_eq!((liar.asked("/keys"), liar.asked(DOCUMENT)), (3, 2));
}

#[tokio::test]
async fn sec_a35_w11_w12_a_discovery_document_is_believed_only_as_it_should_be() {
    let begin = async |liar: &Liar, client: OidcClient| {
        client.begin(&liar.provider(), "https://us.example/cb", NOW).await.map(|_| ())
    };
    let liar = Liar::start().await;
    liar.answer("/keys", "200 OK", &key_set(&[Signer::es256("1").jwk()]));
    begin(&liar, liar.client()).await.expect("right");
    // Loopback without an exception.
    let strict = crate::net::fetch::Fetcher::new(crate::net::fetch::Exceptions::default());
    let refused = begin(&liar, OidcClient::new(strict.expect("fetcher"))).await;
    assert!(matches!(refused, Err(OidcError::Unreachable(_))));
    let document = |member: &str, value: &str| {
        let mut document = json!({
            "issuer": liar.issuer, "authorization_endpoint": format!("{}/a", liar.issuer),
            "token_endpoint": format!("{}/t", liar.issuer), "jwks_uri": format!("{}/keys", liar.issuer),
        });
        document[member] = json!(value);
        document.to_string()
    };
    for (member, value) in [
        ("issuer", "https://evil.example"),
        ("token_endpoint", "http://127.0.0.1:1/"),
        ("token_endpoint", "file:///etc/passwd"),
        ("authorization_endpoint", "http://evil.example/"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("jwks_uri", "https://169.254.169.254/"),
    ] {
        liar.answer(DOCUMENT, "200 OK", &document(member, value));
        let refused = begin(&liar, liar.client()).await.expect_err("refused");
        assert!(!refused.is_bad_request(), "{member} {value}");
    }
    liar.answer(DOCUMENT, "302 Found\r\nLocation: /elsewhere", "");
    let refused = begin(&liar, liar.client()).await.expect_err("refused");
    assert!(refused.to_string().contains("redirect"), "{refused}");
    assert_eq!(liar.asked("/elsewhere"), 0);
    for (status, body) in [("500 Oops", "{}"), ("200 OK", "<html>"), ("404 Not Found", "")] {
        liar.answer(DOCUMENT, status, body);
        let refused = begin(&liar, liar.client()).await;
        assert!(matches!(refused, Err(OidcError::Provider { .. })));
    }
}

#[tokio::test]
async fn what_the_token_endpoint_answers_cannot_break_us() {
    let liar = Liar::start().await;
    liar.answer("/keys", "200 OK", &key_set(&[Signer::es256("1").jwk()]));
    let (client, provider) = (liar.client(), liar.provider());
    let (_, pending) = client.begin(&provider, "https://us.example/cb", NOW).await.expect("begun");
    for (status, body, code) in [
        ("400 Bad", r#"{"error":"invalid_grant"}"#, "oidc_code"),
        ("401 No", r#"{"error":"invalid_client"}"#, "oidc_refused"),
        ("400 Bad", r#"{"error":"<script>\n"}"#, "oidc_refused"),
        ("400 Bad", "nonsense", "oidc_provider"),
        ("200 OK", "{}", "oidc_provider"),
        ("200 OK", r#"{"id_token":7}"#, "oidc_provider"),
        ("200 OK", r#"{"id_token":"x"}"#, "oidc_id_token"),
        ("302 Found\r\nLocation: /", "", "oidc_unreachable"),
        ("500 Oops", r#"{"error":"server_error"}"#, "oidc_provider"),
    ] {
        liar.answer("/token", status, body);
        let refused = client.finish(&provider, &secret(), &pending, &callback(&pending), NOW).await;
        let refused = refused.expect_err("refused");
        assert_eq!(refused.code(), code, "{body}");
        assert!(!refused.to_string().contains("script"), "{refused}");
    }
}
