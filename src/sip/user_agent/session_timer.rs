//! Session timers. RFC 4028.

use crate::sip::message::{Headers, Method};
use std::time::{Duration, Instant};

/// The shortest interval RFC 4028 §4 allows, seconds.
pub(super) const MIN_SE_S: u32 = 90;

/// An agreed session interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionTimer {
    interval_s: u32,
    /// Whether refreshing is our job.
    pub(super) is_ours: bool,
}

/// The peer asked for less than [`MIN_SE_S`]: 422.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IntervalTooSmall;

impl SessionTimer {
    /// What a request of the peer asks for. It refreshes itself unless it says otherwise.
    pub(super) fn of_request(headers: &Headers) -> Result<Option<Self>, IntervalTooSmall> {
        let Some(interval_s) = headers.seconds("Session-Expires") else { return Ok(None) };
        let understands = headers.is_supported("timer") || headers.require().contains(&"timer");
        if interval_s < MIN_SE_S {
            // One that does not know the extension cannot act on a 422 (RFC 4028 §9).
            return if understands { Err(IntervalTooSmall) } else { Ok(None) };
        }
        let wants_us = headers
            .param("Session-Expires", "refresher")
            .is_some_and(|refresher| refresher.eq_ignore_ascii_case("uas"));
        let is_ours = wants_us || !understands;
        // We refresh by UPDATE only; whoever does not take it gets no timer of ours.
        let can_refresh = !is_ours || headers.allow().contains(&Method::Update);
        Ok(can_refresh.then_some(Self { interval_s, is_ours }))
    }

    /// What a 2xx of the peer to our INVITE or UPDATE settled. A smaller interval than asked for
    /// is tolerated (INTEROP case 27).
    pub(super) fn of_response(headers: &Headers) -> Option<Self> {
        let interval_s = headers.seconds("Session-Expires")?.max(MIN_SE_S);
        let refresher = headers.param("Session-Expires", "refresher");
        let is_ours = refresher.is_none_or(|refresher| refresher.eq_ignore_ascii_case("uac"));
        Some(Self { interval_s, is_ours })
    }

    /// Writes the agreement into our 2xx.
    pub(super) fn write_response(self, headers: &mut Headers) {
        let refresher = if self.is_ours { "uas" } else { "uac" };
        headers.push("Session-Expires", format!("{};refresher={refresher}", self.interval_s));
        if !self.is_ours {
            headers.push("Require", "timer");
        }
    }

    /// Writes the agreement into a request of ours.
    pub(super) fn write_request(self, headers: &mut Headers) {
        let refresher = if self.is_ours { "uac" } else { "uas" };
        headers.push("Session-Expires", format!("{};refresher={refresher}", self.interval_s));
    }

    /// When we refresh: at half the interval.
    pub(super) fn refresh_at(self, now: Instant) -> Option<Instant> {
        self.is_ours.then(|| now + Duration::from_secs(self.interval_s.into()) / 2)
    }

    /// When a call without refresh is over. The whole interval, not RFC 4028 §10's third less:
    /// browsers slow the timers of tabs in the background.
    pub(super) fn expires_at(self, now: Instant) -> Instant {
        now + Duration::from_secs(self.interval_s.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&str, &str)]) -> Result<Option<SessionTimer>, IntervalTooSmall> {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(name, value);
        }
        SessionTimer::of_request(&headers)
    }

    #[test]
    fn c27_jssip_refreshes_itself_every_90_seconds() {
        let timer = asked(&[("Supported", "timer,gruu"), ("Session-Expires", "90")]);
        assert_eq!(timer, Ok(Some(SessionTimer { interval_s: 90, is_ours: false })));
        let mut headers = Headers::new();
        timer.unwrap().unwrap().write_response(&mut headers);
        assert_eq!(headers.get("Session-Expires"), Some("90;refresher=uac"));
        assert_eq!(headers.get("Require"), Some("timer"));
    }

    #[test]
    fn c27_less_than_90_seconds_is_too_small_for_whoever_understands() {
        let small = [("Supported", "timer"), ("Session-Expires", "60;refresher=uas")];
        assert_eq!(asked(&small), Err(IntervalTooSmall));
        assert_eq!(asked(&[("Session-Expires", "60")]), Ok(None));
    }

    #[test]
    fn c27_whoever_asks_us_to_refresh_gets_it_if_it_takes_update() {
        let wish = [("Supported", "timer"), ("Session-Expires", "1800;refresher=UAS")];
        assert_eq!(asked(&wish), Ok(None));
        let [supported, expires] = wish;
        let timer = asked(&[supported, expires, ("Allow", "INVITE, UPDATE")]);
        assert_eq!(timer, Ok(Some(SessionTimer { interval_s: 1800, is_ours: true })));
    }
}
