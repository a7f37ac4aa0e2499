//! One handshake.

use std::sync::Arc;
use std::time::Instant;

use super::DtlsIdentity;
use crate::media::command::DtlsRole;
use crate::media::rtp::srtp::{SrtpKey, SrtpProfile};

/// What the owner of a [`DtlsPeer`] must do.
#[derive(Debug)]
pub enum DtlsOutput {
    /// Send `out[..n]` to the peer.
    Transmit(usize),
    /// Nothing until then (or until the next packet, if `None`).
    Wait(Option<Instant>),
    /// Keys exist; once.
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
    /// The handshake is over and there will be no keys; once.
    Failed(DtlsFailure),
    /// The peer closed an established association; once.
    Closed,
}

/// Why there will be no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsFailure {
    /// The certificate is not the one the SDP promised.
    FingerprintMismatch,
    /// The peer stopped answering.
    Timeout,
    /// Anything else: no common version, suite or SRTP profile, bad signature, alert.
    Handshake,
}

/// The DTLS side of one browser leg.
pub struct DtlsPeer {}

impl DtlsPeer {
    /// Prepares a handshake. `fingerprint` is what the peer's SDP promised.
    #[must_use]
    pub fn new(
        _identity: &Arc<DtlsIdentity>,
        _role: DtlsRole,
        _fingerprint: [u8; 32],
        _now: Instant,
    ) -> Self {
        Self {}
    }

    /// Takes a datagram that came from an ICE-validated address.
    pub fn handle_packet(&mut self, _now: Instant, _packet: &[u8]) {}

    /// Acts on time.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// The next thing to do; call until `Wait`. `out` must hold 2 KiB.
    pub fn poll(&mut self, _out: &mut [u8]) -> DtlsOutput {
        DtlsOutput::Wait(None)
    }

    /// Drops the engine and its memory, some seconds after SRTP flows both ways. Afterwards nothing
    /// is answered and nothing is reported.
    pub fn retire(&mut self) {}

    /// Whether [`DtlsPeer::retire`] was called or the handshake failed.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        false
    }
}
