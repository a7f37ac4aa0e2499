//! What several benches share, and `loadtest` borrows: a bridged call in a shard, the barest relay
//! to compare it with, a peer's handshake, and timing one thing against another in one run.
#![expect(dead_code, reason = "each bench uses its own part")]

pub mod compare;
pub mod handshake;
pub mod messages;
pub mod relay;
pub mod stun;

use std::time::Duration;

use criterion::Criterion;

/// Short runs: all benches together stay under three minutes.
pub fn quick() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .nresamples(5_000)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(700))
}
