//! STUN messages (RFC 8489), as much as connectivity checks need; no allocation.
//!
//! Reads requests in place and writes answers into the caller's buffer. Decides nothing.

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::crc32::crc32;

/// A short-term key that has already been taken in: cloned for each message.
pub(super) type Key = Hmac<Sha1>;

const HEADER_LEN: usize = 20;
const MAGIC_COOKIE: u32 = 0x2112_a442;
const FINGERPRINT_XOR: u32 = 0x5354_554e;

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;

/// Attributes below this number must be understood (RFC 8489 §14).
const COMPREHENSION_OPTIONAL: u16 = 0x8000;

/// Makes a short-term key of an ICE password.
pub(super) fn key_of(password: &str) -> Key {
    let mut block = Zeroizing::new([0; 64]);
    let hashed;
    let bytes = if password.len() <= block.len() {
        password.as_bytes()
    } else {
        hashed = Sha1::digest(password);
        hashed.as_slice()
    };
    for (to, from) in block.iter_mut().zip(bytes) {
        *to = *from;
    }
    Hmac::new((&*block).into())
}

/// Whether `packet` has a STUN header: first bits zero, magic cookie, length that fits.
#[must_use]
pub fn is_stun(packet: &[u8]) -> bool {
    header(packet).is_some()
}

/// The local part of USERNAME (`local:remote`) of a binding request: our ufrag, to find the leg.
/// Nothing is authenticated yet.
#[must_use]
pub fn ufrag_of(packet: &[u8]) -> Option<&str> {
    let (kind, attributes) = header(packet)?;
    if kind != BINDING_REQUEST {
        return None;
    }
    let mut username = Attributes { rest: attributes }.find(|one| one.kind == USERNAME)?.value;
    username = username.split(|byte| *byte == b':').next()?;
    std::str::from_utf8(username).ok()
}

/// Type and attributes of a message, if it is one.
fn header(packet: &[u8]) -> Option<(u16, &[u8])> {
    let (header, attributes) = packet.split_first_chunk::<HEADER_LEN>()?;
    let [t0, t1, l0, l1, c0, c1, c2, c3, ..] = *header;
    let len = usize::from(u16::from_be_bytes([l0, l1]));
    let is_stun = t0 & 0xc0 == 0
        && u32::from_be_bytes([c0, c1, c2, c3]) == MAGIC_COOKIE
        && len == attributes.len()
        && len % 4 == 0;
    is_stun.then_some((u16::from_be_bytes([t0, t1]), attributes))
}

/// One attribute.
struct Attribute<'a> {
    kind: u16,
    value: &'a [u8],
    /// Bytes of the message from this attribute's header to the end.
    behind: usize,
}

/// The attributes of a message, up to the first that does not fit.
struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let behind = self.rest.len();
        let (head, rest) = self.rest.split_first_chunk::<4>()?;
        let [k0, k1, l0, l1] = *head;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let (value, _) = rest.split_at_checked(len)?;
        self.rest = rest.get(len.next_multiple_of(4)..)?;
        Some(Attribute { kind: u16::from_be_bytes([k0, k1]), value, behind })
    }
}

/// What a connectivity check says, none of it authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Check<'a> {
    /// Our half of USERNAME and the peer's.
    pub(super) username: Option<(&'a [u8], &'a [u8])>,
    /// The MESSAGE-INTEGRITY value and where its attribute begins.
    integrity: Option<(&'a [u8; 20], usize)>,
    /// USE-CANDIDATE: the peer nominates this pair.
    pub(super) nominates: bool,
    /// ICE-CONTROLLED: the peer thinks we are the controlling agent.
    pub(super) claims_controlled: bool,
    /// An attribute that must be understood and is not.
    pub(super) unknown: Option<u16>,
}

/// Why a packet is no check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoCheck {
    /// Not STUN, cut short, or the FINGERPRINT is wrong.
    Malformed,
    /// STUN, but not a binding request.
    OtherMessage,
}

impl<'a> Check<'a> {
    /// Reads a binding request.
    pub(super) fn parse(packet: &'a [u8]) -> Result<Self, NoCheck> {
        let (kind, attributes) = header(packet).ok_or(NoCheck::Malformed)?;
        if kind != BINDING_REQUEST {
            return Err(NoCheck::OtherMessage);
        }
        let mut check = Self::default();
        let mut attributes = Attributes { rest: attributes };
        for attribute in &mut attributes {
            check.take(packet, &attribute)?;
        }
        if attributes.rest.is_empty() { Ok(check) } else { Err(NoCheck::Malformed) }
    }

    /// Takes one attribute. Behind MESSAGE-INTEGRITY only FINGERPRINT counts (RFC 8489 §14.5):
    /// the rest is not covered by it.
    fn take(&mut self, packet: &'a [u8], attribute: &Attribute<'a>) -> Result<(), NoCheck> {
        let start = packet.len().saturating_sub(attribute.behind);
        match attribute.kind {
            FINGERPRINT => {
                let value = attribute.value.try_into().map_err(|_| NoCheck::Malformed)?;
                let covered = packet.get(..start).ok_or(NoCheck::Malformed)?;
                if attribute.behind != 8
                    || crc32(covered) ^ FINGERPRINT_XOR != u32::from_be_bytes(value)
                {
                    return Err(NoCheck::Malformed);
                }
            }
            _ if self.integrity.is_some() => {}
            MESSAGE_INTEGRITY => {
                let value = attribute.value.try_into().map_err(|_| NoCheck::Malformed)?;
                self.integrity = Some((value, start));
            }
            USERNAME => {
                let mut halves = attribute.value.splitn(2, |byte| *byte == b':');
                self.username = halves.next().zip(halves.next());
            }
            USE_CANDIDATE => self.nominates = true,
            ICE_CONTROLLED => self.claims_controlled = true,
            PRIORITY | COMPREHENSION_OPTIONAL.. => {}
            unknown => self.unknown = self.unknown.or(Some(unknown)),
        }
        Ok(())
    }

    /// Whether there is a MESSAGE-INTEGRITY at all.
    pub(super) fn has_integrity(&self) -> bool {
        self.integrity.is_some()
    }

    /// Whether MESSAGE-INTEGRITY was made with `key` over this packet.
    pub(super) fn is_authentic(&self, packet: &[u8], key: &Key) -> bool {
        let Some((value, start)) = self.integrity else { return false };
        packet.get(..start).is_some_and(|covered| bool::from(mac(covered, key).ct_eq(value)))
    }
}

/// HMAC-SHA1 over a message up to its MESSAGE-INTEGRITY, with the length field as if the message
/// ended behind that.
fn mac(covered: &[u8], key: &Key) -> [u8; 20] {
    let len = u16::try_from(covered.len() + 24 - HEADER_LEN).unwrap_or(0).to_be_bytes();
    let mut hmac = key.clone();
    let (head, rest) = covered.split_at_checked(4).unwrap_or_default();
    hmac.update(head.get(..2).unwrap_or_default());
    hmac.update(&len);
    hmac.update(rest);
    hmac.finalize().into_bytes().into()
}

/// An answer being written.
pub(super) struct Answer<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> Answer<'a> {
    /// A success with the address the request came from; `None` without room.
    pub(super) fn success(
        request: &[u8],
        source: SocketAddr,
        key: &Key,
        out: &'a mut [u8],
    ) -> Option<usize> {
        let mut answer = Self::begin(BINDING_SUCCESS, request, out)?;
        let [p0, p1] = source.port().to_be_bytes();
        let port = [p0 ^ 0x21, p1 ^ 0x12];
        // Cookie and transaction id, which is what addresses are XORed with.
        let mask = *request.get(4..HEADER_LEN)?.first_chunk::<16>()?;
        match source.ip().to_canonical() {
            IpAddr::V4(ip) => {
                let [m0, m1, m2, m3, ..] = mask;
                let ip = ip.to_bits() ^ u32::from_be_bytes([m0, m1, m2, m3]);
                answer.attribute(XOR_MAPPED_ADDRESS, &[&[0, 1], &port, &ip.to_be_bytes()])?;
            }
            IpAddr::V6(ip) => {
                let ip = ip.to_bits() ^ u128::from_be_bytes(mask);
                answer.attribute(XOR_MAPPED_ADDRESS, &[&[0, 2], &port, &ip.to_be_bytes()])?;
            }
        }
        answer.integrity(key)?;
        answer.finish()
    }

    /// An error; with `key` when the request was authentic (RFC 8489 §9.1.4).
    pub(super) fn error(
        request: &[u8],
        code: u16,
        unknown: Option<u16>,
        key: Option<&Key>,
        out: &'a mut [u8],
    ) -> Option<usize> {
        let mut answer = Self::begin(BINDING_ERROR, request, out)?;
        let class = u8::try_from(code / 100).ok()?;
        let number = u8::try_from(code % 100).ok()?;
        answer.attribute(ERROR_CODE, &[&[0, 0, class, number]])?;
        if let Some(unknown) = unknown {
            // Twice, as RFC 3489 padded lists: four bytes without padding of our own.
            answer
                .attribute(UNKNOWN_ATTRIBUTES, &[&unknown.to_be_bytes(), &unknown.to_be_bytes()])?;
        }
        if let Some(key) = key {
            answer.integrity(key)?;
        }
        answer.finish()
    }

    fn begin(kind: u16, request: &[u8], out: &'a mut [u8]) -> Option<Self> {
        let mut answer = Self { out, len: 0 };
        answer.put(&kind.to_be_bytes())?;
        answer.put(&[0, 0])?;
        answer.put(request.get(4..HEADER_LEN)?)?;
        Some(answer)
    }

    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len + bytes.len();
        self.out.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }

    /// Appends an attribute whose value is a multiple of four bytes long.
    fn attribute(&mut self, kind: u16, value: &[&[u8]]) -> Option<()> {
        let len: usize = value.iter().map(|part| part.len()).sum();
        debug_assert_eq!(len % 4, 0, "no padding is written");
        self.put(&kind.to_be_bytes())?;
        self.put(&u16::try_from(len).ok()?.to_be_bytes())?;
        for part in value {
            self.put(part)?;
        }
        Some(())
    }

    fn integrity(&mut self, key: &Key) -> Option<()> {
        let mac = mac(self.out.get(..self.len)?, key);
        self.attribute(MESSAGE_INTEGRITY, &[&mac])
    }

    fn set_len(&mut self, len: usize) -> Option<()> {
        let len = u16::try_from(len.checked_sub(HEADER_LEN)?).ok()?.to_be_bytes();
        self.out.get_mut(2..4)?.copy_from_slice(&len);
        Some(())
    }

    /// Appends FINGERPRINT; returns the length of the whole.
    fn finish(mut self) -> Option<usize> {
        self.set_len(self.len + 8)?;
        let fingerprint = crc32(self.out.get(..self.len)?) ^ FINGERPRINT_XOR;
        self.attribute(FINGERPRINT, &[&fingerprint.to_be_bytes()])?;
        Some(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    /// RFC 5769 §2.1.
    const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e2074657374\
        20636c69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020\
        000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|character| !character.is_whitespace())
            .map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap())
            .collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    #[test]
    fn rfc5769_2_1_the_sample_request_is_read_and_authentic() {
        let packet = unhex(REQUEST);
        let check = Check::parse(&packet).unwrap();
        assert_eq!(check.username, Some((&b"evtj"[..], &b"h6vY"[..])));
        assert!(check.claims_controlled && !check.nominates && check.unknown.is_none());
        assert!(check.is_authentic(&packet, &key_of(PASSWORD)));
        assert!(!check.is_authentic(&packet, &key_of("VOkJxbRl1RmTxUk/WvJxBu")));
        assert_eq!(ufrag_of(&packet), Some("evtj"));
    }

    /// The sample responses of RFC 5769 carry SOFTWARE, which we do not send; their mapped address,
    /// integrity and fingerprint are what ours must agree with.
    fn check_response(sample: &str, source: &str) {
        let sample = unhex(sample);
        let mut out = [0; 128];
        let key = key_of(PASSWORD);
        let len =
            Answer::success(&unhex(REQUEST), source.parse().unwrap(), &key, &mut out).unwrap();
        let ours = &out[..len];
        let value_of = |packet: &[u8], kind: u16| {
            let (_, rest) = header(packet).unwrap();
            let found = Attributes { rest }.find(|one| one.kind == kind).unwrap();
            (found.value.to_vec(), packet.len() - found.behind)
        };
        assert_eq!(value_of(ours, XOR_MAPPED_ADDRESS).0, value_of(&sample, XOR_MAPPED_ADDRESS).0);
        for packet in [ours, &sample] {
            let (value, start) = value_of(packet, MESSAGE_INTEGRITY);
            assert_eq!(mac(&packet[..start], &key).to_vec(), value);
            let (value, start) = value_of(packet, FINGERPRINT);
            assert_eq!((crc32(&packet[..start]) ^ FINGERPRINT_XOR).to_be_bytes().to_vec(), value);
        }
    }

    #[test]
    fn rfc5769_2_2_an_ipv4_answer_agrees_with_the_sample() {
        check_response(
            "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001\
             a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96",
            "192.0.2.1:32853",
        );
    }

    #[test]
    fn rfc5769_2_3_an_ipv6_answer_agrees_with_the_sample() {
        check_response(
            "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002\
             a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed41\
             80280004c8fb0b4c",
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
        );
    }

    #[test]
    fn an_ipv4_address_seen_through_an_ipv6_socket_is_told_as_ipv4() {
        let mut mapped = [0; 128];
        let mut plain = [0; 128];
        let key = key_of(PASSWORD);
        let request = unhex(REQUEST);
        let source = "[::ffff:192.0.2.1]:9".parse().unwrap();
        Answer::success(&request, source, &key, &mut mapped).unwrap();
        Answer::success(&request, "192.0.2.1:9".parse().unwrap(), &key, &mut plain).unwrap();
        assert_eq!(mapped, plain);
    }

    #[test]
    fn passwords_longer_than_a_block_are_hashed_first() {
        for len in [22, 63, 64, 65, 256] {
            let password = "x".repeat(len);
            let expected: Key = Hmac::new_from_slice(password.as_bytes()).unwrap();
            let (ours, theirs) = (key_of(&password).finalize(), expected.finalize());
            assert_eq!(ours.into_bytes(), theirs.into_bytes());
        }
    }

    #[test]
    fn attributes_behind_the_integrity_are_not_believed() {
        let mut packet = unhex(REQUEST);
        packet.truncate(packet.len() - 8);
        packet.extend_from_slice(&[0, 0x25, 0, 0]);
        packet[3] = u8::try_from(packet.len() - 20).unwrap();
        let check = Check::parse(&packet).unwrap();
        assert!(!check.nominates && check.is_authentic(&packet, &key_of(PASSWORD)));
    }

    #[test]
    fn a_wrong_fingerprint_or_length_is_no_check() {
        let mut packet = unhex(REQUEST);
        *packet.last_mut().unwrap() ^= 1;
        assert_eq!(Check::parse(&packet), Err(NoCheck::Malformed));
        let mut packet = unhex(REQUEST);
        packet[3] -= 4;
        assert!(!is_stun(&packet));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic_and_never_authentic(
            body in proptest::collection::vec(any::<u8>(), 0..200), fit: bool
        ) {
            let mut packet = unhex(REQUEST)[..20].to_vec();
            packet.extend_from_slice(&body);
            if fit {
                packet.truncate(20 + body.len() / 4 * 4);
                packet[3] = u8::try_from(packet.len() - 20).unwrap();
            }
            let _ = ufrag_of(&packet);
            if let Ok(check) = Check::parse(&packet) {
                prop_assert!(!check.is_authentic(&packet, &key_of(PASSWORD)));
            }
            let _ = Check::parse(&body);
        }

        #[test]
        fn one_changed_byte_before_the_integrity_is_noticed(at in 0usize..76, bit in 0u8..8) {
            let mut packet = unhex(REQUEST);
            packet.truncate(packet.len() - 8);
            packet[3] = u8::try_from(packet.len() - 20).unwrap();
            packet[at] ^= 1 << bit;
            if let Ok(check) = Check::parse(&packet) {
                // The length field is not covered as it is, and padding is.
                prop_assert!(!check.is_authentic(&packet, &key_of(PASSWORD)));
            }
        }
    }
}
