//! What callers of the throttle may rely on.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;
use crate::access::device::DeviceCookie;
use crate::base::{UnixTime, limit};

const START: u64 = 1_000_000;
const MINUTE: u64 = 60_000;

fn throttle() -> Throttle {
    Throttle::new(RateLimits::default())
}

fn ip(last: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0xCB00_7100 + last))
}

fn of(class: RateClass, caller: Caller) -> RequestFacts {
    RequestFacts { caller, ..RequestFacts::anonymous(class, ip(7)) }
}

fn token() -> RequestFacts {
    of(RateClass::General, Caller::Token([1; 16]))
}

fn guess(ip: IpAddr) -> RequestFacts {
    let account = Some(AccountKey::new(Attempt::Password, "ann"));
    RequestFacts { account, ..RequestFacts::anonymous(RateClass::Auth, ip) }
}

fn is_allowed(decision: Decision) -> bool {
    matches!(decision, Decision::Allowed { .. })
}

/// How many of `tries` at once are allowed.
fn allowed(throttle: &Throttle, now: u64, facts: &RequestFacts, load: Load, tries: u32) -> u32 {
    (0..tries).map(|_| u32::from(is_allowed(throttle.check(now, facts, load)))).sum()
}

fn retry_after(decision: Decision) -> u64 {
    match decision {
        Decision::Refused { retry_after_s, .. } => u64::from(retry_after_s) * 1000,
        Decision::Allowed { .. } => panic!("allowed"),
    }
}

#[test]
fn c17_the_61st_request_of_a_token_within_a_minute_is_refused() {
    let throttle = throttle();
    for second in 0..60u64 {
        let decision = throttle.check(START + second * 900, &token(), Load::NONE);
        let Decision::Allowed { limit, remaining, .. } = decision else { panic!("{decision:?}") };
        assert_eq!((limit, u64::from(remaining)), (60, 59 - second));
    }
    let refused = throttle.check(START + 59_999, &token(), Load::NONE);
    let Decision::Refused { scope, limit, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((scope.as_str(), limit), ("token", 60));
    let retry = START + 59_999 + retry_after(refused);
    assert!(is_allowed(throttle.check(retry, &token(), Load::NONE)));
    let other = of(RateClass::General, Caller::Token([2; 16]));
    assert!(is_allowed(throttle.check(START, &other, Load::NONE)), "another token");
}

#[test]
fn c17_x10_load_narrows_only_the_tokens_bucket_never_below_a_quarter_and_lets_go() {
    for (load, limit) in [(0, 60), (700, 60), (800, 45), (900, 30), (1000, 15), (60_000, 15)] {
        assert_eq!(Load::per_mille(load).narrow(60), limit);
    }
    assert_eq!(Load::per_mille(1000).narrow(1), 1);
    let throttle = throttle();
    let full = Load::per_mille(1000);
    assert_eq!(allowed(&throttle, START, &token(), full, 100), 15);
    assert_eq!(allowed(&throttle, START, &token(), Load::NONE, 100), 45, "rises again");
    for (facts, limit) in [
        (of(RateClass::General, Caller::Session([1; 16])), 300),
        (of(RateClass::General, Caller::Anonymous), 300),
        (of(RateClass::Signaling, Caller::Session([1; 16])), 600),
    ] {
        assert_eq!(allowed(&throttle, START, &facts, full, 10_000), limit, "{facts:?}");
    }
}

#[test]
fn c17_signaling_goes_on_when_everything_else_of_the_caller_is_refused() {
    let throttle = throttle();
    for caller in [Caller::Token([1; 16]), Caller::Session([1; 16]), Caller::Anonymous] {
        for class in [RateClass::General, RateClass::Expensive, RateClass::Static] {
            allowed(&throttle, START, &of(class, caller), Load::NONE, 10_000);
        }
        let signaling = of(RateClass::Signaling, caller);
        let full = Load::per_mille(1000);
        assert_eq!(allowed(&throttle, START, &signaling, full, 500), 500, "{caller:?}");
    }
}

#[test]
fn a29_every_class_ends_in_a_refusal_by_default() {
    for class in [
        RateClass::General,
        RateClass::Auth,
        RateClass::PublicForm,
        RateClass::Expensive,
        RateClass::Signaling,
        RateClass::Static,
    ] {
        for caller in [Caller::Anonymous, Caller::Session([1; 16]), Caller::Token([1; 16])] {
            let passed = allowed(&throttle(), START, &of(class, caller), Load::NONE, 10_000);
            assert!(passed < 10_000, "{class:?} {caller:?}");
        }
    }
}

#[test]
fn a30_the_sixth_form_of_an_address_within_an_hour_is_refused() {
    let throttle = throttle();
    let form = |ip| RequestFacts::anonymous(RateClass::PublicForm, ip);
    let send = |now, ip| throttle.check(now, &form(ip), Load::NONE);
    for minute in 0..5 {
        assert!(is_allowed(send(START + minute * MINUTE, ip(1))));
    }
    assert_eq!(retry_after(send(START + 5 * MINUTE, ip(1))), 59 * MINUTE);
    assert!(is_allowed(send(START + 5 * MINUTE, ip(2))), "another address");
    assert!(!is_allowed(send(START + 60 * MINUTE - 1, ip(1))));
    assert!(is_allowed(send(START + 64 * MINUTE, ip(1))));
    let mapped: IpAddr = "::ffff:203.0.113.3".parse().unwrap();
    assert_eq!(allowed(&throttle, START, &form(ip(3)), Load::NONE, 9), 5);
    assert_eq!(allowed(&throttle, START, &form(mapped), Load::NONE, 9), 0, "mapped is the same");
    for (address, passes) in [("2001:db8::1", 5), ("2001:db8::ffff:1", 0), ("2001:db8:0:1::1", 5)] {
        let address = address.parse().unwrap();
        assert_eq!(allowed(&throttle, START, &form(address), Load::NONE, 9), passes, "{address}");
    }
}

#[test]
fn a31_exceeding_the_expensive_limit_costs_fifteen_minutes_even_if_the_window_rolls_over() {
    let throttle = throttle();
    let facts = of(RateClass::Expensive, Caller::Session([1; 16]));
    let ask = |now| throttle.check(now, &facts, Load::NONE);
    assert_eq!(allowed(&throttle, START, &facts, Load::NONE, 20), 20);
    let exceeded = START + 59 * MINUTE;
    assert_eq!(retry_after(ask(exceeded)), 15 * MINUTE);
    assert!(!is_allowed(ask(exceeded + 2 * MINUTE)), "the window has rolled over");
    assert_eq!(retry_after(ask(exceeded + 14 * MINUTE)), MINUTE, "asking does not prolong it");
    assert!(is_allowed(ask(exceeded + 15 * MINUTE + 1_000)));
    let at_once = throttle.check(START, &of(RateClass::Expensive, Caller::Anonymous), Load::NONE);
    assert!(is_allowed(at_once), "another caller");
}

#[test]
fn sec_a15_the_sixth_guess_within_five_minutes_is_refused() {
    let throttle = throttle();
    assert_eq!(allowed(&throttle, START, &guess(ip(1)), Load::NONE, 9), 5);
    let refused = throttle.check(START, &guess(ip(1)), Load::NONE);
    assert!(matches!(refused, Decision::Refused { scope: Scope::AccountNetwork, limit: 5, .. }));
    assert_eq!(retry_after(refused), 5 * MINUTE);
}

#[test]
fn sec_a15_ten_thousand_guesses_from_a_thousand_addresses_find_a_code_in_under_one_of_a_hundred() {
    let throttle = throttle();
    let mut judged = 0;
    for guesses in 0..10_000u32 {
        // Over a day, each from another network.
        let from = IpAddr::V4(Ipv4Addr::from(0x0A00_0000 + guesses % 1_000 * 256));
        let facts = RequestFacts {
            account: Some(AccountKey::new(Attempt::Factor, "ann")),
            ..RequestFacts::anonymous(RateClass::Auth, from)
        };
        let now = START + u64::from(guesses) * 8_640;
        judged += u32::from(is_allowed(throttle.check(now, &facts, Load::NONE)));
    }
    // Three of a million codes are good at a time.
    assert!(f64::from(judged) * 3e-6 < 0.01, "{judged}");
    assert!(judged > 100, "a delay is no lock");
}

#[test]
fn sec_a21_an_attackers_failures_never_reach_the_owners_browser() {
    let throttle = throttle();
    let cookie = DeviceCookie::new([1; 16], UnixTime(1)).unwrap();
    let device = Some(DeviceKey::from(&cookie));
    for attack in 0..500u32 {
        let now = START + u64::from(attack) * 100;
        // From everywhere, the victim's own address included.
        let _ = throttle.check(now, &guess(ip(attack % 250)), Load::NONE);
        let _ =
            throttle.check(now, &guess(IpAddr::V4(Ipv4Addr::from(attack * 65_536))), Load::NONE);
    }
    let now = START + 50_000;
    let owner = RequestFacts { device, ..guess(ip(7)) };
    assert!(is_allowed(throttle.check(now, &owner, Load::NONE)), "at once");
    throttle.succeeded(&owner);
    for _ in 0..20 {
        assert!(is_allowed(throttle.check(now, &owner, Load::NONE)));
        throttle.succeeded(&owner);
    }
    assert_eq!(allowed(&throttle, now, &owner, Load::NONE, 50), 5, "its own failures count");
    let elsewhere = guess("192.0.2.1".parse().unwrap());
    let refused = throttle.check(now, &elsewhere, Load::NONE);
    assert!(retry_after(refused) <= MINUTE, "without a cookie a delay, not a lock: {refused:?}");
    assert!(is_allowed(throttle.check(now + retry_after(refused), &elsewhere, Load::NONE)));
    let account = Some(AccountKey::new(Attempt::Password, "bob"));
    let other = RequestFacts { account, ..elsewhere };
    assert!(is_allowed(throttle.check(now, &other, Load::NONE)), "another account");
}

#[test]
fn sign_ins_that_succeed_use_nothing_up() {
    let throttle = throttle();
    for person in 0..200 {
        let account = Some(AccountKey::new(Attempt::Password, &format!("agent{person}")));
        let facts = RequestFacts { account, ..guess(ip(7)) };
        assert!(is_allowed(throttle.check(START, &facts, Load::NONE)), "{person}");
        throttle.succeeded(&facts);
    }
    for _ in 0..50 {
        assert!(is_allowed(throttle.check(START, &guess(ip(7)), Load::NONE)));
        throttle.succeeded(&guess(ip(7)));
    }
}

#[test]
fn accounts_are_told_apart_by_what_is_guessed_and_not_by_case() {
    let key = AccountKey::new;
    assert_eq!(key(Attempt::Password, " Ann"), key(Attempt::Password, "ann"));
    let kinds = [Attempt::Password, Attempt::Factor, Attempt::Mail];
    let keys: HashSet<_> = kinds.into_iter().map(|kind| key(kind, "ann")).collect();
    assert_eq!(keys.len(), 3);
}

#[test]
fn a_refused_request_is_counted_nowhere() {
    let throttle = throttle();
    assert_eq!(allowed(&throttle, START, &token(), Load::NONE, 7_000), 60);
    // Had the refused ones been counted at the address, no other token could pass there.
    let other = of(RateClass::General, Caller::Token([2; 16]));
    assert_eq!(allowed(&throttle, START, &other, Load::NONE, 7_000), 60);
}

#[test]
fn sec_d09_a_flood_of_addresses_and_names_stays_within_its_tables() {
    let throttle = throttle();
    assert_eq!(allowed(&throttle, START, &token(), Load::NONE, 60), 60);
    for number in 0..400_000u64 {
        let from = Ipv6Addr::from(u128::from(number) << 64 | u128::from(number));
        let account = Some(AccountKey::new(Attempt::Password, &number.to_string()));
        let facts =
            RequestFacts { account, ..RequestFacts::anonymous(RateClass::Auth, from.into()) };
        let _ = throttle.check(START + number / 100, &facts, Load::NONE);
    }
    assert!(throttle.buckets() <= limit::THROTTLE_ADDRESSES_MAX + limit::THROTTLE_ACCOUNTS_MAX + 2);
    let still = throttle.check(START + 5_000, &token(), Load::NONE);
    assert!(!is_allowed(still), "nobody's token was pushed out");
    throttle.clean_up(START + 3 * 60 * MINUTE);
    assert_eq!(throttle.buckets(), 0);
}

#[test]
fn sec_d09_the_longest_idle_are_forgotten_first() {
    let throttle = throttle();
    let form = |number: u32| {
        let from = IpAddr::V4(Ipv4Addr::from(number));
        RequestFacts::anonymous(RateClass::PublicForm, from)
    };
    let busy = form(u32::MAX);
    allowed(&throttle, START, &busy, Load::NONE, 5);
    for number in 0..200_000u32 {
        let now = START + u64::from(number);
        let _ = throttle.check(now, &form(number), Load::NONE);
        if number % 100 == 0 {
            assert!(!is_allowed(throttle.check(now, &busy, Load::NONE)), "{number}");
        }
    }
}

#[test]
fn limits_hold_and_are_used_up_exactly_when_threads_race() {
    let throttle = throttle();
    let passed = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let own = allowed(&throttle, START, &token(), Load::NONE, 50);
                passed.fetch_add(own, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(passed.into_inner(), 60);
}

#[test]
fn new_limits_hold_at_once_for_what_was_counted() {
    let throttle = throttle();
    assert_eq!(allowed(&throttle, START, &token(), Load::NONE, 30), 30);
    let per_token = RateLimit::per_minute(20);
    throttle.set_limits(RateLimits { per_token, ..RateLimits::default() });
    assert!(!is_allowed(throttle.check(START, &token(), Load::NONE)));
}

/// Small limits, so that short histories meet all of them.
fn tight() -> RateLimits {
    let of = RateLimit::new;
    let seconds = std::time::Duration::from_secs;
    RateLimits {
        per_token: of(3, seconds(10)),
        per_session: of(4, seconds(10)),
        per_ip: of(3, seconds(7)),
        per_ip_signed_in: of(5, seconds(9)),
        auth_per_ip: of(4, seconds(10)),
        auth_per_network: of(5, seconds(20)),
        account_per_network: of(2, seconds(15)),
        account_delay: AccountDelay { free: 2, first: seconds(1), longest: seconds(30) },
        per_device: of(2, seconds(10)),
        public_form: of(2, seconds(30)),
        expensive: of(2, seconds(60)),
        expensive_cooldown: seconds(15),
        signaling_per_caller: of(5, seconds(5)),
        signaling_per_ip: of(5, seconds(5)),
        static_per_ip: of(5, seconds(5)),
    }
}

fn any_request() -> impl Strategy<Value = RequestFacts> {
    let class = prop::sample::select(vec![
        RateClass::General,
        RateClass::Auth,
        RateClass::PublicForm,
        RateClass::Expensive,
        RateClass::Signaling,
        RateClass::Static,
    ]);
    let caller = prop::sample::select(vec![
        Caller::Anonymous,
        Caller::Session([1; 16]),
        Caller::Token([1; 16]),
        Caller::Token([2; 16]),
    ]);
    let address = prop::sample::select(vec![ip(1), ip(2), "2001:db8::1".parse().unwrap()]);
    let account = proptest::option::of(0..2u8);
    (class, caller, address, account, any::<bool>()).prop_map(
        |(class, caller, ip, account, has_device)| RequestFacts {
            class,
            ip,
            caller,
            account: account.map(|name| AccountKey::new(Attempt::Password, &name.to_string())),
            device: has_device.then_some(DeviceKey([1, 2])),
        },
    )
}

proptest! {
    #[test]
    fn a32_a_request_repeated_after_as_long_as_it_was_told_succeeds(
        steps in prop::collection::vec((0u64..4_000, any_request(), any::<bool>()), 1..120),
        load in 0u16..1_200,
    ) {
        let throttle = Throttle::new(tight());
        let load = Load::per_mille(load);
        let mut now = START;
        for (wait, facts, succeeds) in steps {
            now += wait;
            let decision = throttle.check(now, &facts, load);
            if let Decision::Refused { retry_after_s, limit, .. } = decision {
                prop_assert!(retry_after_s > 0 && limit > 0);
                now += u64::from(retry_after_s) * 1000;
                let again = throttle.check(now, &facts, load);
                prop_assert!(is_allowed(again), "{facts:?}: {decision:?}, then {again:?}");
            }
            if succeeds && facts.class == RateClass::Auth {
                throttle.succeeded(&facts);
            }
        }
    }

    #[test]
    fn c17_no_minute_holds_more_than_the_limit(
        waits in prop::collection::vec(0u64..3_000, 1..300),
    ) {
        let throttle = throttle();
        let mut passed: Vec<u64> = Vec::new();
        let mut now = START;
        for wait in waits {
            now += wait;
            if is_allowed(throttle.check(now, &token(), Load::NONE)) {
                passed.push(now);
            }
            prop_assert!(passed.iter().filter(|at| **at + MINUTE > now).count() <= 60);
        }
    }
}
