//! Sealing what we send.

use super::{SrtpError, SrtpKey};

/// Seals packets under one master key.
pub struct Outbound {}

impl Outbound {
    /// Derives the session keys; roll-over counters start at 0.
    ///
    /// # Errors
    /// [`SrtpError::Crypto`] if the crypto library refuses the key.
    pub fn new(_key: &SrtpKey) -> Result<Self, SrtpError> {
        Ok(Self {})
    }

    /// Encrypts the RTP packet `buffer[..len]` in place and puts the tag behind it; returns the
    /// new length. `buffer` must be longer by [`super::SrtpProfile::rtp_overhead`].
    ///
    /// # Errors
    /// See [`SrtpError`].
    pub fn seal_rtp(&mut self, _buffer: &mut [u8], _len: usize) -> Result<usize, SrtpError> {
        Err(SrtpError::NoRoom)
    }

    /// The same for an RTCP compound; [`super::SrtpProfile::rtcp_overhead`] bytes of room.
    ///
    /// # Errors
    /// See [`SrtpError`].
    pub fn seal_rtcp(&mut self, _buffer: &mut [u8], _len: usize) -> Result<usize, SrtpError> {
        Err(SrtpError::NoRoom)
    }
}
