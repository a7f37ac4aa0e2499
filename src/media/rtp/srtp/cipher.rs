//! The packet transforms under one set of session keys: AEAD AES-GCM (RFC 7714) or AES-CM with
//! HMAC-SHA1 (RFC 3711). Everything is keyed once; a packet costs no key schedule and no allocation.
//!
//! Knows neither roll-over counters nor replay: the index is an argument.

use super::kdf::{Protocol, SessionKeys};
use super::{SrtpError, SrtpKey, SrtpProfile};

mod cm;
mod gcm;

use cm::Cm;
use gcm::Gcm;

/// Length of the part of an RTCP packet that is never encrypted: header and sender SSRC.
const RTCP_CLEAR_LEN: usize = 8;

/// Length of the SRTCP trailer with the E bit and the index.
const ESRTCP_LEN: usize = 4;

/// The bit that says an SRTCP packet is encrypted; this server takes and sends no others.
const ENCRYPTED_BIT: u32 = 0x8000_0000;

/// Which packet of which source: together unique under one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct RtpId {
    pub(super) ssrc: u32,
    /// ROC and sequence number: 48 bits.
    pub(super) index: u64,
}

/// A keyed transform for one protocol in one direction.
pub(super) enum Cipher {
    Gcm(Gcm),
    Cm(Box<Cm>),
}

impl Cipher {
    pub(super) fn new(key: &SrtpKey, protocol: Protocol) -> Result<Self, SrtpError> {
        let keys = SessionKeys::derive(key, protocol)?;
        Self::from_session_keys(key.profile(), &keys, protocol)
    }

    fn from_session_keys(
        profile: SrtpProfile,
        keys: &SessionKeys,
        protocol: Protocol,
    ) -> Result<Self, SrtpError> {
        Ok(match (profile, protocol) {
            (SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm, _) => {
                Self::Gcm(Gcm::new(profile, keys)?)
            }
            (SrtpProfile::Aes128CmSha1_32, Protocol::Rtp) => Self::Cm(Box::new(Cm::new(keys, 4)?)),
            (SrtpProfile::Aes128CmSha1_32, Protocol::Rtcp) | (SrtpProfile::Aes128CmSha1_80, _) => {
                Self::Cm(Box::new(Cm::new(keys, 10)?))
            }
        })
    }

    /// Seals `buffer[..len]`, of which the first `header_len` bytes stay clear; returns the new
    /// length.
    pub(super) fn seal_rtp(
        &self,
        buffer: &mut [u8],
        header_len: usize,
        len: usize,
        id: RtpId,
    ) -> Result<usize, SrtpError> {
        match self {
            Self::Gcm(gcm) => gcm.seal_rtp(buffer, header_len, len, id),
            Self::Cm(cm) => cm.seal_rtp(buffer, header_len, len, id),
        }
    }

    /// Opens `packet`; returns the plaintext packet's length.
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        id: RtpId,
    ) -> Result<usize, SrtpError> {
        match self {
            Self::Gcm(gcm) => gcm.open_rtp(packet, header_len, id),
            Self::Cm(cm) => cm.open_rtp(packet, header_len, id),
        }
    }

    /// Seals the compound `buffer[..len]` under `index`; returns the new length.
    pub(super) fn seal_rtcp(
        &self,
        buffer: &mut [u8],
        len: usize,
        ssrc: u32,
        index: u32,
    ) -> Result<usize, SrtpError> {
        match self {
            Self::Gcm(gcm) => gcm.seal_rtcp(buffer, len, ssrc, index),
            Self::Cm(cm) => cm.seal_rtcp(buffer, len, ssrc, index),
        }
    }

    /// Opens an SRTCP packet; returns the plaintext compound's length. `index` is
    /// [`Cipher::rtcp_index`].
    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        index: u32,
    ) -> Result<usize, SrtpError> {
        match self {
            Self::Gcm(gcm) => gcm.open_rtcp(packet, ssrc, index),
            Self::Cm(cm) => cm.open_rtcp(packet, ssrc, index),
        }
    }

    /// The index an SRTCP packet claims. Refuses packets without the E bit: sending in the clear
    /// would have to be negotiated, and this server never does.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Result<u32, SrtpError> {
        let behind = match self {
            Self::Gcm(_) => 0,
            Self::Cm(cm) => cm.tag_len(),
        };
        let end = packet.len().checked_sub(behind).ok_or(SrtpError::Malformed)?;
        let trailer = packet.get(..end).and_then(<[u8]>::last_chunk::<ESRTCP_LEN>);
        let word = u32::from_be_bytes(*trailer.ok_or(SrtpError::Malformed)?);
        if word & ENCRYPTED_BIT == 0 {
            return Err(SrtpError::Unauthenticated);
        }
        Ok(word & !ENCRYPTED_BIT)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::unhex;
    use super::*;

    const RTP: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320\
        64697669736120696e207061727465732074726573";
    const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e930\
        4c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

    fn rfc7714_cipher(profile: SrtpProfile) -> Cipher {
        let mut keys = SessionKeys { cipher_key: [0; 32], auth_key: [0; 20], salt: [0; 14] };
        keys.cipher_key.copy_from_slice(&(0..32).collect::<Vec<u8>>());
        keys.salt[..12].copy_from_slice(b"Quid pro quo");
        Cipher::from_session_keys(profile, &keys, Protocol::Rtp).unwrap()
    }

    fn check_rtp(cipher: &Cipher, sealed: &str) {
        let (plain, sealed) = (unhex(RTP), unhex(sealed));
        let id = RtpId { ssrc: 0x5501_a0b2, index: 0xf17b };
        let mut buffer = plain.clone();
        buffer.resize(100, 0);
        let len = cipher.seal_rtp(&mut buffer, 12, plain.len(), id).unwrap();
        assert_eq!(&buffer[..len], &sealed[..]);
        let len = cipher.open_rtp(&mut buffer[..len], 12, id).unwrap();
        assert_eq!(&buffer[..len], &plain[..]);
    }

    fn check_rtcp(cipher: &Cipher, sealed: &str) {
        let (plain, sealed) = (unhex(RTCP), unhex(sealed));
        let mut buffer = plain.clone();
        buffer.resize(100, 0);
        let len = cipher.seal_rtcp(&mut buffer, plain.len(), 0x4d61_7273, 0x5d4).unwrap();
        assert_eq!(&buffer[..len], &sealed[..]);
        assert_eq!(cipher.rtcp_index(&buffer[..len]), Ok(0x5d4));
        let len = cipher.open_rtcp(&mut buffer[..len], 0x4d61_7273, 0x5d4).unwrap();
        assert_eq!(&buffer[..len], &plain[..]);
    }

    #[test]
    fn rfc7714_16_1_aes_128_gcm_rtp() {
        check_rtp(
            &rfc7714_cipher(SrtpProfile::AeadAes128Gcm),
            "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a\
             51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
        );
    }

    #[test]
    fn rfc7714_16_2_aes_256_gcm_rtp() {
        check_rtp(
            &rfc7714_cipher(SrtpProfile::AeadAes256Gcm),
            "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a02\
             76ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
        );
    }

    #[test]
    fn rfc7714_17_1_aes_128_gcm_rtcp() {
        check_rtcp(
            &rfc7714_cipher(SrtpProfile::AeadAes128Gcm),
            "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda\
             4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
        );
    }

    #[test]
    fn rfc7714_17_2_aes_256_gcm_rtcp() {
        check_rtcp(
            &rfc7714_cipher(SrtpProfile::AeadAes256Gcm),
            "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be\
             8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
        );
    }

    #[test]
    fn rfc7714_17_3_a_packet_that_is_only_tagged_is_refused() {
        let packet = unhex(
            "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeef\
             deadbeefdeadbeefdeadbeef841dd9683dd78ec92ae58790125f62b3000005d4",
        );
        let cipher = rfc7714_cipher(SrtpProfile::AeadAes128Gcm);
        assert_eq!(cipher.rtcp_index(&packet), Err(SrtpError::Unauthenticated));
    }
}
