//! The origins that may open phone sockets and send credentials: exact, never by suffix.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use axum::http::HeaderMap;
use axum::http::header::ORIGIN;

use crate::config::{Config, Mode};

/// The allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    allowed: BTreeSet<String>,
}

/// What a request says about where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From<'a> {
    /// An origin on the list.
    Allowed(&'a str),
    /// Any other `Origin`, `null` included, or more than one.
    Foreign,
    /// No `Origin`: a same-origin GET, or not a browser.
    Unsaid,
}

impl Origins {
    /// The origins of this server's own listeners, as bound, and those of the configuration.
    #[must_use]
    pub fn new(config: &Config, plain: Option<SocketAddr>, tls: &[SocketAddr]) -> Self {
        let mut allowed: BTreeSet<String> =
            config.server.origins.iter().map(ToString::to_string).collect();
        let listeners = plain
            .iter()
            .map(|address| ("http", 80, address))
            .chain(tls.iter().map(|address| ("https", 443, address)));
        for (scheme, default_port, address) in listeners {
            let mut hosts = vec![config.server.public_host.clone()];
            if config.mode == Mode::Development {
                hosts.extend(["localhost".into(), "127.0.0.1".into(), "[::1]".into()]);
            }
            for host in hosts {
                let port = address.port();
                let port = if port == default_port { String::new() } else { format!(":{port}") };
                allowed.insert(format!("{scheme}://{host}{port}"));
            }
        }
        if config.mode == Mode::Production {
            // Behind a port mapping the browser sees the usual port.
            allowed.insert(format!("https://{}", config.server.public_host));
        }
        Self { allowed }
    }

    /// Those of pages at this host, for passkeys: they are bound to one name.
    #[must_use]
    pub fn at_host(&self, host: &str) -> Vec<String> {
        let is_there = |origin: &&String| {
            let place = origin.split_once("://").map_or("", |(_, place)| place);
            place.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        self.allowed.iter().filter(is_there).cloned().collect()
    }

    pub(super) fn of<'a>(&self, headers: &'a HeaderMap) -> From<'a> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else {
            return if headers.contains_key(ORIGIN) { From::Foreign } else { From::Unsaid };
        };
        match origin.to_str() {
            Ok(origin) if self.allowed.contains(origin) => From::Allowed(origin),
            _ => From::Foreign,
        }
    }

    /// The same places as WebSocket addresses, for the content security policy: not every
    /// browser takes `'self'` to include them. The policy's grammar has no IPv6 address, so a page
    /// opened at one relies on `'self'`.
    pub(super) fn socket_sources(&self) -> String {
        let names = self.allowed.iter().filter(|origin| !origin.contains('['));
        let sources: Vec<_> = names.map(|origin| origin.replacen("http", "ws", 1)).collect();
        sources.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DevFlags;

    #[test]
    fn w02_a37_only_the_exact_origin_is_allowed() {
        let config = Config::dev(DevFlags::default()).unwrap();
        let [plain, tls] = ["127.0.0.1:4711", "127.0.0.1:4712"].map(|a| a.parse().unwrap());
        let origins = Origins::new(&config, Some(plain), &[tls]);
        let of = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.append(ORIGIN, origin.parse().unwrap());
            match origins.of(&headers) {
                From::Allowed(_) => true,
                From::Foreign => false,
                From::Unsaid => panic!("{origin}"),
            }
        };
        for own in ["http://localhost:4711", "https://127.0.0.1:4712", "https://[::1]:4712"] {
            assert!(of(own), "{own}");
        }
        for foreign in [
            "null",
            "",
            "*",
            "http://localhost",
            "https://localhost:4711",
            "http://localhost:4712",
            "http://localhost:47110",
            "http://localhost:4711/",
            "http://LOCALHOST:4711",
            "http://localhost:4711.evil.example",
            "http://evil.localhost:4711",
            "http://localhost.evil.example:4711",
            "http://localhost@evil.example",
            "http://evil.example/http://localhost:4711",
            " http://localhost:4711x",
            "ws://localhost:4711",
            "http://localhost:4711, http://evil.example",
            "http://127.1:4711",
            "http://[::ffff:127.0.0.1]:4711",
            "file://",
        ] {
            assert!(!of(foreign), "{foreign}");
        }
        let mut twice = HeaderMap::new();
        twice.append(ORIGIN, "http://localhost:4711".parse().unwrap());
        twice.append(ORIGIN, "http://localhost:4711".parse().unwrap());
        assert_eq!(origins.of(&twice), From::Foreign);
        assert_eq!(origins.of(&HeaderMap::new()), From::Unsaid);
    }
}
