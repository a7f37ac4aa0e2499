//! When days begin somewhere: the system's time zone files (TZif, RFC 9636).
//!
//! Reads `/usr/share/zoneinfo`, so that rules are as new as the system's. UTC needs no file.

use std::path::Path;

use super::civil::Day;
use super::posix_zone::PosixZone;
use crate::base::UnixTime;
use crate::base::limit::TIME_ZONE_FILE_BYTES_MAX;

/// A time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZone {
    /// Before the first change.
    first: i64,
    /// Seconds east of UTC from each time on, in order.
    changes: Vec<(i64, i64)>,
    /// After the last change.
    rule: Option<PosixZone>,
}

/// Why a text names no time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeZoneError {
    /// Not a name, or none that this system knows.
    #[error("time_zone must be UTC or a name such as Europe/Berlin that the server's system knows")]
    Unknown,
    /// The system's file is not one.
    #[error("the system's file of this time zone is damaged: use UTC or another one")]
    Damaged,
}

const FOLDER: &str = "/usr/share/zoneinfo";
const DAY_S: i64 = 24 * 3600;
/// No zone is further from UTC than 26 hours (RFC 9636 §3.2 has 24:59:59 and 25:59:59).
const OFFSET_MAX: i64 = 26 * 3600;

impl TimeZone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self { first: 0, changes: Vec::new(), rule: None }
    }

    /// The zone of an IANA name.
    ///
    /// # Errors
    /// The system knows none of this name.
    pub fn load(name: &str) -> Result<Self, TimeZoneError> {
        Self::load_from(Path::new(FOLDER), name)
    }

    pub(super) fn load_from(folder: &Path, name: &str) -> Result<Self, TimeZoneError> {
        if name == "UTC" {
            return Ok(Self::utc());
        }
        if !is_name(name) {
            return Err(TimeZoneError::Unknown);
        }
        let path = folder.join(name);
        let known = std::fs::metadata(&path).map_err(|_| TimeZoneError::Unknown)?;
        if !known.is_file() || known.len() > TIME_ZONE_FILE_BYTES_MAX {
            return Err(TimeZoneError::Unknown);
        }
        let bytes = std::fs::read(&path).map_err(|_| TimeZoneError::Unknown)?;
        Self::parse(&bytes).ok_or(TimeZoneError::Damaged)
    }

    /// Reads a file; `None` when it is none.
    fn parse(file: &[u8]) -> Option<Self> {
        let mut file = Bytes(file);
        let mut header = Header::read(&mut file)?;
        let mut time_bytes = 4;
        if header.version >= b'2' {
            // What follows first is for readers of 32 bits.
            file.take(header.length(4)?)?;
            header = Header::read(&mut file)?;
            time_bytes = 8;
        }
        let mut times = Bytes(file.take(header.times.checked_mul(time_bytes)?)?);
        let mut kinds = Bytes(file.take(header.times)?);
        let mut offsets = Vec::with_capacity(header.kinds.min(256));
        for _ in 0..header.kinds {
            let offset = i64::from(i32::from_be_bytes(*file.take(4)?.first_chunk()?));
            file.take(2)?;
            offsets.push(Some(offset).filter(|offset| offset.abs() <= OFFSET_MAX)?);
        }
        file.take(header.after_kinds(time_bytes)?)?;
        let mut changes = Vec::with_capacity(header.times.min(4096));
        for _ in 0..header.times {
            let at = times.time(time_bytes)?;
            let kind = usize::from(*kinds.take(1)?.first()?);
            changes.push((at, *offsets.get(kind)?));
        }
        let is_sorted = changes.is_sorted_by(|(a, _), (b, _)| a < b);
        let footer = std::str::from_utf8(file.0).ok()?.trim_matches('\n');
        let rule = if footer.is_empty() { None } else { Some(PosixZone::parse(footer)?) };
        is_sorted.then_some(Self { first: *offsets.first()?, changes, rule })
    }

    /// Seconds east of UTC at a time.
    #[must_use]
    pub fn offset_at(&self, time: UnixTime) -> i64 {
        let unix = i64::try_from(time.0).unwrap_or(i64::MAX);
        let known = self.changes.partition_point(|(at, _)| *at <= unix);
        match (&self.rule, known.checked_sub(1)) {
            (Some(rule), _) if known == self.changes.len() => rule.offset_at(unix),
            (_, None) => self.first,
            (_, Some(last)) => self.changes.get(last).map_or(self.first, |(_, offset)| *offset),
        }
    }

    /// The day that a time is of here.
    #[must_use]
    pub fn day_of(&self, time: UnixTime) -> Day {
        let unix = i64::try_from(time.0).unwrap_or(i64::MAX);
        Day(unix.saturating_add(self.offset_at(time)).div_euclid(DAY_S))
    }

    /// The first second of a day here. Where clocks jump over midnight it is the first second after
    /// the jump; where midnight comes twice, one of the two.
    #[must_use]
    pub fn begin_of(&self, day: Day) -> UnixTime {
        let midnight = day.0.saturating_mul(DAY_S);
        let clamp = |unix: i64| UnixTime(u64::try_from(unix).unwrap_or(0));
        // Everything earlier than this is of an earlier day, everything later of this or a later.
        let mut before = midnight.saturating_sub(OFFSET_MAX);
        let mut after = midnight.saturating_add(OFFSET_MAX);
        while after.saturating_sub(before) > 1 {
            let middle = before.midpoint(after);
            if self.day_of(clamp(middle)) < day {
                before = middle;
            } else {
                after = middle;
            }
        }
        clamp(after)
    }
}

/// Whether a text can be the name of a zone: no path out of the folder, no copy with leap seconds.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        part.bytes().next().is_some_and(|first| first.is_ascii_uppercase())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    name.len() <= 64 && name.split('/').count() <= 3 && name.split('/').all(is_part)
}

struct Header {
    version: u8,
    kinds: usize,
    times: usize,
    letters: usize,
    leaps: usize,
    standards: usize,
    utcs: usize,
}

impl Header {
    fn read(file: &mut Bytes<'_>) -> Option<Self> {
        if file.take(4)? != b"TZif" {
            return None;
        }
        let version = *file.take(1)?.first()?;
        file.take(15)?;
        let utcs = file.count()?;
        let standards = file.count()?;
        let leaps = file.count()?;
        let times = file.count()?;
        let kinds = file.count()?;
        let letters = file.count()?;
        // Files with leap seconds count other seconds than we do.
        (leaps == 0).then_some(Self { version, kinds, times, letters, leaps, standards, utcs })
    }

    /// Bytes of the block behind it.
    fn length(&self, time_bytes: usize) -> Option<usize> {
        let times = self.times.checked_mul(time_bytes + 1)?;
        let kinds = self.kinds.checked_mul(6)?;
        times.checked_add(kinds)?.checked_add(self.after_kinds(time_bytes)?)
    }

    /// Bytes of the block behind its kinds.
    fn after_kinds(&self, time_bytes: usize) -> Option<usize> {
        let leaps = self.leaps.checked_mul(time_bytes + 4)?;
        self.letters.checked_add(leaps)?.checked_add(self.standards)?.checked_add(self.utcs)
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(*self.take(4)?.first_chunk()?)).ok()
    }

    fn time(&mut self, bytes: usize) -> Option<i64> {
        let bytes = self.take(bytes)?;
        match bytes.first_chunk() {
            Some(eight) => Some(i64::from_be_bytes(*eight)),
            None => Some(i64::from(i32::from_be_bytes(*bytes.first_chunk()?))),
        }
    }
}
