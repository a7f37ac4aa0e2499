//! One packet of a call between a browser (DTLS-SRTP) and a PBX (SDES) through a shard, without
//! system calls, beside the barest thing that does the same cryptography. `loadtest media`
//! compares them with system calls, as P6 counts.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ringfence::media::rtp::srtp::SrtpProfile::{self, AeadAes128Gcm, Aes128CmSha1_80};
use ringfence::media::shard::PacketBuf;
use support::compare::Stopwatch;
use support::relay::{BareRelay, ShardRelay, Way};

/// Calls that take turns, so that caches see what a busy worker's see.
const CALLS: usize = 200;

/// Packets of one batch, as `recvmmsg` would give them.
const BATCH: usize = 64;

const SUITES: [(&str, SrtpProfile, SrtpProfile); 2] = [
    ("GCM to CM_80", AeadAes128Gcm, Aes128CmSha1_80),
    ("GCM to GCM", AeadAes128Gcm, AeadAes128Gcm),
];

struct Batch {
    packets: Vec<PacketBuf>,
    sources: Vec<SocketAddr>,
}

impl Batch {
    fn new() -> Self {
        let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
        Self { packets: vec![PacketBuf::new(); BATCH], sources: vec![nobody; BATCH] }
    }
}

fn relay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("relayed packet");
    for (name, browser, trunk) in SUITES {
        let mut shard = ShardRelay::new(CALLS, browser, trunk);
        for way in [Way::BrowserToTrunk, Way::TrunkToBrowser] {
            group.bench_function(format!("shard, {name}, {way:?}"), |bencher| {
                bencher.iter_custom(|times| run_shard(&mut shard, way, times));
            });
        }
        let mut bare = BareRelay::new(CALLS, browser, trunk);
        group.bench_function(format!("bare, {name}"), |bencher| {
            bencher.iter_custom(|times| run_bare(&mut bare, times));
        });
    }
    group.finish();
}

/// Runs at least `times` packets and gives the time for exactly that many.
fn run(times: u64, mut batch: impl FnMut(&mut Stopwatch)) -> Duration {
    let batches = times.div_ceil(BATCH as u64);
    let mut watch = Stopwatch::new();
    for _ in 0..batches {
        batch(&mut watch);
    }
    watch.spent().mul_f64(times as f64 / (batches * BATCH as u64) as f64)
}

fn run_shard(relay: &mut ShardRelay, way: Way, times: u64) -> Duration {
    let Batch { mut packets, mut sources } = Batch::new();
    run(times, |watch| {
        relay.fill(way, &mut packets, &mut sources);
        watch.time(|| relay.relay(way, &mut packets, &sources));
    })
}

fn run_bare(relay: &mut BareRelay, times: u64) -> Duration {
    let Batch { mut packets, mut sources } = Batch::new();
    run(times, |watch| {
        relay.fill(&mut packets, &mut sources);
        watch.time(|| relay.relay(&mut packets, &sources));
    })
}

criterion_group! { name = benches; config = support::quick(); targets = relay }
criterion_main!(benches);
