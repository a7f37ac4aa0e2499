//! Tags, branches, Call-IDs and jitter.

/// A source of random bits: the system's, or a seeded one for tests.
#[derive(Debug)]
pub struct Random(Source);

#[derive(Debug)]
enum Source {
    System,
    Seeded(u64),
}

impl Random {
    /// The operating system's generator.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A generator that repeats itself; for tests only, its output can be guessed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(seed))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        match &mut self.0 {
            Source::System => {
                // A version 4 UUID has its six fixed bits in different places of the two halves.
                let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
                high ^ low
            }
            Source::Seeded(state) => split_mix(state),
        }
    }

    /// A tag, as random as RFC 3261 §19.3 wants.
    pub(super) fn tag(&mut self) -> String {
        format!("{:016x}", self.bits())
    }

    /// A branch nobody can guess, so that nobody off the path can answer for the peer.
    pub(super) fn branch(&mut self) -> String {
        format!("z9hG4bK{:016x}{:016x}", self.bits(), self.bits())
    }

    /// A Call-ID. JsSIP refuses calls whose Call-ID begins with its own five lower-case letters
    /// and digits (INTEROP finding 7), so ours begins with what those can never be.
    pub(super) fn call_id(&mut self) -> String {
        format!("RF-{:016x}{:016x}", self.bits(), self.bits())
    }
}

/// SplitMix64.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
