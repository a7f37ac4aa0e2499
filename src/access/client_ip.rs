//! Which address a request comes from, behind proxies (W-08).
//!
//! Every proxy appends the address it saw, so only the right end of `X-Forwarded-For` and
//! `Forwarded` (RFC 7239) is worth anything: the client is the rightmost hop that is not a trusted
//! proxy, and everything left of it may be invented. Without trusted proxies it is the peer.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};

/// Networks whose forwarding headers are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// Most hops followed. More: the last one followed is taken.
pub const HOPS_MAX: usize = 16;

impl TrustedProxies {
    /// From networks; IPv4 ones written as mapped into IPv6 are folded.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().map(|network| folded(network).trunc()).collect())
    }

    fn contains(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&ip))
    }

    /// The client's address. The headers' values come in the order received.
    ///
    /// A proxy may write one header and pass the other on as the client sent it, so when there are
    /// both they must agree; if they do not, the peer is taken.
    #[must_use]
    pub fn client_ip<'a>(
        &self,
        peer: IpAddr,
        x_forwarded_for: impl IntoIterator<Item = &'a str, IntoIter: DoubleEndedIterator>,
        forwarded: impl IntoIterator<Item = &'a str, IntoIter: DoubleEndedIterator>,
    ) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return peer;
        }
        // From the right: nothing a client writes on the left changes how the right is read.
        let hops = |value: &'a str| value.rsplit(',').map(str::trim);
        let mut listed = x_forwarded_for.into_iter().rev().flat_map(hops).peekable();
        let mut elements = forwarded.into_iter().rev().flat_map(hops).peekable();
        match (listed.peek().is_some(), elements.peek().is_some()) {
            (false, false) => peer,
            (true, false) => self.follow(peer, listed.map(address)),
            (false, true) => self.follow(peer, elements.map(element)),
            (true, true) => {
                let one = self.follow(peer, listed.map(address));
                let other = self.follow(peer, elements.map(element));
                if one == other { one } else { peer }
            }
        }
    }

    /// Follows hops from the nearest to the first that is not trusted or not an address.
    fn follow(&self, peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut client = peer;
        for hop in hops.take(HOPS_MAX) {
            let Some(hop) = hop else { break };
            client = hop;
            if !self.contains(client) {
                break;
            }
        }
        client
    }
}

fn folded(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else { return network };
    let four = six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(96));
    four.and_then(|(ip, prefix)| Ipv4Net::new(ip, prefix).ok()).map_or(network, IpNet::V4)
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let ip = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .or_else(|| bracketed(text))?;
    Some(ip.to_canonical())
}

fn bracketed(text: &str) -> Option<IpAddr> {
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// The `for` of one `Forwarded` element; `None` for `unknown`, obfuscated names, and anything that
/// is not exactly one address.
fn element(text: &str) -> Option<IpAddr> {
    let mut nodes = text.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
    });
    let node = nodes.next()?;
    if nodes.next().is_some() {
        return None;
    }
    let unquoted = node.strip_prefix('"').and_then(|node| node.strip_suffix('"'));
    address(unquoted.unwrap_or(node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn proxies(networks: &[&str]) -> TrustedProxies {
        TrustedProxies::new(networks.iter().map(|network| network.parse().unwrap()))
    }

    fn client(trusted: &[&str], peer: &str, listed: &[&str], elements: &[&str]) -> String {
        let ip = proxies(trusted).client_ip(
            peer.parse().unwrap(),
            listed.iter().copied(),
            elements.iter().copied(),
        );
        ip.to_string()
    }

    const INNER: &[&str] = &["10.0.0.0/8"];

    #[test]
    fn a30_sec_w08_an_untrusted_peer_is_itself_whatever_it_claims() {
        for claim in ["9.9.9.9", "10.0.0.1", "127.0.0.1", "::1", ""] {
            let forwarded = format!("for={claim}");
            assert_eq!(client(INNER, "203.0.113.7", &[claim], &[&forwarded]), "203.0.113.7");
            assert_eq!(client(&[], "10.0.0.1", &[claim], &[]), "10.0.0.1");
        }
    }

    #[test]
    fn sec_w08_the_client_is_the_rightmost_hop_that_is_not_trusted() {
        for (listed, expected) in [
            (&["198.51.100.9"][..], "198.51.100.9"),
            (&["1.1.1.1, 198.51.100.9"], "198.51.100.9"),
            (&["1.1.1.1", "198.51.100.9, 10.0.0.2"], "198.51.100.9"),
            (&["1.1.1.1, 198.51.100.9", "10.0.0.3,10.0.0.2"], "198.51.100.9"),
            (&["10.0.0.9, 10.0.0.2"], "10.0.0.9"),
            (&["198.51.100.9:4711"], "198.51.100.9"),
            (&["[2001:db8::7]:443"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["::ffff:198.51.100.9"], "198.51.100.9"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(client(INNER, "10.0.0.1", listed, &[]), expected, "{listed:?}");
        }
    }

    #[test]
    fn sec_w08_garbage_stops_at_the_last_good_hop() {
        for (listed, expected) in [
            ("1.1.1.1, evil", "10.0.0.1"),
            ("1.1.1.1, evil, 10.0.0.2", "10.0.0.2"),
            ("1.1.1.1, , 10.0.0.2", "10.0.0.2"),
            ("1.1.1.1, 010.0.0.2", "10.0.0.1"),
            ("1.1.1.1, fe80::1%eth0", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(client(INNER, "10.0.0.1", &[listed], &[]), expected, "{listed}");
        }
        let many = vec!["10.0.0.2"; 10_000].join(",");
        assert_eq!(client(INNER, "10.0.0.1", &[&format!("1.1.1.1,{many}")], &[]), "10.0.0.2");
    }

    #[test]
    fn sec_w08_forwarded_is_read_as_rfc_7239_writes_it() {
        for (element, expected) in [
            ("for=198.51.100.9;proto=https;by=10.0.0.1", "198.51.100.9"),
            ("For=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=1.1.1.1, for=\"198.51.100.9:80\"", "198.51.100.9"),
            ("for=198.51.100.9, for=10.0.0.2", "198.51.100.9"),
            ("for=unknown", "10.0.0.1"),
            ("for=_hidden, for=10.0.0.2", "10.0.0.2"),
            ("proto=https", "10.0.0.1"),
            ("for=1.1.1.1;for=2.2.2.2", "10.0.0.1"),
            // A quote left open by the client does not swallow what the proxy appends.
            ("for=9.9.9.9;host=\", for=198.51.100.9", "198.51.100.9"),
        ] {
            assert_eq!(client(INNER, "10.0.0.1", &[], &[element]), expected, "{element}");
        }
    }

    #[test]
    fn sec_w08_a_header_the_proxy_only_passes_on_cannot_win() {
        let both = |listed, element| client(INNER, "10.0.0.1", &[listed], &[element]);
        assert_eq!(both("198.51.100.9", "for=198.51.100.9"), "198.51.100.9");
        assert_eq!(both("198.51.100.9", "for=1.1.1.1"), "10.0.0.1");
        assert_eq!(both("1.1.1.1", "for=198.51.100.9"), "10.0.0.1");
    }

    #[test]
    fn sec_w08_networks_match_as_numbers_and_mapped_ones_are_folded() {
        assert_eq!(client(&["10.0.0.1/32"], "10.0.0.10", &["1.1.1.1"], &[]), "10.0.0.10");
        assert_eq!(client(INNER, "::ffff:10.0.0.1", &["1.1.1.1"], &[]), "1.1.1.1");
        assert_eq!(client(&["::ffff:10.0.0.0/104"], "10.0.0.1", &["1.1.1.1"], &[]), "1.1.1.1");
        assert_eq!(client(&["fd00::/8"], "fd00::1", &["1.1.1.1"], &[]), "1.1.1.1");
    }

    proptest! {
        #[test]
        fn sec_w08_nothing_prepended_changes_the_answer(left: String, is_forwarded: bool) {
            let (listed, elements) = (format!("{left},198.51.100.9"), format!("{left},for=198.51.100.9"));
            let got = if is_forwarded {
                client(INNER, "10.0.0.1", &[], &[&elements])
            } else {
                client(INNER, "10.0.0.1", &[&listed], &[])
            };
            prop_assert_eq!(got, "198.51.100.9");
        }

        #[test]
        fn any_header_gives_an_address(listed: String, element: String) {
            client(INNER, "10.0.0.1", &[&listed], &[&element]);
        }
    }
}
