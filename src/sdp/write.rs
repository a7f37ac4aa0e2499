//! The lines both sides share when we write a description.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::media::format::{AudioFormat, Codec, Direction, DtmfFormat};

/// The `o=` line of one leg: the id stays, the version counts our changes (RFC 3264 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// A random number, below 2^62 so that every parser reads it.
    pub session_id: u64,
    /// Raised by one whenever the description differs from the last one sent.
    pub version: u64,
}

impl Origin {
    /// A leg's first origin; `random` comes from the system's generator.
    #[must_use]
    pub fn new(random: u64) -> Self {
        Self { session_id: random >> 2, version: 1 }
    }
}

/// Payload types we use when we offer.
pub(super) fn offered_payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Opus => 111,
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
    }
}

/// The key-press formats to offer beside `codecs`: one per clock rate among them.
pub(super) fn offered_dtmf(codecs: &[Codec]) -> Vec<DtmfFormat> {
    let mut formats = Vec::with_capacity(2);
    if codecs.contains(&Codec::Opus) {
        formats.push(DtmfFormat { payload_type: 110, clock_rate: 48_000 });
    }
    if codecs.iter().any(|codec| codec.clock_rate() == 8_000) {
        formats.push(DtmfFormat { payload_type: 101, clock_rate: 8_000 });
    }
    formats
}

pub(super) fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

/// `v=` to `t=`.
pub(super) fn session_head(out: &mut String, origin: Origin, address: IpAddr) {
    let family = family(address);
    let Origin { session_id, version } = origin;
    let _ =
        write!(out, "v=0\r\no=- {session_id} {version} IN {family} {address}\r\ns=-\r\nt=0 0\r\n");
}

pub(super) fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IP4" } else { "IP6" }
}

/// What one audio stream lists: codecs with payload types, then key-press formats.
pub(super) struct Formats {
    pub codecs: Vec<(Codec, u8)>,
    pub dtmf: Vec<DtmfFormat>,
}

impl Formats {
    /// Everything we offer.
    pub(super) fn offer(codecs: &[Codec]) -> Self {
        Self {
            codecs: codecs.iter().map(|codec| (*codec, offered_payload_type(*codec))).collect(),
            dtmf: offered_dtmf(codecs),
        }
    }

    /// The one format we answer with.
    pub(super) fn answer(format: &AudioFormat) -> Self {
        Self {
            codecs: vec![(format.codec, format.payload_type)],
            dtmf: format.dtmf.into_iter().collect(),
        }
    }

    /// The payload types for the `m=` line, each with a leading space.
    pub(super) fn payload_types(&self, out: &mut String) {
        let types = self.codecs.iter().map(|(_, payload_type)| *payload_type);
        for payload_type in types.chain(self.dtmf.iter().map(|format| format.payload_type)) {
            let _ = write!(out, " {payload_type}");
        }
    }

    /// The `rtpmap` and `fmtp` lines.
    pub(super) fn attributes(&self, out: &mut String) {
        for (codec, payload_type) in &self.codecs {
            let channels = if *codec == Codec::Opus { "/2" } else { "" };
            let _ = write!(
                out,
                "a=rtpmap:{payload_type} {}/{}{channels}\r\n",
                codec.name(),
                codec.clock_rate()
            );
            if *codec == Codec::Opus {
                let _ = write!(out, "a=fmtp:{payload_type} minptime=10;useinbandfec=1\r\n");
            }
        }
        for DtmfFormat { payload_type, clock_rate } in &self.dtmf {
            let _ = write!(out, "a=rtpmap:{payload_type} telephone-event/{clock_rate}\r\n");
            let _ = write!(out, "a=fmtp:{payload_type} 0-15\r\n");
        }
        out.push_str("a=ptime:20\r\n");
    }
}
