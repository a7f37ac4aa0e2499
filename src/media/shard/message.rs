//! What goes into and comes out of a shard: packets' ways, and the words it shares with the
//! handshake and codec threads.

use std::net::SocketAddr;

use super::PacketBuf;
use crate::base::MediaId;
use crate::media::command::{DtlsRole, Event};
use crate::media::dtls::DtlsFailure;
use crate::media::format::Codec;
use crate::media::rtp::srtp::{SrtpKey, SrtpProfile};

/// One of the worker's sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Socket {
    /// The one for all browser legs.
    Browser,
    /// RTP of PBX legs; one of a small pool.
    TrunkRtp(u8),
    /// RTCP of PBX legs: the port above the RTP one of the same number.
    TrunkRtcp(u8),
}

/// What to do with a packet after [`super::Shard::handle_packet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Send the buffer as it now is.
    Forward {
        /// From here.
        socket: Socket,
        /// To there.
        destination: SocketAddr,
    },
    /// Nothing to send.
    Consumed,
}

/// A leg as other threads know it: an answer for a leg that is gone finds another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegKey {
    /// Its place in the shard.
    pub slot: u32,
    /// How often the place was used before.
    pub generation: u32,
}

/// Something for the shard's owner to do.
#[derive(Debug)]
pub enum Output {
    /// Send this packet, then give it back by [`super::Shard::recycle`].
    Transmit {
        /// From here.
        socket: Socket,
        /// To there.
        destination: SocketAddr,
        /// What.
        packet: Box<PacketBuf>,
    },
    /// Tell the engine about a leg.
    Event(MediaId, Event),
    /// Hand to the handshake thread.
    Handshake(HandshakeRequest),
}

/// What a shard asks of its handshake thread. Any of these may get lost: packets are sent again
/// by the browser, and the thread drops what it has not heard of for long.
#[derive(Debug)]
pub enum HandshakeRequest {
    /// Begin as the client.
    Start {
        /// The leg.
        key: LegKey,
        /// What the peer's SDP promised.
        terms: HandshakeTerms,
    },
    /// A datagram from the leg's validated address; begins as the server if this is the first.
    Packet {
        /// The leg.
        key: LegKey,
        /// What the peer's SDP promised.
        terms: HandshakeTerms,
        /// The datagram.
        datagram: Box<[u8]>,
    },
    /// Audio flows: the handshake's memory may go.
    Retire(LegKey),
}

/// How a leg's handshake is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeTerms {
    /// Our role.
    pub role: DtlsRole,
    /// SHA-256 of the certificate the peer must show.
    pub fingerprint: [u8; 32],
}

/// What the handshake thread answers.
#[derive(Debug)]
pub struct HandshakeReport {
    /// The leg.
    pub key: LegKey,
    /// What happened.
    pub outcome: HandshakeOutcome,
}

/// What happened in a handshake.
#[derive(Debug)]
pub enum HandshakeOutcome {
    /// Send this datagram to the leg's validated address.
    Transmit(Box<[u8]>),
    /// Keys exist.
    Secured {
        /// The key we encrypt with.
        outbound: SrtpKey,
        /// The key the peer encrypts with.
        inbound: SrtpKey,
        /// Their profile.
        profile: SrtpProfile,
        /// `1.3` or `1.2`.
        version: &'static str,
    },
    /// There will be no keys.
    Failed(DtlsFailure),
    /// The peer closed the association.
    Closed,
}

/// Longest payload handed to or taken from the codec thread, bytes: the longest Opus frame
/// (RFC 6716 §3.4), rounded up.
pub const CODEC_PAYLOAD_MAX: usize = 1280;

/// One direction of a transcoded call, as the codec thread knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodecKey {
    /// The leg that listens.
    pub listener: LegKey,
    /// How often it changed what it listens to: late frames of another call are recognised.
    pub epoch: u32,
}

/// What the codec thread is to do with a [`CodecJob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecWork {
    /// Transcode the payload.
    Frame,
    /// The sequence number carried no audio and is no loss.
    Skip,
    /// The direction is over; it also ends by itself when nothing comes.
    Close,
}

/// One packet for the codec thread; of fixed size, so that its queue is one allocation.
#[derive(Clone, Debug)]
pub struct CodecJob {
    /// The direction.
    pub key: CodecKey,
    /// What to do.
    pub work: CodecWork,
    /// The payload's codec.
    pub from: Codec,
    /// The codec wanted.
    pub to: Codec,
    /// The speaker's RTP source; another one starts anew.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence_number: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// RTP marker.
    pub marker: bool,
    /// The payload.
    pub payload: CodecPayload,
}

/// One frame from the codec thread.
#[derive(Clone, Debug)]
pub struct CodecFrame {
    /// The direction.
    pub key: CodecKey,
    /// RTP timestamp in the target's clock, from 0.
    pub timestamp: u32,
    /// RTP marker.
    pub marker: bool,
    /// The payload.
    pub payload: CodecPayload,
}

/// An RTP payload of at most [`CODEC_PAYLOAD_MAX`] bytes, stored in place.
#[derive(Clone)]
pub struct CodecPayload {
    len: usize,
    bytes: [u8; CODEC_PAYLOAD_MAX],
}

impl CodecPayload {
    /// None.
    #[must_use]
    pub fn empty() -> Self {
        Self { len: 0, bytes: [0; CODEC_PAYLOAD_MAX] }
    }

    /// A copy of `payload`; `None` if it is too long for any codec of ours.
    #[must_use]
    pub fn from_slice(payload: &[u8]) -> Option<Self> {
        let mut copy = Self::empty();
        copy.bytes.get_mut(..payload.len())?.copy_from_slice(payload);
        copy.len = payload.len();
        Some(copy)
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl std::fmt::Debug for CodecPayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodecPayload").field("len", &self.len).finish_non_exhaustive()
    }
}
