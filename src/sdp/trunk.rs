//! The PBX's side: SDES-SRTP (RFC 4568) or plain RTP, never ICE, never header extensions.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::description::{Description, Refusal, Transport};
use super::write::{Formats, Origin, direction_word, family, session_head};
use crate::media::command::TrunkRemote;
use crate::media::format::{AudioFormat, Codec, Direction};
use crate::media::rtp::srtp::{SrtpKey, SrtpProfile};
use crate::media::sdes::CryptoAttribute;

/// How a trunk carries audio, from its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrunkMedia {
    /// SRTP with keys in SDP over TLS; nothing else is accepted.
    Srtp,
    /// Plain RTP, for a trusted network.
    Rtp,
}

/// The profiles we offer, best first.
pub const OFFERED_PROFILES: [SrtpProfile; 3] =
    [SrtpProfile::AeadAes256Gcm, SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80];

/// The transport half of our descriptions towards the PBX.
#[derive(Clone, Copy, Debug)]
pub struct Local<'a> {
    /// The `o=` line.
    pub origin: Origin,
    /// Where the worker takes RTP for this leg; RTCP is the next port.
    pub rtp: SocketAddr,
    /// Our keys with their tags: all we offer, or the one we answer with. Empty for plain RTP.
    pub keys: &'a [CryptoAttribute],
    /// Which way audio flows, seen from us.
    pub direction: Direction,
}

/// Our offer.
#[must_use]
pub fn offer(local: Local<'_>, codecs: &[Codec]) -> Vec<u8> {
    let mut out = String::with_capacity(1_024);
    session_head(&mut out, local.origin, local.rtp.ip());
    audio_line(&mut out, local, &Formats::offer(codecs));
    out.into_bytes()
}

/// Our answer: the PBX's audio stream accepted, every other stream refused.
#[must_use]
pub fn answer(local: Local<'_>, offer: &Description, format: &AudioFormat) -> Vec<u8> {
    let mut out = String::with_capacity(1_024);
    session_head(&mut out, local.origin, local.rtp.ip());
    for (index, line) in offer.lines.iter().enumerate() {
        if index == offer.audio.index {
            audio_line(&mut out, local, &Formats::answer(format));
        } else {
            let _ = write!(out, "m={} 0 {} {}\r\n", line.kind, line.protocol, line.format);
        }
    }
    out.into_bytes()
}

fn audio_line(out: &mut String, local: Local<'_>, formats: &Formats) {
    let protocol = if local.keys.is_empty() { "RTP/AVP" } else { "RTP/SAVP" };
    let (ip, port) = (local.rtp.ip(), local.rtp.port());
    let _ = write!(out, "m=audio {port} {protocol}");
    formats.payload_types(out);
    let _ = write!(out, "\r\nc=IN {} {ip}\r\n", family(ip));
    for key in local.keys {
        let _ = write!(out, "a=crypto:{}\r\n", key.to_value());
    }
    formats.attributes(out);
    let _ = write!(out, "a={}\r\n", direction_word(local.direction));
}

/// What the PBX's description says about its transport, and which of our keys it took.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Where it receives and how it encrypts.
    pub remote: TrunkRemote,
    /// The tag of the key that counts: of the offered ones in an answer, or the one to answer with.
    pub tag: u32,
}

/// Checks the PBX's answer to our offer with `keys`.
///
/// # Errors
/// The rule it breaks.
pub fn accept_answer(
    description: &Description,
    media: TrunkMedia,
    keys: &[CryptoAttribute],
) -> Result<Accepted, Refusal> {
    let (tag, key) = match media {
        TrunkMedia::Rtp => (0, None),
        TrunkMedia::Srtp => {
            let crypto = first_crypto(description, media)?;
            let ours = keys.iter().find(|ours| ours.tag == crypto.tag).ok_or(Refusal::Crypto)?;
            if ours.key.profile() != crypto.key.profile() {
                return Err(Refusal::Crypto);
            }
            (crypto.tag, Some(crypto.key))
        }
    };
    accepted(description, media, tag, key)
}

/// Checks the PBX's offer; the answer uses `Accepted::tag` and a fresh key of the same profile.
///
/// # Errors
/// The rule it breaks.
pub fn accept_offer(description: &Description, media: TrunkMedia) -> Result<Accepted, Refusal> {
    match media {
        TrunkMedia::Rtp => accepted(description, media, 0, None),
        TrunkMedia::Srtp => {
            let crypto = first_crypto(description, media)?;
            accepted(description, media, crypto.tag, Some(crypto.key))
        }
    }
}

fn first_crypto(description: &Description, media: TrunkMedia) -> Result<CryptoAttribute, Refusal> {
    check_transport(description, media)?;
    let lines = description.audio.crypto.iter().map(String::as_str);
    CryptoAttribute::choose(lines).map_err(|_| Refusal::Crypto)
}

fn check_transport(description: &Description, media: TrunkMedia) -> Result<(), Refusal> {
    match (media, description.audio.transport) {
        (TrunkMedia::Srtp, Transport::Srtp) | (TrunkMedia::Rtp, Transport::Rtp) => Ok(()),
        (TrunkMedia::Srtp, _) => Err(Refusal::SrtpRequired),
        (TrunkMedia::Rtp, _) => Err(Refusal::RtpRequired),
    }
}

fn accepted(
    description: &Description,
    media: TrunkMedia,
    tag: u32,
    key: Option<SrtpKey>,
) -> Result<Accepted, Refusal> {
    check_transport(description, media)?;
    let audio = &description.audio;
    let address = audio.address.ok_or(Refusal::Address)?;
    if audio.port == 0 {
        return Err(Refusal::Address);
    }
    let rtcp_port = if audio.rtcp_mux { audio.port } else { audio.rtcp_port };
    let remote = TrunkRemote {
        rtp: SocketAddr::new(address, audio.port),
        rtcp: SocketAddr::new(address, rtcp_port),
        key,
    };
    Ok(Accepted { remote, tag })
}
