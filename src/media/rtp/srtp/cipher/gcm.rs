//! AES-GCM for SRTP (RFC 7714 §8, §9): the nonce is the index under the salt, never random.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{ENCRYPTED_BIT, ESRTCP_LEN, RTCP_CLEAR_LEN, RtpId};
use crate::media::rtp::srtp::kdf::SessionKeys;
use crate::media::rtp::srtp::{SrtpError, SrtpProfile};

const TAG_LEN: usize = 16;

/// A GCM key with its salt.
pub(in super::super) struct Gcm {
    /// Wiped by the library when dropped.
    key: LessSafeKey,
    /// As a big-endian number. Knowing it alone opens nothing.
    salt: u128,
}

impl Gcm {
    pub(super) fn new(profile: SrtpProfile, keys: &SessionKeys) -> Result<Self, SrtpError> {
        let algorithm = match profile {
            SrtpProfile::AeadAes256Gcm => &AES_256_GCM,
            SrtpProfile::AeadAes128Gcm
            | SrtpProfile::Aes128CmSha1_80
            | SrtpProfile::Aes128CmSha1_32 => &AES_128_GCM,
        };
        let key =
            UnboundKey::new(algorithm, keys.cipher_key(profile)).map_err(|_| SrtpError::Crypto)?;
        let mut salt = [0; 16];
        for (to, from) in salt.iter_mut().skip(4).zip(&keys.salt) {
            *to = *from;
        }
        Ok(Self { key: LessSafeKey::new(key), salt: u128::from_be_bytes(salt) })
    }

    pub(super) fn seal_rtp(
        &self,
        buffer: &mut [u8],
        header_len: usize,
        len: usize,
        id: RtpId,
    ) -> Result<usize, SrtpError> {
        let (packet, room) = buffer.split_at_mut_checked(len).ok_or(SrtpError::NoRoom)?;
        let tag_room = room.first_chunk_mut::<TAG_LEN>().ok_or(SrtpError::NoRoom)?;
        let (header, payload) =
            packet.split_at_mut_checked(header_len).ok_or(SrtpError::Malformed)?;
        let tag = self
            .key
            .seal_in_place_separate_tag(self.rtp_nonce(id), Aad::from(&*header), payload)
            .map_err(|_| SrtpError::Crypto)?;
        tag_room.copy_from_slice(tag.as_ref());
        Ok(len + TAG_LEN)
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        id: RtpId,
    ) -> Result<usize, SrtpError> {
        let (header, sealed) =
            packet.split_at_mut_checked(header_len).ok_or(SrtpError::Malformed)?;
        if sealed.len() < TAG_LEN {
            return Err(SrtpError::Malformed);
        }
        let payload = self
            .key
            .open_in_place(self.rtp_nonce(id), Aad::from(&*header), sealed)
            .map_err(|_| SrtpError::Unauthenticated)?;
        Ok(header_len + payload.len())
    }

    pub(super) fn seal_rtcp(
        &self,
        buffer: &mut [u8],
        len: usize,
        ssrc: u32,
        index: u32,
    ) -> Result<usize, SrtpError> {
        let (packet, room) = buffer.split_at_mut_checked(len).ok_or(SrtpError::NoRoom)?;
        let room = room.first_chunk_mut::<{ TAG_LEN + ESRTCP_LEN }>().ok_or(SrtpError::NoRoom)?;
        let (clear, body) =
            packet.split_first_chunk_mut::<RTCP_CLEAR_LEN>().ok_or(SrtpError::Malformed)?;
        let aad = rtcp_aad(clear, index);
        let tag = self
            .key
            .seal_in_place_separate_tag(self.rtcp_nonce(ssrc, index), Aad::from(aad), body)
            .map_err(|_| SrtpError::Crypto)?;
        let (tag_room, index_room) = room.split_at_mut(TAG_LEN);
        tag_room.copy_from_slice(tag.as_ref());
        index_room.copy_from_slice(&(index | ENCRYPTED_BIT).to_be_bytes());
        Ok(len + TAG_LEN + ESRTCP_LEN)
    }

    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        index: u32,
    ) -> Result<usize, SrtpError> {
        let (packet, _) =
            packet.split_last_chunk_mut::<ESRTCP_LEN>().ok_or(SrtpError::Malformed)?;
        let (clear, sealed) =
            packet.split_first_chunk_mut::<RTCP_CLEAR_LEN>().ok_or(SrtpError::Malformed)?;
        if sealed.len() < TAG_LEN {
            return Err(SrtpError::Malformed);
        }
        let aad = rtcp_aad(clear, index);
        let body = self
            .key
            .open_in_place(self.rtcp_nonce(ssrc, index), Aad::from(aad), sealed)
            .map_err(|_| SrtpError::Unauthenticated)?;
        Ok(RTCP_CLEAR_LEN + body.len())
    }

    /// RFC 7714 §8.1: two zero bytes, SSRC, ROC, sequence number, under the salt.
    fn rtp_nonce(&self, id: RtpId) -> Nonce {
        self.nonce((u128::from(id.ssrc) << 48) | u128::from(id.index))
    }

    /// RFC 7714 §9.1: two zero bytes, SSRC, two zero bytes, index, under the salt.
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> Nonce {
        self.nonce((u128::from(ssrc) << 48) | u128::from(index))
    }

    fn nonce(&self, counter: u128) -> Nonce {
        let [_, _, _, _, nonce @ ..] = (self.salt ^ counter).to_be_bytes();
        Nonce::assume_unique_for_key(nonce)
    }
}

/// RFC 7714 §9.2: the clear part and the E bit with the index.
fn rtcp_aad(clear: &[u8; RTCP_CLEAR_LEN], index: u32) -> [u8; RTCP_CLEAR_LEN + ESRTCP_LEN] {
    let mut aad = [0; RTCP_CLEAR_LEN + ESRTCP_LEN];
    let (head, tail) = aad.split_at_mut(RTCP_CLEAR_LEN);
    head.copy_from_slice(clear);
    tail.copy_from_slice(&(index | ENCRYPTED_BIT).to_be_bytes());
    aad
}
