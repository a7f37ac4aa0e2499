//! Codecs: G.711 by table, Opus by libopus, and the transcoder that joins a leg of one to a leg
//! of the other.
//!
//! Works on whole RTP payloads and 8 kHz mono PCM between them: G.711 has no more bandwidth, and
//! libopus resamples inside (decode 29 µs instead of 44, encode 70 instead of 178 per 20 ms).
//! Owns no socket, task or clock; reordering lives in [`super::jitter`].

mod concealment;
mod endpoint;
pub mod g711;
pub mod opus;
pub mod transcoder;

pub use transcoder::{EncodedFrame, SourceFrame, Transcoder};

/// A codec could not be made or refused its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Out of memory for a codec's state.
    #[error("no memory for the codec state")]
    Unavailable,
    /// The payload is not a packet of this codec.
    #[error("the payload is not a valid packet")]
    PeerMisbehaved,
    /// Wrong buffer length or setting: ours to fix.
    #[error("libopus refused our arguments")]
    Bug,
}
