//! The typed view: what of an SDP concerns a call, checked once.

use std::io::Cursor;
use std::net::IpAddr;

use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;

use crate::media::format::{Codec, Direction, DtmfFormat};

/// Most `m=` lines accepted. Real browsers send one to three; each needs a line in the answer.
const MEDIA_LINES_MAX: usize = 16;

/// Most lines accepted in all; Chromium's audio offer has about 60.
const LINES_MAX: usize = 1_000;

/// Why an SDP cannot be used. All but `Malformed` are answered 488.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not SDP, or beyond a bound.
    #[error("the session description is malformed")]
    Malformed,
    /// More `m=` lines or lines than any real client sends.
    #[error("the session description has too many lines")]
    TooLarge,
    /// No `m=audio` with a port.
    #[error("no audio stream offered")]
    NoAudio,
    /// A browser leg without DTLS-SRTP.
    #[error("only UDP/TLS/RTP/SAVPF is accepted from a browser")]
    NotDtlsSrtp,
    /// A browser leg that also offers SDES keys.
    #[error("a=crypto is not accepted from a browser")]
    SdesFromBrowser,
    /// No `a=fingerprint`, or none with SHA-256.
    #[error("exactly one a=fingerprint with sha-256 is required")]
    Fingerprint,
    /// No `a=ice-ufrag` or `a=ice-pwd`, or out of bounds.
    #[error("a=ice-ufrag and a=ice-pwd are required")]
    IceCredentials,
    /// No `a=rtcp-mux` on a browser leg.
    #[error("a=rtcp-mux is required")]
    NoRtcpMux,
    /// An `a=setup` that leaves no role for us.
    #[error("a=setup is not usable")]
    Setup,
    /// None of Opus, PCMU, PCMA.
    #[error("no common audio codec")]
    NoCommonCodec,
    /// A PBX leg whose transport is not the one this trunk demands.
    #[error("this trunk requires RTP/SAVP with a=crypto")]
    SrtpRequired,
    /// A PBX leg with SRTP where the trunk is set to plain RTP.
    #[error("this trunk is set to plain RTP/AVP")]
    RtpRequired,
    /// No usable `a=crypto` line.
    #[error("no usable a=crypto line")]
    Crypto,
    /// No usable `c=` address or port.
    #[error("no usable media address")]
    Address,
}

/// `m=` transport protocols told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `UDP/TLS/RTP/SAVPF` or `UDP/TLS/RTP/SAVP`.
    DtlsSrtp,
    /// `RTP/SAVP` or `RTP/SAVPF`.
    Srtp,
    /// `RTP/AVP` or `RTP/AVPF`.
    Rtp,
    /// Anything else.
    Other,
}

/// A codec a peer offers, with its payload type there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedCodec {
    /// The codec.
    pub codec: Codec,
    /// The payload type on this leg.
    pub payload_type: u8,
}

/// The first usable audio stream of a description, as the peer wrote it.
#[derive(Clone, Debug)]
pub struct Audio {
    /// Position among the `m=` lines.
    pub index: usize,
    /// The protocol.
    pub transport: Transport,
    /// The `c=` address, if it is a literal.
    pub address: Option<IpAddr>,
    /// The RTP port.
    pub port: u16,
    /// `a=rtcp:` port, else the next one.
    pub rtcp_port: u16,
    /// `a=rtcp-mux`.
    pub rtcp_mux: bool,
    /// Codecs we know, in the peer's order of preference.
    pub codecs: Vec<OfferedCodec>,
    /// `telephone-event` formats.
    pub dtmf: Vec<DtmfFormat>,
    /// The direction as the peer sees it; `c=0.0.0.0` counts as not receiving (RFC 2543 hold).
    pub direction: Direction,
    /// `a=mid`.
    pub mid: Option<String>,
    /// `a=fingerprint` values, session level included.
    pub fingerprints: Vec<String>,
    /// `a=setup`.
    pub setup: Option<String>,
    /// `a=ice-ufrag` and `a=ice-pwd`.
    pub ice: Option<(String, String)>,
    /// `a=crypto` values.
    pub crypto: Vec<String>,
}

/// One `m=` line as an answer must repeat it.
#[derive(Clone, Debug)]
pub struct MediaLine {
    /// `audio`, `video`, …
    pub kind: String,
    /// The protocol as written.
    pub protocol: String,
    /// The first format, enough for a rejected line.
    pub format: String,
    /// `a=mid`.
    pub mid: Option<String>,
}

/// A parsed description.
#[derive(Clone, Debug)]
pub struct Description {
    /// The stream the call uses.
    pub audio: Audio,
    /// Every `m=` line in order.
    pub lines: Vec<MediaLine>,
    /// Whether the mids are bundled (`a=group:BUNDLE`).
    pub bundle: bool,
}

impl Description {
    /// Parses `bytes` and finds the audio stream.
    ///
    /// # Errors
    /// A [`Refusal`] that says which rule was broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        check_bounds(bytes)?;
        let session = SessionDescription::unmarshal(&mut Cursor::new(bytes))
            .map_err(|_| Refusal::Malformed)?;
        let (index, media) = session
            .media_descriptions
            .iter()
            .enumerate()
            .find(|(_, media)| media.media_name.media == "audio" && media.media_name.port.value > 0)
            .ok_or(Refusal::NoAudio)?;
        let audio = audio(&session, media, index)?;
        let lines = session.media_descriptions.iter().map(media_line).collect();
        let bundle = session.attribute("group").is_some_and(|group| group.starts_with("BUNDLE"));
        Ok(Self { audio, lines, bundle })
    }
}

/// Counts lines before any parsing, so that a hostile body costs one pass.
fn check_bounds(bytes: &[u8]) -> Result<(), Refusal> {
    let mut lines = 0_usize;
    let mut media = 0_usize;
    for line in bytes.split(|byte| *byte == b'\n') {
        lines += 1;
        media += usize::from(line.starts_with(b"m="));
    }
    if lines > LINES_MAX || media > MEDIA_LINES_MAX { Err(Refusal::TooLarge) } else { Ok(()) }
}

fn media_line(media: &MediaDescription) -> MediaLine {
    MediaLine {
        kind: media.media_name.media.clone(),
        protocol: media.media_name.protos.join("/"),
        format: media.media_name.formats.first().cloned().unwrap_or_else(|| "0".to_owned()),
        mid: value(media, "mid").map(str::to_owned),
    }
}

fn audio(
    session: &SessionDescription,
    media: &MediaDescription,
    index: usize,
) -> Result<Audio, Refusal> {
    let port = u16::try_from(media.media_name.port.value).map_err(|_| Refusal::Address)?;
    let address = address(media).or_else(|| session_address(session));
    let written = direction(media)
        .or_else(|| session.attributes.iter().find_map(|a| direction_word(&a.key)))
        .unwrap_or(Direction::SendRecv);
    let ice = both_levels(session, media, "ice-ufrag")
        .pop()
        .zip(both_levels(session, media, "ice-pwd").pop());
    // With ICE the address is only a default (RFC 8839 §4.2.1.2) and says nothing about hold.
    let direction = if ice.is_none() && address.is_some_and(|ip| ip.is_unspecified()) {
        if written.sends() { Direction::SendOnly } else { Direction::Inactive }
    } else {
        written
    };
    let rtcp_port = value(media, "rtcp")
        .and_then(|v| v.split(' ').next())
        .and_then(|port| port.parse().ok())
        .unwrap_or(port.wrapping_add(1));
    let (codecs, dtmf) = formats(media);
    Ok(Audio {
        index,
        transport: transport(&media.media_name.protos),
        address,
        port,
        rtcp_port,
        rtcp_mux: media.has_attribute("rtcp-mux"),
        codecs,
        dtmf,
        direction,
        mid: value(media, "mid").map(str::to_owned),
        fingerprints: both_levels(session, media, "fingerprint"),
        setup: both_levels(session, media, "setup").pop(),
        ice,
        crypto: values(media, "crypto").map(str::to_owned).collect(),
    })
}

fn transport(protocols: &[String]) -> Transport {
    let words: Vec<&str> = protocols.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["UDP", "TLS", "RTP", "SAVPF" | "SAVP"] => Transport::DtlsSrtp,
        ["RTP", "SAVP" | "SAVPF"] => Transport::Srtp,
        ["RTP", "AVP" | "AVPF"] => Transport::Rtp,
        _ => Transport::Other,
    }
}

fn values<'a>(media: &'a MediaDescription, key: &'a str) -> impl Iterator<Item = &'a str> {
    media.attributes.iter().filter(move |a| a.key == key).filter_map(|a| a.value.as_deref())
}

fn value<'a>(media: &'a MediaDescription, key: &'a str) -> Option<&'a str> {
    values(media, key).next()
}

/// Media-level values, or the session's when the stream has none (RFC 8866 §5.13).
fn both_levels(session: &SessionDescription, media: &MediaDescription, key: &str) -> Vec<String> {
    let own: Vec<String> = values(media, key).map(str::to_owned).collect();
    if !own.is_empty() {
        return own;
    }
    let shared = session.attributes.iter().filter(|a| a.key == key);
    shared.filter_map(|a| a.value.clone()).collect()
}

fn address(media: &MediaDescription) -> Option<IpAddr> {
    let connection = media.connection_information.as_ref()?;
    connection.address.as_ref()?.address.parse().ok()
}

fn session_address(session: &SessionDescription) -> Option<IpAddr> {
    let connection = session.connection_information.as_ref()?;
    connection.address.as_ref()?.address.parse().ok()
}

fn direction_word(word: &str) -> Option<Direction> {
    match word {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

fn direction(media: &MediaDescription) -> Option<Direction> {
    media.attributes.iter().find_map(|a| direction_word(&a.key))
}

/// Codecs and key-press formats in the order of the `m=` line, mapped by `rtpmap`, never by number
/// alone except for the two static ones (INTEROP case 34).
fn formats(media: &MediaDescription) -> (Vec<OfferedCodec>, Vec<DtmfFormat>) {
    let mut codecs: Vec<OfferedCodec> = Vec::new();
    let mut dtmf: Vec<DtmfFormat> = Vec::new();
    for format in &media.media_name.formats {
        let Ok(payload_type) = format.parse::<u8>() else { continue };
        // 64–95 beside RTCP on one port would be taken for it (RFC 5761 §4).
        if payload_type > 127 || (64..=95).contains(&payload_type) {
            continue;
        }
        let mapped = values(media, "rtpmap").find_map(|v| {
            let (number, encoding) = v.split_once(' ')?;
            (number.parse::<u8>().ok()? == payload_type).then_some(encoding.trim())
        });
        let encoding = match (mapped, payload_type) {
            (Some(encoding), _) => encoding.to_ascii_lowercase(),
            (None, 0) => "pcmu/8000".to_owned(),
            (None, 8) => "pcma/8000".to_owned(),
            (None, _) => continue,
        };
        let codec = match encoding.as_str() {
            "opus/48000/2" => Codec::Opus,
            "pcmu/8000" | "pcmu/8000/1" => Codec::Pcmu,
            "pcma/8000" | "pcma/8000/1" => Codec::Pcma,
            "telephone-event/8000" => {
                dtmf.push(DtmfFormat { payload_type, clock_rate: 8_000 });
                continue;
            }
            "telephone-event/48000" => {
                dtmf.push(DtmfFormat { payload_type, clock_rate: 48_000 });
                continue;
            }
            _ => continue,
        };
        if !codecs.iter().any(|known| known.codec == codec) {
            codecs.push(OfferedCodec { codec, payload_type });
        }
    }
    (codecs, dtmf)
}
