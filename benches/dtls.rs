//! A DTLS handshake with a browser, our side's share of it, and the cryptography it cannot do
//! without. Ends with the ratio of the two (goal: 2.2).

mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use support::compare::compare;
use support::handshake::{Floor, Handshakes, Version};

const VERSIONS: [(&str, Version); 2] =
    [("DTLS 1.3", Version::Dtls13), ("DTLS 1.2", Version::Dtls12)];

/// What a handshake may cost, as a multiple of its cryptography.
const GOAL: f64 = 2.2;

fn floor(criterion: &mut Criterion) {
    let floor = Floor::new();
    let mut group = criterion.benchmark_group("crypto floor");
    group.bench_function("P-256 sign", |bencher| bencher.iter(|| black_box(floor.sign())));
    group.bench_function("P-256 verify", |bencher| bencher.iter(|| floor.verify()));
    group.bench_function("X25519 keygen and agree", |bencher| {
        bencher.iter(|| black_box(floor.key_agreement()));
    });
    group.bench_function("all of a handshake's", |bencher| bencher.iter(|| floor.run()));
    group.finish();
}

fn handshake(criterion: &mut Criterion) {
    let handshakes = Handshakes::new();
    let mut group = criterion.benchmark_group("dtls");
    for (name, version) in VERSIONS {
        group.bench_function(format!("{name} server"), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| handshakes.run(version)).sum());
        });
    }
    group.finish();
}

fn ratio(_: &mut Criterion) {
    let (floor, handshakes) = (Floor::new(), Handshakes::new());
    for (name, version) in VERSIONS {
        let comparison =
            compare(ROUNDS, || per_unit(|| handshakes.run(version)), || per_unit(|| floor.run()));
        comparison.print(&format!("{name} server / crypto floor"), GOAL);
    }
}

const ROUNDS: usize = 21;
const UNITS: u32 = 40;

fn per_unit(unit: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(unit).take(UNITS as usize).sum::<Duration>() / UNITS
}

criterion_group! { name = benches; config = support::quick(); targets = floor, handshake, ratio }
criterion_main!(benches);
