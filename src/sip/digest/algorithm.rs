//! The hash functions and the formula of the response. RFC 7616 §3.4.

use crate::base::Secret;
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// A hash function of digest authentication; the greater is the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `MD5`, all that JsSIP and SIP.js know.
    Md5,
    /// `SHA-256` (RFC 8760).
    Sha256,
}

impl Algorithm {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Finds the algorithm by its word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|a| a.as_str().eq_ignore_ascii_case(word))
    }

    /// `H(user ":" realm ":" password)`: stands for the password within one realm.
    #[must_use]
    pub fn ha1(self, user: &str, realm: &str, password: &Secret) -> Secret {
        Secret::new(self.hash(&[user, realm, password.expose()]).as_str())
    }

    /// The `response` parameter; `qop` holds nc and cnonce of `qop=auth`.
    pub(super) fn response(
        self,
        ha1: &Secret,
        nonce: &str,
        qop: Option<(&str, &str)>,
        method: &str,
        uri: &str,
    ) -> Zeroizing<String> {
        let ha2 = self.hash(&[method, uri]);
        match qop {
            Some((nc, cnonce)) => self.hash(&[ha1.expose(), nonce, nc, cnonce, "auth", &ha2]),
            None => self.hash(&[ha1.expose(), nonce, &ha2]),
        }
    }

    /// The parts joined by colons, hashed, in lower-case hex.
    fn hash(self, parts: &[&str]) -> Zeroizing<String> {
        match self {
            Self::Md5 => hex(&joined(Md5::new(), parts)),
            Self::Sha256 => hex(&joined(Sha256::new(), parts)),
        }
    }
}

fn joined<D: Digest>(mut digest: D, parts: &[&str]) -> impl AsRef<[u8]> + use<D> {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            digest.update(b":");
        }
        digest.update(part.as_bytes());
    }
    Vec::from(digest.finalize().as_ref() as &[u8])
}

fn hex(bytes: &impl AsRef<[u8]>) -> Zeroizing<String> {
    use fmt::Write as _;
    let bytes = bytes.as_ref();
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    fn response(algorithm: Algorithm, qop: Option<(&str, &str)>) -> String {
        let password = Secret::new("Circle of Life");
        let ha1 = algorithm.ha1("Mufasa", "http-auth@example.org", &password);
        algorithm.response(&ha1, NONCE, qop, "GET", "/dir/index.html").to_string()
    }

    #[test]
    fn c49_the_examples_of_rfc_7616_come_out() {
        let qop = Some(("00000001", CNONCE));
        assert_eq!(response(Algorithm::Md5, qop), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            response(Algorithm::Sha256, qop),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn without_qop_the_formula_of_rfc_2069_is_used() {
        let ha1 = Algorithm::Md5.ha1("Mufasa", "testrealm@host.com", &Secret::new("CircleOfLife"));
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let response = Algorithm::Md5.response(&ha1, nonce, None, "GET", "/dir/index.html");
        // RFC 2069 prints this digest; its erratum 749 corrects it to the value here.
        assert_eq!(response.as_str(), "1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn the_stronger_algorithm_is_the_greater() {
        assert!(Algorithm::Sha256 > Algorithm::Md5);
        assert_eq!(Algorithm::find("sha-256"), Some(Algorithm::Sha256));
        assert_eq!(Algorithm::find("MD5-sess"), None);
    }
}
