//! The rule at the end of a time zone file (POSIX `TZ`, RFC 9636 §3.3): what counts after the last
//! change that the file lists, such as `CET-1CEST,M3.5.0,M10.5.0/3`.

use super::civil::Day;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PosixZone {
    /// Seconds east of UTC in winter, or always.
    standard: i64,
    /// Seconds east of UTC in summer, from when, until when.
    summer: Option<(i64, Switch, Switch)>,
}

/// A day of each year, and seconds after its midnight by the clock before the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Switch {
    day: YearDay,
    at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum YearDay {
    /// Day 1 to 365; 29 February is never counted.
    Julian(i64),
    /// Day 0 to 365, 29 February counted.
    Zero(i64),
    /// Month 1 to 12, week 1 to 5 (the last), day of the week from Sunday.
    Month(i64, i64, i64),
}

const DAY_S: i64 = 24 * 3600;

impl PosixZone {
    /// Reads a rule; `None` when it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = Reader(text);
        rest.name()?;
        let standard = -rest.offset()?;
        if rest.0.is_empty() {
            return Some(Self { standard, summer: None });
        }
        rest.name()?;
        let offset = if rest.0.starts_with(',') { standard + 3600 } else { -rest.offset()? };
        let begin = rest.switch()?;
        let end = rest.switch()?;
        rest.0.is_empty().then_some(Self { standard, summer: Some((offset, begin, end)) })
    }

    /// Seconds east of UTC at a time.
    pub(super) fn offset_at(&self, unix: i64) -> i64 {
        let Some((summer, begin, end)) = self.summer else { return self.standard };
        let local = unix.saturating_add(self.standard);
        let (year, _, _) = Day(local.div_euclid(DAY_S)).date();
        let begins = begin.unix(year) - self.standard;
        let ends = end.unix(year) - summer;
        let is_summer = if begins < ends {
            (begins..ends).contains(&unix)
        } else {
            // South of the equator summer goes over the new year.
            !(ends..begins).contains(&unix)
        };
        if is_summer { summer } else { self.standard }
    }
}

impl Switch {
    /// When it is in a year, by the clock on the wall.
    fn unix(self, year: i64) -> i64 {
        let new_year = Day::from_date(year, 1, 1);
        let day = match self.day {
            YearDay::Zero(day) => Day(new_year.0 + day),
            YearDay::Julian(day) => {
                let march = Day::from_date(year, 3, 1).0 - new_year.0;
                // From 1 March on, day 60, a leap year is one day ahead.
                let leap = i64::from(march == 60 && day >= 60);
                Day(new_year.0 + day - 1 + leap)
            }
            YearDay::Month(month, week, weekday) => {
                let first = Day::from_date(year, month, 1);
                let ahead = (weekday - first.weekday()).rem_euclid(7);
                let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                let month_end = Day::from_date(next.0, next.1, 1).0;
                let mut day = first.0 + ahead + (week - 1) * 7;
                while day >= month_end {
                    day -= 7;
                }
                Day(day)
            }
        };
        day.0 * DAY_S + self.at
    }
}

struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn skip(&mut self, letter: char) -> bool {
        let rest = self.0.strip_prefix(letter);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// `CET` or `<+03>`.
    fn name(&mut self) -> Option<()> {
        let rest = if let Some(quoted) = self.0.strip_prefix('<') {
            quoted.split_once('>')?.1
        } else {
            let rest = self.0.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
            (rest.len() + 3 <= self.0.len()).then_some(rest)?
        };
        self.0 = rest;
        Some(())
    }

    fn number(&mut self, largest: i64) -> Option<i64> {
        let rest = self.0.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let digits = self.0.strip_suffix(rest)?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        self.0 = rest;
        digits.parse().ok().filter(|number| *number <= largest)
    }

    /// `-5:30`, up to a week as newer files have it.
    fn offset(&mut self) -> Option<i64> {
        let sign = if self.skip('-') { -1 } else { 1 };
        let _ = sign == 1 && self.skip('+');
        let mut seconds = self.number(167)? * 3600;
        if self.skip(':') {
            seconds += self.number(59)? * 60;
            if self.skip(':') {
                seconds += self.number(59)?;
            }
        }
        Some(sign * seconds)
    }

    /// `,M3.5.0/2`.
    fn switch(&mut self) -> Option<Switch> {
        if !self.skip(',') {
            return None;
        }
        let day = if self.skip('M') {
            let month = self.number(12).filter(|month| *month >= 1)?;
            let week = self.skip('.').then(|| self.number(5))?.filter(|week| *week >= 1)?;
            YearDay::Month(month, week, self.skip('.').then(|| self.number(6))??)
        } else if self.skip('J') {
            YearDay::Julian(self.number(365).filter(|day| *day >= 1)?)
        } else {
            YearDay::Zero(self.number(365)?)
        };
        let at = if self.skip('/') { self.offset()? } else { 2 * 3600 };
        Some(Switch { day, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(rule: &str, day: &str, hour: i64) -> i64 {
        let day: Day = day.parse().unwrap();
        PosixZone::parse(rule).unwrap().offset_at(day.0 * DAY_S + hour * 3600)
    }

    #[test]
    fn c14_rules_switch_on_their_day_in_both_hemispheres() {
        let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
        assert_eq!(at(berlin, "2050-03-27", 0), 3600);
        assert_eq!(at(berlin, "2050-03-27", 1), 7200);
        assert_eq!(at(berlin, "2050-10-30", 0), 7200);
        assert_eq!(at(berlin, "2050-10-30", 1), 3600);
        let sydney = "AEST-10AEDT,M10.1.0,M4.1.0/3";
        assert_eq!(at(sydney, "2050-01-01", 0), 11 * 3600);
        assert_eq!(at(sydney, "2050-07-01", 0), 10 * 3600);
        let new_york = "EST5EDT,M3.2.0,M11.1.0";
        assert_eq!(at(new_york, "2050-07-01", 0), -4 * 3600);
        assert_eq!(at("<+0530>-5:30", "2050-07-01", 0), 19_800);
        assert_eq!(at("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "2050-07-01", 0), -7200);
        assert_eq!(at("XXX0YYY,J60,J61", "2052-03-01", 2), 3600, "leap years count from March");
        assert_eq!(at("XXX0YYY,59,61", "2052-02-29", 2), 3600);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for bad in [
            "",
            "C",
            "CET",
            "CET-1CEST,M3.5.0",
            "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1x",
            "<CET-1",
            "CET-1CEST,M3.5.0,M10.5.0x",
            "CET-99999",
            "CET-1CEST,M3.0.0,M1.1.1",
        ] {
            assert_eq!(PosixZone::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String, near in "[A-Z]{3}-?[0-9:]{1,4}[A-Z,.M0-9/J]{0,20}",
            time in -1i64 << 40..1 << 40)
        {
            let _ = PosixZone::parse(&text);
            let _ = PosixZone::parse(&near).map(|zone| zone.offset_at(time));
        }
    }
}
