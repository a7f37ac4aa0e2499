//! CSeq. RFC 3261 §20.16.

use crate::sip::lex::Cursor;
use crate::sip::{Malformed, Method};
use std::fmt;
use std::str::FromStr;

/// The order of a request in its dialog, and its method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// Below 2³¹ (§8.1.1.5).
    pub number: u32,
    /// The method, also in responses.
    pub method: Method,
}

impl FromStr for CSeq {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        const WHAT: Malformed = Malformed("CSeq");
        let mut cursor = Cursor::new(text);
        cursor.skip_space();
        let digits = cursor.take_while(|byte| byte.is_ascii_digit());
        let number = digits.parse::<u32>().map_err(|_| WHAT)?;
        let before = cursor.rest().len();
        cursor.skip_space();
        if number >= 1 << 31 || cursor.rest().len() == before {
            return Err(WHAT);
        }
        let method = cursor.token("CSeq")?.parse()?;
        cursor.skip_space();
        if cursor.is_at_end() { Ok(Self { number, method }) } else { Err(WHAT) }
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s01_numbers_from_two_to_the_31_are_refused() {
        assert_eq!("0009   INVITE".parse(), Ok(CSeq { number: 9, method: Method::Invite }));
        assert!("2147483647 INVITE".parse::<CSeq>().is_ok());
        for bad in
            ["2147483648 INVITE", "36893488147419103232 A", "-1 A", "1", "1INVITE", "1 A B", ""]
        {
            assert!(bad.parse::<CSeq>().is_err(), "{bad}");
        }
    }
}
