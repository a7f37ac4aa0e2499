//! Turns one direction of a call from one codec's packets into another's 20 ms frames.

use std::time::Instant;

use super::CodecError;
use crate::media::format::Codec;

/// One RTP packet of the leg that speaks, decrypted.
#[derive(Clone, Copy, Debug)]
pub struct SourceFrame<'a> {
    /// RTP sequence number.
    pub sequence_number: u16,
    /// RTP timestamp in the source codec's clock.
    pub timestamp: u32,
    /// RTP marker bit.
    pub marker: bool,
    /// RTP payload, without padding.
    pub payload: &'a [u8],
}

/// One 20 ms frame for the leg that listens; the caller numbers it.
#[derive(Clone, Copy, Debug)]
pub struct EncodedFrame<'a> {
    /// RTP timestamp in the target codec's clock, counted from 0 at the first frame.
    pub timestamp: u32,
    /// Set on the first frame and after every gap in the timestamps.
    pub marker: bool,
    /// RTP payload.
    pub payload: &'a [u8],
}

/// One direction of a transcoded call. Sans-IO: frames come out through the callback.
pub struct Transcoder {
    _private: (),
}

impl Transcoder {
    /// A transcoder from `from`'s packets to `to`'s frames; equal codecs are re-framed to 20 ms.
    ///
    /// # Errors
    /// `Unavailable` when libopus gets no memory.
    pub fn new(from: Codec, to: Codec) -> Result<Self, CodecError> {
        let _ = (from, to);
        Ok(Self { _private: () })
    }

    /// Takes a packet and hands every frame that is ready to `out`.
    pub fn push(
        &mut self,
        now: Instant,
        packet: SourceFrame<'_>,
        out: &mut impl FnMut(EncodedFrame<'_>),
    ) {
        let _ = (now, packet, out);
    }

    /// Tells that a sequence number carried no audio (telephone-event, comfort noise), so that it
    /// is not taken for a loss.
    pub fn skip(
        &mut self,
        now: Instant,
        sequence_number: u16,
        out: &mut impl FnMut(EncodedFrame<'_>),
    ) {
        let _ = (now, sequence_number, out);
    }

    /// Tells that the source starts anew (another SSRC): the next packet follows the last frame
    /// sent, whatever its numbers, with the marker set.
    pub fn restart(&mut self) {}

    /// When [`Self::handle_timeout`] is due: a missing packet is then given up.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Gives up packets that did not come in time and hands out what waited behind them.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl FnMut(EncodedFrame<'_>)) {
        let _ = (now, out);
    }

    /// The target timestamp that a source timestamp corresponds to, for telephone-events between
    /// audio frames; `None` before the first audio packet.
    #[must_use]
    pub fn target_timestamp(&self, source: u32) -> Option<u32> {
        let _ = source;
        None
    }
}
