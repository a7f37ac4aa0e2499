//! Why bytes are not a SIP message, and what to answer.

use super::message::{Response, StatusCode};

/// Bytes that are not a message we accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The answer, for a request that can be answered; see [`ParseError::response`].
    response: Option<Box<Response>>,
}

/// What is wrong with a message. The names are canonical header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Nothing but line ends: a keep-alive (RFC 5626 §3.5.1), not a fault.
    #[error("no message, only line ends")]
    Empty,
    /// The first line is neither a Request-Line nor a Status-Line, or the header has no end.
    #[error("not a SIP message")]
    NotSip,
    /// A SIP version other than 2.0.
    #[error("SIP version not supported")]
    Version,
    /// A part that does not follow the grammar.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A header field that every message has is missing.
    #[error("missing {0} header field")]
    Missing(&'static str),
    /// A header field that may be there once is there twice.
    #[error("repeated {0} header field")]
    Repeated(&'static str),
    /// The method in CSeq is not that of the request.
    #[error("method in CSeq is not that of the request")]
    MethodMismatch,
    /// Fewer bytes than Content-Length says.
    #[error("body is shorter than Content-Length")]
    Truncated,
    /// Over [`SIP_MESSAGE_BYTES_MAX`](crate::base::limit::SIP_MESSAGE_BYTES_MAX).
    #[error("message too large")]
    TooLarge,
    /// Over [`SIP_HEADERS_MAX`](crate::base::limit::SIP_HEADERS_MAX).
    #[error("too many header fields")]
    TooManyHeaders,
    /// Over [`SIP_HEADER_BYTES_MAX`](crate::base::limit::SIP_HEADER_BYTES_MAX).
    #[error("header field too long")]
    HeaderTooLong,
}

impl ParseErrorKind {
    /// The status that answers a request with this fault.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Version => StatusCode::VERSION_NOT_SUPPORTED,
            Self::TooLarge => StatusCode::REQUEST_ENTITY_TOO_LARGE,
            Self::Empty
            | Self::NotSip
            | Self::Malformed(_)
            | Self::Missing(_)
            | Self::Repeated(_)
            | Self::MethodMismatch
            | Self::Truncated
            | Self::TooManyHeaders
            | Self::HeaderTooLong => StatusCode::BAD_REQUEST,
        }
    }
}

impl ParseError {
    pub(super) fn new(kind: ParseErrorKind, response: Option<Response>) -> Self {
        Self { kind, response: response.map(Box::new) }
    }

    /// The response to send back (400, 413, 505) when the broken message is a request other than
    /// ACK whose Via, From, To, Call-ID and CSeq can be copied. It has no To tag yet.
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        self.response.as_deref()
    }

    /// Whether this was only a keep-alive of line ends.
    #[must_use]
    pub fn is_keep_alive(&self) -> bool {
        self.kind == ParseErrorKind::Empty
    }
}
