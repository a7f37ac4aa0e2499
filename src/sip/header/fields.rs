//! The ordered list of header fields of a message. RFC 3261 §7.3.
//!
//! All text lives in one buffer and the fields are ranges of it: parsing a message costs two
//! allocations here however many fields it has.

use super::name::{self, Known};
use crate::sip::{lex, text};
use std::fmt;

/// Header fields in order. Names are found without regard to case or compact form and written in
/// their canonical spelling. No value ever holds CR, LF, NUL or another control character except
/// tab. Content-Length is not among them: it is checked on reading and computed on writing.
#[derive(Clone, Default)]
pub struct Headers {
    text: String,
    fields: Vec<Field>,
}

#[derive(Clone, Copy)]
struct Field {
    name: Name,
    value: Span,
}

#[derive(Clone, Copy)]
enum Name {
    Known(Known),
    Other(Span),
}

#[derive(Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

/// A name or value that cannot be a header field; which of the two is in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The name is not a token.
    #[error("header name must be letters, digits and -.!%*_+`'~")]
    Name,
    /// The value holds CR, LF, NUL or another control character.
    #[error("header value must not hold control characters")]
    Value,
}

impl Headers {
    /// No fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No fields yet, with room for some.
    pub(in crate::sip) fn with_capacity(bytes: usize, fields: usize) -> Self {
        Self { text: String::with_capacity(bytes), fields: Vec::with_capacity(fields) }
    }

    /// The first value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let known = name::lookup(name);
        let field = self.fields.iter().find(|field| self.is_named(field, known, name))?;
        Some(self.slice(field.value))
    }

    /// All values of `name` in order, one per field; comma lists are not split.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let known = name::lookup(name);
        let matching = self.fields.iter().filter(move |field| self.is_named(field, known, name));
        matching.map(|field| self.slice(field.value))
    }

    /// Whether there is a field of `name`.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Adds a field at the end. Control characters of `value` become spaces, so a value can never
    /// start another field; a `name` that is no token adds nothing.
    pub fn push(&mut self, name: &str, value: impl AsRef<str>) {
        debug_assert!(lex::is_token(name), "a header name is a token");
        if lex::is_token(name) && name::lookup(name) != Some(name::CONTENT_LENGTH) {
            self.push_read(name, value.as_ref());
        }
    }

    /// Adds a field that came from outside, such as an API.
    ///
    /// # Errors
    ///
    /// [`InvalidHeader`] when name or value could not be written as they are.
    pub fn try_push(&mut self, name: &str, value: &str) -> Result<(), InvalidHeader> {
        if !lex::is_token(name) {
            return Err(InvalidHeader::Name);
        }
        if !text::is_header_value(value) {
            return Err(InvalidHeader::Value);
        }
        self.push(name, value);
        Ok(())
    }

    /// Sets the only value of `name`: in the place of its first field, or at the end.
    pub fn insert(&mut self, name: &str, value: impl AsRef<str>) {
        let known = name::lookup(name);
        let first = self.fields.iter().position(|field| self.is_named(field, known, name));
        let Some(first) = first else { return self.push(name, value) };
        self.remove(name);
        self.push(name, value);
        if let Some(added) = self.fields.pop() {
            self.fields.insert(first.min(self.fields.len()), added);
        }
    }

    /// Adds a field at the front: a Via on its way out.
    pub fn push_front(&mut self, name: &str, value: impl AsRef<str>) {
        let before = self.fields.len();
        self.push(name, value);
        if self.fields.len() > before {
            self.fields.rotate_right(1);
        }
    }

    /// Removes every field of `name`; says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let known = name::lookup(name);
        let before = self.fields.len();
        let mut fields = std::mem::take(&mut self.fields);
        fields.retain(|field| !self.is_named(field, known, name));
        self.fields = fields;
        self.fields.len() != before
    }

    /// All fields in order, names in canonical spelling.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| (self.name_of(field), self.slice(field.value)))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// What RFC 3261 §8.2.6.2 copies from a request to its response.
    pub(in crate::sip) fn for_reply(&self) -> Self {
        let mut copy = Self::with_capacity(REPLY_BYTES, 16);
        for value in self.get_all("Via") {
            copy.push("Via", value);
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            if let Some(value) = self.get(name) {
                copy.push(name, value);
            }
        }
        copy
    }

    /// Adds a field whose name is a token, Content-Length too.
    pub(in crate::sip) fn push_read(&mut self, name: &str, value: &str) {
        let name = match name::lookup(name) {
            Some(known) => Name::Known(known),
            None => Name::Other(self.store(name)),
        };
        let value = self.store(lex::trim(&text::header_value(value)));
        self.fields.push(Field { name, value });
    }

    /// Continues the value of the last field by a folded line.
    pub(in crate::sip) fn fold(&mut self, line: &str) {
        let Some(last) = self.fields.last_mut() else { return };
        let line = text::header_value(line);
        let line = lex::trim(&line);
        if last.value.start != last.value.end && !line.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(line);
        last.value.end = position(&self.text);
    }

    /// Length of the last value, for the bound on it.
    pub(in crate::sip) fn last_value_bytes(&self) -> usize {
        self.fields.last().map_or(0, |field| self.slice(field.value).len())
    }

    /// About how many bytes [`Headers::write`] appends.
    pub(in crate::sip) fn wire_bytes(&self) -> usize {
        self.text.len() + self.fields.len() * 20
    }

    /// Appends every field as a line.
    pub(in crate::sip) fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }

    fn store(&mut self, text: &str) -> Span {
        let start = position(&self.text);
        self.text.push_str(text);
        Span { start, end: position(&self.text) }
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    fn name_of(&self, field: &Field) -> &str {
        match field.name {
            Name::Known(known) => name::spelling(known),
            Name::Other(span) => self.slice(span),
        }
    }

    fn is_named(&self, field: &Field, known: Option<Known>, name: &str) -> bool {
        match (field.name, known) {
            (Name::Known(a), Some(b)) => a == b,
            (Name::Other(span), None) => self.slice(span).eq_ignore_ascii_case(name),
            (Name::Known(_), None) | (Name::Other(_), Some(_)) => false,
        }
    }
}

/// Room for a usual response.
const REPLY_BYTES: usize = 512;

/// The end of the buffer; what lies beyond 4 GiB would be empty, never wrong.
fn position(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

/// Prints names and values, but no credentials.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| match name {
            "Authorization" | "Proxy-Authorization" => (name, "***"),
            _ => (name, value),
        });
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> Headers {
        let mut headers = Headers::new();
        for (name, value) in [("v", "1"), ("X-One", "a"), ("VIA", "2"), ("x-one", "b"), ("To", "t")]
        {
            headers.push(name, value);
        }
        headers
    }

    fn written(headers: &Headers) -> String {
        let mut out = Vec::new();
        headers.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_are_found_by_any_spelling_and_written_by_the_canonical_one() {
        let headers = headers();
        assert_eq!(headers.get_all("via").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers.get_all("X-ONE").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(written(&headers), "Via: 1\r\nX-One: a\r\nVia: 2\r\nx-one: b\r\nTo: t\r\n");
    }

    #[test]
    fn s07_removal_finds_every_spelling() {
        let mut headers = headers();
        assert!(headers.remove("Via") && headers.remove("x-oNE") && !headers.remove("Via"));
        assert_eq!(written(&headers), "To: t\r\n");
    }

    #[test]
    fn insert_takes_the_place_of_the_first_and_drops_the_others() {
        let mut headers = headers();
        headers.insert("Via", "3");
        headers.insert("New", "n");
        headers.push_front("Route", "r");
        let all: Vec<_> = headers.iter().collect();
        let expected = [
            ("Route", "r"),
            ("Via", "3"),
            ("X-One", "a"),
            ("x-one", "b"),
            ("To", "t"),
            ("New", "n"),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn s08_no_value_can_start_a_line_and_foreign_values_are_refused() {
        let mut headers = Headers::new();
        headers.push("Subject", "a\r\nVia: evil\0");
        assert_eq!(written(&headers), "Subject: a  Via: evil\r\n");
        assert_eq!(headers.try_push("X", "a\nb"), Err(InvalidHeader::Value));
        assert_eq!(headers.try_push("X:", "a"), Err(InvalidHeader::Name));
        assert_eq!(headers.try_push("", "a"), Err(InvalidHeader::Name));
        assert_eq!(headers.try_push("X", "ü\t"), Ok(()));
    }

    #[test]
    fn content_length_is_not_ours_to_set() {
        let mut headers = Headers::new();
        headers.push("l", "5");
        headers.insert("Content-Length", "5");
        assert!(headers.is_empty());
    }

    #[test]
    fn credentials_are_not_printed() {
        let mut headers = Headers::new();
        headers.push("authorization", "Bearer sesame");
        headers.push("Proxy-Authorization", "Digest sesame");
        assert!(!format!("{headers:?}").contains("sesame"));
    }
}
