//! Bytes to message. RFC 3261 §7, §25.1; strict where RFC 4475 asks for it.

use super::message::{Message, ParseError, ParseErrorKind};

impl Message {
    /// Parses one datagram or WebSocket frame, or one frame cut from a stream. Without a
    /// Content-Length the body goes to the end; bytes behind the body are ignored.
    ///
    /// # Errors
    ///
    /// [`ParseError`], with the response to send back when the request can be answered.
    pub fn parse(_bytes: &[u8]) -> Result<Self, ParseError> {
        Err(ParseError::new(ParseErrorKind::NotSip, None))
    }
}
