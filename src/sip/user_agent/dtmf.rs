//! Key presses in INFO bodies: `application/dtmf-relay` and `application/dtmf`.
//!
//! Neither has an RFC; JsSIP and SIP.js send the first (INTEROP section 2), some PBXs the second.

use crate::sip::message::Headers;

/// What we send.
pub(super) const DTMF_RELAY: &str = "application/dtmf-relay";
/// What we accept, for 415.
pub(super) const ACCEPT: &str = "application/dtmf-relay, application/dtmf";
/// The length of a key press that does not say.
const DURATION_MS: u32 = 100;
/// The shortest and longest key press believed.
const DURATION_RANGE_MS: (u32, u32) = (40, 6000);

/// A key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyPress {
    pub(super) digit: char,
    pub(super) duration_ms: u32,
}

/// What an INFO body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InfoBody {
    /// Nothing: a sign of life.
    Empty,
    /// A key press.
    KeyPress(KeyPress),
    /// A key press that cannot be read: 400.
    Malformed,
    /// Something else: 415.
    Unsupported,
}

/// Reads an INFO body.
pub(super) fn read(headers: &Headers, body: &[u8]) -> InfoBody {
    if body.is_empty() {
        return InfoBody::Empty;
    }
    let press = match headers.content_type().as_deref() {
        Some(DTMF_RELAY) => read_relay(body),
        Some("application/dtmf") => read_plain(body),
        Some(_) | None => return InfoBody::Unsupported,
    };
    press.map_or(InfoBody::Malformed, InfoBody::KeyPress)
}

/// Writes a `dtmf-relay` body.
pub(super) fn write(press: KeyPress) -> Vec<u8> {
    format!("Signal={}\r\nDuration={}\r\n", press.digit, press.duration_ms).into_bytes()
}

/// `Signal=5`, `Duration=160`, one per line.
fn read_relay(body: &[u8]) -> Option<KeyPress> {
    let text = std::str::from_utf8(body).ok()?;
    let value_of = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let digit = digit(value_of("Signal")?)?;
    let duration_ms = value_of("Duration").and_then(|value| value.parse().ok());
    Some(KeyPress { digit, duration_ms: bounded(duration_ms) })
}

/// The bare digit, or `d=5` and `dd=160` of older gateways.
fn read_plain(body: &[u8]) -> Option<KeyPress> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let digit = digit(text.strip_prefix("d=").unwrap_or(text).lines().next()?.trim())?;
    Some(KeyPress { digit, duration_ms: DURATION_MS })
}

/// A digit by its sign, or by its RFC 4733 event number where that has two characters.
fn digit(text: &str) -> Option<char> {
    let sign = match text {
        "10" => '*',
        "11" => '#',
        one => {
            let mut signs = one.chars();
            let sign = signs.next()?.to_ascii_uppercase();
            if signs.next().is_some() {
                return None;
            }
            sign
        }
    };
    matches!(sign, '0'..='9' | '*' | '#' | 'A'..='D').then_some(sign)
}

fn bounded(duration_ms: Option<u32>) -> u32 {
    duration_ms.unwrap_or(DURATION_MS).clamp(DURATION_RANGE_MS.0, DURATION_RANGE_MS.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(kind: &str, body: &str) -> InfoBody {
        let mut headers = Headers::new();
        headers.push("Content-Type", kind);
        read(&headers, body.as_bytes())
    }

    #[test]
    fn c36_both_kinds_of_info_body_are_read() {
        let press = |digit, duration_ms| InfoBody::KeyPress(KeyPress { digit, duration_ms });
        let relay = "application/dtmf-relay";
        assert_eq!(read_as(relay, "Signal=5\r\nDuration=160\r\n"), press('5', 160));
        assert_eq!(read_as(relay, "Signal= # \nDuration= 99999"), press('#', 6000));
        assert_eq!(read_as(relay, "Signal=11\r\n"), press('#', 100));
        assert_eq!(read_as("application/dtmf", "7"), press('7', 100));
        assert_eq!(read_as("application/dtmf", "d=a\r\ndd=200"), press('A', 100));
    }

    #[test]
    fn what_is_no_key_is_malformed_and_what_is_no_dtmf_unsupported() {
        assert_eq!(read_as("application/dtmf-relay", "Signal=55"), InfoBody::Malformed);
        assert_eq!(read_as("application/dtmf-relay", "Duration=5"), InfoBody::Malformed);
        assert_eq!(read_as("application/dtmf", "x"), InfoBody::Malformed);
        assert_eq!(read_as("text/plain", "5"), InfoBody::Unsupported);
        assert_eq!(read(&Headers::new(), b""), InfoBody::Empty);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for digit in "0123456789*#ABCD".chars() {
            let press = KeyPress { digit, duration_ms: 250 };
            let body = String::from_utf8(write(press)).unwrap();
            assert_eq!(read_as(DTMF_RELAY, &body), InfoBody::KeyPress(press));
        }
    }
}
