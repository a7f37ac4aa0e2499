//! Times as bodies hold them: RFC 3339.

use crate::base::UnixTime;

/// `2026-11-22T16:30:00Z`.
pub(super) fn rfc3339(time: UnixTime) -> String {
    time.rfc3339()
}

/// The same of a time that may be none.
pub(super) fn rfc3339_or(time: Option<UnixTime>) -> Option<String> {
    time.map(rfc3339)
}

/// The time of `2026-11-22T16:30:00Z` or with an offset; `None` for anything else.
pub(super) fn parse_rfc3339(text: &str) -> Option<UnixTime> {
    let (date, time) = text.split_once('T')?;
    let days = parse_date(date)?;
    let (clock, offset_s) = match time.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (clock, offset) = time.split_at_checked(at)?;
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let seconds = two(hours, 23)? * 3600 + two(minutes, 59)? * 60;
            (clock, if offset.starts_with('-') { -seconds } else { seconds })
        }
    };
    let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let mut parts = clock.split(':');
    let hour = two(parts.next()?, 23)?;
    let minute = two(parts.next()?, 59)?;
    let second = two(parts.next()?, 59)?;
    if parts.next().is_some() {
        return None;
    }
    let seconds = days.checked_mul(86_400)?.checked_add(hour * 3600 + minute * 60 + second)?;
    u64::try_from(seconds.checked_sub(offset_s)?).ok().map(UnixTime)
}

/// Days since 1970 of `2026-11-22`; `None` for what is no day.
fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (year.parse::<i64>().ok()?, two(month, 12)?, two(day, 31)?);
    if year < 1970 || month < 1 || day < 1 {
        return None;
    }
    let days = days_from_civil(year, month, day);
    // The 30th of February is written as another day.
    let at = UnixTime(u64::try_from(days).ok()?.checked_mul(86_400)?);
    at.rfc3339().starts_with(text).then_some(days)
}

fn two(text: &str, max: i64) -> Option<i64> {
    let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_two)?;
    (number <= max).then_some(number)
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_359_878, "2026-11-22T15:04:38Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(UnixTime(seconds)), text);
            assert_eq!(parse_rfc3339(text), Some(UnixTime(seconds)));
        }
        assert_eq!(parse_rfc3339("1970-01-01T02:00:00+02:00"), Some(UnixTime(0)));
        assert_eq!(parse_rfc3339("1970-01-01T02:00:00.123Z"), Some(UnixTime(7200)));
        for bad in
            ["", "1970-01-01", "2023-02-29T00:00:00Z", "1970-01-01T24:00:00Z", "1970-1-1T0:0:0Z"]
        {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
        assert_eq!(parse_date("1970-01-02"), Some(1));
        assert_eq!(parse_date("2100-02-29"), None);
    }

    proptest::proptest! {
        #[test]
        fn every_day_leads_back(days in 0u64..200_000, text: String) {
            let text_of = rfc3339(UnixTime(days * 86_400));
            let day = text_of.split('T').next().unwrap();
            proptest::prop_assert_eq!(parse_date(day), Some(i64::try_from(days).unwrap()));
            let _ = parse_rfc3339(&text);
            let _ = parse_date(&text);
        }
    }
}
