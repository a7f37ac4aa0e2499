//! A host: name or address. RFC 3261 §25.1 `host`, RFC 5118 for IPv6 references.

use super::lex::Cursor;
use super::uri::Malformed;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The host of a URI or Via.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name as written; compare with [`Host::is_same`].
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, in brackets on the wire.
    V6(Ipv6Addr),
    /// No host: `tel:` and foreign schemes.
    None,
}

impl Host {
    /// The address, when it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
            Self::Name(_) | Self::None => None,
        }
    }

    /// Equality of hosts: names without regard to case.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            (a, b) => a == b,
        }
    }

    /// Reads `host [":" port]`; `spaced` allows white space around the colon, as Via does.
    pub(super) fn read(
        cursor: &mut Cursor<'_>,
        spaced: bool,
    ) -> Result<(Self, Option<u16>), Malformed> {
        let host = Self::read_host(cursor)?;
        let mut ahead = *cursor;
        if spaced {
            ahead.skip_space();
        }
        if !ahead.eat(b':') {
            return Ok((host, None));
        }
        if spaced {
            ahead.skip_space();
        }
        let digits = ahead.take_while(|byte| byte.is_ascii_digit());
        let port = digits.parse::<u16>().map_err(|_| Malformed("port"))?;
        *cursor = ahead;
        Ok((host, Some(port)))
    }

    fn read_host(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        if cursor.eat(b'[') {
            let inner = cursor.take_while(|byte| byte != b']');
            if !cursor.eat(b']') {
                return Err(Malformed("IPv6 reference"));
            }
            return inner.parse().map(Self::V6).map_err(|_| Malformed("IPv6 reference"));
        }
        let name = cursor.take_while(is_name_byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('.') {
            return Err(Malformed("host"));
        }
        if name.as_bytes().last().is_some_and(u8::is_ascii_digit)
            && let Ok(address) = name.parse()
        {
            return Ok(Self::V4(address));
        }
        Ok(Self::Name(name.to_owned()))
    }
}

/// Longest DNS name (RFC 1035 §2.3.4), with room for a final dot.
const NAME_BYTES_MAX: usize = 254;

/// Letters, digits, `-`, `.`; and `_`, which real host names in SIP have.
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

impl FromStr for Host {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Ok(address) = text.parse() {
            return Ok(Self::V6(address));
        }
        let mut cursor = Cursor::new(text);
        let host = Self::read_host(&mut cursor)?;
        if cursor.is_at_end() { Ok(host) } else { Err(Malformed("host")) }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => super::write::filtered(f, name, is_name_byte),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
            Self::None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Host, Option<u16>), Malformed> {
        let mut cursor = Cursor::new(text);
        let read = Host::read(&mut cursor, false)?;
        if cursor.is_at_end() { Ok(read) } else { Err(Malformed("rest")) }
    }

    #[test]
    fn names_and_addresses_are_told_apart() {
        assert_eq!(
            read("pbx.example.com:5061").unwrap(),
            (Host::Name("pbx.example.com".into()), Some(5061))
        );
        assert_eq!(read("192.0.2.1").unwrap().0, Host::V4([192, 0, 2, 1].into()));
        assert_eq!(read("[2001:db8::1]:5060").unwrap().1, Some(5060));
        assert_eq!("2001:db8::1".parse::<Host>().unwrap().to_string(), "[2001:db8::1]");
        for bad in ["", "[::1", "[:::1]", "host:", "host:65536", "a b", "::1", "2001:db8::1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_compare_without_case_and_are_written_without_foreign_bytes() {
        assert!(Host::Name("PBX.example".into()).is_same(&Host::Name("pbx.EXAMPLE".into())));
        assert_eq!(Host::Name("a\r\nb>;c".into()).to_string(), "abc");
    }
}
