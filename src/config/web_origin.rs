//! A web origin (RFC 6454): scheme, host, port; compared exactly.

use std::fmt;
use std::str::FromStr;

/// `https://crm.example.com` or `http://localhost:8080`: what a browser sends in `Origin`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// The text, as a browser writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is https://HOST or https://HOST:PORT, exact: no path, no wildcard")]
pub struct NotAnOrigin;

impl FromStr for WebOrigin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, place) = text.split_once("://").ok_or(NotAnOrigin)?;
        let default_port = match scheme {
            "https" => "443",
            "http" => "80",
            _ => return Err(NotAnOrigin),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (place, None),
        };
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let is_bracketed = bare.len() != host.len();
        let is_port = port.is_none_or(|port| {
            port != default_port && port.parse::<u16>().is_ok_and(|p| p.to_string() == port)
        });
        let is_lower = host.bytes().all(|byte| !byte.is_ascii_uppercase());
        let is_host = super::trunk_uri::is_host(bare) && is_bracketed == bare.contains(':');
        if is_host && is_lower && is_port { Ok(Self(text.to_string())) } else { Err(NotAnOrigin) }
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::WebOrigin;

    #[test]
    fn only_what_a_browser_can_send_is_an_origin() {
        for good in ["https://a.example", "http://localhost:8080", "https://[::1]:8443"] {
            assert!(good.parse::<WebOrigin>().is_ok(), "{good}");
        }
        for bad in [
            "*",
            "null",
            "https://*.a.example",
            "https://a.example/",
            "https://A.example",
            "https://a.example:443",
            "https://u@a.example",
            "ftp://a",
            "a.example",
            "https://",
            "https://::1",
            "https://a:080",
        ] {
            assert!(bad.parse::<WebOrigin>().is_err(), "{bad}");
        }
    }
}
