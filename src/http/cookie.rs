//! The cookies: the session's, a known browser's, and that of a sign-in at an identity provider.

use std::time::Duration;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::base::{Secret, limit};
use crate::engine::door::ListenerKind;

/// Which cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Jar {
    /// A session: whoever has it is signed in.
    Session,
    /// A browser that signed in before; opens nothing.
    Device,
    /// A sign-in under way at a provider that answers by redirect.
    Pending,
    /// The same at a provider whose answer is a form from its own site (Apple): no cookie of a
    /// stricter kind would come with it.
    PendingForm,
}

impl Jar {
    /// The cookie's name. `__Host-` makes browsers insist on Secure, this host and this path;
    /// plain HTTP, which development mode alone has, cannot carry it.
    fn name(self, listener: ListenerKind) -> &'static str {
        match (self, listener) {
            (Self::Session, ListenerKind::Tls) => "__Host-ringfence",
            (Self::Session, ListenerKind::Plain) => "ringfence-dev",
            (Self::Device, ListenerKind::Tls) => "__Host-ringfence-device",
            (Self::Device, ListenerKind::Plain) => "ringfence-dev-device",
            (Self::Pending | Self::PendingForm, ListenerKind::Tls) => "__Host-ringfence-oidc",
            (Self::Pending | Self::PendingForm, ListenerKind::Plain) => "ringfence-dev-oidc",
        }
    }

    fn same_site(self, listener: ListenerKind) -> &'static str {
        match (self, listener) {
            (Self::Session, _) => "Strict",
            (Self::PendingForm, ListenerKind::Tls) => "None",
            // Browsers take `None` with Secure only.
            (Self::Device | Self::Pending | Self::PendingForm, _) => "Lax",
        }
    }

    /// The cookie of a request; two of the same name are none, for one of them was planted.
    pub(super) fn read(self, headers: &HeaderMap, listener: ListenerKind) -> Option<&str> {
        let name = self.name(listener);
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

    /// `Set-Cookie`; `None` for a value that is no cookie's.
    pub(super) fn set(
        self,
        value: &Secret,
        life: Duration,
        listener: ListenerKind,
    ) -> Option<HeaderValue> {
        self.write(value.expose(), life, listener)
    }

    /// `Set-Cookie` that takes it away.
    pub(super) fn clear(self, listener: ListenerKind) -> Option<HeaderValue> {
        self.write("", Duration::ZERO, listener)
    }

    fn write(self, value: &str, life: Duration, listener: ListenerKind) -> Option<HeaderValue> {
        let is_plain = value.bytes().all(|b| b.is_ascii_graphic() && !b"\",;\\".contains(&b));
        if !is_plain || value.len() > limit::TOKEN_BYTES_MAX {
            return None;
        }
        let secure = match listener {
            ListenerKind::Tls => "; Secure",
            ListenerKind::Plain => "",
        };
        let (name, same_site) = (self.name(listener), self.same_site(listener));
        let life = life.as_secs();
        let text = format!(
            "{name}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite={same_site}{secure}"
        );
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a09_the_cookie_has_every_attribute_and_only_one_is_taken() {
        let secret = Secret::new("v");
        let tls = Jar::Session.set(&secret, DAY, ListenerKind::Tls).unwrap();
        assert_eq!(
            tls,
            "__Host-ringfence=v; Path=/; Max-Age=86400; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(format!("{tls:?}").contains("Sensitive"));
        let plain = Jar::Session.set(&secret, DAY, ListenerKind::Plain).unwrap();
        assert_eq!(plain, "ringfence-dev=v; Path=/; Max-Age=86400; HttpOnly; SameSite=Strict");
        let read_of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.append(COOKIE, text.parse().unwrap());
            Jar::Session.read(&headers, ListenerKind::Tls).map(str::to_string)
        };
        assert_eq!(read_of("a=b; __Host-ringfence=x; c=d").as_deref(), Some("x"));
        assert_eq!(read_of("__Host-ringfence=x; __Host-ringfence=y"), None);
        assert_eq!(read_of("ringfence-dev=x"), None);
        assert_eq!(read_of("__host-ringfence=x; X__Host-ringfence=x"), None);
        assert_eq!(Jar::Session.set(&Secret::new("a; b"), DAY, ListenerKind::Tls), None);
    }

    #[test]
    fn a05_only_the_form_of_a_provider_gets_a_cookie_that_comes_from_elsewhere() {
        let of = |jar: Jar| jar.set(&Secret::new("v"), DAY, ListenerKind::Tls).unwrap();
        let text = |jar| of(jar).to_str().unwrap().to_string();
        assert!(text(Jar::PendingForm).contains("SameSite=None; Secure"));
        assert!(text(Jar::Pending).contains("SameSite=Lax; Secure"));
        assert!(text(Jar::Device).contains("SameSite=Lax; Secure"));
        for jar in [Jar::Session, Jar::Device, Jar::Pending, Jar::PendingForm] {
            assert!(text(jar).starts_with("__Host-") && text(jar).contains("HttpOnly"));
        }
    }
}
