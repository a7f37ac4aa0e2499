//! What names, mail addresses and numbers look like.

use super::OrganisationError;

/// A sign-in name, in its one spelling: lower case.
pub(super) fn name(text: &str) -> Result<String, OrganisationError> {
    let is_name = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let must = "must be 1 to 64 letters a-z, digits, dots, hyphens or underscores";
    if is_name { Ok(text.to_ascii_lowercase()) } else { invalid("name", must) }
}

/// What others see: one line of 1 to 64 characters, without the spaces around it.
pub(super) fn line(field: &'static str, text: &str) -> Result<String, OrganisationError> {
    let text = text.trim();
    let is_line =
        text.len() <= 256 && (1..=64).contains(&text.chars().count()) && !text.chars().any(is_odd);
    let must = "must be one line of 1 to 64 characters";
    if is_line { Ok(text.to_owned()) } else { invalid(field, must) }
}

/// A text of several lines of at most so many characters; may be empty.
pub(super) fn lines(
    field: &'static str,
    text: &str,
    longest: usize,
) -> Result<String, OrganisationError> {
    let is_text = text.chars().nth(longest).is_none()
        && !text.chars().any(|c| is_odd(c) && c != '\n' && c != '\r' && c != '\t');
    let must = "is too long or has control characters";
    if is_text { Ok(text.trim().to_owned()) } else { invalid(field, must) }
}

/// A mail address, in its one spelling: lower case.
pub(super) fn email(text: &str) -> Result<String, OrganisationError> {
    let text = text.trim();
    let is_part = |part: &str| !part.is_empty() && !part.contains('@');
    let is_mail = text.len() <= 254
        && !text.chars().any(|c| is_odd(c) || c.is_whitespace() || "<>,;:\"\\()[]".contains(c))
        && text.split_once('@').is_some_and(|(user, host)| {
            is_part(user) && is_part(host) && host.len() > 2 && !host.starts_with('.')
        });
    let must = "must be a mail address such as name@example.com";
    if is_mail { Ok(text.to_lowercase()) } else { invalid("email", must) }
}

/// The number a person's phones are rung at inside the workspace.
pub(super) fn extension(text: &str) -> Result<String, OrganisationError> {
    let is_number =
        (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { Ok(text.to_owned()) } else { invalid("number", "must be 1 to 16 digits") }
}

/// A number of the telephone network (E.164, or as the carrier writes it), in its one spelling:
/// without what people put between the digits.
pub(super) fn phone_number(text: &str) -> Result<String, OrganisationError> {
    let dense: String =
        text.chars().filter(|sign| !" \u{a0}-./".contains(*sign)).take(48).collect();
    if dense.contains('+') && dense.contains("(0)") {
        // Dialled inside the country only; with the country's code it is another number.
        return invalid("number", "must be without the (0) when it begins with +");
    }
    let compact: String =
        text.chars().filter(|sign| !" \u{a0}-./()".contains(*sign)).take(32).collect();
    let digits = compact.strip_prefix('+').unwrap_or(&compact);
    let is_number =
        (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let must = "must be 3 to 15 digits, with or without + before them";
    if is_number { Ok(compact) } else { invalid("number", must) }
}

pub(super) fn invalid<T>(field: &'static str, must: &'static str) -> Result<T, OrganisationError> {
    Err(OrganisationError::Invalid { field, must })
}

/// Control characters, and those that turn the direction of text around: names are shown beside
/// other names.
pub(in crate::access) fn is_odd(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::phone_number;

    #[test]
    fn s08_a_phone_number_is_kept_in_one_spelling_however_it_is_written() {
        for written in
            ["+493012345678", "+49 30 1234-5678", " +49 (30) 1234.5678 ", "+49/30/12345678"]
        {
            assert_eq!(phone_number(written).unwrap(), "+493012345678", "{written}");
        }
        assert_eq!(phone_number("0800 123").unwrap(), "0800123");
        let long = "1 ".repeat(40);
        for refused in [
            "+49 (0)30 1234",
            "(+49)( 0)30555",
            "12",
            "",
            "+",
            "1+2345",
            "12345;x",
            "++123",
            "\r\n12345",
            &long,
        ] {
            assert!(phone_number(refused).is_err(), "{refused}");
        }
    }
}
