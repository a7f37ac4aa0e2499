//! One handshake, and the association it leaves behind.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use super::DtlsIdentity;
use super::identity::sha256;
use super::reassembly::Reassembly;
use crate::base::limit::DTLS_REASSEMBLY_BYTES_MAX;
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

/// How the association stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The peer's certificate has not been seen.
    Handshaking,
    /// Its certificate is the promised one; keys not yet agreed.
    Verified,
    /// The engine is done, so keys come next.
    Connected,
    /// Keys were given out.
    Secured,
    /// Failed, closed or retired: there is no engine.
    Over,
}

/// The DTLS side of one browser leg.
pub struct DtlsPeer {
    state: State,
    identity: Arc<DtlsIdentity>,
    fingerprint: [u8; 32],
    reassembly: Reassembly,
    /// In the passive role made by the first whole ClientHello: until then a peer costs no more
    /// than the fragments it sent.
    engine: Option<Box<dimpl::Dtls>>,
    now: Instant,
    /// What ended it, to be reported next.
    ending: Option<DtlsOutput>,
}

/// An engine deadline further away than this means none.
const FAR_AWAY: Duration = Duration::from_secs(24 * 3600);

impl DtlsPeer {
    /// Prepares a handshake. `fingerprint` is what the peer's SDP promised. In the active role the
    /// first `poll` gives the ClientHello, so make it when ICE has an address to send to.
    #[must_use]
    pub fn new(
        identity: &Arc<DtlsIdentity>,
        role: DtlsRole,
        fingerprint: [u8; 32],
        now: Instant,
    ) -> Self {
        let mut peer = Self {
            state: State::Handshaking,
            identity: Arc::clone(identity),
            fingerprint,
            reassembly: Reassembly::new(role),
            engine: None,
            now,
            ending: None,
        };
        if role == DtlsRole::Active {
            peer.start_engine(role);
        }
        peer
    }

    /// Takes a datagram that came from an ICE-validated address.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.handle_timeout(now);
        if self.state == State::Over {
            return;
        }
        for datagram in self.reassembly.push(packet) {
            if self.engine.is_none() && self.state != State::Over {
                self.start_engine(DtlsRole::Passive);
            }
            self.drive(|engine| engine.handle_packet(&datagram));
        }
    }

    /// Acts on time.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now.max(self.now);
        let now = self.now;
        self.drive(|engine| engine.handle_timeout(now));
    }

    /// The next thing to do; call until `Wait`. `out` must hold 2 KiB.
    pub fn poll(&mut self, out: &mut [u8]) -> DtlsOutput {
        loop {
            if let Some(ending) = self.ending.take() {
                return ending;
            }
            if let Some(output) = self.poll_engine(out) {
                return output;
            }
        }
    }

    /// Drops the engine and its memory, some seconds after SRTP flows both ways. Afterwards nothing
    /// is answered and nothing is reported.
    pub fn retire(&mut self) {
        self.state = State::Over;
        self.engine = None;
        self.ending = None;
        self.reassembly.seal();
    }

    /// Whether there is nothing left: retired, failed or closed.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.state == State::Over && self.ending.is_none()
    }

    fn start_engine(&mut self, role: DtlsRole) {
        let config = Arc::clone(&self.identity.config);
        let certificate = self.identity.certificate.clone();
        let mut engine = Box::new(dimpl::Dtls::new_auto(config, certificate, self.now));
        engine.set_active(role == DtlsRole::Active);
        self.engine = Some(engine);
        let now = self.now;
        self.drive(|engine| engine.handle_timeout(now));
    }

    /// Calls into the engine; its errors are final.
    fn drive(&mut self, call: impl FnOnce(&mut dimpl::Dtls) -> Result<(), dimpl::Error>) {
        let Some(engine) = &mut self.engine else { return };
        let Err(error) = call(engine) else { return };
        let is_timeout = matches!(error, dimpl::Error::Timeout(_));
        // Plaintext alerts never reach the engine, so this one was authenticated.
        let is_alert =
            matches!(error, dimpl::Error::SecurityError(dimpl::SecurityError::FatalAlert { .. }));
        match self.state {
            State::Handshaking | State::Verified | State::Connected if is_timeout => {
                self.end(DtlsOutput::Failed(DtlsFailure::Timeout));
            }
            State::Handshaking | State::Verified | State::Connected => {
                self.end(DtlsOutput::Failed(DtlsFailure::Handshake));
            }
            State::Secured if is_alert => {
                self.end(DtlsOutput::Closed);
            }
            // The keys are out and the call does not need the engine any more.
            State::Secured | State::Over => self.retire(),
        }
    }

    /// Gives everything up; `poll` reports `output` next.
    fn end(&mut self, output: DtlsOutput) -> Option<DtlsOutput> {
        self.retire();
        self.ending = Some(output);
        None
    }

    /// One step of the engine's output; `None` to be called again.
    fn poll_engine(&mut self, out: &mut [u8]) -> Option<DtlsOutput> {
        let Some(engine) = &mut self.engine else {
            return Some(DtlsOutput::Wait(None));
        };
        match engine.poll_output(out) {
            dimpl::Output::Packet(packet) => Some(DtlsOutput::Transmit(packet.len())),
            dimpl::Output::Timeout(at) => self.on_idle(at),
            dimpl::Output::BufferTooSmall { needed } => self.poll_long(needed),
            dimpl::Output::PeerCert(der) => self.on_certificate(sha256(der)),
            dimpl::Output::Connected => self.on_connected(),
            dimpl::Output::KeyingMaterial(material, profile) => self.on_keys(&material, profile),
            dimpl::Output::CloseNotify => self.on_close(),
            // Application data means nothing to us; `dimpl` may also grow outputs.
            _ => None,
        }
    }

    /// The engine's next output is longer than the owner's buffer: only a certificate may be.
    fn poll_long(&mut self, needed: usize) -> Option<DtlsOutput> {
        let mut buffer = vec![0; needed.min(DTLS_REASSEMBLY_BYTES_MAX)];
        match self.engine.as_mut()?.poll_output(&mut buffer) {
            dimpl::Output::PeerCert(der) => self.on_certificate(sha256(der)),
            dimpl::Output::ApplicationData(_) => None,
            _ => self.end(DtlsOutput::Failed(DtlsFailure::Handshake)),
        }
    }

    fn on_idle(&mut self, until: Instant) -> Option<DtlsOutput> {
        if self.state == State::Connected {
            // The handshake is complete and brought no keys: the peer shares no SRTP profile.
            return self.end(DtlsOutput::Failed(DtlsFailure::Handshake));
        }
        let is_near = until.saturating_duration_since(self.now) < FAR_AWAY;
        Some(DtlsOutput::Wait(is_near.then_some(until)))
    }

    fn on_certificate(&mut self, fingerprint: [u8; 32]) -> Option<DtlsOutput> {
        let is_promised = bool::from(fingerprint.ct_eq(&self.fingerprint));
        match (self.state, is_promised) {
            (State::Handshaking, true) => {
                self.state = State::Verified;
                None
            }
            (State::Handshaking, false) => {
                self.end(DtlsOutput::Failed(DtlsFailure::FingerprintMismatch))
            }
            // There is one certificate and no renegotiation.
            (State::Verified | State::Connected, _) => {
                self.end(DtlsOutput::Failed(DtlsFailure::Handshake))
            }
            (State::Secured | State::Over, _) => {
                self.retire();
                None
            }
        }
    }

    fn on_connected(&mut self) -> Option<DtlsOutput> {
        match self.state {
            State::Verified => {
                self.state = State::Connected;
                None
            }
            State::Handshaking => self.end(DtlsOutput::Failed(DtlsFailure::Handshake)),
            State::Connected | State::Secured | State::Over => None,
        }
    }

    fn on_keys(&mut self, material: &[u8], profile: dimpl::SrtpProfile) -> Option<DtlsOutput> {
        let engine = self.engine.as_ref()?;
        let version = match engine.protocol_version() {
            Some(dimpl::ProtocolVersion::DTLS1_3) => "1.3",
            _ => "1.2",
        };
        match (self.state, split_material(material, profile, engine.is_active())) {
            (State::Verified | State::Connected, Some((outbound, inbound))) => {
                self.state = State::Secured;
                self.reassembly.seal();
                let profile = outbound.profile();
                Some(DtlsOutput::Secured { outbound, inbound, profile, version })
            }
            (State::Handshaking | State::Verified | State::Connected, _) => {
                self.end(DtlsOutput::Failed(DtlsFailure::Handshake))
            }
            (State::Secured | State::Over, _) => None,
        }
    }

    fn on_close(&mut self) -> Option<DtlsOutput> {
        match self.state {
            State::Handshaking | State::Verified | State::Connected => {
                self.end(DtlsOutput::Failed(DtlsFailure::Handshake))
            }
            State::Secured | State::Over => self.end(DtlsOutput::Closed),
        }
    }
}

impl fmt::Debug for DtlsPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsPeer").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Our key and the peer's, out of the exported material (RFC 5764 §4.2): client key, server key,
/// client salt, server salt.
fn split_material(
    material: &[u8],
    profile: dimpl::SrtpProfile,
    is_active: bool,
) -> Option<(SrtpKey, SrtpKey)> {
    let profile = match profile {
        dimpl::SrtpProfile::AEAD_AES_128_GCM => SrtpProfile::AeadAes128Gcm,
        dimpl::SrtpProfile::AEAD_AES_256_GCM => SrtpProfile::AeadAes256Gcm,
        dimpl::SrtpProfile::AES128_CM_SHA1_80 => SrtpProfile::Aes128CmSha1_80,
        _ => return None,
    };
    let (client_key, rest) = material.split_at_checked(profile.key_len())?;
    let (server_key, rest) = rest.split_at_checked(profile.key_len())?;
    let (client_salt, rest) = rest.split_at_checked(profile.salt_len())?;
    let server_salt = rest.get(..profile.salt_len())?;
    let client = SrtpKey::new(profile, client_key, client_salt)?;
    let server = SrtpKey::new(profile, server_key, server_salt)?;
    Some(if is_active { (client, server) } else { (server, client) })
}
