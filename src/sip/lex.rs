//! Character classes and the cursor every value parser reads with. RFC 3261 §25.1.

use super::uri::Malformed;
use std::borrow::Cow;

/// Whether `byte` may stand in a `token`.
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Whether `text` is a `token`.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether `byte` may stand in a `word` (Call-ID).
const fn is_word_byte(byte: u8) -> bool {
    is_token_byte(byte)
        || matches!(byte, b'(' | b')' | b'<' | b'>' | b':' | b'\\' | b'"' | b'/')
        || matches!(byte, b'[' | b']' | b'?' | b'{' | b'}')
}

/// Whether `text` is a `callid`: one word, or two around an `@`.
pub(super) fn is_call_id(text: &str) -> bool {
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(is_word_byte);
    match text.split_once('@') {
        None => is_word(text),
        Some((left, right)) => is_word(left) && is_word(right),
    }
}

/// Whether `byte` may stand unquoted in the value of a header parameter: `token` or `host`.
pub(super) const fn is_param_value_byte(byte: u8) -> bool {
    is_token_byte(byte) || matches!(byte, b'[' | b']' | b':')
}

/// Whether `byte` is `unreserved` in a URI.
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

/// Whether `byte` is white space within a line.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Cuts white space of SIP (space, tab) off both ends.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A whole value of decimal digits; more than fits saturates. `None` for anything else.
pub(super) fn saturating_u32(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.bytes().fold(0_u32, |sum, byte| {
        sum.saturating_mul(10).saturating_add(u32::from(byte.wrapping_sub(b'0')))
    }))
}

/// Reads every element of a comma list that is not empty.
pub(super) fn walk_list<'a>(
    value: &'a str,
    mut read: impl FnMut(&mut Cursor<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(value);
    loop {
        read(&mut cursor)?;
        cursor.skip_space();
        if cursor.is_at_end() {
            return Ok(());
        }
        if !cursor.eat(b',') {
            return Err(Malformed("list"));
        }
    }
}

/// A place in a text. Every step moves forward, so a parser built on it is linear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    /// Steps over `byte`, which must be ASCII, if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        if self.peek() != Some(byte) {
            return false;
        }
        let Some(rest) = self.rest.get(1..) else { return false };
        self.rest = rest;
        true
    }

    /// Takes the longest run of bytes that `wanted` accepts; the run must end at a character
    /// boundary, which holds when `wanted` treats all bytes from 0x80 alike.
    pub(super) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a str {
        let length = self.rest.bytes().position(|byte| !wanted(byte)).unwrap_or(self.rest.len());
        let Some((taken, rest)) = self.rest.split_at_checked(length) else { return "" };
        self.rest = rest;
        taken
    }

    pub(super) fn skip_space(&mut self) {
        if self.peek().is_some_and(is_space) {
            self.take_while(is_space);
        }
    }

    /// A non-empty `token`.
    pub(super) fn token(&mut self, what: &'static str) -> Result<&'a str, Malformed> {
        let token = self.take_while(is_token_byte);
        if token.is_empty() { Err(Malformed(what)) } else { Ok(token) }
    }

    /// The content of a quoted string whose opening quote is next, without its escapes.
    pub(super) fn quoted(&mut self) -> Result<Cow<'a, str>, Malformed> {
        const WHAT: Malformed = Malformed("quoted string");
        if !self.eat(b'"') {
            return Err(WHAT);
        }
        let plain = self.take_while(|byte| byte != b'"' && byte != b'\\');
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            if self.eat(b'"') {
                return Ok(Cow::Owned(text));
            }
            if !self.eat(b'\\') {
                return Err(WHAT);
            }
            let mut characters = self.rest.chars();
            text.push(characters.next().ok_or(WHAT)?);
            self.rest = characters.as_str();
            text.push_str(self.take_while(|byte| byte != b'"' && byte != b'\\'));
        }
    }
}
