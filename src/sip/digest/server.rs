//! Challenges made and answers verified. RFC 7616 §3.3, §3.4, §5.

use super::algorithm::Algorithm;
use super::auth_params::{AuthParams, Quoted};
use super::challenge::ChallengedBy;
use super::nonce::{Nonces, Worth};
use crate::base::Secret;
use crate::sip::{Request, StatusCode, Uri};
use std::fmt;
use std::time::Instant;
use subtle::ConstantTimeEq as _;

/// The verifying side of one realm.
pub struct DigestServer {
    realm: String,
    by: ChallengedBy,
    nonces: Nonces,
}

/// What is known about a user.
#[derive(Clone, Debug)]
pub enum DigestSecret {
    /// The password itself.
    Password(Secret),
    /// [`Algorithm::ha1`] of it, for the algorithm that was asked about.
    Ha1(Secret),
}

/// Why a request is not authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// No credentials for this realm: challenge.
    #[error("no credentials")]
    Missing,
    /// Credentials that do not follow the grammar: 400.
    #[error("malformed credentials")]
    Malformed,
    /// Right password, but the nonce is old, of another flow, or this count was used: challenge
    /// with `stale=true`.
    #[error("nonce is spent")]
    Stale,
    /// Unknown user or wrong password, indistinguishable: challenge, and count against the peer.
    #[error("wrong user or password")]
    Refused,
}

impl DigestError {
    /// The status to answer.
    #[must_use]
    pub fn status(self, by: ChallengedBy) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Missing | Self::Stale | Self::Refused => by.status(),
        }
    }
}

impl DigestServer {
    /// A server for `realm`; `key` is random and signs the nonces.
    #[must_use]
    pub fn new(now: Instant, realm: &str, by: ChallengedBy, key: [u8; 32]) -> Self {
        Self { realm: realm.to_owned(), by, nonces: Nonces::new(now, key) }
    }

    /// The values of the challenge header fields in order: SHA-256 first and MD5 last, because
    /// JsSIP and SIP.js look at the last one only and know only MD5 (INTEROP finding 2).
    /// `binding` names the flow; `error` is why the request was not authenticated.
    #[must_use]
    pub fn challenges(
        &self,
        now: Instant,
        binding: &[u8],
        random: [u8; 8],
        error: DigestError,
    ) -> [String; 2] {
        let nonce = self.nonces.issue(now, binding, random);
        let stale = if error == DigestError::Stale { ", stale=true" } else { "" };
        [Algorithm::Sha256, Algorithm::Md5].map(|algorithm| {
            let realm = Quoted(&self.realm);
            format!(
                "Digest realm={realm}, nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}"
            )
        })
    }

    /// The header field that [`DigestServer::challenges`] are values of, and its status.
    #[must_use]
    pub fn challenged_by(&self) -> ChallengedBy {
        self.by
    }

    /// Verifies the credentials of `request` and returns the user name. `secret_of` looks a user
    /// up; one that it does not know costs the same as one with another password.
    ///
    /// # Errors
    ///
    /// [`DigestError`] says what to answer.
    pub fn verify(
        &mut self,
        now: Instant,
        binding: &[u8],
        request: &Request,
        secret_of: impl FnOnce(&str, Algorithm) -> Option<DigestSecret>,
    ) -> Result<String, DigestError> {
        let answer = Answer::find(request, self.by, &self.realm)?;
        let secret = secret_of(&answer.user, answer.algorithm);
        let is_known = secret.is_some();
        let ha1 = match secret {
            Some(DigestSecret::Ha1(ha1)) => ha1,
            Some(DigestSecret::Password(password)) => self.ha1(&answer, &password),
            None => self.ha1(&answer, &Secret::new("")),
        };
        if !answer.is_right(&ha1, request) || !is_known {
            return Err(DigestError::Refused);
        }
        match self.nonces.spend(now, binding, &answer.nonce, answer.count) {
            Worth::Fresh => Ok(answer.user),
            Worth::Spent => Err(DigestError::Stale),
        }
    }

    fn ha1(&self, answer: &Answer, password: &Secret) -> Secret {
        answer.algorithm.ha1(&answer.user, &self.realm, password)
    }
}

impl fmt::Debug for DigestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestServer").field("realm", &self.realm).finish_non_exhaustive()
    }
}

/// The credentials of a request, read.
struct Answer {
    user: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    cnonce: String,
    nonce_count: String,
    count: u32,
}

impl Answer {
    /// Finds the one answer to `realm`.
    fn find(request: &Request, by: ChallengedBy, realm: &str) -> Result<Self, DigestError> {
        let mut found = None;
        for value in request.headers.get_all(by.answer_header()) {
            let schemes = AuthParams::read_all(value).map_err(|_| DigestError::Malformed)?;
            for params in schemes.iter().filter(|params| params.is_digest()) {
                let theirs = params.get("realm").ok_or(DigestError::Malformed)?;
                if theirs != realm {
                    continue;
                }
                if found.is_some() {
                    return Err(DigestError::Malformed);
                }
                found = Some(Self::read(params).ok_or(DigestError::Malformed)?);
            }
        }
        found.ok_or(DigestError::Missing)
    }

    /// Reads what an answer to our own challenge must hold: `qop=auth` was offered, so count and
    /// client nonce are not optional.
    fn read(params: &AuthParams<'_>) -> Option<Self> {
        let qop = params.get("qop")?;
        let nonce_count = params.get("nc")?;
        let is_hex = nonce_count.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !qop.eq_ignore_ascii_case("auth") || nonce_count.len() != 8 || !is_hex {
            return None;
        }
        let text = |name: &str| params.get(name).map(str::to_owned);
        Some(Self {
            user: text("username")?,
            nonce: text("nonce")?,
            uri: text("uri")?,
            response: params.get("response")?.to_ascii_lowercase(),
            algorithm: params.get("algorithm").map_or(Some(Algorithm::Md5), Algorithm::find)?,
            cnonce: text("cnonce")?,
            count: u32::from_str_radix(nonce_count, 16).ok()?,
            nonce_count: nonce_count.to_owned(),
        })
    }

    /// Whether the digest is right and was made for this request.
    fn is_right(&self, ha1: &Secret, request: &Request) -> bool {
        let qop = Some((self.nonce_count.as_str(), self.cnonce.as_str()));
        let method = request.method.as_str();
        let expected = self.algorithm.response(ha1, &self.nonce, qop, method, &self.uri);
        let is_equal = bool::from(expected.as_bytes().ct_eq(self.response.as_bytes()));
        let names_request = |uri: Uri| uri.is_equivalent(&request.uri);
        is_equal && self.uri.parse().is_ok_and(names_request)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Credentials, DigestClient, challenges, choose};
    use super::*;
    use crate::base::{Clock, limit};
    use crate::sip::{Headers, Method};

    const REALM: &str = "ring, \"fence\"";

    struct Pair {
        now: Instant,
        server: DigestServer,
        client: DigestClient,
        credentials: Credentials,
    }

    fn ask(server: &DigestServer, now: Instant, flow: &[u8]) -> Headers {
        let mut headers = Headers::new();
        for value in server.challenges(now, flow, [9; 8], DigestError::Missing) {
            headers.push("WWW-Authenticate", value);
        }
        headers
    }

    impl Pair {
        fn new() -> Self {
            let now = Clock::system().now();
            let server = DigestServer::new(now, REALM, ChallengedBy::Server, [5; 32]);
            let offered = challenges(&ask(&server, now, b"flow"), ChallengedBy::Server);
            let client = DigestClient::new(choose(&offered, None).unwrap().clone(), [1; 16]);
            let password = Secret::new("pw");
            let credentials = Credentials { user: "600".to_owned(), password, realm: None };
            Self { now, server, client, credentials }
        }

        fn request(&mut self) -> Request {
            let uri: Uri = "sip:pbx.example.com".parse().unwrap();
            let value = self.client.authorize(&self.credentials, &Method::Invite, &uri).unwrap();
            let mut request = Request::new(Method::Invite, uri);
            request.headers.push("Authorization", value);
            request
        }

        fn verify(&mut self, request: &Request) -> Result<String, DigestError> {
            self.server.verify(self.now, b"flow", request, |user, _| {
                (user == "600").then(|| DigestSecret::Password(Secret::new("pw")))
            })
        }
    }

    #[test]
    fn c49_md5_is_last_and_both_offer_auth_only() {
        let pair = Pair::new();
        let [first, last] = pair.server.challenges(pair.now, b"", [0; 8], DigestError::Stale);
        assert!(first.contains("algorithm=SHA-256") && last.contains("algorithm=MD5"));
        assert!(first.contains("qop=\"auth\"") && !last.contains("auth-int"));
        assert!(last.ends_with("stale=true"));
        assert_eq!(pair.client.algorithm(), Algorithm::Sha256);
    }

    #[test]
    fn the_right_password_is_taken_and_each_request_once() {
        let mut pair = Pair::new();
        let (first, second) = (pair.request(), pair.request());
        assert_eq!(pair.verify(&second), Ok("600".to_owned()));
        assert_eq!(pair.verify(&first), Ok("600".to_owned()));
        assert_eq!(pair.verify(&first), Err(DigestError::Stale));
        let third = pair.request();
        let ha1 = Algorithm::Sha256.ha1("600", REALM, &Secret::new("pw"));
        let stored = |_: &str, _| Some(DigestSecret::Ha1(ha1));
        assert!(pair.server.verify(pair.now, b"flow", &third, stored).is_ok());
    }

    #[test]
    fn c49_an_answer_from_another_flow_or_too_late_is_stale() {
        let mut pair = Pair::new();
        let request = pair.request();
        let stored = |_: &str, _| Some(DigestSecret::Password(Secret::new("pw")));
        let elsewhere = pair.server.verify(pair.now, b"other", &request, stored);
        assert_eq!(elsewhere, Err(DigestError::Stale));
        pair.now += limit::DIGEST_NONCE_LIFE * 2;
        assert_eq!(pair.verify(&request), Err(DigestError::Stale));
    }

    #[test]
    fn s10_a_wrong_password_and_an_unknown_user_look_the_same() {
        let mut pair = Pair::new();
        pair.credentials.password = Secret::new("guess");
        let request = pair.request();
        assert_eq!(pair.verify(&request), Err(DigestError::Refused));
        for (user, password) in [("601", "pw"), ("601", "")] {
            pair.credentials.user = user.to_owned();
            pair.credentials.password = Secret::new(password);
            let request = pair.request();
            assert_eq!(pair.verify(&request), Err(DigestError::Refused));
        }
    }

    #[test]
    fn credentials_of_another_request_are_refused() {
        let mut pair = Pair::new();
        let mut request = pair.request();
        request.method = Method::Bye;
        assert_eq!(pair.verify(&request), Err(DigestError::Refused));
        let mut request = pair.request();
        request.uri = "sip:premium@pbx.example.com".parse().unwrap();
        assert_eq!(pair.verify(&request), Err(DigestError::Refused));
    }

    #[test]
    fn s02_missing_empty_double_and_garbage_credentials_are_told_apart() {
        let mut pair = Pair::new();
        let good = pair.request().headers.get("Authorization").unwrap().to_owned();
        let mut check = |values: &[&str]| {
            let mut request = Request::new(Method::Invite, "sip:pbx.example.com".parse().unwrap());
            for value in values {
                request.headers.push("Authorization", value);
            }
            pair.verify(&request).map_err(|error| error.status(ChallengedBy::Server).get())
        };
        assert_eq!(check(&[]), Err(401));
        assert_eq!(check(&[""]), Err(401));
        assert_eq!(check(&["Bearer abc"]), Err(401));
        assert_eq!(check(&["NoOneKnowsThisScheme opaque-data=here"]), Err(401));
        assert_eq!(check(&["Digest"]), Err(400));
        assert_eq!(check(&["Digest \"\\"]), Err(400));
        assert_eq!(check(&[&good, &good]), Err(400));
        assert_eq!(check(&[&good.replace("qop=auth,", "")]), Err(400));
        assert_eq!(check(&[&good.replace("nc=00000001", "nc=1")]), Err(400));
        assert_eq!(check(&[&good.replace("nc=00000001", "nc=+0000001")]), Err(400));
        assert_eq!(check(&["Digest realm=\"other\"", &good]), Ok("600".to_owned()));
    }
}
