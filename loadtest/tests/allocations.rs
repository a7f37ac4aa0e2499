//! A relayed packet allocates nothing: not on its way from a browser to a PBX, nor back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};

use ringfence::media::rtp::srtp::SrtpProfile;
use ringfence::media::shard::PacketBuf;

#[path = "../../benches/support/relay.rs"]
#[expect(dead_code, reason = "the benches compare with a bare relay, this does not")]
mod relay;

use relay::{ShardRelay, Way};

/// Counts what the thread under test takes from the system.
struct Counting;

thread_local! {
    static TAKEN: Cell<Option<u64>> = const { Cell::new(None) };
}

fn note() {
    // A thread that is ending has no count any more.
    let _ = TAKEN.try_with(|taken| taken.set(taken.get().map(|count| count + 1)));
}

#[expect(
    unsafe_code,
    reason = "the allocator's trait is unsafe; everything is passed to the system's"
)]
// SAFETY: each call is passed on unchanged; counting touches no memory of the allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the trait's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations while `work` runs.
fn allocations(work: impl FnOnce()) -> u64 {
    TAKEN.set(Some(0));
    work();
    TAKEN.replace(None).unwrap_or_default()
}

const BATCH: usize = 64;
const BATCHES: usize = 500;

fn assert_free(browser: SrtpProfile, trunk: SrtpProfile) {
    let mut relay = ShardRelay::new(20, browser, trunk);
    let mut packets = vec![PacketBuf::new(); BATCH];
    let mut sources = vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)); BATCH];
    for batch in 0..BATCHES {
        for way in [Way::BrowserToTrunk, Way::TrunkToBrowser] {
            relay.fill(way, &mut packets, &mut sources);
            let count = allocations(|| relay.relay(way, &mut packets, &sources));
            // The first packets of a leg open its SRTP source and its statistics.
            if batch >= 10 {
                assert_eq!(count, 0, "{way:?}, batch {batch}");
            }
        }
    }
}

#[test]
fn p6_a_packet_relayed_between_gcm_and_cm80_allocates_nothing() {
    assert_free(SrtpProfile::AeadAes128Gcm, SrtpProfile::Aes128CmSha1_80);
}

#[test]
fn p6_a_packet_relayed_between_gcm_and_gcm_allocates_nothing() {
    assert_free(SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm);
}

#[test]
fn the_count_sees_an_allocation() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1_u64)))), 1);
}
