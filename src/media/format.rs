//! Codecs and payload formats, neutral of SDP and of either side of a call.

/// A codec Ringfence relays or transcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 6716, RTP clock 48000.
    Opus,
    /// G.711 µ-law, RTP clock 8000, static payload type 0.
    Pcmu,
    /// G.711 A-law, RTP clock 8000, static payload type 8.
    Pcma,
}

impl Codec {
    /// RTP timestamp units per second.
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// The `rtpmap` encoding name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }
}

/// `telephone-event` (RFC 4733) as negotiated on one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DtmfFormat {
    /// RTP payload type on this leg.
    pub payload_type: u8,
    /// 8000 or 48000; durations count in it.
    pub clock_rate: u32,
}

/// What one leg sends and receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioFormat {
    /// The codec.
    pub codec: Codec,
    /// Its RTP payload type on this leg, both ways.
    pub payload_type: u8,
    /// Key presses in RTP, when negotiated.
    pub dtmf: Option<DtmfFormat>,
}

/// Which way audio flows, seen from this server towards the peer (RFC 3264).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// Only from us to the peer.
    SendOnly,
    /// Only from the peer to us.
    RecvOnly,
    /// Neither: on hold both ways.
    Inactive,
}

impl Direction {
    /// Whether we may send to the peer.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether we take audio from the peer.
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow seen from the other end: how an answer mirrors an offer.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same @ (Self::SendRecv | Self::Inactive) => same,
        }
    }
}
