//! How much is allowed: plain values, from the settings.

use std::time::Duration;

/// So many requests in any window of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    count: u32,
    window_ms: u64,
}

impl RateLimit {
    /// At least one request; a window of a second to an hour.
    #[must_use]
    pub fn new(count: u32, window: Duration) -> Self {
        let window = window.clamp(Duration::from_secs(1), Duration::from_secs(3600));
        Self { count: count.max(1), window_ms: ms(window) }
    }

    /// In a minute.
    #[must_use]
    pub fn per_minute(count: u32) -> Self {
        Self::new(count, Duration::from_secs(60))
    }

    /// In an hour.
    #[must_use]
    pub fn per_hour(count: u32) -> Self {
        Self::new(count, Duration::from_secs(3600))
    }

    /// How many.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count
    }

    /// In how many milliseconds.
    #[must_use]
    pub fn window_ms(self) -> u64 {
        self.window_ms
    }

    pub(super) fn with_count(self, count: u32) -> Self {
        Self { count: count.max(1), ..self }
    }
}

/// How guesses at one account from unknown browsers are spaced out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountDelay {
    /// Failures in a quarter of an hour that cost nothing.
    pub free: u32,
    /// Wait after the first failure beyond; doubled with each one after it.
    pub first: Duration,
    /// Longest wait; at most 15 minutes.
    pub longest: Duration,
}

/// All limits of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Of one API key (C17); the only one that load narrows.
    pub per_token: RateLimit,
    /// Of one signed-in session.
    pub per_session: RateLimit,
    /// Of one address, not signed in.
    pub per_ip: RateLimit,
    /// Of one address, signed in: a whole call centre can share one.
    pub per_ip_signed_in: RateLimit,
    /// Failed sign-ins of one address.
    pub auth_per_ip: RateLimit,
    /// Failed sign-ins of a /24 or /48.
    pub auth_per_network: RateLimit,
    /// Failures at one account from one address.
    pub account_per_network: RateLimit,
    /// Failures at one account from everywhere.
    pub account_delay: AccountDelay,
    /// Failures of one known browser.
    pub per_device: RateLimit,
    /// Forms from one address (A30).
    pub public_form: RateLimit,
    /// Expensive requests of one caller (A31).
    pub expensive: RateLimit,
    /// The pause once that is exceeded; at most an hour.
    pub expensive_cooldown: Duration,
    /// Socket upgrades and tickets of one caller.
    pub signaling_per_caller: RateLimit,
    /// The same of one address without a proved caller.
    pub signaling_per_ip: RateLimit,
    /// Files to one address.
    pub static_per_ip: RateLimit,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            per_token: RateLimit::per_minute(60),
            per_session: RateLimit::per_minute(300),
            per_ip: RateLimit::per_minute(300),
            per_ip_signed_in: RateLimit::per_minute(6_000),
            auth_per_ip: RateLimit::per_minute(10),
            auth_per_network: RateLimit::per_minute(30),
            account_per_network: RateLimit::new(5, Duration::from_secs(300)),
            account_delay: AccountDelay {
                free: 10,
                first: Duration::from_secs(1),
                longest: Duration::from_secs(60),
            },
            per_device: RateLimit::new(5, Duration::from_secs(300)),
            public_form: RateLimit::per_hour(5),
            expensive: RateLimit::per_hour(20),
            expensive_cooldown: Duration::from_secs(15 * 60),
            signaling_per_caller: RateLimit::per_minute(600),
            signaling_per_ip: RateLimit::per_minute(3_000),
            static_per_ip: RateLimit::per_minute(3_000),
        }
    }
}

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
