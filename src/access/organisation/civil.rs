//! Days of the calendar, without a zone.
//!
//! Days are counted from 1970-01-01 in the proleptic Gregorian calendar; the arithmetic is that of
//! eras of 400 years, which are all 146,097 days long.

use std::fmt;
use std::str::FromStr;

/// A day, by its number since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

/// A text that is no day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a day such as 2026-11-22")]
pub struct NotADay;

const ERA_DAYS: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

impl Day {
    /// The day of a date; years beyond the calendar's use are not checked.
    pub(super) fn from_date(year: i64, month: i64, day: i64) -> Self {
        // Years begin in March, so that the leap day is the last.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * ERA_DAYS + day_of_era - EPOCH_DAYS)
    }

    /// Year, month and day of the month.
    #[must_use]
    pub fn date(self) -> (i64, i64, i64) {
        let days = self.0.saturating_add(EPOCH_DAYS);
        let era = days.div_euclid(ERA_DAYS);
        let day_of_era = days.rem_euclid(ERA_DAYS);
        let leaps = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leaps) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    /// 0 for Sunday to 6 for Saturday.
    pub(super) fn weekday(self) -> i64 {
        (self.0 + 4).rem_euclid(7)
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = NotADay;

    /// Only `YYYY-MM-DD`, from 1970 on, and only days that there are.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_form = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts.as_slice() else { return Err(NotADay) };
        let number = |part: &str| part.parse::<i64>().map_err(|_| NotADay);
        let made = Self::from_date(number(year)?, number(month)?, number(day)?);
        let is_one = is_form && made.to_string() == text && made.0 >= 0;
        if is_one { Ok(made) } else { Err(NotADay) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_that_there_are_have_one_number_and_others_are_refused() {
        for (text, number) in [
            ("1970-01-01", 0),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2023-11-14", 19_675),
            ("2026-11-22", 20_779),
        ] {
            assert_eq!(text.parse(), Ok(Day(number)), "{text}");
            assert_eq!(Day(number).to_string(), text);
        }
        assert_eq!("2026-11-22".parse::<Day>().unwrap().weekday(), 0, "a Sunday");
        for bad in [
            "",
            "2023-02-29",
            "2023-13-01",
            "2023-00-10",
            "2023-1-1",
            "20231114",
            "2023-11-14 ",
            "1969-12-31",
            "-023-11-14",
            "2023-11--4",
            "+023-11-14",
            "2023-11-31",
        ] {
            assert_eq!(bad.parse::<Day>(), Err(NotADay), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_day_reads_back(number in 0i64..2_000_000) {
            let day = Day(number);
            let (year, month, of_month) = day.date();
            prop_assert_eq!(Day::from_date(year, month, of_month), day);
            if year <= 9999 { prop_assert_eq!(day.to_string().parse::<Day>(), Ok(day)); }
        }

        #[test]
        fn any_text_is_a_day_or_refused(text: String, near in "[0-9-]{8,12}") {
            let _ = (text.parse::<Day>(), near.parse::<Day>());
        }
    }
}
