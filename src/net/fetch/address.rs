//! Which addresses are on the public Internet (IANA special-purpose registries, RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is one that anybody may be reached at. What merely carries another address
/// (IPv4-mapped, NAT64, 6to4, Teredo) is not: the address inside could be an inner one.
#[must_use]
pub fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !V4_SPECIAL.iter().any(|(net, bits)| v4_in(address, *net, *bits)),
        IpAddr::V6(address) => {
            v6_in(address, [0x2000, 0], 3)
                && !V6_SPECIAL.iter().any(|(net, bits)| v6_in(address, *net, *bits))
        }
    }
}

const V4_SPECIAL: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Within 2000::/3, by their first 32 bits; all outside it is not global anyway.
const V6_SPECIAL: [([u16; 2], u32); 4] = [
    ([0x2001, 0x0000], 23),
    ([0x2001, 0x0db8], 32),
    ([0x2002, 0x0000], 16),
    ([0x3fff, 0x0000], 20),
];

fn v4_in(address: Ipv4Addr, net: [u8; 4], bits: u32) -> bool {
    (address.to_bits() ^ Ipv4Addr::from(net).to_bits()).leading_zeros() >= bits
}

fn v6_in(address: Ipv6Addr, net: [u16; 2], bits: u32) -> bool {
    let [first, second, ..] = address.segments();
    let difference = [first ^ net[0], second ^ net[1]];
    let joined = (u32::from(difference[0]) << 16) | u32::from(difference[1]);
    joined.leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::is_global;

    #[test]
    fn sec_w11_only_public_addresses_are_global() {
        for inside in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_global(inside.parse().expect(inside)), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2600:1901::1",
            "2001:4860:4860::8888",
            "2a00:1450:4001:829::200e",
        ] {
            assert!(is_global(outside.parse().expect(outside)), "{outside}");
        }
    }
}
