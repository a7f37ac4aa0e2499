//! The browser's side: DTLS-SRTP with ICE (RFC 8827, RFC 8829), we are ICE-lite.
//!
//! A browser never sees `RTP/AVP` or `a=crypto`, and none of its offers with them is accepted.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::description::{Audio, Description, Refusal, Transport};
use super::write::{Formats, Origin, direction_word, family, session_head};
use crate::media::command::{BrowserRemote, DtlsRole, IceCredentials};
use crate::media::format::{AudioFormat, Codec, Direction};

/// The transport half of our descriptions towards one browser.
#[derive(Clone, Copy, Debug)]
pub struct Local<'a> {
    /// The `o=` line.
    pub origin: Origin,
    /// Our ICE credentials.
    pub ice: &'a IceCredentials,
    /// SHA-256 of our certificate.
    pub fingerprint: &'a [u8; 32],
    /// Where the browser can reach the worker.
    pub candidates: &'a [SocketAddr],
    /// Which way audio flows, seen from us.
    pub direction: Direction,
}

/// Checks a browser's offer or answer and reads its transport.
///
/// # Errors
/// The rule it breaks, answered 488 (requirements B18, SECURITY S-18, S-19).
pub fn remote(description: &Description, we_offered: bool) -> Result<BrowserRemote, Refusal> {
    let audio = &description.audio;
    if !audio.crypto.is_empty() {
        return Err(Refusal::SdesFromBrowser);
    }
    if audio.transport != Transport::DtlsSrtp {
        return Err(Refusal::NotDtlsSrtp);
    }
    let fingerprint = fingerprint(&audio.fingerprints)?;
    let (ufrag, pwd) = audio.ice.clone().ok_or(Refusal::IceCredentials)?;
    if !(4..=256).contains(&ufrag.len()) || !(22..=256).contains(&pwd.len()) {
        return Err(Refusal::IceCredentials);
    }
    if !audio.rtcp_mux {
        return Err(Refusal::NoRtcpMux);
    }
    let role = role(audio, we_offered)?;
    Ok(BrowserRemote { ice: IceCredentials { ufrag, pwd }, fingerprint, role })
}

/// We are passive whenever the peer leaves the choice (INTEROP finding 1).
fn role(audio: &Audio, we_offered: bool) -> Result<DtlsRole, Refusal> {
    match (audio.setup.as_deref(), we_offered) {
        (Some("actpass"), false) | (Some("active"), _) => Ok(DtlsRole::Passive),
        (Some("passive"), _) => Ok(DtlsRole::Active),
        _ => Err(Refusal::Setup),
    }
}

/// Exactly one SHA-256 value; weaker hashes beside it are ignored, two different ones refused.
fn fingerprint(values: &[String]) -> Result<[u8; 32], Refusal> {
    let mut found: Option<[u8; 32]> = None;
    for value in values {
        let Some((algorithm, hex)) = value.trim().split_once(' ') else { continue };
        if !algorithm.eq_ignore_ascii_case("sha-256") {
            continue;
        }
        let parsed = parse_hex(hex.trim()).ok_or(Refusal::Fingerprint)?;
        if found.is_some_and(|known| known != parsed) {
            return Err(Refusal::Fingerprint);
        }
        found = Some(parsed);
    }
    found.ok_or(Refusal::Fingerprint)
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0_u8; 32];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        let part = parts.next()?;
        if part.len() != 2 || part.starts_with('+') {
            return None;
        }
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(bytes)
}

/// Our offer to a browser that is being called.
#[must_use]
pub fn offer(local: Local<'_>, codecs: &[Codec]) -> Vec<u8> {
    let mut out = head(local, &["0"]);
    audio_line(&mut out, local, "UDP/TLS/RTP/SAVPF", &Formats::offer(codecs), "actpass", Some("0"));
    out.into_bytes()
}

/// Our answer to a browser's offer: its audio stream accepted, every other stream refused.
#[must_use]
pub fn answer(
    local: Local<'_>,
    offer: &Description,
    role: DtlsRole,
    format: &AudioFormat,
) -> Vec<u8> {
    let mid = offer.audio.mid.as_deref();
    let bundled: Vec<&str> = if offer.bundle { mid.into_iter().collect() } else { Vec::new() };
    let mut out = head(local, &bundled);
    let setup = match role {
        DtlsRole::Passive => "passive",
        DtlsRole::Active => "active",
    };
    for (index, line) in offer.lines.iter().enumerate() {
        if index == offer.audio.index {
            audio_line(&mut out, local, &line.protocol, &Formats::answer(format), setup, mid);
        } else {
            let _ = write!(out, "m={} 0 {} {}\r\n", line.kind, line.protocol, line.format);
            out.push_str("c=IN IP4 0.0.0.0\r\na=inactive\r\n");
            if let Some(mid) = &line.mid {
                let _ = write!(out, "a=mid:{mid}\r\n");
            }
        }
    }
    out.into_bytes()
}

fn head(local: Local<'_>, bundled: &[&str]) -> String {
    let mut out = String::with_capacity(1_024);
    session_head(&mut out, local.origin, IpAddr::V4(Ipv4Addr::LOCALHOST));
    out.push_str("a=ice-lite\r\n");
    if !bundled.is_empty() {
        let _ = write!(out, "a=group:BUNDLE {}\r\n", bundled.join(" "));
    }
    out.push_str("a=msid-semantic: WMS *\r\n");
    out
}

fn audio_line(
    out: &mut String,
    local: Local<'_>,
    protocol: &str,
    formats: &Formats,
    setup: &str,
    mid: Option<&str>,
) {
    let first = local.candidates.first().copied();
    let (ip, port) = first.map_or((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9), |a| (a.ip(), a.port()));
    let _ = write!(out, "m=audio {port} {protocol}");
    formats.payload_types(out);
    let _ = write!(out, "\r\nc=IN {} {ip}\r\n", family(ip));
    if let Some(mid) = mid {
        let _ = write!(out, "a=mid:{mid}\r\n");
    }
    let _ = write!(out, "a={}\r\n", direction_word(local.direction));
    let _ = write!(out, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", local.ice.ufrag, local.ice.pwd);
    out.push_str("a=fingerprint:sha-256 ");
    for (index, byte) in local.fingerprint.iter().enumerate() {
        let colon = if index == 0 { "" } else { ":" };
        let _ = write!(out, "{colon}{byte:02X}");
    }
    let _ = write!(out, "\r\na=setup:{setup}\r\na=rtcp-mux\r\n");
    formats.attributes(out);
    out.push_str("a=msid:ringfence audio\r\n");
    for (index, candidate) in local.candidates.iter().enumerate() {
        let priority = (126_u32 << 24) | ((65_535 - u32::try_from(index).unwrap_or(0)) << 8) | 255;
        let _ = write!(
            out,
            "a=candidate:{} 1 udp {priority} {} {} typ host\r\n",
            index + 1,
            candidate.ip(),
            candidate.port()
        );
    }
    out.push_str("a=end-of-candidates\r\n");
}
