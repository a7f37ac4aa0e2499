//! The URLs that are fetched, and forms (RFC 3986; WHATWG URL section 5 for the encoding).

use std::net::Ipv6Addr;
use std::str::FromStr as _;

use hyper::Uri;

use super::client::FetchError;
use crate::config::WebOrigin;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// A URL taken apart.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) host_header: String,
    /// Path and query.
    pub(super) path: String,
    pub(super) origin: WebOrigin,
    /// Whether the operator excepted the origin.
    pub(super) is_excepted: bool,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, FetchError> {
        // `http::Uri` drops fragments and keeps user names; neither has a meaning here.
        if url.contains('#') || url.len() > crate::base::limit::FETCH_URL_BYTES_MAX {
            return Err(FetchError::Url);
        }
        let uri: Uri = url.parse().map_err(|_| FetchError::Url)?;
        let (scheme, default_port) = match uri.scheme_str() {
            Some("https") => (Scheme::Https, 443),
            Some("http") => (Scheme::Http, 80),
            _ => return Err(FetchError::Url),
        };
        let authority = uri.authority().ok_or(FetchError::Url)?;
        if authority.as_str().contains('@') {
            return Err(FetchError::Url);
        }
        let shown = authority.host().to_ascii_lowercase();
        let host = match shown.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => Ipv6Addr::from_str(inner).map_err(|_| FetchError::Url)?.to_string(),
            None => shown.clone(),
        };
        let port = authority.port_u16().unwrap_or(default_port);
        if authority.port().is_none() && authority.as_str().len() != shown.len() {
            return Err(FetchError::Url); // a port that is none
        }
        let host_header = if port == default_port { shown } else { format!("{shown}:{port}") };
        let scheme_text = if scheme == Scheme::Https { "https" } else { "http" };
        let origin =
            format!("{scheme_text}://{host_header}").parse().map_err(|_| FetchError::Url)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { scheme, host, port, host_header, path, origin, is_excepted: false })
    }

    pub(super) fn unreachable(&self, source: std::io::Error) -> FetchError {
        FetchError::Connect { host: self.host.clone(), source }
    }
}

/// Fields as `application/x-www-form-urlencoded`.
#[must_use]
pub fn form_encode(fields: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}", form_text(name), form_text(value));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}

/// One name or value of a form, encoded.
#[must_use]
pub fn form_text(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_w11_a_url_is_taken_apart_or_refused() {
        let target = Target::parse("https://Login.Example/a/b?c=d").expect("plain");
        assert_eq!((target.host.as_str(), target.port), ("login.example", 443));
        assert_eq!(target.path, "/a/b?c=d");
        let target = Target::parse("http://[::1]:8080").expect("IPv6");
        assert_eq!((target.host.as_str(), target.host_header.as_str()), ("::1", "[::1]:8080"));
        assert_eq!(target.path, "/");
        for bad in [
            "https://user@host.example/",
            "https://user:password@host.example/",
            "https://evil.example@127.0.0.1/",
            "https://host.example/#fragment",
            "https://[::1%25lo]/",
            "https:///path",
            "ftp://host.example/",
            "file:///etc/passwd",
            "gopher://127.0.0.1:25/",
            "//host.example/",
            "host.example",
            "/path",
            "https://ho st.example/",
            "https://host.example:99999/",
            "https://host.example:/",
            "https://host.example/a\r\nX: y",
            "",
        ] {
            assert!(matches!(Target::parse(bad), Err(FetchError::Url)), "{bad}");
        }
    }

    #[test]
    fn a_form_is_encoded_so_that_no_value_can_add_a_field() {
        let form = form_encode(&[("a b", "c&d=e"), ("ü", "~+%\r\n")]);
        assert_eq!(form, "a+b=c%26d%3De&%C3%BC=%7E%2B%25%0D%0A");
    }
}
