//! Asking all buckets of a request and answering with the strictest.

use std::time::Duration;

use arc_swap::ArcSwap;

use super::bucket::{Bucket, Quota};
use super::facts::{Decision, Load, RequestFacts, Scope};
use super::layers::{Layer, Layers, Room};
use super::limits::RateLimits;
use super::table::Table;
use crate::base::limit;

/// All buckets of one server.
pub struct Throttle {
    limits: ArcSwap<RateLimits>,
    /// Three tables, so that a flood of invented addresses or names pushes out nobody's token.
    addresses: Table,
    accounts: Table,
    callers: Table,
}

impl Throttle {
    /// Empty buckets.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        Self {
            limits: ArcSwap::from_pointee(limits),
            addresses: Table::new(limit::THROTTLE_ADDRESSES_MAX),
            accounts: Table::new(limit::THROTTLE_ACCOUNTS_MAX),
            callers: Table::new(limit::THROTTLE_CALLERS_MAX),
        }
    }

    /// Changes the limits; what was counted stays counted.
    pub fn set_limits(&self, limits: RateLimits) {
        self.limits.store(limits.into());
    }

    /// Whether a request may go on. If it may, it has been counted.
    #[must_use]
    pub fn check(&self, now_ms: u64, facts: &RequestFacts, load: Load) -> Decision {
        let layers = Layers::of(&self.limits.load(), facts, load);
        let mut tightest: Option<Quota> = None;
        let mut refusal: Option<Refusal> = None;
        let mut counted = 0;
        for layer in layers.iter() {
            let counts = refusal.is_none();
            let judged = self
                .table(layer)
                .with(layer.key, |bucket| bucket.judge(layer.rule, now_ms, counts));
            match judged {
                Ok(quota) => {
                    counted += usize::from(counts);
                    if tightest.is_none_or(|tightest| quota.remaining < tightest.remaining) {
                        tightest = Some(quota);
                    }
                }
                Err(wait_ms) if refusal.is_none_or(|refusal| refusal.wait_ms < wait_ms) => {
                    let (scope, limit) = (layer.key.scope, layer.rule.count());
                    refusal = Some(Refusal { scope, limit, wait_ms });
                }
                Err(_) => {}
            }
        }
        match (refusal, tightest) {
            (Some(refusal), _) => {
                for layer in layers.iter().take(counted) {
                    self.table(layer).change(&layer.key, Bucket::refund);
                }
                refusal.into()
            }
            (None, Some(Quota { limit, remaining, reset_ms })) => {
                Decision::Allowed { limit, remaining, reset_s: seconds(reset_ms) }
            }
            (None, None) => Decision::Allowed { limit: 0, remaining: 0, reset_s: 0 },
        }
    }

    /// Gives a sign-in that succeeded back: only failures count. Call once for a request of
    /// class `Auth` that was allowed and turned out right, with the same facts.
    pub fn succeeded(&self, facts: &RequestFacts) {
        for layer in Layers::of(&self.limits.load(), facts, Load::NONE).iter() {
            let table = self.table(layer);
            match layer.key.scope {
                Scope::AccountNetwork | Scope::Device => table.remove(&layer.key),
                Scope::Account => table.change(&layer.key, Bucket::forgive),
                _ => table.change(&layer.key, Bucket::refund),
            }
        }
    }

    /// Frees buckets nobody touched for so long that they are empty. Call about once a minute.
    pub fn clean_up(&self, now_ms: u64) {
        for table in [&self.addresses, &self.accounts, &self.callers] {
            table.forget_idle(now_ms, IDLE_MAX);
        }
    }

    /// How many buckets there are; never more than the three bounds in `base/limit.rs` together.
    #[must_use]
    pub fn buckets(&self) -> usize {
        self.addresses.len() + self.accounts.len() + self.callers.len()
    }

    fn table(&self, layer: &Layer) -> &Table {
        match layer.room {
            Room::Addresses => &self.addresses,
            Room::Accounts => &self.accounts,
            Room::Callers => &self.callers,
        }
    }
}

/// Longer than any window and any cooldown that can be set.
const IDLE_MAX: Duration = Duration::from_secs(2 * 3600);

#[derive(Clone, Copy)]
struct Refusal {
    scope: Scope,
    limit: u32,
    wait_ms: u64,
}

impl From<Refusal> for Decision {
    fn from(refusal: Refusal) -> Self {
        let Refusal { scope, limit, wait_ms } = refusal;
        Self::Refused { scope, limit, retry_after_s: seconds(wait_ms).max(1) }
    }
}

/// Whole seconds, rounded up: waiting that long is always enough.
fn seconds(ms: u64) -> u32 {
    u32::try_from(ms.div_ceil(1000)).unwrap_or(u32::MAX)
}
