//! A DTLS 1.2 client that shares no code with our engine (`rtc-dtls`, of the webrtc-rs family)
//! against our passive side.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;

use super::*;
use crate::base::{Clock, UnixTime};
use crate::media::command::DtlsRole;
use crate::media::rtp::srtp::SrtpProfile;

/// Runs a handshake offering one profile; returns our keys and the client's exported material.
fn handshake(profile: SrtpProtectionProfile, material_len: usize) -> (DtlsOutput, Vec<u8>) {
    let us: SocketAddr = "127.0.0.1:5000".parse().unwrap();
    let now = Clock::manual(UnixTime(0)).now();
    let identity = Arc::new(DtlsIdentity::generate(UnixTime(1_800_000_000)).unwrap());
    let provider = rtc_crypto::default_provider().unwrap();
    let certificate =
        Certificate::generate_self_signed(vec!["client".to_owned()], provider.crypto()).unwrap();
    let fingerprint = identity::sha256(&certificate.certificate[0]);
    let config = ConfigBuilder::default()
        .with_crypto_provider(provider)
        .with_certificates(vec![certificate])
        .with_srtp_protection_profiles(vec![profile])
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_insecure_skip_verify(true)
        .build(true, Some(us))
        .unwrap();
    let mut client = Endpoint::new("127.0.0.1:4000".parse().unwrap(), TransportProtocol::UDP, None);
    client.connect(now, us, Arc::new(config), None).unwrap();
    let mut ours = DtlsPeer::new(&identity, DtlsRole::Passive, fingerprint, now);
    let (mut secured, mut is_complete) = (None, false);
    let mut buffer = [0; 2048];
    for round in 0..20 {
        let now = now + Duration::from_millis(5) * round;
        while let Some(sent) = client.poll_transmit() {
            ours.handle_packet(now, &sent.message);
        }
        loop {
            match ours.poll(&mut buffer) {
                DtlsOutput::Transmit(len) => {
                    let bytes = BytesMut::from(&buffer[..len]);
                    let events = client.read(now, us, None, bytes).unwrap();
                    is_complete |=
                        events.iter().any(|one| matches!(one, EndpointEvent::HandshakeComplete));
                }
                DtlsOutput::Wait(_) => break,
                output => secured = Some(output),
            }
        }
        let _ = client.handle_timeout(us, now);
    }
    assert!(is_complete);
    let state = client.get_connection_state(us).unwrap();
    let material = state
        .export_keying_material("EXTRACTOR-dtls_srtp", &[], material_len)
        .unwrap()
        .as_ref()
        .to_vec();
    (secured.expect("our keys"), material)
}

#[test]
fn an_independent_client_agrees_on_keys_for_every_profile() {
    for (offered, expected) in [
        (SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80, SrtpProfile::Aes128CmSha1_80),
        (SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm, SrtpProfile::AeadAes128Gcm),
        (SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm, SrtpProfile::AeadAes256Gcm),
    ] {
        let (key_len, salt_len) = (expected.key_len(), expected.salt_len());
        let (secured, material) = handshake(offered, 2 * (key_len + salt_len));
        let DtlsOutput::Secured { outbound, inbound, profile, version } = secured else {
            panic!("{secured:?}")
        };
        assert_eq!((profile, version), (expected, "1.2"));
        let exported = [
            inbound.master_key(),
            outbound.master_key(),
            inbound.master_salt(),
            outbound.master_salt(),
        ]
        .concat();
        assert_eq!(exported, material);
    }
}
