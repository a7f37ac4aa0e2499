//! Finding the SDP in a body. RFC 3261 §20.11–§20.15, RFC 2046 §5.1 (multipart), RFC 5621.

use crate::base::limit;
use crate::sip::message::Headers;

/// The only body a call takes.
pub(super) const SDP: &str = "application/sdp";

/// A body the peer insists on and we cannot read: 415.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnsupportedBody;

/// The SDP of a message, `None` when it has no body or only one that may be ignored.
pub(super) fn sdp(headers: &Headers, body: &[u8]) -> Result<Option<Vec<u8>>, UnsupportedBody> {
    if body.is_empty() {
        return Ok(None);
    }
    if headers
        .get("Content-Encoding")
        .is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"))
    {
        return Err(UnsupportedBody);
    }
    let found = match headers.content_type().as_deref() {
        Some(SDP) => Some(body.to_vec()),
        // Old gateways leave the type out.
        None if body.starts_with(b"v=0") => Some(body.to_vec()),
        Some(kind) if kind.starts_with("multipart/") => sdp_part(headers, body),
        Some(_) | None => None,
    };
    match found {
        Some(sdp) => Ok(Some(sdp)),
        None if is_optional(headers) => Ok(None),
        None => Err(UnsupportedBody),
    }
}

/// Whether the sender lets us ignore its body (RFC 3261 §20.11).
fn is_optional(headers: &Headers) -> bool {
    let handling = headers.param("Content-Disposition", "handling");
    handling.is_some_and(|handling| handling.eq_ignore_ascii_case("optional"))
}

/// The first SDP among the parts of a multipart body. Parts inside parts are not looked into.
fn sdp_part(headers: &Headers, body: &[u8]) -> Option<Vec<u8>> {
    let boundary = headers.param("Content-Type", "boundary")?;
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter may stand at the very beginning, without its line end.
    let mut framed = b"\r\n".to_vec();
    framed.extend_from_slice(body);
    let mut rest = split_at(&framed, delimiter.as_bytes())?.1;
    for _ in 0..limit::BODY_PARTS_MAX {
        let (part, next) = split_at(rest, delimiter.as_bytes())?;
        if let Some(sdp) = sdp_of_part(part) {
            return Some(sdp);
        }
        rest = next;
    }
    None
}

fn sdp_of_part(part: &[u8]) -> Option<Vec<u8>> {
    // The rest of the delimiter line, then headers, an empty line, and the content.
    let (_, part) = split_at(part, b"\r\n")?;
    let (head, content) = split_at(part, b"\r\n\r\n")?;
    let head = std::str::from_utf8(head).ok()?;
    let is_sdp = head.lines().any(|line| {
        line.split_once(':').is_some_and(|(name, value)| {
            let kind = value.split(';').next().unwrap_or_default().trim();
            let is_type = name.trim().eq_ignore_ascii_case("content-type")
                || name.trim().eq_ignore_ascii_case("c");
            is_type && kind.eq_ignore_ascii_case(SDP)
        })
    });
    is_sdp.then(|| content.to_vec())
}

/// What stands before and after the first `delimiter`.
fn split_at<'a>(text: &'a [u8], delimiter: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(delimiter.len()).position(|window| window == delimiter)?;
    Some((text.get(..at)?, text.get(at + delimiter.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(name, value);
        }
        headers
    }

    #[test]
    fn sdp_is_found_inside_multipart_mixed() {
        let headers = headers(&[("Content-Type", "multipart/mixed;boundary=\"xx\"")]);
        let body = b"--xx\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--xx\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--xx--\r\n";
        assert_eq!(sdp(&headers, body), Ok(Some(b"v=0\r\n".to_vec())));
    }

    #[test]
    fn a_multipart_body_without_sdp_is_unsupported() {
        let headers = headers(&[("Content-Type", "multipart/mixed;boundary=xx")]);
        let body = b"--xx\r\nContent-Type: text/plain\r\n\r\nhi\r\n--xx--\r\n";
        assert_eq!(sdp(&headers, body), Err(UnsupportedBody));
    }

    #[test]
    fn another_type_is_unsupported_unless_it_is_optional() {
        let mut fields = headers(&[("Content-Type", "text/plain")]);
        assert_eq!(sdp(&fields, b"hi"), Err(UnsupportedBody));
        fields.push("Content-Disposition", "render;handling=optional");
        assert_eq!(sdp(&fields, b"hi"), Ok(None));
    }

    #[test]
    fn a_compressed_body_is_unsupported() {
        let fields = headers(&[("Content-Type", "application/sdp"), ("Content-Encoding", "gzip")]);
        assert_eq!(sdp(&fields, b"xx"), Err(UnsupportedBody));
    }

    #[test]
    fn sdp_without_a_type_is_taken() {
        assert_eq!(sdp(&headers(&[]), b"v=0\r\n"), Ok(Some(b"v=0\r\n".to_vec())));
        assert_eq!(sdp(&headers(&[]), b""), Ok(None));
    }
}
