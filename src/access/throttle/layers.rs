//! Which buckets judge which request.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use super::bucket::Rule;
use super::facts::{Caller, Load, RateClass, RequestFacts, Scope, pair};
use super::limits::{RateLimit, RateLimits, ms};

/// The name of a bucket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    class: RateClass,
    pub(super) scope: Scope,
    id: [u64; 2],
    network: u64,
}

impl Hash for Key {
    /// As four numbers: the derived one would hash each field's length and tag too.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [high, low] = self.id;
        for number in [(self.class as u64) << 8 | self.scope as u64, high, low, self.network] {
            state.write_u64(number);
        }
    }
}

/// Which table a bucket is in.
#[derive(Clone, Copy)]
pub(super) enum Room {
    Addresses,
    Accounts,
    Callers,
}

#[derive(Clone, Copy)]
pub(super) struct Layer {
    pub(super) room: Room,
    pub(super) key: Key,
    pub(super) rule: Rule,
}

/// At most four buckets, without allocation.
pub(super) struct Layers([Option<Layer>; 4]);

impl Layers {
    /// The buckets of a request. One whose refusal changes it (a cooldown) comes first, so that it
    /// is always asked in earnest; the account's delay comes last, so that it is never taken back.
    pub(super) fn of(limits: &RateLimits, facts: &RequestFacts, load: Load) -> Self {
        let ip = |limit| Some(address(facts, Scope::Ip, address_id(facts.ip), limit));
        match facts.class {
            RateClass::General => {
                Self([general_ip(limits, facts), general_caller(limits, facts, load), None, None])
            }
            RateClass::Expensive => Self([
                Some(expensive(limits, facts)),
                general_ip(limits, facts),
                general_caller(limits, facts, load),
                None,
            ]),
            RateClass::Auth => auth(limits, facts),
            RateClass::PublicForm => Self([ip(limits.public_form), None, None, None]),
            RateClass::Static => Self([ip(limits.static_per_ip), None, None, None]),
            RateClass::Signaling => {
                let rule = Rule::Limit(limits.signaling_per_caller);
                let layer = caller(facts, rule).or_else(|| ip(limits.signaling_per_ip));
                Self([layer, None, None, None])
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Layer> {
        self.0.iter().flatten()
    }
}

/// Expensive requests count as general ones too, in the same buckets.
fn general_ip(limits: &RateLimits, facts: &RequestFacts) -> Option<Layer> {
    let limit = match facts.caller {
        Caller::Anonymous => limits.per_ip,
        Caller::Session(_) | Caller::Token(_) => limits.per_ip_signed_in,
    };
    let mut layer = address(facts, Scope::Ip, address_id(facts.ip), limit);
    layer.key.class = RateClass::General;
    // Apart, so that strangers behind the same address do not use up what is for those signed in.
    layer.key.network = u64::from(facts.caller != Caller::Anonymous);
    Some(layer)
}

fn general_caller(limits: &RateLimits, facts: &RequestFacts, load: Load) -> Option<Layer> {
    let limit = match facts.caller {
        Caller::Token(_) => {
            let limit = limits.per_token;
            limit.with_count(load.narrow(limit.count()))
        }
        Caller::Anonymous | Caller::Session(_) => limits.per_session,
    };
    let mut layer = caller(facts, Rule::Limit(limit))?;
    layer.key.class = RateClass::General;
    Some(layer)
}

fn expensive(limits: &RateLimits, facts: &RequestFacts) -> Layer {
    let cooldown_ms = ms(limits.expensive_cooldown).min(3_600_000);
    let rule = Rule::Cooldown(limits.expensive, cooldown_ms);
    caller(facts, rule).unwrap_or_else(|| Layer {
        room: Room::Addresses,
        key: key(facts, Scope::Ip, address_id(facts.ip)),
        rule,
    })
}

/// A known browser has only its own bucket, so nobody else's failures reach it. All others share
/// those of their address, their network and the account.
fn auth(limits: &RateLimits, facts: &RequestFacts) -> Layers {
    if let (Some(device), Some(account)) = (facts.device, facts.account) {
        let [kind, _] = account.0;
        let key = Key { network: kind, ..key(facts, Scope::Device, device.0) };
        let rule = Rule::Limit(limits.per_device);
        return Layers([Some(Layer { room: Room::Callers, key, rule }), None, None, None]);
    }
    let of_account = |scope, network, rule| {
        let account = facts.account?;
        let key = Key { network, ..key(facts, scope, account.0) };
        Some(Layer { room: Room::Accounts, key, rule })
    };
    let [high, low] = address_id(facts.ip);
    // Different addresses mix to different numbers: IPv4 has no high half, IPv6 no low one.
    let from = high ^ low;
    let per_network = Rule::Limit(limits.account_per_network);
    Layers([
        Some(address(facts, Scope::Ip, address_id(facts.ip), limits.auth_per_ip)),
        Some(address(facts, Scope::Network, network_id(facts.ip), limits.auth_per_network)),
        of_account(Scope::AccountNetwork, from, per_network),
        of_account(Scope::Account, 0, Rule::Delay(limits.account_delay)),
    ])
}

fn caller(facts: &RequestFacts, rule: Rule) -> Option<Layer> {
    let (scope, id) = match facts.caller {
        Caller::Anonymous => return None,
        Caller::Session(id) => (Scope::Session, id),
        Caller::Token(id) => (Scope::Token, id),
    };
    Some(Layer { room: Room::Callers, key: key(facts, scope, pair(id)), rule })
}

fn address(facts: &RequestFacts, scope: Scope, id: [u64; 2], limit: RateLimit) -> Layer {
    Layer { room: Room::Addresses, key: key(facts, scope, id), rule: Rule::Limit(limit) }
}

fn key(facts: &RequestFacts, scope: Scope, id: [u64; 2]) -> Key {
    Key { class: facts.class, scope, id, network: 0 }
}

/// An IPv4 address, or the /64 of an IPv6 one: whoever has one has them all (D-09).
fn address_id(ip: IpAddr) -> [u64; 2] {
    match ip.to_canonical() {
        IpAddr::V4(ip) => [0, MAPPED | u64::from(u32::from(ip))],
        IpAddr::V6(ip) => [(u128::from(ip) >> 64) as u64, 0],
    }
}

/// The /24 of an IPv4 address, the /48 of an IPv6 one.
fn network_id(ip: IpAddr) -> [u64; 2] {
    let [high, low] = address_id(ip);
    [high & !0xFFFF, low & !0xFF]
}

/// Keeps IPv4 apart from `::/64`.
const MAPPED: u64 = 0xFFFF << 32;
