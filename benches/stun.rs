//! A connectivity check, checked and answered.

mod support;

use std::hint::black_box;
use std::net::SocketAddr;

use criterion::{Criterion, criterion_group, criterion_main};
use ringfence::base::Clock;
use ringfence::media::IceCredentials;
use ringfence::media::ice::{IceLite, Outcome, ufrag_of};

const LOCAL: (&str, &str) = ("0000abcd", "0123456789abcdef012345");

fn stun(criterion: &mut Criterion) {
    let local = IceCredentials { ufrag: LOCAL.0.into(), pwd: LOCAL.1.into() };
    let now = Clock::system().now();
    let source = SocketAddr::from(([192, 0, 2, 1], 50_000));
    let check = support::stun::check(LOCAL.0, LOCAL.1, "Yx3K", [3; 12]);
    let mut ice = IceLite::new(&local, None);
    let mut out = [0; 256];
    assert!(matches!(ice.handle(now, source, &check, &mut out), Outcome::Nominated(_)));
    let mut group = criterion.benchmark_group("stun");
    group.bench_function("find the leg", |bencher| {
        bencher.iter(|| ufrag_of(black_box(&check)).map(str::len));
    });
    group.bench_function("check and answer", |bencher| {
        bencher.iter(|| ice.handle(now, source, black_box(&check), &mut out));
    });
    group.finish();
}

criterion_group! { name = benches; config = support::quick(); targets = stun }
criterion_main!(benches);
