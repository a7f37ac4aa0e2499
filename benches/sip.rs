//! SIP over WebSocket: the messages JsSIP sends, parsed and written.
#![expect(clippy::expect_used, reason = "a bench that cannot set itself up must stop")]

mod support;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringfence::sip::message::{Message, StatusCode};
use support::messages;

fn sip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sip");
    for (name, text) in [("INVITE", messages::invite()), ("REGISTER", messages::register())] {
        let bytes = text.into_bytes();
        let message = Message::parse(&bytes).expect("good");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("parse {name}"), |bencher| {
            bencher.iter(|| Message::parse(black_box(&bytes)).expect("good"));
        });
        group.bench_function(format!("write {name}"), |bencher| {
            let mut out = Vec::with_capacity(bytes.len());
            bencher.iter(|| {
                out.clear();
                black_box(&message).write(&mut out);
            });
        });
    }
    let Ok(Message::Request(register)) = Message::parse(messages::register().as_bytes()) else {
        return;
    };
    group.bench_function("reply to REGISTER", |bencher| {
        let ok = StatusCode::new(200).expect("a status");
        let mut out = Vec::with_capacity(1024);
        bencher.iter(|| {
            out.clear();
            register.reply(ok).write(&mut out);
        });
    });
    group.finish();
}

criterion_group! { name = benches; config = support::quick(); targets = sip }
criterion_main!(benches);
