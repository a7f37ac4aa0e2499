//! Session keys from a master key (RFC 3711 §4.3, RFC 7714 §11), key derivation rate 0.

use aes::cipher::{KeyIvInit, StreamCipher};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{SrtpError, SrtpKey, SrtpProfile};

/// Which of the two protocols the keys are for; each has its own labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Labels 0–2.
    Rtp,
    /// Labels 3–5.
    Rtcp,
}

/// The session keys of one protocol; wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct SessionKeys {
    /// Encryption key: 16 or 32 bytes are used.
    pub(super) cipher_key: [u8; 32],
    /// HMAC-SHA1 key; unused by AEAD.
    pub(super) auth_key: [u8; 20],
    /// Salt: 12 or 14 bytes are used.
    pub(super) salt: [u8; 14],
}

impl SessionKeys {
    /// Derives them.
    pub(super) fn derive(key: &SrtpKey, protocol: Protocol) -> Result<Self, SrtpError> {
        let first_label = match protocol {
            Protocol::Rtp => 0,
            Protocol::Rtcp => 3,
        };
        let mut keys = Self { cipher_key: [0; 32], auth_key: [0; 20], salt: [0; 14] };
        let profile = key.profile();
        let cipher_key = keys.cipher_key.get_mut(..profile.key_len()).ok_or(SrtpError::Crypto)?;
        let salt = keys.salt.get_mut(..profile.salt_len()).ok_or(SrtpError::Crypto)?;
        derive(key, first_label, cipher_key)?;
        derive(key, first_label + 1, &mut keys.auth_key)?;
        derive(key, first_label + 2, salt)?;
        Ok(keys)
    }

    /// The encryption key at its profile's length.
    pub(super) fn cipher_key(&self, profile: SrtpProfile) -> &[u8] {
        self.cipher_key.get(..profile.key_len()).unwrap_or_default()
    }
}

/// Fills `out` (zeros) with the key stream of `label`: AES in counter mode under the master key,
/// its counter block being the salt with the label XORed into byte 7. A 12-byte salt counts as 14
/// with zeros behind.
fn derive(key: &SrtpKey, label: u8, out: &mut [u8]) -> Result<(), SrtpError> {
    let mut block = [0; 16];
    for (to, from) in block.iter_mut().zip(key.master_salt()) {
        *to = *from;
    }
    block[7] ^= label;
    let iv = &block.into();
    match key.profile() {
        SrtpProfile::AeadAes256Gcm => {
            ctr::Ctr128BE::<aes::Aes256Enc>::new_from_slices(key.master_key(), &block)
                .map_err(|_| SrtpError::Crypto)?
                .apply_keystream(out);
        }
        SrtpProfile::AeadAes128Gcm
        | SrtpProfile::Aes128CmSha1_80
        | SrtpProfile::Aes128CmSha1_32 => {
            let master: &[u8; 16] = key.master_key().try_into().map_err(|_| SrtpError::Crypto)?;
            ctr::Ctr128BE::<aes::Aes128Enc>::new(master.into(), iv).apply_keystream(out);
        }
    }
    block.zeroize();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::unhex;
    use super::*;

    #[test]
    fn rfc3711_b3_session_keys() {
        let master = SrtpKey::new(
            SrtpProfile::Aes128CmSha1_80,
            &unhex("E1F97A0D3E018BE0D64FA32C06DE4139"),
            &unhex("0EC675AD498AFEEBB6960B3AABE6"),
        )
        .unwrap();
        let keys = SessionKeys::derive(&master, Protocol::Rtp).unwrap();
        assert_eq!(
            keys.cipher_key(SrtpProfile::Aes128CmSha1_80),
            unhex("C61E7A93744F39EE10734AFE3FF7A087")
        );
        assert_eq!(keys.salt.to_vec(), unhex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(keys.auth_key.to_vec(), unhex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    #[test]
    fn rtp_and_rtcp_keys_differ() {
        let master = SrtpKey::random(SrtpProfile::AeadAes256Gcm).unwrap();
        let rtp = SessionKeys::derive(&master, Protocol::Rtp).unwrap();
        let rtcp = SessionKeys::derive(&master, Protocol::Rtcp).unwrap();
        assert_ne!(rtp.cipher_key, rtcp.cipher_key);
        assert_ne!(rtp.salt, rtcp.salt);
    }
}
