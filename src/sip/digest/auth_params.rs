//! The syntax that challenges and answers share: schemes with lists of parameters, several of
//! them in one header value. RFC 7235 §2.1, RFC 3261 §25.1.

use crate::base::limit;
use crate::sip::lex::{self, Cursor};
use crate::sip::{Malformed, write};
use std::borrow::Cow;
use std::fmt;

/// One scheme and its parameters.
pub(super) struct AuthParams<'a> {
    scheme: &'a str,
    params: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> AuthParams<'a> {
    /// Whether this is digest.
    pub(super) fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }

    /// The value of a parameter without quotes and escapes.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut params = self.params.iter();
        params.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }

    fn add(&mut self, name: &'a str, value: Cow<'a, str>) -> Result<(), Malformed> {
        if self.params.len() >= limit::SIP_PARAMS_MAX || self.get(name).is_some() {
            return Err(Malformed("authentication parameters"));
        }
        self.params.push((name, value));
        Ok(())
    }

    /// Reads every scheme of one header value.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when anything does not follow the grammar or a parameter is repeated.
    pub(super) fn read_all(value: &'a str) -> Result<Vec<Self>, Malformed> {
        const WHAT: &str = "authentication header field";
        let mut all: Vec<Self> = Vec::new();
        let mut cursor = Cursor::new(value);
        loop {
            cursor.take_while(|byte| lex::is_space(byte) || byte == b',');
            if cursor.is_at_end() {
                return Ok(all);
            }
            let word = cursor.token(WHAT)?;
            cursor.skip_space();
            if cursor.eat(b'=') {
                cursor.skip_space();
                let value = read_value(&mut cursor)?;
                all.last_mut().ok_or(Malformed(WHAT))?.add(word, value)?;
                cursor.skip_space();
                if !matches!(cursor.peek(), None | Some(b',')) {
                    return Err(Malformed(WHAT));
                }
                continue;
            }
            if !word.eq_ignore_ascii_case("Digest") {
                skip_token68(&mut cursor);
            }
            all.push(Self { scheme: word, params: Vec::new() });
        }
    }
}

fn read_value<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, str>, Malformed> {
    if cursor.peek() == Some(b'"') {
        return cursor.quoted();
    }
    let value = cursor.take_while(|byte| !lex::is_space(byte) && byte != b',' && byte != b'"');
    if value.is_empty() { Err(Malformed("authentication parameter")) } else { Ok(value.into()) }
}

/// Steps over the blob of schemes that have one instead of parameters (Bearer, Negotiate).
fn skip_token68(cursor: &mut Cursor<'_>) {
    let mut ahead = *cursor;
    ahead.take_while(|byte| lex::is_token_byte(byte) || matches!(byte, b'/' | b'+'));
    ahead.take_while(|byte| byte == b'=');
    ahead.skip_space();
    if matches!(ahead.peek(), None | Some(b',')) {
        *cursor = ahead;
    }
}

/// Prints a text as a quoted string.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write::quoted(f, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c49_several_schemes_in_one_value_with_quoted_commas_are_told_apart() {
        let value = "Bearer realm=\"a, Digest b\", Negotiate abc==, Digest realm=\"q\\\"x, y\",\
            nonce = \"n\" , qop=\"auth,auth-int\", stale=TRUE, ,Basic";
        let all = AuthParams::read_all(value).unwrap();
        let schemes: Vec<_> = all.iter().map(|one| one.scheme).collect();
        assert_eq!(schemes, ["Bearer", "Negotiate", "Digest", "Basic"]);
        assert_eq!(all[0].get("realm"), Some("a, Digest b"));
        assert_eq!(all[2].get("REALM"), Some("q\"x, y"));
        assert_eq!(all[2].get("qop"), Some("auth,auth-int"));
        assert_eq!(all[2].get("stale"), Some("TRUE"));
    }

    #[test]
    fn s02_garbage_is_refused() {
        for bad in [
            "Digest realm=\"a",
            "Digest realm=",
            "=",
            "realm=\"x\"",
            "Digest a=b c=d",
            "Digest a=1, A=2",
            "Digest \u{1}",
            "\"Digest\"",
        ] {
            assert!(AuthParams::read_all(bad).is_err(), "{bad}");
        }
        assert!(AuthParams::read_all("").unwrap().is_empty());
    }
}
