//! The `;name=value` lists behind URIs and in header values. RFC 3261 §19.1.1, §7.3.1.

use super::lex::{self, Cursor};
use super::uri::{self, Malformed};
use super::write;
use crate::base::limit;
use std::fmt;

/// Parameters in order; names without regard to case, values without quotes and escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<Param>);

#[derive(Clone, Debug)]
struct Param {
    name: String,
    value: Option<String>,
    /// Written in quotes even where a token would do: RFC 3840 values must stay quoted. The
    /// value is the same with and without, so equality does not ask.
    is_quoted: bool,
}

impl PartialEq for Param {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

impl Eq for Param {}

impl Params {
    /// No parameters.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of `name`; `None` when it is absent or has no value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name)?.value.as_deref()
    }

    /// Whether `name` is there, with or without a value.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Sets `name` to `value`, in its old place or at the end.
    pub fn set(&mut self, name: &str, value: &str) {
        self.put(name, Some(value));
    }

    /// Sets `name` without a value, like `lr` or `ob`.
    pub fn set_flag(&mut self, name: &str) {
        self.put(name, None);
    }

    /// Removes `name`; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|param| !param.name.eq_ignore_ascii_case(name));
        self.0.len() != before
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|param| (param.name.as_str(), param.value.as_deref()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, name: &str) -> Option<&Param> {
        self.0.iter().find(|param| param.name.eq_ignore_ascii_case(name))
    }

    fn put(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(str::to_owned);
        match self.0.iter_mut().find(|param| param.name.eq_ignore_ascii_case(name)) {
            Some(param) => param.value = value,
            None => self.0.push(Param { name: name.to_owned(), value, is_quoted: false }),
        }
    }

    /// Adds a parameter that was read; a second one of a name or one too many is an error.
    fn add(&mut self, param: Param) -> Result<(), Malformed> {
        if self.0.len() >= limit::SIP_PARAMS_MAX {
            return Err(Malformed("number of parameters"));
        }
        if self.find(&param.name).is_some() {
            return Err(Malformed("repeated parameter"));
        }
        self.0.push(param);
        Ok(())
    }

    /// Reads `*( ";" name [ "=" value ] )` of a header value, with white space anywhere.
    pub(super) fn read_header(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let mut params = Self::new();
        loop {
            cursor.skip_space();
            if !cursor.eat(b';') {
                return Ok(params);
            }
            cursor.skip_space();
            let name = cursor.token("parameter name")?.to_owned();
            let mut ahead = *cursor;
            ahead.skip_space();
            if !ahead.eat(b'=') {
                params.add(Param { name, value: None, is_quoted: false })?;
                continue;
            }
            *cursor = ahead;
            cursor.skip_space();
            let is_quoted = cursor.peek() == Some(b'"');
            let value = if is_quoted {
                cursor.quoted()?.into_owned()
            } else {
                cursor.take_while(lex::is_param_value_byte).to_owned()
            };
            if value.is_empty() && !is_quoted {
                return Err(Malformed("parameter value"));
            }
            params.add(Param { name, value: Some(value), is_quoted })?;
        }
    }

    /// Reads `*( ";" name [ "=" value ] )` of a URI, undoing percent escapes.
    pub(super) fn read_uri(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let mut params = Self::new();
        while cursor.eat(b';') {
            let name = uri::unescape(cursor.take_while(is_escaped_param_byte))?;
            if name.is_empty() {
                return Err(Malformed("URI parameter"));
            }
            let value = if cursor.eat(b'=') {
                Some(uri::unescape(cursor.take_while(is_escaped_param_byte))?)
            } else {
                None
            };
            params.add(Param { name, value, is_quoted: false })?;
        }
        Ok(params)
    }

    /// Writes them behind a header value.
    pub(super) fn write_header(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for param in &self.0 {
            f.write_str(";")?;
            write::filtered(f, &param.name, lex::is_token_byte)?;
            let Some(value) = &param.value else { continue };
            f.write_str("=")?;
            let is_plain = !value.is_empty() && value.bytes().all(lex::is_param_value_byte);
            if is_plain && !param.is_quoted {
                f.write_str(value)?;
            } else {
                write::quoted(f, value)?;
            }
        }
        Ok(())
    }

    /// Writes them behind a URI, with percent escapes.
    pub(super) fn write_uri(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for param in &self.0 {
            f.write_str(";")?;
            write::escaped(f, &param.name, is_param_byte)?;
            if let Some(value) = &param.value {
                f.write_str("=")?;
                write::escaped(f, value, is_param_byte)?;
            }
        }
        Ok(())
    }
}

/// `paramchar` without escapes.
const fn is_param_byte(byte: u8) -> bool {
    lex::is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$')
}

const fn is_escaped_param_byte(byte: u8) -> bool {
    is_param_byte(byte) || byte == b'%'
}

#[cfg(test)]
mod tests {
    use crate::sip::{NameAddr, Uri};

    #[test]
    fn quoted_values_stay_quoted_and_others_are_quoted_when_they_must() {
        let text = "<sip:a@b>;+sip.instance=\"<urn:uuid:1>\";mobility=\"fixed\";reg-id=1;ob";
        let mut contact: NameAddr = text.parse().unwrap();
        assert_eq!(contact.to_string(), text);
        contact.params.set("X", "a\"b\r\n");
        contact.params.set("reg-id", "2");
        assert!(contact.to_string().ends_with("reg-id=2;ob;X=\"a\\\"b\""));
        assert!(contact.params.remove("OB") && !contact.params.contains("ob"));
    }

    #[test]
    fn c54_lr_is_there_with_and_without_a_value() {
        for text in ["sip:a;lr", "sip:a;lr=on", "sip:a;LR"] {
            assert!(text.parse::<Uri>().unwrap().params.contains("lr"), "{text}");
        }
    }

    #[test]
    fn repeated_and_countless_parameters_are_refused() {
        assert!("<sip:a>;tag=1;TAG=2".parse::<NameAddr>().is_err());
        assert!("sip:a;x=1;%78=2".parse::<Uri>().is_err());
        let many: String = (0..65).map(|number| format!(";p{number}")).collect();
        assert!(format!("<sip:a>{many}").parse::<NameAddr>().is_err());
        assert!(format!("sip:a{many}").parse::<Uri>().is_err());
    }
}
