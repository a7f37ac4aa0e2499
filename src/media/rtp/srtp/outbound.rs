//! Sealing what we send.

use super::cipher::{Cipher, RtpId};
use super::kdf::Protocol;
use super::replay::{Known, Sources, estimate};
use super::{SrtpError, SrtpKey};
use crate::media::rtp::packet::RtpHeader;

/// Seals packets under one master key. Never the same index of a source twice: with AES-GCM that
/// would give the key stream and the authentication key away.
pub struct Outbound {
    rtp: Cipher,
    rtcp: Cipher,
    sources: Sources,
    /// The SRTCP index of the next compound (RFC 3711 §3.2.1: begins at 0, one for all sources).
    rtcp_index: u32,
}

impl Outbound {
    /// Derives the session keys; roll-over counters start at 0.
    ///
    /// # Errors
    /// [`SrtpError::Crypto`] if the crypto library refuses the key.
    pub fn new(key: &SrtpKey) -> Result<Self, SrtpError> {
        Ok(Self {
            rtp: Cipher::new(key, Protocol::Rtp)?,
            rtcp: Cipher::new(key, Protocol::Rtcp)?,
            sources: Sources::default(),
            rtcp_index: 0,
        })
    }

    /// Encrypts the RTP packet `buffer[..len]` in place and puts the tag behind it; returns the
    /// new length. `buffer` must be longer by [`super::SrtpProfile::rtp_overhead`]. Start a source
    /// below sequence number 2^15, so that a peer who loses the first packets cannot be off by a
    /// wrap.
    ///
    /// # Errors
    /// See [`SrtpError`]; [`SrtpError::Replayed`] for a sequence number sealed before or more than
    /// 1023 behind.
    pub fn seal_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let packet = buffer.get(..len).ok_or(SrtpError::NoRoom)?;
        let header = RtpHeader::parse_encrypted(packet).ok_or(SrtpError::Malformed)?;
        let ssrc = header.ssrc;
        let index = match self.sources.known(ssrc) {
            Known::Yes(highest) => {
                estimate(highest, header.sequence_number).ok_or(SrtpError::Replayed)?
            }
            Known::No => u64::from(header.sequence_number),
        };
        if index >> 48 != 0 {
            return Err(SrtpError::KeyExhausted);
        }
        self.sources.check(ssrc, index)?;
        let id = RtpId { ssrc, index };
        let sealed = self.rtp.seal_rtp(buffer, header.payload_offset, len, id)?;
        self.sources.accept(ssrc, index);
        Ok(sealed)
    }

    /// The same for an RTCP compound; [`super::SrtpProfile::rtcp_overhead`] bytes of room.
    ///
    /// # Errors
    /// See [`SrtpError`].
    pub fn seal_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let ssrc = super::rtcp_ssrc(buffer.get(..len).ok_or(SrtpError::NoRoom)?)?;
        if self.rtcp_index >= 1 << 31 {
            return Err(SrtpError::KeyExhausted);
        }
        let sealed = self.rtcp.seal_rtcp(buffer, len, ssrc, self.rtcp_index)?;
        self.rtcp_index += 1;
        Ok(sealed)
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbound(***)")
    }
}
