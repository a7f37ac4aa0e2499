//! URIs: `sip:`, `sips:`, `tel:`, and any other as an opaque text. RFC 3261 §19.1, RFC 3966.

pub use super::header::NameAddr;
pub use super::host::Host;
pub use super::params::Params;

use super::lex::{self, Cursor};
use super::write;
use std::fmt;
use std::str::FromStr;

/// A value that does not follow its grammar; holds what was being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub struct Malformed(pub &'static str);

/// The scheme of a URI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`; the number is the user part.
    Tel,
    /// Any other; all parts but the scheme are empty.
    Other {
        /// The name before the colon.
        name: Box<str>,
        /// Everything after it.
        rest: Box<str>,
    },
}

/// A URI. `==` compares part by part; [`Uri::is_equivalent`] is the comparison of RFC 3261.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    /// The scheme.
    pub scheme: Scheme,
    /// The user part (the number of a `tel:` URI), without percent escapes; may hold any
    /// character, NUL included, so check it before use as a number or name.
    pub user: Option<String>,
    /// The deprecated password, without percent escapes.
    pub password: Option<String>,
    /// The host.
    pub host: Host,
    /// The port, if written.
    pub port: Option<u16>,
    /// URI parameters, without percent escapes.
    pub params: Params,
    /// Header fields behind `?`, without percent escapes.
    pub headers: Vec<(String, String)>,
}

impl Uri {
    /// `sip:user@host`, or `sip:host` without a user.
    #[must_use]
    pub fn sip(user: Option<&str>, host: Host) -> Self {
        Self {
            scheme: Scheme::Sip,
            user: user.map(str::to_owned),
            password: None,
            host,
            port: None,
            params: Params::new(),
            headers: Vec::new(),
        }
    }

    /// Whether the scheme is `sip` or `sips`.
    #[must_use]
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The comparison of RFC 3261 §19.1.4. Not transitive, therefore not `==`.
    #[must_use]
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.user == other.user
            && self.password == other.password
            && self.host.is_same(&other.host)
            && self.port == other.port
            && agree(&self.params, &other.params)
            && agree(&other.params, &self.params)
            && same_headers(&self.headers, &other.headers)
    }
}

/// Every parameter of `a` has the same value in `b`; one that `b` lacks must be harmless.
fn agree(a: &Params, b: &Params) -> bool {
    a.iter().all(|(name, value)| {
        if b.contains(name) {
            match (value, b.get(name)) {
                (None, None) => true,
                (Some(x), Some(y)) => x.eq_ignore_ascii_case(y),
                (None, Some(_)) | (Some(_), None) => false,
            }
        } else {
            !DECIDING_PARAMS.iter().any(|deciding| deciding.eq_ignore_ascii_case(name))
        }
    })
}

/// Parameters that make URIs differ when only one has them: §19.1.4 and its last example.
const DECIDING_PARAMS: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

fn same_headers(a: &[(String, String)], b: &[(String, String)]) -> bool {
    let has = |list: &[(String, String)], (name, value): &(String, String)| {
        list.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && v == value)
    };
    a.len() == b.len() && a.iter().all(|one| has(b, one)) && b.iter().all(|one| has(a, one))
}

impl FromStr for Uri {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = text.split_once(':').ok_or(Malformed("URI"))?;
        if scheme.eq_ignore_ascii_case("sip") {
            read_sip(Scheme::Sip, rest)
        } else if scheme.eq_ignore_ascii_case("sips") {
            read_sip(Scheme::Sips, rest)
        } else if scheme.eq_ignore_ascii_case("tel") {
            read_tel(rest)
        } else {
            read_other(scheme, rest)
        }
    }
}

fn read_sip(scheme: Scheme, text: &str) -> Result<Uri, Malformed> {
    let (userinfo, rest) = match text.split_once('@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, text),
    };
    let (user, password) = match userinfo {
        Some(userinfo) => read_userinfo(userinfo)?,
        None => (None, None),
    };
    let mut cursor = Cursor::new(rest);
    let (host, port) = Host::read(&mut cursor, false)?;
    let params = Params::read_uri(&mut cursor)?;
    let headers = if cursor.eat(b'?') { read_headers(&mut cursor)? } else { Vec::new() };
    if !cursor.is_at_end() {
        return Err(Malformed("URI"));
    }
    Ok(Uri { scheme, user, password, host, port, params, headers })
}

fn read_userinfo(text: &str) -> Result<(Option<String>, Option<String>), Malformed> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    // `#` must be escaped, yet telephones dial it as it is.
    let is_user = |byte| is_user_byte(byte) || matches!(byte, b'%' | b'#');
    if user.is_empty() || !user.bytes().all(is_user) {
        return Err(Malformed("user of URI"));
    }
    let is_password = |byte| is_password_byte(byte) || byte == b'%';
    if !password.unwrap_or_default().bytes().all(is_password) {
        return Err(Malformed("password of URI"));
    }
    Ok((Some(unescape(user)?), password.map(unescape).transpose()?))
}

fn read_headers(cursor: &mut Cursor<'_>) -> Result<Vec<(String, String)>, Malformed> {
    let is_byte = |byte| is_header_byte(byte) || byte == b'%';
    let mut headers = Vec::new();
    loop {
        let name = unescape(cursor.take_while(is_byte))?;
        if name.is_empty() || !cursor.eat(b'=') {
            return Err(Malformed("header of URI"));
        }
        if headers.len() >= crate::base::limit::SIP_PARAMS_MAX {
            return Err(Malformed("number of headers of URI"));
        }
        headers.push((name, unescape(cursor.take_while(is_byte))?));
        if !cursor.eat(b'&') {
            return Ok(headers);
        }
    }
}

fn read_tel(text: &str) -> Result<Uri, Malformed> {
    let mut cursor = Cursor::new(text);
    let number = cursor.take_while(is_tel_byte);
    if number.is_empty() {
        return Err(Malformed("tel URI"));
    }
    let user = Some(number.to_owned());
    let params = Params::read_uri(&mut cursor)?;
    if !cursor.is_at_end() {
        return Err(Malformed("tel URI"));
    }
    let (password, headers) = (None, Vec::new());
    Ok(Uri { scheme: Scheme::Tel, user, password, host: Host::None, port: None, params, headers })
}

fn read_other(scheme: &str, rest: &str) -> Result<Uri, Malformed> {
    let starts_well = scheme.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    if !starts_well || !scheme.bytes().all(is_scheme_byte) {
        return Err(Malformed("URI scheme"));
    }
    if rest.is_empty() || !rest.bytes().all(is_opaque_byte) {
        return Err(Malformed("URI"));
    }
    let scheme = Scheme::Other { name: scheme.into(), rest: rest.into() };
    Ok(Uri { scheme, ..Uri::sip(None, Host::None) })
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scheme {
            Scheme::Sip => f.write_str("sip:")?,
            Scheme::Sips => f.write_str("sips:")?,
            Scheme::Tel => {
                f.write_str("tel:")?;
                write::filtered(f, self.user.as_deref().unwrap_or_default(), is_tel_byte)?;
                return self.params.write_uri(f);
            }
            Scheme::Other { name, rest } => {
                write::filtered(f, name, is_scheme_byte)?;
                f.write_str(":")?;
                return write::filtered(f, rest, is_opaque_byte);
            }
        }
        if let Some(user) = &self.user {
            write::escaped(f, user, is_user_byte)?;
            if let Some(password) = &self.password {
                f.write_str(":")?;
                write::escaped(f, password, is_password_byte)?;
            }
            f.write_str("@")?;
        }
        self.host.fmt(f)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.write_uri(f)?;
        for (index, (name, value)) in self.headers.iter().enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            write::escaped(f, name, is_header_byte)?;
            f.write_str("=")?;
            write::escaped(f, value, is_header_byte)?;
        }
        Ok(())
    }
}

/// Prints the URI as on the wire, but no password.
impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.clone();
        if let Some(password) = &mut shown.password {
            "***".clone_into(password);
        }
        fmt::Display::fmt(&shown, f)
    }
}

/// Undoes percent escapes; what comes out must be UTF-8.
pub(super) fn unescape(text: &str) -> Result<String, Malformed> {
    if !text.as_bytes().contains(&b'%') {
        return Ok(text.to_owned());
    }
    const WHAT: Malformed = Malformed("percent escape");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(WHAT) };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| WHAT)?);
    }
    String::from_utf8(bytes).map_err(|_| WHAT)
}

const fn is_user_byte(byte: u8) -> bool {
    lex::is_unreserved(byte)
        || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/')
}

const fn is_password_byte(byte: u8) -> bool {
    lex::is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',')
}

const fn is_header_byte(byte: u8) -> bool {
    lex::is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b'?' | b':' | b'+' | b'$')
}

const fn is_tel_byte(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'+' | b'-' | b'.' | b'(' | b')' | b'*' | b'#')
}

const fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

const fn is_opaque_byte(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && !matches!(byte, b'<' | b'>' | b'"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn the_equivalences_of_rfc_3261_19_1_4_hold() {
        for (a, b) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ] {
            assert!(uri(a).is_equivalent(&uri(b)) && uri(b).is_equivalent(&uri(a)), "{a} {b}");
        }
    }

    #[test]
    fn the_differences_of_rfc_3261_19_1_4_hold() {
        for (a, b) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:a@b", "sips:a@b"),
            ("sip:a@b", "sip:b"),
        ] {
            assert!(!uri(a).is_equivalent(&uri(b)) && !uri(b).is_equivalent(&uri(a)), "{a} {b}");
        }
    }

    #[test]
    fn s09_what_a_user_part_holds_is_escaped_when_written() {
        let mut written = Uri::sip(Some("6;00@x?a=b>\r\nVia:"), "pbx.example".parse().unwrap());
        written.params.set("a;b", "c>d\r\n");
        let text = written.to_string();
        assert_eq!(text, "sip:6;00%40x?a=b%3E%0D%0AVia%3A@pbx.example;a%3Bb=c%3Ed%0D%0A");
        assert_eq!(uri(&text), written);
    }

    #[test]
    fn telephone_numbers_and_foreign_schemes_are_kept() {
        let tel = uri("tel:+1-201-555-0123;phone-context=example.com");
        assert_eq!(tel.user.as_deref(), Some("+1-201-555-0123"));
        assert_eq!(tel.params.get("phone-context"), Some("example.com"));
        for text in ["tel:*72;phone-context=a", "urn:service:sos", "soap.beep://192.0.2.103:3002"] {
            assert_eq!(uri(text).to_string(), text);
        }
        assert_eq!(uri("sip:*72#@pbx").user.as_deref(), Some("*72#"));
        assert_eq!(uri("sip:*72#@pbx").to_string(), "sip:*72%23@pbx");
    }

    #[test]
    fn broken_uris_are_refused() {
        for text in [
            "",
            "sip:",
            "sip",
            "sip:@host",
            "sip:a b@host",
            "sip:a@",
            "sip:a@host:",
            "sip:a@b@c",
            "sip:a@host;",
            "sip:a@host?",
            "sip:a@host?x",
            "sip:%4@host",
            "sip:%zz@host",
            "sip:%ff@host",
            "sip:a@[::1",
            "sip:2001:db8::1",
            "tel:",
            "tel:a b",
            ":x",
            "1x:y",
            "sip:a@host\r\n",
            "sip:<a>@host",
            "x:a b",
        ] {
            assert!(text.parse::<Uri>().is_err(), "{text}");
        }
    }

    #[test]
    fn printing_a_uri_for_logs_hides_its_password() {
        assert_eq!(format!("{:?}", uri("sip:a:hunter2@b")), "sip:a:***@b");
    }
}
