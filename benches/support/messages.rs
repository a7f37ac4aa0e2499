//! What Chromium and JsSIP 3.13.8 send, byte for byte but for the token.

/// Chromium's audio offer.
pub fn offer() -> String {
    crlf(include_str!("../messages/chromium-offer.sdp"))
}

/// JsSIP's INVITE with that offer.
pub fn invite() -> String {
    let body = offer();
    let head = include_str!("../messages/jssip-invite.sip");
    crlf(&head.replace("{length}", &body.len().to_string())) + &body
}

/// JsSIP's REGISTER.
pub fn register() -> String {
    crlf(include_str!("../messages/jssip-register.sip"))
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}
