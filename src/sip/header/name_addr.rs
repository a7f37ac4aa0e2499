//! A URI with a name before it and parameters behind it. RFC 3261 §20.10, `name-addr`.

use crate::sip::lex::{self, Cursor};
use crate::sip::{Malformed, Params, Uri, text, write};
use std::fmt;
use std::str::FromStr;

/// The value of From, To, Contact, Route, Record-Route, Refer-To, P-Asserted-Identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAddr {
    /// The name for people, unquoted and cleaned (see [`text::clean`]); never empty.
    pub display_name: Option<String>,
    /// The URI.
    pub uri: Uri,
    /// Parameters of the header field, behind the URI.
    pub params: Params,
}

impl NameAddr {
    /// A bare URI.
    #[must_use]
    pub fn new(uri: Uri) -> Self {
        Self { display_name: None, uri, params: Params::new() }
    }

    /// The same with a name for people; cleaned, and left out when nothing remains.
    #[must_use]
    pub fn with_display_name(mut self, name: &str) -> Self {
        self.display_name = cleaned(name);
        self
    }

    /// The tag of From or To.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag")
    }

    /// Sets the tag of From or To.
    pub fn set_tag(&mut self, tag: &str) {
        self.params.set("tag", tag);
    }

    /// The `expires` parameter of a Contact, seconds; a number too large saturates.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        lex::saturating_u32(self.params.get("expires")?)
    }

    /// Reads one value up to a comma or the end.
    pub(in crate::sip) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        cursor.skip_space();
        let display_name = read_display_name(cursor)?;
        let uri = if cursor.eat(b'<') {
            let uri = cursor.take_while(|byte| byte != b'>').parse::<Uri>()?;
            if !cursor.eat(b'>') {
                return Err(Malformed("address"));
            }
            uri
        } else {
            // Without brackets a `;` or `,` belongs to the header and a `?` is forbidden (§20).
            let is_end = |byte| matches!(byte, b';' | b',' | b'?' | b' ' | b'\t');
            let uri = cursor.take_while(|byte| !is_end(byte)).parse::<Uri>()?;
            if cursor.peek() == Some(b'?') {
                return Err(Malformed("address without brackets"));
            }
            uri
        };
        let params = Params::read_header(cursor)?;
        Ok(Self { display_name, uri, params })
    }
}

/// Reads what stands before `<`, and its absence; leaves a bare URI unread.
fn read_display_name(cursor: &mut Cursor<'_>) -> Result<Option<String>, Malformed> {
    if cursor.peek() == Some(b'"') {
        let name = cursor.quoted()?;
        cursor.skip_space();
        if cursor.peek() != Some(b'<') {
            return Err(Malformed("display name"));
        }
        return Ok(cleaned(&name));
    }
    let mut ahead = *cursor;
    // Bytes beyond ASCII belong in quotes, but phones send them bare.
    let is_name = |byte: u8| lex::is_token_byte(byte) || lex::is_space(byte) || byte >= 0x80;
    let name = ahead.take_while(is_name);
    if ahead.peek() != Some(b'<') {
        return Ok(None);
    }
    *cursor = ahead;
    Ok(cleaned(name))
}

fn cleaned(name: &str) -> Option<String> {
    let name = text::clean(lex::trim(name));
    let name = lex::trim(&name);
    (!name.is_empty()).then(|| name.to_owned())
}

impl FromStr for NameAddr {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(text);
        let value = Self::read(&mut cursor)?;
        cursor.skip_space();
        if cursor.is_at_end() { Ok(value) } else { Err(Malformed("address")) }
    }
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display_name {
            write::quoted(f, name)?;
            f.write_str(" ")?;
        }
        write!(f, "<{}>", self.uri)?;
        self.params.write_header(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_every_form_and_written_in_quotes() {
        for (text, name) in [
            ("\"Bob \\\"the\\\\ cat\\\"\" <sip:b@c>", Some("Bob \"the\\ cat\"")),
            ("Bob the Cat <sip:b@c>", Some("Bob the Cat")),
            ("caller<sip:b@c>", Some("caller")),
            ("Jürgen Łoś <sip:b@c>", Some("Jürgen Łoś")),
            ("\"\" <sip:b@c>", None),
            ("<sip:b@c>", None),
            ("sip:b@c", None),
        ] {
            let value: NameAddr = text.parse().unwrap();
            assert_eq!(value.display_name.as_deref(), name, "{text}");
            assert_eq!(value.to_string().parse(), Ok(value), "{text}");
        }
    }

    #[test]
    fn s06_names_come_without_control_and_direction_characters() {
        let value: NameAddr = "\"A\u{1b}[2J\u{202e}B\u{0}\" <sip:b@c>".parse().unwrap();
        assert_eq!(value.display_name.as_deref(), Some("A[2JB"));
        let ours = NameAddr::new(value.uri).with_display_name("x\r\nVia: y\u{200f}");
        assert_eq!(ours.to_string(), "\"xVia: y\" <sip:b@c>");
    }

    #[test]
    fn broken_addresses_are_refused() {
        for text in [
            "\"Mr. J. User <sip:j@e>",
            "Bell, Alexander <sip:a@e>",
            "sip:a@e?Route=x",
            "< sip:a@e >",
            "<sip:a@e>;;;;",
            "<sip:a@e",
            "<sip:a@e>x",
            "\"a\" sip:a@e",
            "<sip:a@e>;tag=",
            "<>",
            "",
            "*",
            "<sip:a@e>, <sip:b@e>",
        ] {
            assert!(text.parse::<NameAddr>().is_err(), "{text}");
        }
    }

    #[test]
    fn tag_and_expires_are_parameters_of_the_header() {
        let mut value: NameAddr = "sip:a@b;tag=x;expires=99999999999".parse().unwrap();
        assert_eq!((value.tag(), value.expires()), (Some("x"), Some(u32::MAX)));
        value.set_tag("y");
        assert_eq!(value.to_string(), "<sip:a@b>;tag=y;expires=99999999999");
    }
}
