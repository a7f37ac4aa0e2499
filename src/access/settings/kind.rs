//! What values a setting may have. Values are JSON; a valid one has one spelling.

use std::time::Duration;

use serde_json::Value;

use crate::access::api_key::ApiKeyBrand;

/// A setting's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole seconds.
    Duration {
        /// At least.
        min: Duration,
        /// At most.
        max: Duration,
        /// Whether 0 is allowed too, for never.
        may_be_off: bool,
    },
    /// A whole number.
    Number {
        /// At least.
        min: u64,
        /// At most.
        max: u64,
    },
    /// Yes or no.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Some of these words, each once, in an order that counts.
    Words {
        /// Which.
        choices: &'static [&'static str],
        /// Whether none is a value.
        may_be_empty: bool,
    },
    /// The first word of API keys.
    Brand,
}

/// Seconds in the largest unit that divides them, as the shell takes them: `90s`, `15m`, `8h`, `30d`.
fn in_words(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(size, _)| seconds > 0 && seconds.is_multiple_of(*size));
    unit.map_or_else(|| format!("{seconds}s"), |(size, sign)| format!("{}{sign}", seconds / size))
}

/// Why a value is refused, in words that follow the setting's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not whole seconds of the range.
    #[error("must be whole seconds, {min} to {max} ({} to {}){off}", in_words(*min), in_words(*max))]
    Duration {
        /// Least.
        min: u64,
        /// Most.
        max: u64,
        /// What else may be.
        off: &'static str,
    },
    /// Not a whole number of the range.
    #[error("must be a whole number, {min} to {max}")]
    Number {
        /// Least.
        min: u64,
        /// Most.
        max: u64,
    },
    /// Not a truth value.
    #[error("must be true or false")]
    Flag,
    /// Not one of the words.
    #[error("must be one of {}", .0.join(", "))]
    Choice(&'static [&'static str]),
    /// Not a list of the words.
    #[error("must be a list of {}, each once{}", .choices.join(", "),
            if *.may_be_empty { "" } else { ", at least one" })]
    Words {
        /// Which.
        choices: &'static [&'static str],
        /// Whether none is a value.
        may_be_empty: bool,
    },
    /// Not a brand.
    #[error("must be 2 to 8 lower-case letters a-z")]
    Brand,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Duration { .. } => "duration",
            Self::Number { .. } => "number",
            Self::Flag => "flag",
            Self::Choice(_) => "choice",
            Self::Words { .. } => "list",
            Self::Brand => "text",
        }
    }

    /// The least value, 0 where that is one.
    #[must_use]
    pub fn min(self) -> Option<u64> {
        match self {
            Self::Duration { may_be_off: true, .. } => Some(0),
            Self::Duration { min, .. } => Some(min.as_secs()),
            Self::Number { min, .. } => Some(min),
            Self::Flag | Self::Choice(_) | Self::Words { .. } | Self::Brand => None,
        }
    }

    /// The greatest value.
    #[must_use]
    pub fn max(self) -> Option<u64> {
        match self {
            Self::Duration { max, .. } => Some(max.as_secs()),
            Self::Number { max, .. } => Some(max),
            Self::Flag | Self::Choice(_) | Self::Words { .. } | Self::Brand => None,
        }
    }

    /// The words to choose from.
    #[must_use]
    pub fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Choice(choices) | Self::Words { choices, .. } => choices,
            Self::Duration { .. } | Self::Number { .. } | Self::Flag | Self::Brand => &[],
        }
    }

    /// Whether `value` is of this kind and within its range.
    ///
    /// # Errors
    /// It is not; what it must be.
    pub fn check(self, value: &Value) -> Result<(), ValueError> {
        match self {
            Self::Duration { min, max, may_be_off } => {
                let (min, max) = (min.as_secs(), max.as_secs());
                let is_one = |s: u64| (min..=max).contains(&s) || (may_be_off && s == 0);
                let off = if may_be_off { ", or 0 for never" } else { "" };
                is(value.as_u64().is_some_and(is_one), ValueError::Duration { min, max, off })
            }
            Self::Number { min, max } => {
                let is_one = value.as_u64().is_some_and(|number| (min..=max).contains(&number));
                is(is_one, ValueError::Number { min, max })
            }
            Self::Flag => is(value.is_boolean(), ValueError::Flag),
            Self::Choice(choices) => {
                let is_one = value.as_str().is_some_and(|word| choices.contains(&word));
                is(is_one, ValueError::Choice(choices))
            }
            Self::Words { choices, may_be_empty } => {
                let is_one = value.as_array().is_some_and(|words| {
                    let is_word =
                        |word: &Value| word.as_str().is_some_and(|w| choices.contains(&w));
                    // Each once, so never more than there are choices: the length goes first.
                    words.len() <= choices.len()
                        && (may_be_empty || !words.is_empty())
                        && words.iter().all(is_word)
                        && words
                            .iter()
                            .enumerate()
                            .all(|(n, word)| !words.iter().take(n).any(|w| w == word))
                });
                is(is_one, ValueError::Words { choices, may_be_empty })
            }
            Self::Brand => {
                let is_one = value.as_str().is_some_and(|brand| ApiKeyBrand::new(brand).is_ok());
                is(is_one, ValueError::Brand)
            }
        }
    }
}

fn is(is_one: bool, error: ValueError) -> Result<(), ValueError> {
    if is_one { Ok(()) } else { Err(error) }
}
