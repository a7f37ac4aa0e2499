//! Values and messages as bytes. Nothing written here can hold a line end that it should not.

use super::lex;
use super::message::{Message, Request, Response};
use super::text;
use std::fmt::{self, Write as _};

impl Message {
    /// Appends the message as it goes on the wire, with its Content-Length.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Request(request) => request.write(out),
            Self::Response(response) => response.write(out),
        }
    }
}

impl Request {
    /// Appends the request as it goes on the wire, with its Content-Length.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.headers.wire_bytes() + self.body.len() + START_LINE_BYTES);
        out.extend(self.method.as_str().bytes().filter(|byte| lex::is_token_byte(*byte)));
        write_display(out, format_args!(" {} SIP/2.0\r\n", self.uri));
        self.headers.write(out);
        write_body(out, &self.body);
    }
}

impl Response {
    /// Appends the response as it goes on the wire, with its Content-Length.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.headers.wire_bytes() + self.body.len() + START_LINE_BYTES);
        let reason = text::header_value(&self.reason);
        write_display(out, format_args!("SIP/2.0 {} {reason}\r\n", self.status));
        self.headers.write(out);
        write_body(out, &self.body);
    }
}

/// Room for a usual start line and Content-Length.
const START_LINE_BYTES: usize = 160;

fn write_body(out: &mut Vec<u8>, body: &[u8]) {
    write_display(out, format_args!("Content-Length: {}\r\n\r\n", body.len()));
    out.extend_from_slice(body);
}

/// Formats straight into bytes, which cannot fail.
fn write_display(out: &mut Vec<u8>, arguments: fmt::Arguments<'_>) {
    let _ = std::io::Write::write_fmt(out, arguments);
}

/// Writes `text` with percent escapes for all but `plain` bytes.
pub(super) fn escaped(
    f: &mut fmt::Formatter<'_>,
    text: &str,
    plain: impl Fn(u8) -> bool,
) -> fmt::Result {
    if text.bytes().all(&plain) {
        return f.write_str(text);
    }
    for byte in text.bytes() {
        if plain(byte) {
            f.write_char(char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// Writes `text` without the bytes that are not `allowed`.
pub(super) fn filtered(
    f: &mut fmt::Formatter<'_>,
    text: &str,
    allowed: impl Fn(u8) -> bool,
) -> fmt::Result {
    if text.bytes().all(&allowed) {
        return f.write_str(text);
    }
    for byte in text.bytes().filter(|byte| allowed(*byte)) {
        f.write_char(char::from(byte))?;
    }
    Ok(())
}

/// Writes `text` as a quoted string, without control characters.
pub(super) fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars().filter(|c| !c.is_ascii_control()) {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}
