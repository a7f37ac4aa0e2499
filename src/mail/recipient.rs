//! Whom a mail is for.

use std::fmt;
use std::str::FromStr;

use lettre::Address;

/// A mail address that can be written to. `Debug` shows its domain only; there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(pub(super) Address);

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a mail address")]
pub struct NotAnAddress;

impl Recipient {
    /// What may be logged of it.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.domain()
    }
}

impl FromStr for Recipient {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = text.len() <= 254 && !text.chars().any(|c| c.is_control() || c == ' ');
        let address = text.parse().map_err(|_| NotAnAddress)?;
        if is_plain { Ok(Self(address)) } else { Err(NotAnAddress) }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient(***@{})", self.domain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_no_second_recipient_and_no_header_and_is_hidden_when_printed() {
        for bad in [
            "",
            "ada",
            "@example.com",
            "a@b@c",
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@example.com\n",
            "ada@example.com, eve@example.com",
            "Ada <ada@example.com>",
            "\"a b\"@example.com",
            "ada@exam ple.com",
            "ada@example.com>",
        ] {
            assert_eq!(bad.parse::<Recipient>(), Err(NotAnAddress), "{bad:?}");
        }
        let ada: Recipient = "Ada.L+x@Example.com".parse().expect("address");
        assert_eq!(format!("{ada:?}"), "Recipient(***@Example.com)");
    }
}
