//! `a=crypto` lines (RFC 4568, RFC 7714 §14.2): the SRTP key of a PBX leg, carried in SDP over TLS.
//!
//! Parses, chooses and writes attribute values. Whether SDES may be used at all is not decided here.

use super::rtp::srtp::SrtpKey;

/// One `a=crypto` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CryptoAttribute {
    /// Its tag, unique within the media description; an answer repeats the chosen one.
    pub tag: u32,
    /// The key the sender of this line encrypts with.
    pub key: SrtpKey,
}

/// Why a line cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdesError {
    /// Not of the form RFC 4568 §9 gives.
    #[error("malformed crypto attribute")]
    Malformed,
    /// A suite this server does not have.
    #[error("crypto suite not supported")]
    UnsupportedSuite,
    /// A master key identifier was given; packets would carry it and this server does not read it.
    #[error("crypto attribute with an MKI is not supported; configure the PBX without MKI")]
    MkiNotSupported,
    /// A session parameter that weakens or changes SRTP.
    #[error("crypto session parameter not supported")]
    UnsupportedParameter,
    /// Several keys in one line.
    #[error("crypto attribute with several keys is not supported")]
    SeveralKeys,
    /// No line was given.
    #[error("no crypto attribute")]
    Missing,
}

impl CryptoAttribute {
    /// Parses the value of one `a=crypto` line (without `a=crypto:`).
    ///
    /// # Errors
    /// See [`SdesError`].
    pub fn parse(_value: &str) -> Result<Self, SdesError> {
        Err(SdesError::Malformed)
    }

    /// Picks the line to answer: the first in our order of preference, 128-bit GCM first.
    ///
    /// # Errors
    /// The first line's reason if none can be used, [`SdesError::Missing`] if there is none.
    pub fn choose<'a>(_values: impl IntoIterator<Item = &'a str>) -> Result<Self, SdesError> {
        Err(SdesError::Missing)
    }

    /// The value of the line (without `a=crypto:`). Contains the key: for SDP only, never a log.
    #[must_use]
    pub fn to_value(&self) -> String {
        String::new()
    }
}
