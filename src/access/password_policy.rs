//! What a new password must be (A2, B36): long enough, not a common one, not made of the person's
//! own names.
//!
//! Length is what counts; composition rules are for installations that must have them. Does not own
//! hashing (`password`) nor the old hashes: whoever has them compares and says
//! [`PasswordRefusal::Reused`].

use std::collections::HashSet;
use std::sync::LazyLock;

use zeroize::Zeroizing;

use crate::base::Secret;

/// The rules of one installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    min_length: u8,
    /// Whether common passwords and the person's own words are refused.
    pub refuse_common: bool,
    /// Kinds of characters that must be there; none by default.
    pub composition: Composition,
    reuse_last: u8,
}

/// Kinds of characters of which there must be at least one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Composition {
    /// A lower-case letter.
    pub lower: bool,
    /// An upper-case letter.
    pub upper: bool,
    /// A digit.
    pub digit: bool,
    /// Anything that is neither letter nor digit.
    pub sign: bool,
}

/// What a person is called, which their password must not be made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct PersonalWords<'a> {
    /// Sign-in name and display name.
    pub names: &'a [&'a str],
    /// Mail address.
    pub email: Option<&'a str>,
    /// Name of the workspace, of the product.
    pub workspace: &'a [&'a str],
}

/// A setting out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not 8 to 128.
    #[error("min_length must be {CHARACTERS_MIN} to {CHARACTERS_MAX}")]
    MinLength,
    /// Over 24: each costs a whole password hash at every change.
    #[error("reuse_last must be 0 to {REUSE_LAST_MAX}")]
    ReuseLast,
}

/// Why a password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefusal {
    /// Too few characters.
    #[error("the password is too short: use at least {min} characters")]
    TooShort {
        /// The fewest allowed.
        min: u8,
    },
    /// Over 128 characters.
    #[error("the password is too long: use at most {CHARACTERS_MAX} characters")]
    TooLong,
    /// A NUL, a line end or another control character.
    #[error("the password has a control character: use letters, digits, signs and spaces")]
    Characters,
    /// Common, or common but for what everybody appends.
    #[error("this password is one of the first that are tried: use several unrelated words")]
    Common,
    /// Little but the person's or the workspace's name.
    #[error("the password is made of your name, your email or your workspace: use other words")]
    Personal,
    /// A kind of character is missing.
    #[error("the password needs at least one {missing}")]
    Composition {
        /// Which.
        missing: &'static str,
    },
    /// One of the last ones.
    #[error("this password was used before: use one that differs from your last {last}")]
    Reused {
        /// How many are remembered.
        last: u8,
    },
}

impl PasswordRefusal {
    /// A stable word.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "password_too_short",
            Self::TooLong => "password_too_long",
            Self::Characters => "password_characters",
            Self::Common => "password_common",
            Self::Personal => "password_personal",
            Self::Composition { .. } => "password_composition",
            Self::Reused { .. } => "password_reused",
        }
    }
}

/// Fewest characters any policy may ask for.
pub const CHARACTERS_MIN: u8 = 8;
/// Most characters; fixed.
pub const CHARACTERS_MAX: u8 = 128;
/// Most bytes: 128 of the longest characters. Longer is refused before it is counted.
const BYTES_MAX: usize = 512;
/// Most old passwords a policy may remember.
pub const REUSE_LAST_MAX: u8 = 24;
/// Shortest of a person's words that is looked for.
const WORD_MIN: usize = 3;
/// Most of a person's words looked for.
const WORDS_MAX: usize = 32;
/// Characters around a common word that do not make it uncommon.
const DECORATION_MAX: usize = 6;
/// Shortest common word that is recognised inside its decoration.
const STEM_MIN: usize = 4;
/// Longest password judged for being a sequence: the short ones are those that are tried.
const SEQUENCE_MAX: usize = 20;

static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("common_passwords.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

impl Default for PasswordPolicy {
    /// 8 characters, not common, nothing else.
    fn default() -> Self {
        Self {
            min_length: CHARACTERS_MIN,
            refuse_common: true,
            composition: Composition::default(),
            reuse_last: 0,
        }
    }
}

impl PasswordPolicy {
    /// This policy with another shortest length.
    ///
    /// # Errors
    /// Not 8 to 128.
    pub fn with_min_length(self, min_length: u8) -> Result<Self, PolicyError> {
        if (CHARACTERS_MIN..=CHARACTERS_MAX).contains(&min_length) {
            Ok(Self { min_length, ..self })
        } else {
            Err(PolicyError::MinLength)
        }
    }

    /// This policy with another number of old passwords that must not return.
    ///
    /// # Errors
    /// Over 24.
    pub fn with_reuse_last(self, reuse_last: u8) -> Result<Self, PolicyError> {
        if reuse_last <= REUSE_LAST_MAX {
            Ok(Self { reuse_last, ..self })
        } else {
            Err(PolicyError::ReuseLast)
        }
    }

    /// Fewest characters.
    #[must_use]
    pub fn min_length(&self) -> u8 {
        self.min_length
    }

    /// How many old passwords, the present one included, must not return; 0 allows them.
    #[must_use]
    pub fn reuse_last(&self) -> u8 {
        self.reuse_last
    }

    /// Checks a new password of a person.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn check(
        &self,
        password: &Secret,
        person: &PersonalWords<'_>,
    ) -> Result<(), PasswordRefusal> {
        let text = password.expose();
        if text.len() > BYTES_MAX {
            return Err(PasswordRefusal::TooLong);
        }
        let length = text.chars().count();
        if length < usize::from(self.min_length) {
            return Err(PasswordRefusal::TooShort { min: self.min_length });
        }
        if length > usize::from(CHARACTERS_MAX) {
            return Err(PasswordRefusal::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(PasswordRefusal::Characters);
        }
        self.composition.check(text)?;
        if self.refuse_common && is_common(text) {
            return Err(PasswordRefusal::Common);
        }
        if self.refuse_common && is_personal(text, person) {
            return Err(PasswordRefusal::Personal);
        }
        Ok(())
    }
}

impl Composition {
    fn check(self, text: &str) -> Result<(), PasswordRefusal> {
        let has = |is: fn(char) -> bool| text.chars().any(is);
        let rules = [
            (self.lower, has(char::is_lowercase), "lower-case letter"),
            (self.upper, has(char::is_uppercase), "upper-case letter"),
            (self.digit, has(char::is_numeric), "digit"),
            (self.sign, has(|letter| !letter.is_alphanumeric()), "sign that is no letter or digit"),
        ];
        let missing = rules.into_iter().find(|(is_asked, is_there, _)| *is_asked && !is_there);
        missing.map_or(Ok(()), |(_, _, missing)| Err(PasswordRefusal::Composition { missing }))
    }
}

/// Whether a password is on the list, or is but for the digits and signs around it and the usual
/// spelling with digits, or is a sequence.
fn is_common(text: &str) -> bool {
    let is_listed = |word: &str| COMMON.contains(word) || COMMON.contains(plain(word).as_str());
    let lower = Zeroizing::new(text.to_lowercase());
    if is_sequence(&lower) || is_listed(&lower) {
        return true;
    }
    let stem = lower.trim_matches(|letter: char| !letter.is_alphabetic());
    let (before, after) = lower.split_once(stem).unwrap_or_default();
    let is_little = before.chars().chain(after.chars()).count() <= DECORATION_MAX
        || (before.is_empty() && is_sequence(after));
    is_little && stem.len() >= STEM_MIN && is_listed(stem)
}

/// Undoes the usual spelling with digits and signs: `p4$$w0rd`.
fn plain(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.chars().map(letter_for).collect())
}

/// What a digit or sign stands for in `p4$$w0rd`.
fn letter_for(letter: char) -> char {
    match letter {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// Whether a short text is `abcdefgh`, `87654321` or a piece of at most four repeated.
fn is_sequence(text: &str) -> bool {
    let letters: Zeroizing<Vec<char>> =
        Zeroizing::new(text.chars().take(SEQUENCE_MAX + 1).collect());
    if letters.len() > SEQUENCE_MAX || letters.len() < STEM_MIN {
        return false;
    }
    let steps = || letters.iter().zip(letters.iter().skip(1));
    let repeats = |period| letters.iter().zip(letters.iter().skip(period)).all(|(a, b)| a == b);
    steps().all(|(a, b)| u32::from(*b) == u32::from(*a) + 1)
        || steps().all(|(a, b)| u32::from(*a) == u32::from(*b) + 1)
        || (1..=4).any(|period| letters.len() >= 2 * period && repeats(period))
}

/// Whether too little is left of a password without the person's words: those an attacker knows, so
/// they do not count as characters.
fn is_personal(text: &str, person: &PersonalWords<'_>) -> bool {
    let mut words = personal_words(person);
    // The longest first, so that one within another does not break it up.
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.truncate(WORDS_MAX);
    let lower = Zeroizing::new(text.to_lowercase());
    let plain = plain(&lower);
    [lower, plain].into_iter().any(|spelling| {
        let mut rest = spelling.clone();
        for word in &words {
            rest = Zeroizing::new(rest.replace(word.as_str(), ""));
        }
        rest.len() < spelling.len() && rest.chars().count() < usize::from(CHARACTERS_MIN)
    })
}

fn personal_words(person: &PersonalWords<'_>) -> Vec<String> {
    let (local, domain) = person.email.and_then(|mail| mail.split_once('@')).unwrap_or_default();
    // Without the last label: `com` is nobody's name.
    let domain = domain.rsplit_once('.').map_or(domain, |(name, _)| name);
    let texts = person.names.iter().chain(person.workspace).copied().chain([local, domain]);
    texts
        .flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()))
        .chain(person.email)
        .map(str::to_lowercase)
        .filter(|word| word.chars().count() >= WORD_MIN)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str) -> Result<(), PasswordRefusal> {
        PasswordPolicy::default().check(&Secret::new(text), &PersonalWords::default())
    }

    fn code(text: &str) -> &'static str {
        check(text).map_or_else(PasswordRefusal::code, |()| "ok")
    }

    #[test]
    fn a2_sec_a37_length_counts_characters_from_8_to_128() {
        assert_eq!(code("qz7-kfw"), "password_too_short");
        assert_eq!(code("qz7-kfwm"), "ok");
        assert_eq!(code(&"qz7-kfwm".repeat(16)), "ok");
        assert_eq!(code(&format!("{}x", "qz7-kfwm".repeat(16))), "password_too_long");
        assert_eq!(code(&"\u{1f511}".repeat(128)), "ok");
        assert_eq!(code(&"\u{1f511}".repeat(129)), "password_too_long");
        assert_eq!(code(&"\u{1f511}".repeat(7)), "password_too_short");
        assert_eq!(code(&"x".repeat(10_000_000)), "password_too_long");
    }

    #[test]
    fn sec_a37_control_characters_are_refused_and_spaces_and_signs_are_not() {
        for bad in ["correct\0horse", "correct\nhorse", "correct\u{85}horse"] {
            assert_eq!(code(bad), "password_characters", "{bad:?}");
        }
        for good in
            ["correct horse", "battery staple", "übergroße Pferde", "馬は正しい電池ホチキス"]
        {
            assert_eq!(code(good), "ok", "{good}");
        }
    }

    #[test]
    fn sec_a37_three_thousand_common_passwords_are_refused_also_with_decoration() {
        assert!(COMMON.len() >= 3_000, "{}", COMMON.len());
        for word in COMMON.iter().filter(|word| word.len() >= 8) {
            assert_eq!(code(word), "password_common", "{word}");
            assert_eq!(code(&word.to_uppercase()), "password_common", "{word}");
        }
        for word in [
            "Password1",
            "P@ssw0rd",
            "P@$$w0rd!",
            "password123456789",
            "dragon12",
            "!!monkey!!",
            "12345678",
            "87654321",
            "abcdefgh",
            "aaaaaaaa",
            "12341234",
            "qwertyui",
            "Welcome2024!",
        ] {
            assert_eq!(code(word), "password_common", "{word}");
        }
        for word in ["dragon-fly-lamp", "monkey-8315028461", "my password is a horse"] {
            assert_eq!(code(word), "ok", "{word}");
        }
        let lax = PasswordPolicy { refuse_common: false, ..PasswordPolicy::default() };
        assert!(lax.check(&Secret::new("password"), &PersonalWords::default()).is_ok());
    }

    #[test]
    fn sec_a37_a_password_made_of_names_is_refused_but_may_hold_one() {
        let person = PersonalWords {
            names: &["ann.lee", "Ann Müller-Lee"],
            email: Some("ann@northwind.example"),
            workspace: &["Acme Telecom", "Ringfence"],
        };
        let check = |text: &str| PasswordPolicy::default().check(&Secret::new(text), &person);
        for bad in [
            "annmueller".replace("ue", "ü").as_str(),
            "AcmeTelecom",
            "acme-telecom-26",
            "R1ngf3nce2026",
            "northwind!1",
            "ann@northwind.example",
        ] {
            assert_eq!(
                check(bad).map_err(PasswordRefusal::code),
                Err("password_personal"),
                "{bad}"
            );
        }
        for good in ["ann keeps seven pies", "telecom lamps glow", "cheese-pie-lamp"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn b36_composition_length_and_reuse_are_settings() {
        let composition = Composition { lower: true, upper: true, digit: true, sign: true };
        let policy = PasswordPolicy { composition, ..PasswordPolicy::default() };
        let check = |text: &str| policy.check(&Secret::new(text), &PersonalWords::default());
        for (text, kind) in [
            ("KFW-QZ77", "lower-case letter"),
            ("kfw-qz77", "upper-case letter"),
            ("Kfw-qzxy", "digit"),
            ("Kfw8qz77", "sign that is no letter or digit"),
        ] {
            assert_eq!(check(text), Err(PasswordRefusal::Composition { missing: kind }));
        }
        assert_eq!(check("Kfw-qz77"), Ok(()));
        let long = PasswordPolicy::default().with_min_length(15).unwrap();
        let refused = long.check(&Secret::new("kfw-qz77-pml-x"), &PersonalWords::default());
        assert_eq!(refused, Err(PasswordRefusal::TooShort { min: 15 }));
        for bad in [0, 7, 129, 255] {
            assert_eq!(long.with_min_length(bad), Err(PolicyError::MinLength));
        }
        assert_eq!(long.with_reuse_last(5).unwrap().reuse_last(), 5);
        assert_eq!(long.with_reuse_last(25), Err(PolicyError::ReuseLast));
        assert_eq!(PasswordRefusal::Reused { last: 5 }.code(), "password_reused");
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text: String, name: String, mail: String) {
            let person = PersonalWords {
                names: &[&name], email: Some(&mail), workspace: &[&name],
            };
            let _ = PasswordPolicy::default().check(&Secret::new(text), &person);
        }
    }
}
