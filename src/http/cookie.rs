//! The session cookie.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::base::{Secret, limit};
use crate::engine::door::ListenerKind;

/// The cookie's name. `__Host-` makes browsers insist on Secure, this host and this path; plain
/// HTTP, which development mode alone has, cannot carry it.
fn name(listener: ListenerKind) -> &'static str {
    match listener {
        ListenerKind::Tls => "__Host-ringfence",
        ListenerKind::Plain => "ringfence-dev",
    }
}

/// The cookie of a request; two of the same name are none, for one of them was planted.
pub(super) fn read(headers: &HeaderMap, listener: ListenerKind) -> Option<&str> {
    let name = name(listener);
    let mut found = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(cookie, _)| *cookie == name)
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// `Set-Cookie` for a new session.
pub(super) fn set(cookie: &Secret, listener: ListenerKind) -> Option<HeaderValue> {
    let life = limit::SESSION_LIFE_MAX.as_secs();
    write(cookie.expose(), life, listener)
}

/// `Set-Cookie` that takes it away.
pub(super) fn clear(listener: ListenerKind) -> Option<HeaderValue> {
    write("", 0, listener)
}

fn write(value: &str, max_age_s: u64, listener: ListenerKind) -> Option<HeaderValue> {
    let secure = match listener {
        ListenerKind::Tls => "; Secure",
        ListenerKind::Plain => "",
    };
    let name = name(listener);
    let text =
        format!("{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a09_the_cookie_has_every_attribute_and_only_one_is_taken() {
        let secret = Secret::new("v");
        let tls = set(&secret, ListenerKind::Tls).unwrap();
        assert_eq!(
            tls,
            "__Host-ringfence=v; Path=/; Max-Age=86400; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(format!("{tls:?}").contains("Sensitive"));
        let plain = set(&secret, ListenerKind::Plain).unwrap();
        assert_eq!(plain, "ringfence-dev=v; Path=/; Max-Age=86400; HttpOnly; SameSite=Strict");
        let read_of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.append(COOKIE, text.parse().unwrap());
            read(&headers, ListenerKind::Tls).map(str::to_string)
        };
        assert_eq!(read_of("a=b; __Host-ringfence=x; c=d").as_deref(), Some("x"));
        assert_eq!(read_of("__Host-ringfence=x; __Host-ringfence=y"), None);
        assert_eq!(read_of("ringfence-dev=x"), None);
        assert_eq!(read_of("__host-ringfence=x; X__Host-ringfence=x"), None);
    }
}
