//! Requests, responses, and the message that is one or the other. RFC 3261 §7.
//!
//! Parsing is in `parse.rs`, writing in `write.rs`.

pub use super::header::{CSeq, Headers, Via};
pub use super::method::Method;
pub use super::parse_error::{ParseError, ParseErrorKind};
pub use super::status::StatusCode;
use super::uri::Uri;
use std::fmt;

/// A SIP request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method of the start line; equals that of CSeq in anything parsed.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The header fields in order, without Content-Length.
    pub headers: Headers,
    /// The body, empty for none.
    pub body: Vec<u8>,
}

/// A SIP response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase, cleaned; may be empty.
    pub reason: String,
    /// The header fields in order, without Content-Length.
    pub headers: Headers,
    /// The body, empty for none.
    pub body: Vec<u8>,
}

/// A SIP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Request {
    /// A request without headers or body.
    #[must_use]
    pub fn new(method: Method, uri: Uri) -> Self {
        Self { method, uri, headers: Headers::new(), body: Vec::new() }
    }

    /// A response to this request with what RFC 3261 §8.2.6.2 wants copied: every Via, From, To
    /// (without adding a tag), Call-ID and CSeq; Timestamp too for a 100.
    #[must_use]
    pub fn reply(&self, status: StatusCode) -> Response {
        let mut headers = self.headers.for_reply();
        if let (100, Some(value)) = (status.get(), self.headers.get("Timestamp")) {
            headers.push("Timestamp", value);
        }
        Response { status, reason: status.reason().to_owned(), headers, body: Vec::new() }
    }
}

impl Response {
    /// A response without headers or body, with the usual reason phrase.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        let reason = status.reason().to_owned();
        Self { status, reason, headers: Headers::new(), body: Vec::new() }
    }
}

impl Message {
    /// The header fields of either kind.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The body of either kind.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }
}

/// Prints the length of the body only: SDP holds SRTP keys.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("uri", &self.uri)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// Prints the length of the body only: SDP holds SRTP keys.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("reason", &self.reason)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}
