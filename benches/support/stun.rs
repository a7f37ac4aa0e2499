//! A browser's connectivity check (RFC 8489, RFC 8445 §7.2.2), written here so that what is
//! measured does not also make its own input.

use aws_lc_rs::hmac;

const MAGIC_COOKIE: u32 = 0x2112_a442;

/// A nominating check from `remote` (the browser) to `local` (the server), with integrity under
/// the server's password and a fingerprint.
pub fn check(local_ufrag: &str, local_pwd: &str, remote_ufrag: &str, id: [u8; 12]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(128);
    packet.extend_from_slice(&[0, 1, 0, 0]);
    packet.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
    packet.extend_from_slice(&id);
    attribute(&mut packet, 0x0006, format!("{local_ufrag}:{remote_ufrag}").as_bytes());
    attribute(&mut packet, 0xc057, &[0, 0, 0, 10]);
    attribute(&mut packet, 0x802a, &[7; 8]);
    attribute(&mut packet, 0x0025, &[]);
    attribute(&mut packet, 0x0024, &0x6e00_1eff_u32.to_be_bytes());
    set_length(&mut packet, 24);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, local_pwd.as_bytes());
    let tag = hmac::sign(&key, &packet);
    attribute(&mut packet, 0x0008, tag.as_ref());
    set_length(&mut packet, 8);
    let crc = crc32(&packet) ^ 0x5354_554e;
    attribute(&mut packet, 0x8028, &crc.to_be_bytes());
    packet
}

fn attribute(packet: &mut Vec<u8>, kind: u16, value: &[u8]) {
    packet.extend_from_slice(&kind.to_be_bytes());
    packet.extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
    packet.extend_from_slice(value);
    packet.resize(packet.len().next_multiple_of(4), 0);
}

/// Writes the length as it will be with `more` bytes behind what is there.
fn set_length(packet: &mut [u8], more: usize) {
    let len = u16::try_from(packet.len() + more - 20).unwrap_or_default().to_be_bytes();
    if let Some(field) = packet.get_mut(2..4) {
        field.copy_from_slice(&len);
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}
