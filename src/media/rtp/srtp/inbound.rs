//! Opening what a peer sends.

use super::cipher::{Cipher, RtpId};
use super::kdf::Protocol;
use super::replay::{Known, Sources, estimate};
use super::{SrtpError, SrtpKey};
use crate::media::rtp::packet::RtpHeader;

/// Longest packet of a new source that is copied to be tried under a second roll-over counter.
const RETRY_LEN_MAX: usize = 1500;

/// Opens packets under one master key.
pub struct Inbound {
    rtp: Cipher,
    rtcp: Cipher,
    rtp_sources: Sources,
    rtcp_sources: Sources,
}

impl Inbound {
    /// Derives the session keys; roll-over counters start at 0.
    ///
    /// # Errors
    /// [`SrtpError::Crypto`] if the crypto library refuses the key.
    pub fn new(key: &SrtpKey) -> Result<Self, SrtpError> {
        Ok(Self {
            rtp: Cipher::new(key, Protocol::Rtp)?,
            rtcp: Cipher::new(key, Protocol::Rtcp)?,
            rtp_sources: Sources::default(),
            rtcp_sources: Sources::default(),
        })
    }

    /// Authenticates and decrypts an SRTP packet in place; returns the plaintext packet's length.
    ///
    /// # Errors
    /// See [`SrtpError`]; the context is then unchanged.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let header = RtpHeader::parse_encrypted(packet).ok_or(SrtpError::Malformed)?;
        let ssrc = header.ssrc;
        let (index, len) = match self.rtp_sources.known(ssrc) {
            Known::Yes(highest) => {
                let index = estimate(highest, header.sequence_number).ok_or(SrtpError::Replayed)?;
                self.rtp_sources.check(ssrc, index)?;
                let id = RtpId { ssrc, index };
                (index, self.rtp.open_rtp(packet, header.payload_offset, id)?)
            }
            Known::No => {
                self.rtp_sources.check(ssrc, 0)?;
                self.open_first(packet, &header)?
            }
        };
        self.rtp_sources.accept(ssrc, index);
        Ok(len)
    }

    /// Opens the first packet of a source: its ROC is 0, or 1 when the source began shortly before
    /// a wrap and everything before it was lost.
    fn open_first(&self, packet: &mut [u8], header: &RtpHeader) -> Result<(u64, usize), SrtpError> {
        let offset = header.payload_offset;
        let ssrc = header.ssrc;
        let index = u64::from(header.sequence_number);
        let mut copy = [0; RETRY_LEN_MAX];
        let may_have_wrapped = header.sequence_number < 0x8000;
        let copy = match copy.get_mut(..packet.len()) {
            Some(copy) if may_have_wrapped => {
                copy.copy_from_slice(packet);
                Some(copy)
            }
            Some(_) | None => None,
        };
        match self.rtp.open_rtp(packet, offset, RtpId { ssrc, index }) {
            Ok(len) => Ok((index, len)),
            Err(error) => {
                let copy = copy.ok_or(error)?;
                let index = index | (1 << 16);
                packet.copy_from_slice(copy);
                Ok((index, self.rtp.open_rtp(packet, offset, RtpId { ssrc, index })?))
            }
        }
    }

    /// The same for SRTCP.
    ///
    /// # Errors
    /// See [`SrtpError`]; the context is then unchanged.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let ssrc = super::rtcp_ssrc(packet)?;
        let index = self.rtcp.rtcp_index(packet)?;
        self.rtcp_sources.check(ssrc, u64::from(index))?;
        let len = self.rtcp.open_rtcp(packet, ssrc, index)?;
        self.rtcp_sources.accept(ssrc, u64::from(index));
        Ok(len)
    }
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbound(***)")
    }
}
