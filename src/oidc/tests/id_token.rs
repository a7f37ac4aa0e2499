use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::NOW;
use super::signer::{Signer, key_set, sign};
use crate::base::Secret;
use crate::oidc::IdTokenError::{self, *};
use crate::oidc::discovery::IssuerRule;
use crate::oidc::id_token::IdTokenVerifier;
use crate::oidc::keys::KeySet;

const ISSUER: &str = "https://id.example";

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "aud": "us", "nonce": "once",
        "exp": NOW.0 + 300, "iat": NOW.0, "email": "ada@example.com", "email_verified": true,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("object").remove(name);
    claims
}

/// What a verifier with these keys says of a token.
fn judge(keys: &[Value], token: &str) -> Result<String, IdTokenError> {
    let keys = KeySet::parse(key_set(keys).as_bytes()).expect("keys");
    let issuer = IssuerRule::Exact(ISSUER.into());
    let verifier = IdTokenVerifier { issuer: &issuer, client_id: "us", keys: &keys };
    verifier.verify(token, &Secret::new("once"), NOW).map(|claims| claims.sub)
}

#[test]
fn a05_tokens_by_rsa_and_by_p256_are_accepted() {
    for signer in [Signer::rs256("1"), Signer::es256("1")] {
        assert_eq!(judge(&[signer.jwk()], &signer.token(&claims())), Ok("ada".into()));
    }
}

#[test]
fn a05_sec_a35_every_claim_is_judged() {
    let signer = Signer::es256("1");
    let several = json!(["us", "them"]);
    let mut both = with("aud", several.clone());
    both["azp"] = json!("us");
    let now = NOW.0;
    let cases = [
        (with("iss", json!("https://id.example/")), Err(Issuer)),
        (with("iss", json!("https://evil.example")), Err(Issuer)),
        (with("aud", json!("them")), Err(Audience)),
        (with("aud", json!("US")), Err(Audience)),
        (with("aud", json!([])), Err(Audience)),
        (with("aud", json!(["us"])), Ok("ada".into())),
        (with("aud", several), Err(Audience)),
        (both, Ok("ada".into())),
        (with("azp", json!("them")), Err(Audience)),
        (with("exp", json!(now - 4)), Ok("ada".into())),
        (with("exp", json!(now - 5)), Err(Expired)),
        (with("exp", json!("soon")), Err(Form)),
        (with("iat", json!(now + 5)), Ok("ada".into())),
        (with("iat", json!(now + 6)), Err(NotYetValid)),
        (with("nbf", json!(now + 6)), Err(NotYetValid)),
        (with("nonce", json!("twice")), Err(Nonce)),
        (with("nonce", json!("")), Err(Nonce)),
        (with("nonce", json!(null)), Err(Nonce)),
        (with("sub", json!("")), Err(Form)),
        (with("sub", json!("x".repeat(256))), Err(Form)),
        (with("sub", json!(7)), Err(Form)),
        (without("iss"), Err(Form)),
        (without("aud"), Err(Form)),
        (without("exp"), Err(Form)),
        (without("iat"), Err(Form)),
        (without("sub"), Err(Form)),
        (without("nonce"), Err(Nonce)),
    ];
    for (claims, expected) in cases {
        assert_eq!(judge(&[signer.jwk()], &signer.token(&claims)), expected, "{claims}");
    }
}

#[test]
fn x19_a_session_token_or_anything_by_a_shared_secret_is_never_an_id_token() {
    let rsa = Signer::rs256("1");
    let modulus = rsa.jwk()["n"].as_str().expect("modulus").to_owned();
    let shared = json!({ "kty": "oct", "alg": "HS256", "kid": "1", "k": "c2VjcmV0" });
    let keys = [shared.clone(), rsa.jwk()];
    for secret in [modulus.as_bytes(), b"secret", b""] {
        let key = EncodingKey::from_secret(secret);
        for header in [
            json!({ "alg": "HS256", "typ": "rf-at+jwt", "kid": "1" }),
            json!({ "alg": "HS256", "kid": "1" }),
        ] {
            let token = sign(&key, Algorithm::HS256, &header, &claims());
            assert_eq!(judge(&keys, &token), Err(IdTokenError::Algorithm));
        }
        // The header lies about how it was signed.
        let token = sign(&key, Algorithm::HS256, &rsa.header(), &claims());
        assert_eq!(judge(&keys, &token), Err(Signature));
    }
    assert!(KeySet::parse(key_set(&[shared]).as_bytes()).is_err());
}

#[test]
fn x19_the_algorithm_is_the_keys_and_not_the_tokens_choice() {
    let (rsa, ec) = (Signer::rs256("rsa"), Signer::es256("ec"));
    let keys = [rsa.jwk(), ec.jwk()];
    for alg in ["none", "None", "", "HS256", "HS512", "RS512", "PS256", "ES384", "EdDSA", "rs256"] {
        let token = rsa.token_with(&json!({ "alg": alg, "kid": "rsa" }), &claims());
        assert_eq!(judge(&keys, &token), Err(IdTokenError::Algorithm), "{alg}");
    }
    let crossed = rsa.token_with(&json!({ "alg": "ES256", "kid": "rsa" }), &claims());
    assert_eq!(judge(&keys, &crossed), Err(IdTokenError::Algorithm));
    let crossed = ec.token_with(&json!({ "alg": "RS256", "kid": "rsa" }), &claims());
    assert_eq!(judge(&keys, &crossed), Err(Signature));
    let (message, _) =
        rsa.token(&claims()).rsplit_once('.').map(|(m, s)| (m.to_owned(), s.len())).expect("parts");
    assert_eq!(judge(&keys, &format!("{message}.")), Err(Signature));
}

#[test]
fn a_key_is_found_by_name_or_by_being_the_only_one() {
    let (first, second) = (Signer::es256("1"), Signer::es256("2"));
    let nameless = second.token_with(&json!({ "alg": "ES256" }), &claims());
    assert_eq!(judge(&[second.jwk()], &nameless), Ok("ada".into()));
    assert_eq!(judge(&[first.jwk(), second.jwk()], &nameless), Err(NoKeyName));
    assert_eq!(judge(&[first.jwk()], &second.token(&claims())), Err(UnknownKey));
    let borrowed = second.token_with(&json!({ "alg": "ES256", "kid": "1" }), &claims());
    assert_eq!(judge(&[first.jwk(), second.jwk()], &borrowed), Err(Signature));
    for (member, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("x", json!("AA")),
        ("key_ops", json!(["sign"])),
    ] {
        let mut unfit = second.jwk();
        unfit[member] = value;
        let judged = judge(&[first.jwk(), unfit], &second.token(&claims()));
        assert_eq!(judged, Err(UnknownKey), "{member}");
    }
}

#[test]
fn keys_that_a_token_brings_along_are_not_looked_at() {
    let (ours, evil) = (Signer::es256("1"), Signer::es256("evil"));
    let mut header = evil.header();
    header["jwk"] = evil.jwk();
    header["jku"] = json!("https://evil.example/keys");
    header["x5u"] = json!("https://evil.example/chain");
    assert_eq!(judge(&[ours.jwk()], &evil.token_with(&header, &claims())), Err(UnknownKey));
    header["kid"] = json!("1");
    assert_eq!(judge(&[ours.jwk()], &evil.token_with(&header, &claims())), Err(Signature));
    let mut critical = ours.header();
    critical["crit"] = json!(["exp"]);
    assert_eq!(judge(&[ours.jwk()], &ours.token_with(&critical, &claims())), Err(Form));
}

#[test]
fn what_is_no_token_is_malformed() {
    let signer = Signer::es256("1");
    let keys = [signer.jwk()];
    let long = signer.token(&with("name", json!("x".repeat(20_000))));
    for text in ["", ".", "..", "a.b", "a.b.c", "{}.{}.{}", "....", long.as_str(), "\u{0}.é.x"] {
        assert_eq!(judge(&keys, text), Err(Form), "{:.20}", text);
    }
    let token = signer.token(&claims());
    for position in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        // The last character of each part may hold bits that do not count.
        if judge(&keys, &changed).is_ok() {
            assert_eq!(position, token.len() - 1);
        }
    }
}
