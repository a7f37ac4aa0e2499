//! Challenges read and chosen from. RFC 7616 §3.3, RFC 8760 §2.

use super::algorithm::Algorithm;
use super::auth_params::AuthParams;
use crate::sip::{Headers, StatusCode};

/// Who asks for credentials; a 407 may carry challenges of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChallengedBy {
    /// 401: the user agent or registrar.
    Server,
    /// 407: a proxy on the way.
    Proxy,
}

impl ChallengedBy {
    /// The status that asks.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Server => StatusCode::UNAUTHORIZED,
            Self::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        }
    }

    /// The header field of the challenge.
    #[must_use]
    pub fn challenge_header(self) -> &'static str {
        match self {
            Self::Server => "WWW-Authenticate",
            Self::Proxy => "Proxy-Authenticate",
        }
    }

    /// The header field of the answer.
    #[must_use]
    pub fn answer_header(self) -> &'static str {
        match self {
            Self::Server => "Authorization",
            Self::Proxy => "Proxy-Authorization",
        }
    }
}

/// A digest challenge that [`DigestClient`](super::DigestClient) can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The realm, without quotes and escapes.
    pub realm: String,
    /// The nonce.
    pub nonce: String,
    /// Given back as it came.
    pub opaque: Option<String>,
    /// MD5 when not said.
    pub algorithm: Algorithm,
    /// Whether `qop=auth` was offered; without it the formula of RFC 2069 applies.
    pub has_qop: bool,
    /// Whether only the nonce was too old, the credentials being right.
    pub is_stale: bool,
}

impl Challenge {
    fn from_params(params: &AuthParams<'_>) -> Option<Self> {
        if !params.is_digest() {
            return None;
        }
        let algorithm = params.get("algorithm").map_or(Some(Algorithm::Md5), Algorithm::find)?;
        let has_qop = match params.get("qop") {
            None => false,
            Some(list) => {
                let mut offered = list.split(',').map(|word| word.trim_matches([' ', '\t']));
                // With `auth-int` alone there is nothing we can do.
                offered.any(|word| word.eq_ignore_ascii_case("auth")).then_some(true)?
            }
        };
        Some(Self {
            realm: params.get("realm")?.to_owned(),
            nonce: params.get("nonce")?.to_owned(),
            opaque: params.get("opaque").map(str::to_owned),
            algorithm,
            has_qop,
            is_stale: params.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }
}

/// Every challenge of a response that can be answered, in order, however many header fields they
/// stand in. A field that does not follow the grammar counts for nothing.
#[must_use]
pub fn challenges(headers: &Headers, by: ChallengedBy) -> Vec<Challenge> {
    let values = headers.get_all(by.challenge_header());
    let schemes = values.filter_map(|value| AuthParams::read_all(value).ok()).flatten();
    schemes.filter_map(|params| Challenge::from_params(&params)).collect()
}

/// The challenge to answer: the strongest algorithm, `qop=auth` before none, then the first. With
/// a `realm` pinned by an earlier success, only of that realm.
#[must_use]
pub fn choose<'a>(challenges: &'a [Challenge], realm: Option<&str>) -> Option<&'a Challenge> {
    let usable = challenges.iter().filter(|one| realm.is_none_or(|realm| realm == one.realm));
    usable.rev().max_by_key(|one| (one.algorithm, one.has_qop))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Vec<Challenge> {
        let mut headers = Headers::new();
        for value in values {
            headers.push("WWW-Authenticate", value);
        }
        challenges(&headers, ChallengedBy::Server)
    }

    #[test]
    fn c49_the_strongest_challenge_is_chosen_wherever_it_stands() {
        let md5 = "Digest realm=\"r\",nonce=\"1\",qop=\"auth,auth-int\"";
        let sha = "Digest realm=\"r\",nonce=\"2\",qop=auth,algorithm=SHA-256";
        let unknown = "Digest realm=\"r\",nonce=\"3\",algorithm=SHA-512-256";
        for order in [[md5, sha, unknown], [sha, unknown, md5], [unknown, md5, sha]] {
            let all = read(&order);
            assert_eq!(all.len(), 2);
            assert_eq!(choose(&all, None).unwrap().nonce, "2");
            let one = format!("Bearer, {}", order.join(", "));
            assert_eq!(read(&[&one]), all);
        }
        assert_eq!(choose(&read(&[md5, unknown]), None).unwrap().nonce, "1");
    }

    #[test]
    fn c49_auth_int_alone_is_never_answered_and_a_missing_qop_is() {
        let all = read(&[
            "Digest realm=\"r\",nonce=\"1\",qop=\"auth-int\"",
            "Digest realm=\"r\", nonce=\"2\"",
            "Digest realm=\"r\",nonce=\"3\",qop=\"auth\"",
            "Digest realm=\"r\",nonce=\"4\",qop=\"auth\"",
        ]);
        let kept: Vec<_> = all.iter().map(|one| (one.nonce.as_str(), one.has_qop)).collect();
        assert_eq!(kept, [("2", false), ("3", true), ("4", true)]);
        assert_eq!(choose(&all, None).unwrap().nonce, "3");
    }

    #[test]
    fn a_pinned_realm_leaves_no_choice() {
        let all = read(&["Digest realm=\"evil\",nonce=\"1\",algorithm=SHA-256,qop=auth"]);
        assert_eq!(choose(&all, Some("pbx")), None);
        assert!(choose(&all, Some("evil")).is_some());
    }

    #[test]
    fn stale_is_read_in_any_case() {
        assert!(read(&["Digest realm=\"r\",nonce=\"1\",stale=TRUE"])[0].is_stale);
        assert!(!read(&["Digest realm=\"r\",nonce=\"1\",stale=FALSE"])[0].is_stale);
    }
}
