//! Figures of calls by day, where a day is one of the asking person's time zone (C14).

use super::{Day, Organisation, OrganisationError, TimeZone, fields};
use crate::access::principal::Principal;
use crate::base::limit::REPORT_DAYS_MAX;

/// Figures.
pub struct Reports<'a> {
    pub(super) org: &'a Organisation,
}

/// One day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayFigures {
    /// Which.
    pub day: Day,
    /// Calls that began.
    pub calls: u64,
    /// How many of them were answered.
    pub answered: u64,
    /// How long those lasted, together.
    pub seconds: u64,
}

impl Reports<'_> {
    /// Every day from `from` to `to`, both included; today where one is not said. Days before
    /// today need the PIN, if there is one.
    ///
    /// # Errors
    /// The days are none or too many, or [`OrganisationError::PinRequired`].
    pub async fn days(
        &self,
        principal: &Principal,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Vec<DayFigures>, OrganisationError> {
        let org = self.org;
        let user = org.store().users().by_id(principal.user_id).await?;
        let user = user.ok_or(OrganisationError::NotFound)?;
        // A zone that the system knows no more: its days are UTC's until another is chosen.
        let zone = TimeZone::load(&user.time_zone).unwrap_or_else(|_| TimeZone::utc());
        let today = zone.day_of(org.now());
        let from = parse("from", from)?.unwrap_or(today);
        let to = parse("to", to)?.unwrap_or_else(|| from.max(today));
        if to < from {
            return fields::invalid("to", "must not be before from");
        }
        if to.0 - from.0 >= REPORT_DAYS_MAX {
            return fields::invalid("to", "must be at most 366 days after from");
        }
        if from < today {
            org.pins().check(principal, &user).await?;
        }
        let mut days = Vec::new();
        let mut day = from;
        while day <= to {
            days.push(DayFigures { day, calls: 0, answered: 0, seconds: 0 });
            day = day.next();
        }
        let (begin, end) = (zone.begin_of(from), zone.begin_of(to.next()));
        let workspace = principal.workspace_id;
        for quarter in org.store().calls().by_quarter(workspace, begin, end).await? {
            let place = zone.day_of(quarter.from.max(begin)).0 - from.0;
            let figures = usize::try_from(place).ok().and_then(|place| days.get_mut(place));
            if let Some(figures) = figures {
                figures.calls += quarter.calls;
                figures.answered += quarter.answered;
                figures.seconds += quarter.seconds;
            }
        }
        Ok(days)
    }
}

fn parse(field: &'static str, text: Option<&str>) -> Result<Option<Day>, OrganisationError> {
    let Some(text) = text else { return Ok(None) };
    match text.parse() {
        Ok(day) => Ok(Some(day)),
        Err(_) => fields::invalid(field, "must be a day such as 2026-11-22"),
    }
}
