//! Bytes to message. RFC 3261 §7, §25.1; strict where RFC 4475 asks for it.
//!
//! The first fault is kept and reading goes on, so that a broken request can still be answered
//! with what it said. Every byte is looked at a fixed number of times, however it is folded.

use super::header::{CSeq, Headers, Via};
use super::lex;
use super::message::{Message, Method, ParseError, ParseErrorKind, Request, Response, StatusCode};
use super::text;
use super::uri::{Host, Malformed, NameAddr, Uri};
use crate::base::limit;

impl Message {
    /// Parses one datagram or WebSocket frame, or one frame cut from a stream. Without a
    /// Content-Length the body goes to the end; bytes behind the body are ignored.
    ///
    /// # Errors
    ///
    /// [`ParseError`], with the response to send back when the request can be answered.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let message = skip_line_ends(bytes);
        if message.is_empty() {
            return Err(ParseError::new(ParseErrorKind::Empty, None));
        }
        let mut fault = Fault::default();
        let bounded = message.get(..limit::SIP_MESSAGE_BYTES_MAX).unwrap_or(message);
        if bounded.len() < message.len() {
            fault.note(ParseErrorKind::TooLarge);
        }
        let (head, rest) = split_head(bounded, &mut fault);
        let head = String::from_utf8_lossy(head);
        let (start, lines) = head.split_once('\n').unwrap_or((&head, ""));
        let start = StartLine::read(start, &mut fault)
            .map_err(|kind| ParseError::new(fault.0.unwrap_or(kind), None))?;
        let mut headers = read_fields(lines, &mut fault);
        let body = read_body(&mut headers, rest, &mut fault);
        if fault.0.is_none()
            && let Err(kind) = check(&headers, start.method())
        {
            fault.note(kind);
        }
        match fault.0 {
            None => Ok(start.into_message(headers, body)),
            Some(kind) => Err(ParseError::new(kind, start.refusal(kind, &headers))),
        }
    }
}

/// The first thing found wrong.
#[derive(Default)]
struct Fault(Option<ParseErrorKind>);

impl Fault {
    fn note(&mut self, kind: ParseErrorKind) {
        self.0.get_or_insert(kind);
    }

    fn note_malformed(&mut self, what: &'static str) {
        self.note(ParseErrorKind::Malformed(what));
    }
}

impl From<Malformed> for ParseErrorKind {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Malformed(what)
    }
}

/// Line ends may stand before a start line (§7.5).
fn skip_line_ends(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    bytes
}

/// Splits after the last header line; the blank line belongs to neither half.
fn split_head<'a>(bytes: &'a [u8], fault: &mut Fault) -> (&'a [u8], &'a [u8]) {
    let mut from = 0;
    while let Some(rest) = bytes.get(from..) {
        let Some(at) = rest.iter().position(|byte| *byte == b'\n') else { break };
        from += at + 1;
        if bytes.get(from..).is_some_and(|next| next.starts_with(b"\r\n"))
            && let Some((head, body)) = bytes.split_at_checked(from)
        {
            return (head, body.get(2..).unwrap_or_default());
        }
    }
    fault.note_malformed("end of header");
    (bytes, &[])
}

/// The start line, read.
enum StartLine {
    Request { method: Method, uri: Uri },
    Response { status: StatusCode, reason: String },
}

impl StartLine {
    fn read(line: &str, fault: &mut Fault) -> Result<Self, ParseErrorKind> {
        let Some(line) = line.strip_suffix('\r') else { return Err(ParseErrorKind::NotSip) };
        if has_prefix(line, "SIP/") {
            Self::read_status(line)
        } else {
            Self::read_request(line, fault)
        }
    }

    /// `SIP/2.0 200 OK`; the space before an empty reason may be missing.
    fn read_status(line: &str) -> Result<Self, ParseErrorKind> {
        const WHAT: ParseErrorKind = ParseErrorKind::Malformed("Status-Line");
        let (version, rest) = line.split_once(' ').ok_or(WHAT)?;
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(ParseErrorKind::Version);
        }
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WHAT);
        }
        let status = code.parse().ok().and_then(StatusCode::new).ok_or(WHAT)?;
        Ok(Self::Response { status, reason: text::clean(lex::trim(reason)).into_owned() })
    }

    /// `INVITE sip:600@example.com SIP/2.0`, single spaces. A fault in the Request-URI is noted
    /// and the rest read on, so that the request is answered.
    fn read_request(line: &str, fault: &mut Fault) -> Result<Self, ParseErrorKind> {
        let trimmed = line.trim_end_matches(' ');
        if trimmed.len() != line.len() {
            fault.note_malformed("Request-Line");
        }
        let (left, version) = trimmed.rsplit_once(' ').ok_or(ParseErrorKind::NotSip)?;
        let (method, uri) = left.split_once(' ').ok_or(ParseErrorKind::NotSip)?;
        if !has_prefix(version, "SIP/") {
            return Err(ParseErrorKind::NotSip);
        }
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            fault.note(ParseErrorKind::Version);
        }
        let method = method.parse().map_err(|_| ParseErrorKind::NotSip)?;
        let uri = match uri.parse::<Uri>() {
            // §19.1.1: header fields have no place in a Request-URI.
            Ok(uri) if uri.headers.is_empty() => uri,
            Ok(_) | Err(_) => {
                fault.note_malformed("Request-URI");
                Uri::sip(None, Host::None)
            }
        };
        Ok(Self::Request { method, uri })
    }

    fn method(&self) -> Option<&Method> {
        match self {
            Self::Request { method, .. } => Some(method),
            Self::Response { .. } => None,
        }
    }

    fn into_message(self, headers: Headers, body: Vec<u8>) -> Message {
        match self {
            Self::Request { method, uri } => {
                Message::Request(Request { method, uri, headers, body })
            }
            Self::Response { status, reason } => {
                Message::Response(Response { status, reason, headers, body })
            }
        }
    }

    /// The response to a broken request, if it said enough. An ACK is never answered.
    fn refusal(&self, kind: ParseErrorKind, headers: &Headers) -> Option<Response> {
        if self.method().is_none_or(|method| *method == Method::Ack) {
            return None;
        }
        if !ALWAYS_THERE.iter().all(|name| headers.contains(name)) {
            return None;
        }
        let status = kind.status();
        let reason = format!("{} ({kind})", status.reason());
        Some(Response { status, reason, headers: headers.for_reply(), body: Vec::new() })
    }
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Reads the header lines, unfolding them. Every line ends in CR LF.
fn read_fields(lines: &str, fault: &mut Fault) -> Headers {
    let mut headers = Headers::with_capacity(lines.len(), 24);
    for line in lines.split_inclusive('\n') {
        let line = match line.strip_suffix("\r\n") {
            // A CR or LF alone is a line end to some and not to others: smuggling.
            Some(line) if text::is_header_value(line) || !line.contains('\r') => line,
            Some(_) | None => {
                fault.note_malformed("line end");
                continue;
            }
        };
        if line.starts_with([' ', '\t']) {
            if headers.is_empty() {
                fault.note_malformed("header field");
            }
            headers.fold(line);
        } else if headers.len() >= limit::SIP_HEADERS_MAX {
            fault.note(ParseErrorKind::TooManyHeaders);
            break;
        } else {
            let (name, value) = line.split_once(':').unwrap_or_default();
            let name = lex::trim(name);
            if !lex::is_token(name) {
                fault.note_malformed("header field");
                continue;
            }
            headers.push_read(name, value);
        }
        if headers.last_value_bytes() > limit::SIP_HEADER_BYTES_MAX {
            fault.note(ParseErrorKind::HeaderTooLong);
        }
    }
    headers
}

/// Takes Content-Length out of `headers` and cuts the body by it.
fn read_body(headers: &mut Headers, rest: &[u8], fault: &mut Fault) -> Vec<u8> {
    let length = {
        let mut values = headers.get_all("Content-Length");
        let first = values.next().map(content_length);
        if values.next().is_some() {
            fault.note(ParseErrorKind::Repeated("Content-Length"));
        }
        first
    };
    let body = match length {
        None => rest,
        Some(None) => {
            fault.note_malformed("Content-Length");
            &[]
        }
        Some(Some(length)) => rest.get(..length).unwrap_or_else(|| {
            fault.note(ParseErrorKind::Truncated);
            &[]
        }),
    };
    if length.is_some() {
        headers.remove("Content-Length");
    }
    if fault.0.is_some() { Vec::new() } else { body.to_vec() }
}

/// Reads a Content-Length: digits only, no sign.
pub(super) fn content_length(value: &str) -> Option<usize> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    value.parse().ok()
}

/// Header fields of every message (§8.1.1), of which all but Via stand once. Max-Forwards may be
/// missing: RFC 2543 peers send none (RFC 4475 §3.4.1).
const ALWAYS_THERE: [&str; 5] = ["Via", "From", "To", "Call-ID", "CSeq"];

/// Header fields that stand at most once; what a second one means would be a guess.
const ONCE: [&str; 6] = ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type"];

/// Checks the fields everything later relies on, and only those.
fn check(headers: &Headers, method: Option<&Method>) -> Result<(), ParseErrorKind> {
    for name in ALWAYS_THERE {
        if !headers.contains(name) {
            return Err(ParseErrorKind::Missing(name));
        }
    }
    let mut seen = [false; ONCE.len()];
    for (name, value) in headers.iter() {
        if let Some((once, seen)) = ONCE.iter().zip(&mut seen).find(|(once, _)| **once == name)
            && std::mem::replace(seen, true)
        {
            return Err(ParseErrorKind::Repeated(once));
        }
        check_field(name, value, headers, method)?;
    }
    Ok(())
}

fn check_field(
    name: &str,
    value: &str,
    headers: &Headers,
    method: Option<&Method>,
) -> Result<(), ParseErrorKind> {
    match name {
        "Via" => lex::walk_list(value, |cursor| Via::read(cursor).map(drop))
            .map_err(|_| ParseErrorKind::Malformed("Via"))?,
        "From" => check_party(value, "From")?,
        "To" => check_party(value, "To")?,
        "Call-ID" if !lex::is_call_id(value) => return Err(ParseErrorKind::Malformed("Call-ID")),
        "CSeq" => {
            let cseq: CSeq = value.parse()?;
            if method.is_some_and(|method| *method != cseq.method) {
                return Err(ParseErrorKind::MethodMismatch);
            }
        }
        "Max-Forwards" if headers.max_forwards().is_none() => {
            return Err(ParseErrorKind::Malformed("Max-Forwards"));
        }
        "Contact" if value == "*" && headers.contact_star() => {}
        "Contact" => check_addresses(value, "Contact")?,
        "Route" => check_addresses(value, "Route")?,
        "Record-Route" => check_addresses(value, "Record-Route")?,
        _ => {}
    }
    Ok(())
}

/// From or To: one address, whose tag is a token.
fn check_party(value: &str, name: &'static str) -> Result<(), ParseErrorKind> {
    let address: NameAddr = value.parse().map_err(|_| ParseErrorKind::Malformed(name))?;
    let is_tagged = address.params.contains("tag");
    if is_tagged && !address.tag().is_some_and(lex::is_token) {
        return Err(ParseErrorKind::Malformed(name));
    }
    Ok(())
}

fn check_addresses(value: &str, name: &'static str) -> Result<(), ParseErrorKind> {
    lex::walk_list(value, |cursor| NameAddr::read(cursor).map(drop))
        .map_err(|_| ParseErrorKind::Malformed(name))
}
