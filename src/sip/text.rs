//! Text that came from outside, made fit to be written or shown.
//!
//! SECURITY S-06: control characters and the ones that reorder text never reach a screen or a
//! log; S-08: CR, LF and NUL never reach a header.

use std::borrow::Cow;

/// Whether a header value may hold `byte`: no control character except tab.
pub(super) const fn is_header_byte(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\t'
}

/// Whether `text` can be written as a header value as it is: no CR, LF, NUL or other control
/// character except tab.
#[must_use]
pub fn is_header_value(text: &str) -> bool {
    // Without an early exit, so that it runs over many bytes at a time.
    text.bytes().fold(true, |all, byte| all & is_header_byte(byte))
}

/// `text` with every control character that a header must not hold made a space.
pub(super) fn header_value(text: &str) -> Cow<'_, str> {
    if is_header_value(text) {
        return Cow::Borrowed(text);
    }
    let as_space = |c: char| if c.is_ascii_control() && c != '\t' { ' ' } else { c };
    Cow::Owned(text.chars().map(as_space).collect())
}

/// `text` for people: without control characters (C0, DEL, C1), without characters that change
/// direction or are invisible (bidirectional marks, zero-width, line separators, BOM).
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) || !text.chars().any(is_unshowable) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !is_unshowable(*c)).collect())
}

fn is_unshowable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s06_escape_line_ends_and_direction_marks_are_taken_out() {
        assert_eq!(clean("Bob \u{1b}[31mred\r\n\u{202e}evil\u{2069}\u{0}"), "Bob [31mredevil");
        assert_eq!(clean("Jürgen Łoś 山田"), "Jürgen Łoś 山田");
    }

    #[test]
    fn s08_a_header_value_never_keeps_a_line_end() {
        assert_eq!(header_value("a\r\nVia: x\0"), "a  Via: x ");
        assert!(!is_header_value("a\nb"));
        assert!(is_header_value("a\tb ü"));
    }
}
