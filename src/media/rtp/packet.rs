//! The RTP fixed header (RFC 3550 §5.1) and the demultiplexing of one port (RFC 7983, RFC 5761).
//!
//! Reads headers in place and writes the plain 12-byte one; does not touch payloads.

/// What a packet on the browser port is, by its first bytes (RFC 7983 §7, RFC 5761 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// First byte 0–3.
    Stun,
    /// First byte 20–63.
    Dtls,
    /// First byte 128–191, second byte outside 192–223.
    Rtp,
    /// First byte 128–191, second byte 192–223.
    Rtcp,
    /// Anything else: dropped.
    Unknown,
}

impl PacketKind {
    /// Classifies `packet`.
    #[must_use]
    pub fn of(packet: &[u8]) -> Self {
        match packet {
            [0..=3, ..] => Self::Stun,
            [20..=63, ..] => Self::Dtls,
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, _, ..] => Self::Rtp,
            _ => Self::Unknown,
        }
    }
}

/// Length of the header without CSRC list and extension, bytes.
pub const FIXED_HEADER_LEN: usize = 12;

/// The fields of an RTP header that the media path needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// Marker bit.
    pub marker: bool,
    /// Payload type, 0–127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence_number: u16,
    /// Timestamp in the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Where the payload begins: behind CSRC list and header extension.
    pub payload_offset: usize,
    /// Padding bytes at the end of the packet. Only meaningful in plaintext packets.
    pub padding: usize,
}

impl RtpHeader {
    /// Reads the header of a plaintext packet; `None` if it is not RTP version 2, is cut short, or
    /// has a padding count that does not fit between the header and the end.
    #[must_use]
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let mut header = Self::parse_encrypted(packet)?;
        let has_padding = packet.first()? & 0x20 != 0;
        if has_padding {
            let padding = usize::from(*packet.last()?);
            if padding == 0 || padding > packet.len().checked_sub(header.payload_offset)? {
                return None;
            }
            header.padding = padding;
        }
        Some(header)
    }

    /// Reads the header of an SRTP packet: like [`RtpHeader::parse`], but leaves `padding` at 0,
    /// because the last byte is part of the authentication tag.
    #[must_use]
    pub fn parse_encrypted(packet: &[u8]) -> Option<Self> {
        let (fixed, rest) = packet.split_first_chunk::<FIXED_HEADER_LEN>()?;
        let [flags, kind, seq0, seq1, t0, t1, t2, t3, s0, s1, s2, s3] = *fixed;
        if flags >> 6 != 2 {
            return None;
        }
        let csrc_len = usize::from(flags & 0x0f) * 4;
        let mut payload_offset = FIXED_HEADER_LEN + csrc_len;
        let mut after = rest.get(csrc_len..)?;
        if flags & 0x10 != 0 {
            let (extension, _) = after.split_first_chunk::<4>()?;
            let [_, _, hi, lo] = *extension;
            let len = 4 + usize::from(u16::from_be_bytes([hi, lo])) * 4;
            after = after.get(len..)?;
            payload_offset += len;
        }
        debug_assert_eq!(payload_offset + after.len(), packet.len());
        Some(Self {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7f,
            sequence_number: u16::from_be_bytes([seq0, seq1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            payload_offset,
            padding: 0,
        })
    }

    /// Writes marker, payload type, sequence number, timestamp and SSRC as a plain 12-byte header
    /// (no padding, extension or CSRC). Returns its length, or `None` if `out` is shorter.
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let out = out.first_chunk_mut::<FIXED_HEADER_LEN>()?;
        let [seq0, seq1] = self.sequence_number.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [s0, s1, s2, s3] = self.ssrc.to_be_bytes();
        let kind = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        *out = [0x80, kind, seq0, seq1, t0, t1, t2, t3, s0, s1, s2, s3];
        Some(FIXED_HEADER_LEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn first_bytes_tell_the_four_protocols_of_one_port_apart() {
        assert_eq!(PacketKind::of(&[0, 1]), PacketKind::Stun);
        assert_eq!(PacketKind::of(&[22, 254]), PacketKind::Dtls);
        assert_eq!(PacketKind::of(&[0x80, 111]), PacketKind::Rtp);
        assert_eq!(PacketKind::of(&[0x80, 0x80 | 111]), PacketKind::Rtp);
        assert_eq!(PacketKind::of(&[0x80, 200]), PacketKind::Rtcp);
        assert_eq!(PacketKind::of(&[0x80, 206]), PacketKind::Rtcp);
        assert_eq!(PacketKind::of(&[]), PacketKind::Unknown);
        assert_eq!(PacketKind::of(&[0x40, 0]), PacketKind::Unknown);
    }

    #[test]
    fn csrc_list_and_extension_are_skipped() {
        let mut packet = vec![0x80 | 0x10 | 2, 0x80 | 8, 1, 2, 0, 0, 0, 9, 0, 0, 0, 7];
        packet.extend_from_slice(&[0; 8]);
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        packet.extend_from_slice(b"payload");
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(header.payload_offset, 12 + 8 + 8);
        assert_eq!(&packet[header.payload_offset..], b"payload");
        assert!(header.marker);
        assert_eq!((header.payload_type, header.sequence_number), (8, 0x0102));
        assert_eq!((header.timestamp, header.ssrc), (9, 7));
    }

    #[test]
    fn m09_padding_longer_than_the_payload_is_refused() {
        let mut packet = vec![0xa0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 9, 9, 2];
        assert_eq!(RtpHeader::parse(&packet).map(|header| header.padding), Some(2));
        packet[15] = 5;
        assert_eq!(RtpHeader::parse(&packet), None);
        packet[15] = 0;
        assert_eq!(RtpHeader::parse(&packet), None);
    }

    proptest! {
        #[test]
        fn m09_any_bytes_are_parsed_without_panic_and_offsets_stay_inside(
            bytes in proptest::collection::vec(any::<u8>(), 0..200)
        ) {
            if let Some(header) = RtpHeader::parse(&bytes) {
                prop_assert!(header.payload_offset + header.padding <= bytes.len());
            }
        }

        #[test]
        fn a_written_header_reads_back(
            marker: bool, payload_type in 0u8..128, sequence_number: u16, timestamp: u32, ssrc: u32
        ) {
            let header = RtpHeader {
                marker, payload_type, sequence_number, timestamp, ssrc,
                payload_offset: 12, padding: 0,
            };
            let mut bytes = [0; 12];
            prop_assert_eq!(header.write(&mut bytes), Some(12));
            prop_assert_eq!(RtpHeader::parse(&bytes), Some(header));
        }
    }
}
