//! Request methods. RFC 3261 §7.1 and the extensions in use.

use super::lex;
use super::uri::Malformed;
use std::fmt;
use std::str::FromStr;

/// A request method; case matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Opens or changes a session.
    Invite,
    /// Confirms a final response to INVITE.
    Ack,
    /// Ends a session.
    Bye,
    /// Gives up a pending INVITE.
    Cancel,
    /// Binds an address of record to a contact.
    Register,
    /// Asks for capabilities.
    Options,
    /// Carries application data in a dialog (RFC 6086).
    Info,
    /// Changes a session without INVITE (RFC 3311).
    Update,
    /// Confirms a reliable provisional response (RFC 3262).
    Prack,
    /// Asks for a transfer (RFC 3515).
    Refer,
    /// Reports an event (RFC 6665).
    Notify,
    /// Asks for events (RFC 6665).
    Subscribe,
    /// Carries a text (RFC 3428).
    Message,
    /// Publishes event state (RFC 3903).
    Publish,
    /// Any other token.
    Other(Box<str>),
}

const KNOWN: [(&str, Method); 14] = [
    ("INVITE", Method::Invite),
    ("ACK", Method::Ack),
    ("BYE", Method::Bye),
    ("CANCEL", Method::Cancel),
    ("REGISTER", Method::Register),
    ("OPTIONS", Method::Options),
    ("INFO", Method::Info),
    ("UPDATE", Method::Update),
    ("PRACK", Method::Prack),
    ("REFER", Method::Refer),
    ("NOTIFY", Method::Notify),
    ("SUBSCRIBE", Method::Subscribe),
    ("MESSAGE", Method::Message),
    ("PUBLISH", Method::Publish),
];

impl Method {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Register => "REGISTER",
            Self::Options => "OPTIONS",
            Self::Info => "INFO",
            Self::Update => "UPDATE",
            Self::Prack => "PRACK",
            Self::Refer => "REFER",
            Self::Notify => "NOTIFY",
            Self::Subscribe => "SUBSCRIBE",
            Self::Message => "MESSAGE",
            Self::Publish => "PUBLISH",
            Self::Other(word) => word,
        }
    }

    /// Whether this program knows the method at all.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

impl FromStr for Method {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if let Some((_, method)) = KNOWN.iter().find(|(word, _)| *word == text) {
            return Ok(method.clone());
        }
        if lex::is_token(text) { Ok(Self::Other(text.into())) } else { Err(Malformed("method")) }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<rsip::Method> for Method {
    fn from(method: rsip::Method) -> Self {
        match method {
            rsip::Method::Ack => Self::Ack,
            rsip::Method::Bye => Self::Bye,
            rsip::Method::Cancel => Self::Cancel,
            rsip::Method::Info => Self::Info,
            rsip::Method::Invite => Self::Invite,
            rsip::Method::Message => Self::Message,
            rsip::Method::Notify => Self::Notify,
            rsip::Method::Options => Self::Options,
            rsip::Method::PRack => Self::Prack,
            rsip::Method::Publish => Self::Publish,
            rsip::Method::Refer => Self::Refer,
            rsip::Method::Register => Self::Register,
            rsip::Method::Subscribe => Self::Subscribe,
            rsip::Method::Update => Self::Update,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_method_survives_its_word_and_case_matters() {
        for (word, method) in KNOWN {
            assert_eq!(method.as_str(), word);
            assert_eq!(word.parse::<Method>().unwrap(), method);
            assert!(!word.to_lowercase().parse::<Method>().unwrap().is_known());
        }
        assert!("IN VITE".parse::<Method>().is_err());
        assert!("".parse::<Method>().is_err());
    }

    #[test]
    fn the_public_vocabulary_maps_onto_ours() {
        assert_eq!(Method::from(rsip::Method::PRack), Method::Prack);
    }
}
