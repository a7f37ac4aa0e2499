//! AES in counter mode with HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1).

use aes::Aes128Enc;
use aes::cipher::{InnerIvInit, KeyInit as _, StreamCipher};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::{ENCRYPTED_BIT, ESRTCP_LEN, RTCP_CLEAR_LEN, RtpId};
use crate::media::rtp::srtp::SrtpError;
use crate::media::rtp::srtp::kdf::SessionKeys;

/// An AES key schedule, a salt, and an HMAC that has already taken its key.
pub(in super::super) struct Cm {
    cipher: Aes128Enc,
    /// Shifted left by 16 bits, as the counter block wants it.
    salt: u128,
    /// Cloned for each packet: saves the two SHA-1 blocks of the key.
    hmac: Hmac<Sha1>,
    tag_len: usize,
}

impl Cm {
    pub(super) fn new(keys: &SessionKeys, tag_len: usize) -> Result<Self, SrtpError> {
        let cipher_key = keys.cipher_key.get(..16).ok_or(SrtpError::Crypto)?;
        let mut salt = [0; 16];
        for (to, from) in salt.iter_mut().zip(&keys.salt) {
            *to = *from;
        }
        Ok(Self {
            cipher: Aes128Enc::new_from_slice(cipher_key).map_err(|_| SrtpError::Crypto)?,
            salt: u128::from_be_bytes(salt),
            hmac: Hmac::new_from_slice(&keys.auth_key).map_err(|_| SrtpError::Crypto)?,
            tag_len,
        })
    }

    pub(super) fn tag_len(&self) -> usize {
        self.tag_len
    }

    pub(super) fn seal_rtp(
        &self,
        buffer: &mut [u8],
        header_len: usize,
        len: usize,
        id: RtpId,
    ) -> Result<usize, SrtpError> {
        let (packet, room) = buffer.split_at_mut_checked(len).ok_or(SrtpError::NoRoom)?;
        let tag_room = room.get_mut(..self.tag_len).ok_or(SrtpError::NoRoom)?;
        let payload = packet.get_mut(header_len..).ok_or(SrtpError::Malformed)?;
        self.apply_keystream(payload, id.ssrc, id.index);
        let tag = self.rtp_tag(packet, id.index);
        tag_room.copy_from_slice(tag.get(..self.tag_len).ok_or(SrtpError::Crypto)?);
        Ok(len + self.tag_len)
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        id: RtpId,
    ) -> Result<usize, SrtpError> {
        let (packet, tag) = self.split_tag(packet)?;
        let expected = self.rtp_tag(packet, id.index);
        self.check(&expected, tag)?;
        let payload = packet.get_mut(header_len..).ok_or(SrtpError::Malformed)?;
        self.apply_keystream(payload, id.ssrc, id.index);
        Ok(packet.len())
    }

    pub(super) fn seal_rtcp(
        &self,
        buffer: &mut [u8],
        len: usize,
        ssrc: u32,
        index: u32,
    ) -> Result<usize, SrtpError> {
        let (packet, room) = buffer.split_at_mut_checked(len).ok_or(SrtpError::NoRoom)?;
        let (index_room, room) =
            room.split_first_chunk_mut::<ESRTCP_LEN>().ok_or(SrtpError::NoRoom)?;
        let tag_room = room.get_mut(..self.tag_len).ok_or(SrtpError::NoRoom)?;
        let body = packet.get_mut(RTCP_CLEAR_LEN..).ok_or(SrtpError::Malformed)?;
        self.apply_keystream(body, ssrc, u64::from(index));
        *index_room = (index | ENCRYPTED_BIT).to_be_bytes();
        let tag = self.tag(&[packet, index_room]);
        tag_room.copy_from_slice(tag.get(..self.tag_len).ok_or(SrtpError::Crypto)?);
        Ok(len + ESRTCP_LEN + self.tag_len)
    }

    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        index: u32,
    ) -> Result<usize, SrtpError> {
        let (packet, tag) = self.split_tag(packet)?;
        let expected = self.tag(&[packet]);
        self.check(&expected, tag)?;
        let (packet, _) =
            packet.split_last_chunk_mut::<ESRTCP_LEN>().ok_or(SrtpError::Malformed)?;
        let body = packet.get_mut(RTCP_CLEAR_LEN..).ok_or(SrtpError::Malformed)?;
        self.apply_keystream(body, ssrc, u64::from(index));
        Ok(packet.len())
    }

    /// RFC 3711 §4.1.1: the counter block is salt, SSRC and index, each shifted to its place.
    fn apply_keystream(&self, data: &mut [u8], ssrc: u32, index: u64) {
        let block = self.salt ^ (u128::from(ssrc) << 64) ^ (u128::from(index) << 16);
        let iv = block.to_be_bytes().into();
        ctr::Ctr128BE::from_core(ctr::CtrCore::inner_iv_init(&self.cipher, &iv))
            .apply_keystream(data);
    }

    fn split_tag<'a>(&self, packet: &'a mut [u8]) -> Result<(&'a mut [u8], &'a [u8]), SrtpError> {
        let at = packet.len().checked_sub(self.tag_len).ok_or(SrtpError::Malformed)?;
        let (packet, tag) = packet.split_at_mut_checked(at).ok_or(SrtpError::Malformed)?;
        Ok((packet, tag))
    }

    /// RFC 3711 §4.2: over the packet and the ROC.
    fn rtp_tag(&self, packet: &[u8], index: u64) -> [u8; 20] {
        let [_, _, roc @ .., _, _] = index.to_be_bytes();
        self.tag(&[packet, &roc])
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; 20] {
        let mut hmac = self.hmac.clone();
        for part in parts {
            hmac.update(part);
        }
        hmac.finalize().into_bytes().into()
    }

    fn check(&self, expected: &[u8; 20], tag: &[u8]) -> Result<(), SrtpError> {
        let expected = expected.get(..self.tag_len).ok_or(SrtpError::Crypto)?;
        if bool::from(expected.ct_eq(tag)) { Ok(()) } else { Err(SrtpError::Unauthenticated) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::unhex;
    use super::*;

    #[test]
    fn rfc3711_b2_counter_mode_key_stream() {
        let mut keys = SessionKeys { cipher_key: [0; 32], auth_key: [0; 20], salt: [0; 14] };
        keys.cipher_key[..16].copy_from_slice(&unhex("2B7E151628AED2A6ABF7158809CF4F3C"));
        keys.salt.copy_from_slice(&unhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
        let cm = Cm::new(&keys, 10).unwrap();
        let mut stream = [0; 48];
        cm.apply_keystream(&mut stream, 0, 0);
        assert_eq!(
            stream.to_vec(),
            unhex(
                "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB\
                 41E95B3BB0A2E8DD477901E4FCA894C0"
            )
        );
    }
}
