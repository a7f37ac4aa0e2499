//! One bucket: what was counted, and until when it takes nothing.

use super::limits::{AccountDelay, RateLimit, ms};
use super::window::Window;

/// How a bucket judges.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// A sliding window.
    Limit(RateLimit),
    /// A window; who exceeds it waits for a fixed time, and then it is empty (A31).
    Cooldown(RateLimit, u64),
    /// Counts without an end; from some count on, each one makes the next wait.
    Delay(AccountDelay),
}

/// What is left in a bucket.
#[derive(Clone, Copy)]
pub(super) struct Quota {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    pub(super) reset_ms: u64,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Bucket {
    window: Window,
    blocked_until_ms: u64,
    /// When it was last asked.
    pub(super) seen_ms: u64,
}

/// How long failures at an account are remembered.
const DELAY_WINDOW_MS: u64 = 15 * 60 * 1000;

impl Rule {
    pub(super) fn count(self) -> u32 {
        match self {
            Self::Limit(limit) | Self::Cooldown(limit, _) => limit.count(),
            Self::Delay(delay) => delay.free,
        }
    }
}

impl Bucket {
    /// Whether one more is allowed; if so and `counts`, it is counted.
    ///
    /// # Errors
    /// How many milliseconds to wait.
    pub(super) fn judge(&mut self, rule: Rule, now_ms: u64, counts: bool) -> Result<Quota, u64> {
        // Threads ask in any order; a time before the last one counts as it.
        let now_ms = now_ms.max(self.seen_ms);
        self.seen_ms = now_ms;
        if now_ms < self.blocked_until_ms {
            return Err(self.blocked_until_ms - now_ms);
        }
        match rule {
            Rule::Limit(limit) => self.take(limit, now_ms, counts),
            Rule::Cooldown(limit, cooldown_ms) => {
                if self.blocked_until_ms > 0 {
                    *self = Self { seen_ms: now_ms, ..Self::default() };
                }
                self.take(limit, now_ms, counts).map_err(|_| {
                    self.blocked_until_ms = now_ms.saturating_add(cooldown_ms);
                    cooldown_ms
                })
            }
            Rule::Delay(delay) => {
                if counts {
                    self.window.push(now_ms, DELAY_WINDOW_MS);
                }
                let used = self.window.used(now_ms, DELAY_WINDOW_MS);
                if counts && used > delay.free {
                    let doublings = (used - delay.free - 1).min(30);
                    let wait = ms(delay.first).saturating_mul(1 << doublings);
                    let longest = ms(delay.longest).min(DELAY_WINDOW_MS);
                    self.blocked_until_ms = now_ms.saturating_add(wait.min(longest));
                }
                Ok(Quota { limit: u32::MAX, remaining: u32::MAX, reset_ms: 0 })
            }
        }
    }

    /// Takes the last count back.
    pub(super) fn refund(&mut self) {
        self.window.pop();
    }

    /// Takes the last count back and lets the next one in at once.
    pub(super) fn forgive(&mut self) {
        self.window.pop();
        self.blocked_until_ms = 0;
    }

    fn take(&mut self, limit: RateLimit, now_ms: u64, counts: bool) -> Result<Quota, u64> {
        let (count, window_ms) = (limit.count(), limit.window_ms());
        let mut used = self.window.used(now_ms, window_ms);
        if used >= count {
            return Err(self.window.wait_ms(now_ms, window_ms, count).max(1));
        }
        if counts {
            self.window.push(now_ms, window_ms);
            used += 1;
        }
        let reset_ms = self.window.reset_ms(now_ms, window_ms);
        Ok(Quota { limit: count, remaining: count - used, reset_ms })
    }
}
