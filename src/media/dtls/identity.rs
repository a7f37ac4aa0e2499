//! This process's DTLS certificate and the engine configuration shared by all handshakes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

use crate::base::UnixTime;
use crate::base::limit::{DTLS_CERTIFICATE_LIFE, MEDIA_SETUP_TIMEOUT};

/// Largest datagram of our flights: fits any path a call can use, tunnels included.
const MTU: usize = 1150;

/// First retransmission of our flights. Browsers start at 50 ms.
const FLIGHT_START_RTO: Duration = Duration::from_millis(100);

/// Retransmissions of one flight; its doubling outlasts the handshake's own deadline.
const FLIGHT_RETRIES: usize = 8;

/// How far the certificate's validity begins in the past, for peers whose clock is late.
const BACKDATED: Duration = Duration::from_secs(24 * 3600);

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key or certificate could not be made.
    #[error("cannot make the DTLS certificate")]
    Certificate(#[from] rcgen::Error),
    /// The DTLS engine refused its configuration or failed its self-test.
    #[error("cannot configure DTLS")]
    Engine(#[from] dimpl::Error),
    /// The system gave no random bytes.
    #[error("no random bytes")]
    Random,
}

/// A self-signed ECDSA P-256 certificate, valid for 30 days, and the shared engine settings. The
/// private key stays in memory.
pub struct DtlsIdentity {
    pub(super) config: Arc<dimpl::Config>,
    pub(super) certificate: dimpl::DtlsCertificate,
    fingerprint: [u8; 32],
}

impl DtlsIdentity {
    /// Makes key and certificate, and runs the engine's self-test (1.5 ms, once).
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn generate(now: UnixTime) -> Result<Self, IdentityError> {
        let config = dimpl::Config::builder()
            .mtu(MTU)
            .use_server_cookie(false)
            .flight_start_rto(FLIGHT_START_RTO)
            .flight_retries(FLIGHT_RETRIES)
            .handshake_timeout(MEDIA_SETUP_TIMEOUT)
            .build()?;
        let certificate = self_signed(now)?;
        let fingerprint = sha256(&certificate.certificate);
        Ok(Self { config: Arc::new(config), certificate, fingerprint })
    }

    /// SHA-256 of the certificate, for `a=fingerprint`.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl fmt::Debug for DtlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DtlsIdentity(***)")
    }
}

/// SHA-256 of a certificate in DER.
pub(super) fn sha256(der: &[u8]) -> [u8; 32] {
    let mut fingerprint = [0; 32];
    for (to, from) in fingerprint.iter_mut().zip(digest::digest(&digest::SHA256, der).as_ref()) {
        *to = *from;
    }
    fingerprint
}

/// The serial number is random: Firefox refuses two certificates of one issuer name that share it.
fn self_signed(now: UnixTime) -> Result<dimpl::DtlsCertificate, IdentityError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut serial = [0; 16];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| IdentityError::Random)?;
    let start = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(now.0);
    let mut params = CertificateParams::new(Vec::new())?;
    params.not_before = start - BACKDATED;
    params.not_after = start - BACKDATED + DTLS_CERTIFICATE_LIFE;
    params.serial_number = Some(serial.to_vec().into());
    params.distinguished_name.push(DnType::CommonName, "WebRTC");
    let certificate = params.self_signed(&key)?;
    Ok(dimpl::DtlsCertificate {
        certificate: certificate.der().to_vec(),
        private_key: key.serialize_der(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_identities_differ_and_print_nothing() {
        let one = DtlsIdentity::generate(UnixTime(1_800_000_000)).unwrap();
        let two = DtlsIdentity::generate(UnixTime(1_800_000_000)).unwrap();
        assert_ne!(one.fingerprint(), two.fingerprint());
        assert_eq!(format!("{one:?}"), "DtlsIdentity(***)");
    }
}
