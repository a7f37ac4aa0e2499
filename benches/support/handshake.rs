//! A DTLS handshake between `dimpl` as the browser and our peer, without a network, and the
//! cryptography no server can do without.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what cannot be set up must stop"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey as VerifyingKey,
};
use ringfence::base::{Clock, UnixTime};
use ringfence::media::DtlsRole;
use ringfence::media::dtls::{DtlsIdentity, DtlsOutput, DtlsPeer};

use super::compare::Stopwatch;

/// The version the browser insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Dtls12,
    Dtls13,
}

/// The certificates and settings of both sides, made once.
pub struct Handshakes {
    server: Arc<DtlsIdentity>,
    browser: dimpl::DtlsCertificate,
    fingerprint: [u8; 32],
    config: Arc<dimpl::Config>,
    clock: Clock,
}

impl Handshakes {
    pub fn new() -> Self {
        let server = Arc::new(DtlsIdentity::generate(UnixTime(1_800_000_000)).expect("identity"));
        let key = rcgen::KeyPair::generate().expect("key");
        let certificate = rcgen::CertificateParams::new(Vec::new())
            .and_then(|params| params.self_signed(&key))
            .expect("certificate");
        let browser = dimpl::DtlsCertificate {
            certificate: certificate.der().to_vec(),
            private_key: key.serialize_der(),
        };
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &browser.certificate);
        let fingerprint = digest.as_ref().try_into().expect("32 bytes");
        // X25519 alone, as in the floors of PERFORMANCE.md.
        let config = dimpl::Config::builder()
            .use_server_cookie(false)
            .kx_groups(&[dimpl::NamedGroup::X25519])
            .build()
            .expect("config");
        let config = Arc::new(config);
        Self { server, browser, fingerprint, config, clock: Clock::system() }
    }

    /// One handshake until our keys exist. Gives the time spent in our peer alone.
    pub fn run(&self, version: Version) -> Duration {
        let now = self.clock.now();
        let mut watch = Stopwatch::new();
        let mut ours =
            watch.time(|| DtlsPeer::new(&self.server, DtlsRole::Passive, self.fingerprint, now));
        let (config, certificate) = (Arc::clone(&self.config), self.browser.clone());
        let mut browser = match version {
            Version::Dtls12 => dimpl::Dtls::new_12(config, certificate, now),
            Version::Dtls13 => dimpl::Dtls::new_13(config, certificate, now),
        };
        browser.set_active(true);
        browser.handle_timeout(now).expect("starts");
        let (mut to_us, mut to_browser) = (Vec::new(), Vec::new());
        for _ in 0..ROUND_TRIPS_MAX {
            poll_browser(&mut browser, &mut to_us);
            let is_secured = watch.time(|| exchange(&mut ours, now, &mut to_us, &mut to_browser));
            if is_secured {
                return watch.spent();
            }
            for datagram in to_browser.drain(..) {
                browser.handle_packet(&datagram).expect("the server's flight is good");
            }
        }
        panic!("the handshake did not end");
    }
}

impl Default for Handshakes {
    fn default() -> Self {
        Self::new()
    }
}

const ROUND_TRIPS_MAX: usize = 8;

fn exchange(
    ours: &mut DtlsPeer,
    now: Instant,
    to_us: &mut Vec<Vec<u8>>,
    to_browser: &mut Vec<Vec<u8>>,
) -> bool {
    let mut buffer = [0; 2048];
    let mut is_secured = false;
    for datagram in to_us.drain(..) {
        ours.handle_packet(now, &datagram);
        loop {
            match ours.poll(&mut buffer) {
                DtlsOutput::Transmit(len) => to_browser.push(buffer[..len].to_vec()),
                DtlsOutput::Wait(_) => break,
                DtlsOutput::Secured { .. } => is_secured = true,
                other => panic!("{other:?}"),
            }
        }
    }
    is_secured
}

fn poll_browser(browser: &mut dimpl::Dtls, out: &mut Vec<Vec<u8>>) {
    let mut buffer = [0; 4096];
    loop {
        match browser.poll_output(&mut buffer) {
            dimpl::Output::Packet(packet) => out.push(packet.to_vec()),
            dimpl::Output::Timeout(_) => return,
            _ => {}
        }
    }
}

/// The keys of the four operations every ECDHE-ECDSA server does once per handshake.
pub struct Floor {
    random: SystemRandom,
    signing: EcdsaKeyPair,
    signature: Vec<u8>,
    peer: Vec<u8>,
}

/// What stands for the transcript.
const MESSAGE: [u8; 130] = [7; 130];

impl Floor {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random);
        let signing = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_ASN1_SIGNING,
            document.expect("key").as_ref(),
        )
        .expect("key");
        let signature = signing.sign(&random, &MESSAGE).expect("signature").as_ref().to_vec();
        let peer = EphemeralPrivateKey::generate(&X25519, &random).expect("key");
        let peer = peer.compute_public_key().expect("key").as_ref().to_vec();
        Self { random, signing, signature, peer }
    }

    pub fn sign(&self) -> Vec<u8> {
        self.signing.sign(&self.random, &MESSAGE).expect("signature").as_ref().to_vec()
    }

    pub fn verify(&self) {
        VerifyingKey::new(&ECDSA_P256_SHA256_ASN1, self.signing.public_key().as_ref())
            .verify(&MESSAGE, &self.signature)
            .expect("verifies");
    }

    pub fn key_agreement(&self) -> Vec<u8> {
        let own = EphemeralPrivateKey::generate(&X25519, &self.random).expect("key");
        let mut shared = own.compute_public_key().expect("key").as_ref().to_vec();
        agree_ephemeral(own, UnparsedPublicKey::new(&X25519, &self.peer), (), |secret| {
            shared.extend_from_slice(secret);
            Ok(())
        })
        .expect("agrees");
        shared
    }

    /// All of it once.
    pub fn run(&self) -> Duration {
        let mut watch = Stopwatch::new();
        watch.time(|| {
            std::hint::black_box(self.key_agreement());
            std::hint::black_box(self.sign());
            self.verify();
        });
        watch.spent()
    }
}

impl Default for Floor {
    fn default() -> Self {
        Self::new()
    }
}
