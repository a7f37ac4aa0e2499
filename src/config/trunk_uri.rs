//! Where a PBX is: `sips:pbx.example.com:5061`, and with credentials on the command line of
//! development mode, `sips:USER:PASSWORD@HOST:PORT`.
//!
//! Its own small grammar, because `config` knows no SIP; only `sips` exists, so a trunk in clear
//! cannot be written down.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::base::Secret;

/// A PBX's host and port; always SIP over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkUri {
    /// A DNS name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// 5061 when not given.
    pub port: u16,
}

/// A trunk as given on the command line of development mode.
#[derive(Clone, Debug)]
pub struct TrunkArgument {
    /// Where it is.
    pub uri: TrunkUri,
    /// Digest user.
    pub user: Option<String>,
    /// Digest password.
    pub password: Option<Secret>,
}

/// Why a trunk URI was refused; never holds the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrunkUriError {
    /// `sip:` or no scheme.
    #[error("a trunk is sips:HOST:PORT; calls never travel in clear")]
    NotSips,
    /// Host missing or with characters no host has.
    #[error("the host is not a name or an address")]
    Host,
    /// Port not 1–65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// `sips:USER@HOST` where none belongs.
    #[error("no user or password belongs here; use `user` and `password_file` or `password_env`")]
    Credentials,
    /// A bad `%XX`.
    #[error("the user or password has a bad %XX escape")]
    Escape,
    /// Parameters or headers.
    #[error("parameters after the port are not supported")]
    Parameters,
}

impl FromStr for TrunkUri {
    type Err = TrunkUriError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = strip_scheme(text)?;
        if rest.contains('@') {
            return Err(TrunkUriError::Credentials);
        }
        host_and_port(rest)
    }
}

impl FromStr for TrunkArgument {
    type Err = TrunkUriError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = strip_scheme(text)?;
        let Some((credentials, place)) = rest.rsplit_once('@') else {
            return Ok(Self { uri: host_and_port(rest)?, user: None, password: None });
        };
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(Secret::new(unescape(password)?))),
            None => (credentials, None),
        };
        Ok(Self { uri: host_and_port(place)?, user: Some(unescape(user)?), password })
    }
}

impl fmt::Display for TrunkUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "sips:[{}]:{}", self.host, self.port)
        } else {
            write!(f, "sips:{}:{}", self.host, self.port)
        }
    }
}

fn strip_scheme(text: &str) -> Result<&str, TrunkUriError> {
    let (scheme, rest) = text.split_once(':').ok_or(TrunkUriError::NotSips)?;
    if scheme.eq_ignore_ascii_case("sips") { Ok(rest) } else { Err(TrunkUriError::NotSips) }
}

fn host_and_port(text: &str) -> Result<TrunkUri, TrunkUriError> {
    if text.contains([';', '?']) {
        return Err(TrunkUriError::Parameters);
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']').ok_or(TrunkUriError::Host)?;
            host.parse::<Ipv6Addr>().map_err(|_| TrunkUriError::Host)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(port),
                None if rest.is_empty() => None,
                None => return Err(TrunkUriError::Port),
            };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None => 5061,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or(TrunkUriError::Port)?
        }
        Some(_) => return Err(TrunkUriError::Port),
    };
    if is_host(host) {
        Ok(TrunkUri { host: host.to_ascii_lowercase(), port })
    } else {
        Err(TrunkUriError::Host)
    }
}

/// Whether `host` is an address or could be a DNS name.
#[must_use]
pub fn is_host(host: &str) -> bool {
    host.parse::<Ipv6Addr>().is_ok()
        || (!host.is_empty()
            && host.len() <= 253
            && host.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            }))
}

fn unescape(text: &str) -> Result<String, TrunkUriError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(TrunkUriError::Escape);
        };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| TrunkUriError::Escape)?);
    }
    let text = String::from_utf8(bytes).map_err(|_| TrunkUriError::Escape)?;
    if text.chars().any(char::is_control) { Err(TrunkUriError::Escape) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_argument_takes_credentials_apart_and_undoes_escapes() {
        let trunk: TrunkArgument = "sips:ringfence:p%40ss:w%2Fd@127.0.0.1:15061".parse().unwrap();
        assert_eq!(trunk.user.as_deref(), Some("ringfence"));
        assert_eq!(trunk.password.unwrap().expose(), "p@ss:w/d");
        assert_eq!(trunk.uri.to_string(), "sips:127.0.0.1:15061");
        let plain: TrunkArgument = "sips:PBX.example.com".parse().unwrap();
        assert_eq!(plain.uri, TrunkUri { host: "pbx.example.com".into(), port: 5061 });
        assert!(plain.user.is_none());
        let six: TrunkArgument = "sips:u:p@[::1]:5061".parse().unwrap();
        assert_eq!(six.uri.to_string(), "sips:[::1]:5061");
    }

    #[test]
    fn a_trunk_in_clear_or_with_anything_odd_is_refused() {
        for (text, error) in [
            ("sip:pbx.example.com", TrunkUriError::NotSips),
            ("pbx.example.com", TrunkUriError::NotSips),
            ("sips:pbx.example.com:0", TrunkUriError::Port),
            ("sips:pbx.example.com:+5", TrunkUriError::Port),
            ("sips:pbx.example.com:70000", TrunkUriError::Port),
            ("sips:", TrunkUriError::Host),
            ("sips:a b", TrunkUriError::Host),
            ("sips:pbx;transport=udp", TrunkUriError::Parameters),
            ("sips:u@pbx", TrunkUriError::Credentials),
            ("sips:[::1", TrunkUriError::Host),
        ] {
            assert_eq!(text.parse::<TrunkUri>(), Err(error), "{text}");
        }
        assert_eq!("sips:u:%0d@pbx".parse::<TrunkArgument>().unwrap_err(), TrunkUriError::Escape);
    }

    #[test]
    fn printing_a_trunk_argument_shows_no_password() {
        let trunk: TrunkArgument = "sips:u:hunter2@pbx".parse().unwrap();
        assert!(!format!("{trunk:?}").contains("hunter2"));
    }
}
