//! Answers to challenges. RFC 7616 §3.4.

use super::algorithm::Algorithm;
use super::auth_params::{AuthParams, Quoted};
use super::challenge::Challenge;
use crate::base::Secret;
use crate::sip::{Method, Uri};
use base64::Engine as _;
use std::fmt::Write as _;

/// What we prove ourselves with towards a PBX.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: Secret,
    /// The only realm to answer to; `None` answers any.
    pub realm: Option<String>,
}

/// One nonce and how often it was used; made from a challenge, good until the next one.
#[derive(Clone, Debug)]
pub struct DigestClient {
    challenge: Challenge,
    cnonce: String,
    /// The count of the last answer; 0 before the first.
    nonce_count: u32,
}

impl DigestClient {
    /// Begins with a challenge; `random` becomes the client's nonce.
    #[must_use]
    pub fn new(challenge: Challenge, random: [u8; 16]) -> Self {
        let cnonce = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random);
        Self { challenge, cnonce, nonce_count: 0 }
    }

    /// The challenge being answered.
    #[must_use]
    pub fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// The value of Authorization for the next request, `uri` being its Request-URI. `None` when
    /// the nonce was used 2³²−1 times: send the request without and wait for a new challenge.
    pub fn authorize(
        &mut self,
        credentials: &Credentials,
        method: &Method,
        uri: &Uri,
    ) -> Option<String> {
        self.answer(credentials, method.as_str(), &uri.to_string())
    }

    fn answer(&mut self, credentials: &Credentials, method: &str, uri: &str) -> Option<String> {
        let Challenge { realm, nonce, opaque, algorithm, has_qop, .. } = &self.challenge;
        self.nonce_count = self.nonce_count.checked_add(1)?;
        let count = format!("{:08x}", self.nonce_count);
        let qop = has_qop.then_some((count.as_str(), self.cnonce.as_str()));
        let ha1 = algorithm.ha1(&credentials.user, realm, &credentials.password);
        let response = algorithm.response(&ha1, nonce, qop, method, uri);
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\", algorithm={}",
            Quoted(&credentials.user),
            Quoted(realm),
            Quoted(nonce),
            Quoted(uri),
            response.as_str(),
            algorithm,
        );
        if let Some((count, cnonce)) = qop {
            let _ = write!(value, ", qop=auth, nc={count}, cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = opaque {
            let _ = write!(value, ", opaque={}", Quoted(opaque));
        }
        Some(value)
    }

    /// Takes `nextnonce` from the Authentication-Info of a success (§3.5).
    pub fn take_next_nonce(&mut self, authentication_info: &str) {
        // The header has parameters only; a scheme in front makes it readable as a challenge.
        let value = format!("Digest {authentication_info}");
        let next = AuthParams::read_all(&value).ok().and_then(|all| {
            let next = all.first()?.get("nextnonce")?;
            (!next.is_empty()).then(|| next.to_owned())
        });
        if let Some(next) = next {
            self.challenge.nonce = next;
            self.nonce_count = 0;
        }
    }

    /// The algorithm in use.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.challenge.algorithm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(has_qop: bool) -> DigestClient {
        let challenge = Challenge {
            realm: "a \"b\", c\\d".to_owned(),
            nonce: "n".to_owned(),
            opaque: Some("o".to_owned()),
            algorithm: Algorithm::Md5,
            has_qop,
            is_stale: false,
        };
        DigestClient::new(challenge, [7; 16])
    }

    fn credentials() -> Credentials {
        Credentials { user: "ring\"fence".to_owned(), password: Secret::new("pw"), realm: None }
    }

    fn field(value: &str, name: &str) -> Option<String> {
        let all = AuthParams::read_all(value).unwrap();
        all[0].get(name).map(str::to_owned)
    }

    #[test]
    fn c49_the_answer_repeats_the_challenge_with_quotes_and_escapes() {
        let uri: Uri = "sip:pbx.example.com".parse().unwrap();
        let value = client(true).authorize(&credentials(), &Method::Register, &uri).unwrap();
        assert!(value.contains(r#"realm="a \"b\", c\\d""#), "{value}");
        assert!(value.contains(r#"username="ring\"fence""#), "{value}");
        assert_eq!(field(&value, "realm").unwrap(), "a \"b\", c\\d");
        assert_eq!(field(&value, "uri").unwrap(), "sip:pbx.example.com");
        assert_eq!(field(&value, "opaque").unwrap(), "o");
        assert_eq!(field(&value, "qop").unwrap(), "auth");
        assert_eq!(field(&value, "nc").unwrap(), "00000001");
        assert!(!value.contains("pw"));
    }

    #[test]
    fn c49_the_count_goes_to_ffffffff_in_hex_and_then_ends() {
        let mut client = client(true);
        let counts = [0, 9, 15, u32::MAX - 2, u32::MAX - 1].map(|used| {
            client.nonce_count = used;
            field(&client.answer(&credentials(), "INVITE", "sip:a").unwrap(), "nc").unwrap()
        });
        assert_eq!(counts, ["00000001", "0000000a", "00000010", "fffffffe", "ffffffff"]);
        assert_eq!(client.answer(&credentials(), "INVITE", "sip:a"), None);
    }

    #[test]
    fn without_qop_there_is_no_count() {
        let value = client(false).answer(&credentials(), "INVITE", "sip:a").unwrap();
        assert_eq!((field(&value, "nc"), field(&value, "qop")), (None, None));
    }

    #[test]
    fn c49_nextnonce_begins_a_new_count() {
        let mut client = client(true);
        client.answer(&credentials(), "INVITE", "sip:a");
        client.take_next_nonce("qop=auth, nextnonce=\"m, m\"");
        let value = client.answer(&credentials(), "INVITE", "sip:a").unwrap();
        assert_eq!(field(&value, "nonce").unwrap(), "m, m");
        assert_eq!(field(&value, "nc").unwrap(), "00000001");
        client.take_next_nonce("rspauth=\"x\"");
        assert_eq!(client.challenge().nonce, "m, m");
    }

    #[test]
    fn credentials_print_without_the_password() {
        assert!(!format!("{:?}", credentials()).contains("pw"));
    }
}
