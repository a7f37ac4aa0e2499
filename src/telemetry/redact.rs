//! Takes the secrets out of a SIP message before it is shown: credentials, SDES keys, ICE
//! passwords, key presses (A20, O-02).

/// The message with secrets replaced by `***`, control characters but line ends made visible.
///
/// Whole values go, not parts of them: a header that is parsed wrongly must not leak.
#[must_use]
pub fn sip(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let mut out = String::with_capacity(text.len());
    let mut is_folded_secret = false;
    let mut is_body = false;
    let mut is_dtmf = false;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        if content.is_empty() {
            is_body = true;
        }
        let is_fold = !is_body && line.starts_with([' ', '\t']);
        if is_fold && is_folded_secret {
            out.push_str(" ***\n");
            continue;
        }
        let kept = if is_body { kept_of_body(content, is_dtmf) } else { kept_of_header(content) };
        is_folded_secret = !is_body && kept.is_some();
        is_dtmf |= !is_body && content.to_ascii_lowercase().contains("dtmf");
        push_visible(&mut out, kept.unwrap_or(content));
        if kept.is_some() {
            out.push_str("***");
        }
        if line.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

/// What may stay of a secret header; `None` for any other.
fn kept_of_header(line: &str) -> Option<&str> {
    const SECRET: [&str; 8] = [
        "authorization",
        "proxy-authorization",
        "www-authenticate",
        "proxy-authenticate",
        "authentication-info",
        "cookie",
        "set-cookie",
        "x-auth-token",
    ];
    let (name, _) = line.split_once(':')?;
    let is_secret = SECRET.iter().any(|secret| name.trim().eq_ignore_ascii_case(secret));
    is_secret.then_some(name).map(|name| line.get(..=name.len()).unwrap_or(""))
}

/// What may stay of a secret SDP or DTMF line.
fn kept_of_body(line: &str, is_dtmf: bool) -> Option<&str> {
    const SECRET: [&str; 4] = ["a=crypto:", "a=ice-pwd:", "k=", "a=key-mgmt:"];
    let start =
        |prefix: &&str| line.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
    if let Some(prefix) = SECRET.iter().find(|prefix| start(prefix)) {
        return line.get(..prefix.len());
    }
    let is_duration = line.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("duration"));
    (is_dtmf && !line.is_empty() && !is_duration).then_some("")
}

fn push_visible(out: &mut String, text: &str) {
    out.extend(text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }));
}

#[cfg(test)]
mod tests {
    use super::sip;

    #[test]
    fn a20_o02_credentials_and_keys_never_show_however_they_are_written() {
        let message = b"REGISTER sip:x SIP/2.0\r\n\
            Authorization: Bearer canary-1\r\n\
            PROXY-authorization : Digest username=\"a\",\r\n response=\"canary-2\"\r\n\
            WWW-Authenticate: Digest nonce=\"canary-3\"\r\n\
            Cookie:ringfence-dev=canary-4\r\n\
            Subject: kept\x1b[31m\r\n\r\n\
            v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:canary-5\r\n\
            a=ice-pwd:canary-6\r\na=mid:0\r\n";
        let shown = sip(message);
        assert!(!shown.contains("canary"), "{shown}");
        for kept in ["REGISTER sip:x", "Authorization:***", "Subject: kept\u{fffd}[31m", "a=mid:0"]
        {
            assert!(shown.contains(kept), "{kept} not in {shown}");
        }
    }

    #[test]
    fn o02_pressed_keys_never_show() {
        let message = b"INFO sip:x SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\n\
            Signal=7\r\nDuration=160\r\n";
        let shown = sip(message);
        assert!(!shown.contains('7') && shown.contains("Duration=160"), "{shown}");
    }

    #[test]
    fn any_bytes_are_shown_without_a_panic() {
        for bytes in [&b""[..], b"\n\n\n", b":", b"\xff\xfe: x\r\n\r\na=crypt\xc3\xa9", b" fold"] {
            let _ = sip(bytes);
        }
    }
}
