//! Via. RFC 3261 §20.42, RFC 3581 (`rport`), RFC 7118 §5.3 (`WS`, `WSS`).

use crate::sip::lex::Cursor;
use crate::sip::write;
use crate::sip::{Host, Malformed, Params, lex};
use std::fmt;
use std::str::FromStr;

/// One Via value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// The transport as written: `UDP`, `TLS`, `WSS`, or any token. Only a claim: ViciPhone sends
    /// `TCP` over a WebSocket (INTEROP finding 5).
    pub transport: String,
    /// Host of sent-by. Only a claim as well.
    pub host: Host,
    /// Port of sent-by.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` and others.
    pub params: Params,
}

impl Via {
    /// A Via of ours.
    #[must_use]
    pub fn new(transport: &str, host: Host, port: Option<u16>, branch: &str) -> Self {
        let mut params = Params::new();
        params.set("branch", branch);
        Self { transport: transport.to_owned(), host, port, params }
    }

    /// The branch; RFC 2543 peers send none.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch")
    }

    /// Host and port as `sent-by` in the transaction key (§17.2.3).
    #[must_use]
    pub fn sent_by(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }

    /// Reads one value up to a comma or the end.
    pub(in crate::sip) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        const WHAT: &str = "Via";
        cursor.skip_space();
        let name = cursor.token(WHAT)?;
        slash(cursor)?;
        let version = cursor.token(WHAT)?;
        slash(cursor)?;
        if !name.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return Err(Malformed(WHAT));
        }
        let transport = cursor.token(WHAT)?.to_owned();
        let before = cursor.rest().len();
        cursor.skip_space();
        if cursor.rest().len() == before {
            return Err(Malformed(WHAT));
        }
        let (host, port) = Host::read(cursor, true)?;
        let params = Params::read_header(cursor)?;
        Ok(Self { transport, host, port, params })
    }
}

fn slash(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    cursor.skip_space();
    if !cursor.eat(b'/') {
        return Err(Malformed("Via"));
    }
    cursor.skip_space();
    Ok(())
}

impl FromStr for Via {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(text);
        let via = Self::read(&mut cursor)?;
        cursor.skip_space();
        if cursor.is_at_end() { Ok(via) } else { Err(Malformed("Via")) }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SIP/2.0/")?;
        write::filtered(f, &self.transport, lex::is_token_byte)?;
        write!(f, " {}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        self.params.write_header(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_may_stand_anywhere_the_grammar_allows() {
        let via: Via =
            "SIP  / 2.0  / TCP     spindle.example.com : 5060  ;  branch  =   z9hG4bK9ikj8"
                .parse()
                .unwrap();
        assert_eq!(via.to_string(), "SIP/2.0/TCP spindle.example.com:5060;branch=z9hG4bK9ikj8");
        assert_eq!(via.branch(), Some("z9hG4bK9ikj8"));
    }

    #[test]
    fn received_may_be_ipv6_with_or_without_brackets() {
        for received in ["2001:db8::9:255", "[2001:db8::9:255]"] {
            let via: Via =
                format!("SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKa")
                    .parse()
                    .unwrap();
            assert_eq!(via.params.get("received"), Some(received));
        }
    }

    #[test]
    fn broken_vias_are_refused() {
        for bad in [
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/7.0/UDP a;branch=b",
            "SIP/2.0/UDPa",
            "SIP/2.0/UDP a;branch=",
            "",
        ] {
            assert!(bad.parse::<Via>().is_err(), "{bad}");
        }
    }
}
