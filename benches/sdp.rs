//! A browser's offer, from bytes to the bytes of our answer.
#![expect(clippy::expect_used, reason = "a bench that cannot set itself up must stop")]

mod support;

use std::hint::black_box;
use std::net::SocketAddr;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringfence::media::{Codec, Direction, IceCredentials};
use ringfence::sdp::{Description, Origin, browser, choose};
use support::messages;

const CODECS: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];

fn sdp(criterion: &mut Criterion) {
    let offer = messages::offer().into_bytes();
    let ice = IceCredentials { ufrag: "0000abcd".into(), pwd: "0123456789abcdef012345".into() };
    let candidates = [SocketAddr::from(([192, 0, 2, 1], 40_000))];
    let mut group = criterion.benchmark_group("sdp");
    group.throughput(Throughput::Bytes(offer.len() as u64));
    group.bench_function("parse offer", |bencher| {
        bencher.iter(|| Description::parse(black_box(&offer)).expect("good"));
    });
    group.bench_function("offer to answer", |bencher| {
        bencher.iter(|| answer(black_box(&offer), &ice, &candidates));
    });
    group.finish();
}

fn answer(offer: &[u8], ice: &IceCredentials, candidates: &[SocketAddr]) -> Vec<u8> {
    let description = Description::parse(offer).expect("good");
    let remote = browser::remote(&description, false).expect("acceptable");
    let format = choose(&description.audio, None, &CODECS).expect("a codec");
    let local = browser::Local {
        origin: Origin::new(0x1234_5678_9abc_def0),
        ice,
        fingerprint: &[7; 32],
        candidates,
        direction: Direction::SendRecv,
    };
    browser::answer(local, &description, remote.role, &format)
}

criterion_group! { name = benches; config = support::quick(); targets = sdp }
criterion_main!(benches);
