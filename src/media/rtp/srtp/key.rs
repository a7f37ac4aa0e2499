//! Master keys and their profiles: what DTLS exports and `a=crypto` carries.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::SrtpError;

/// An SRTP protection profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SrtpProfile {
    /// RFC 7714; first choice.
    AeadAes128Gcm,
    /// RFC 7714.
    AeadAes256Gcm,
    /// RFC 3711 default transforms, 80-bit tag.
    Aes128CmSha1_80,
    /// The same with a 32-bit RTP tag; SDES only, never offered.
    Aes128CmSha1_32,
}

impl SrtpProfile {
    /// The name used by SDES (RFC 4568 §6.2, RFC 7714 §14.2).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Self::Aes128CmSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes128CmSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The profile with this SDES name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::AeadAes128Gcm, Self::AeadAes256Gcm, Self::Aes128CmSha1_80, Self::Aes128CmSha1_32]
            .into_iter()
            .find(|profile| profile.as_str().eq_ignore_ascii_case(name))
    }

    /// Master key length, bytes.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 16,
        }
    }

    /// Master salt length, bytes.
    #[must_use]
    pub fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 14,
        }
    }

    /// Bytes an RTP packet grows by when sealed.
    #[must_use]
    pub fn rtp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::Aes128CmSha1_80 => 10,
            Self::Aes128CmSha1_32 => 4,
        }
    }

    /// Bytes an RTCP packet grows by when sealed: tag and index.
    #[must_use]
    pub fn rtcp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 20,
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 14,
        }
    }
}

/// Longest master key and salt together, bytes.
const MATERIAL_LEN_MAX: usize = 32 + 14;

/// A profile with its master key and salt: wiped when dropped, never printed.
#[derive(Clone)]
pub struct SrtpKey {
    profile: SrtpProfile,
    /// Key, then salt, then zeros.
    material: Material,
}

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Material([u8; MATERIAL_LEN_MAX]);

impl SrtpKey {
    /// Takes a key and salt of exactly the profile's lengths.
    #[must_use]
    pub fn new(profile: SrtpProfile, master_key: &[u8], master_salt: &[u8]) -> Option<Self> {
        if master_key.len() != profile.key_len() || master_salt.len() != profile.salt_len() {
            return None;
        }
        let mut material = Material([0; MATERIAL_LEN_MAX]);
        let (key, rest) = material.0.split_at_mut_checked(master_key.len())?;
        key.copy_from_slice(master_key);
        rest.get_mut(..master_salt.len())?.copy_from_slice(master_salt);
        Some(Self { profile, material })
    }

    /// A fresh key from the system's random numbers.
    ///
    /// # Errors
    /// [`SrtpError::Crypto`] if the system gives no random bytes.
    pub fn random(profile: SrtpProfile) -> Result<Self, SrtpError> {
        let mut material = Material([0; MATERIAL_LEN_MAX]);
        let len = profile.key_len() + profile.salt_len();
        let used = material.0.get_mut(..len).ok_or(SrtpError::Crypto)?;
        aws_lc_rs::rand::fill(used).map_err(|_| SrtpError::Crypto)?;
        Ok(Self { profile, material })
    }

    /// The profile this key is for.
    #[must_use]
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// The master key. Each call is a place to review.
    #[must_use]
    pub fn master_key(&self) -> &[u8] {
        self.material.0.get(..self.profile.key_len()).unwrap_or_default()
    }

    /// The master salt.
    #[must_use]
    pub fn master_salt(&self) -> &[u8] {
        let start = self.profile.key_len();
        self.material.0.get(start..start + self.profile.salt_len()).unwrap_or_default()
    }
}

impl PartialEq for SrtpKey {
    /// Compares in constant time.
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.profile == other.profile && bool::from(self.material.0.ct_eq(&other.material.0))
    }
}

impl Eq for SrtpKey {}

impl fmt::Debug for SrtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SrtpKey({}, ***)", self.profile.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_a_key_shows_its_profile_and_stars() {
        let key = SrtpKey::new(SrtpProfile::Aes128CmSha1_80, &[0xab; 16], &[0xcd; 14]).unwrap();
        assert_eq!(format!("{key:?}"), "SrtpKey(AES_CM_128_HMAC_SHA1_80, ***)");
        assert_eq!(key.master_key(), [0xab; 16]);
        assert_eq!(key.master_salt(), [0xcd; 14]);
    }

    #[test]
    fn lengths_other_than_the_profiles_are_refused() {
        assert_eq!(SrtpKey::new(SrtpProfile::AeadAes256Gcm, &[0; 16], &[0; 12]), None);
        assert_eq!(SrtpKey::new(SrtpProfile::AeadAes128Gcm, &[0; 16], &[0; 14]), None);
    }

    #[test]
    fn two_random_keys_differ() {
        let one = SrtpKey::random(SrtpProfile::AeadAes128Gcm).unwrap();
        let two = SrtpKey::random(SrtpProfile::AeadAes128Gcm).unwrap();
        assert_ne!(one, two);
        assert_eq!(one, one.clone());
    }
}
