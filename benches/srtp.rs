//! SRTP by suite: 20 ms of G.711, opened and sealed in place.
#![expect(clippy::expect_used, reason = "a bench that cannot set itself up must stop")]

mod support;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use ringfence::media::rtp::srtp::{Inbound, SrtpKey, SrtpProfile};
use ringfence::media::shard::PacketBuf;
use support::compare::Stopwatch;
use support::relay::Sender;

/// Packets made outside of the watch and then opened on it.
const CHUNK: u64 = 64;

fn srtp(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("srtp");
    for profile in [
        SrtpProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm,
        SrtpProfile::Aes128CmSha1_80,
        SrtpProfile::Aes128CmSha1_32,
    ] {
        group.bench_function(format!("open {}", profile.as_str()), |bencher| {
            open(bencher, profile);
        });
        group.bench_function(format!("seal {}", profile.as_str()), |bencher| {
            let mut sender = Sender::new(&SrtpKey::random(profile).expect("key"), 1);
            let mut packet = PacketBuf::new();
            bencher.iter(|| sender.next(&mut packet));
        });
    }
    group.finish();
}

fn open(bencher: &mut Bencher<'_>, profile: SrtpProfile) {
    let key = SrtpKey::random(profile).expect("key");
    let mut sender = Sender::new(&key, 1);
    let mut inbound = Inbound::new(&key).expect("context");
    let mut packets = vec![PacketBuf::new(); CHUNK as usize];
    bencher.iter_custom(|times| {
        let mut watch = Stopwatch::new();
        let chunks = times.div_ceil(CHUNK);
        for _ in 0..chunks {
            packets.iter_mut().for_each(|packet| sender.next(packet));
            watch.time(|| {
                for packet in &mut packets {
                    inbound.open_rtp(packet.as_mut_slice()).expect("opens");
                }
            });
        }
        watch.spent().mul_f64(times as f64 / (chunks * CHUNK) as f64)
    });
}

criterion_group! { name = benches; config = support::quick(); targets = srtp }
criterion_main!(benches);
