//! What was accepted from each source under one key: highest index, a window of 1024 behind it
//! (RFC 3711 §3.3.2), and the estimate of a packet's index from its sequence number (§3.3.1).
//!
//! Nothing here changes except by [`Sources::accept`], which is called for authentic packets only.

use super::SrtpError;
use crate::base::limit::{SRTP_SOURCES_MAX, SRTP_SOURCES_RETIRED_MAX};

/// Width of the replay window, packets.
pub(super) const WINDOW: u64 = 1024;

const WORDS: usize = 16;

/// The accepted indices of one source.
struct Source {
    ssrc: u32,
    highest: u64,
    /// A ring of bits: index `i` is bit `i % 1024`.
    seen: [u64; WORDS],
}

/// What is known of an SSRC before its packet is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Never heard.
    No,
    /// Heard; the highest accepted index.
    Yes(u64),
}

/// All sources of one direction under one key.
///
/// At the bound the source silent for longest gives up its window and keeps only its highest
/// index: it may come back, but only above it, so nothing of it can be replayed.
#[derive(Default)]
pub(super) struct Sources {
    /// The one heard last comes first.
    live: Vec<Source>,
    /// SSRC and highest index of those that lost their window.
    retired: Vec<(u32, u64)>,
}

impl Sources {
    /// What is known of `ssrc`.
    pub(super) fn known(&self, ssrc: u32) -> Known {
        let live = self.live.iter().map(|source| (source.ssrc, source.highest));
        live.chain(self.retired.iter().copied())
            .find(|(known, _)| *known == ssrc)
            .map_or(Known::No, |(_, highest)| Known::Yes(highest))
    }

    /// Whether `index` of `ssrc` may still be accepted.
    pub(super) fn check(&self, ssrc: u32, index: u64) -> Result<(), SrtpError> {
        if let Some(source) = self.live.iter().find(|source| source.ssrc == ssrc) {
            return source.check(index);
        }
        match self.retired.iter().find(|(retired, _)| *retired == ssrc) {
            Some((_, highest)) if index <= *highest => Err(SrtpError::Replayed),
            Some(_) => Ok(()),
            None if self.live.len() + self.retired.len()
                >= SRTP_SOURCES_MAX + SRTP_SOURCES_RETIRED_MAX =>
            {
                Err(SrtpError::TooManySources)
            }
            None => Ok(()),
        }
    }

    /// Takes note of an authentic packet that passed [`Sources::check`].
    pub(super) fn accept(&mut self, ssrc: u32, index: u64) {
        match self.live.iter().position(|source| source.ssrc == ssrc) {
            Some(0) => {}
            Some(at) => {
                if let Some(up_to) = self.live.get_mut(..=at) {
                    up_to.rotate_right(1);
                }
            }
            None => self.admit(ssrc, index),
        }
        if let Some(source) = self.live.first_mut() {
            source.accept(index);
        }
    }

    fn admit(&mut self, ssrc: u32, index: u64) {
        self.retired.retain(|(retired, _)| *retired != ssrc);
        if self.live.len() >= SRTP_SOURCES_MAX
            && let Some(oldest) = self.live.pop()
        {
            self.retired.push((oldest.ssrc, oldest.highest));
        }
        // Nearly every leg has one source: room for four would be as much as the rest of the leg.
        self.live.reserve_exact(1);
        self.live.insert(0, Source { ssrc, highest: index, seen: [0; WORDS] });
    }
}

impl Source {
    fn check(&self, index: u64) -> Result<(), SrtpError> {
        if index > self.highest {
            return Ok(());
        }
        let (word, bit) = place(index);
        let seen = self.seen.get(word).is_some_and(|word| word & bit != 0);
        if self.highest - index >= WINDOW || seen { Err(SrtpError::Replayed) } else { Ok(()) }
    }

    fn accept(&mut self, index: u64) {
        if index > self.highest {
            if index - self.highest >= WINDOW {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.highest + 1..index {
                    self.mark(skipped, false);
                }
            }
            self.highest = index;
        }
        self.mark(index, true);
    }

    fn mark(&mut self, index: u64, seen: bool) {
        let (word, bit) = place(index);
        if let Some(word) = self.seen.get_mut(word) {
            *word = if seen { *word | bit } else { *word & !bit };
        }
    }
}

/// Word and bit of an index in the ring.
fn place(index: u64) -> (usize, u64) {
    let at = index % WINDOW;
    (usize::try_from(at / 64).unwrap_or(0), 1 << (at % 64))
}

/// The index of a packet with `sequence_number`, given the highest accepted one: the nearest of
/// the candidates (RFC 3711 §3.3.1). `None` if that would be before the first packet.
pub(super) fn estimate(highest: u64, sequence_number: u16) -> Option<u64> {
    let roc = highest >> 16;
    let last = highest & 0xffff;
    let sequence_number = u64::from(sequence_number);
    let roc = if last < 0x8000 {
        if sequence_number > last + 0x8000 { roc.checked_sub(1)? } else { roc }
    } else if sequence_number < last - 0x8000 {
        roc + 1
    } else {
        roc
    };
    Some((roc << 16) | sequence_number)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn m18_an_index_is_accepted_once_and_not_beyond_the_window() {
        let mut sources = Sources::default();
        sources.accept(1, 5_000);
        assert_eq!(sources.check(1, 5_000), Err(SrtpError::Replayed));
        assert_eq!(sources.check(1, 5_000 - WINDOW + 1), Ok(()));
        assert_eq!(sources.check(1, 5_000 - WINDOW), Err(SrtpError::Replayed));
        sources.accept(1, 4_500);
        assert_eq!(sources.check(1, 4_500), Err(SrtpError::Replayed));
        assert_eq!(sources.check(1, 4_501), Ok(()));
    }

    #[test]
    fn m17_a_source_that_comes_back_after_many_others_cannot_be_replayed() {
        let mut sources = Sources::default();
        sources.accept(0, 100);
        let bound = u32::try_from(SRTP_SOURCES_MAX).unwrap();
        for ssrc in 1..=bound {
            sources.accept(ssrc, 7);
        }
        assert_eq!(sources.known(0), Known::Yes(100));
        assert_eq!(sources.check(0, 99), Err(SrtpError::Replayed));
        assert_eq!(sources.check(0, 101), Ok(()));
        sources.accept(0, 101);
        assert_eq!(sources.live.len(), SRTP_SOURCES_MAX);
        assert_eq!(sources.retired, vec![(1, 7)]);
    }

    #[test]
    fn m16_the_number_of_sources_is_bounded_even_when_all_are_authentic() {
        let mut sources = Sources::default();
        let bound = u32::try_from(SRTP_SOURCES_MAX + SRTP_SOURCES_RETIRED_MAX).unwrap();
        for ssrc in 0..bound {
            assert_eq!(sources.check(ssrc, 1), Ok(()));
            sources.accept(ssrc, 1);
        }
        assert_eq!(sources.check(bound, 1), Err(SrtpError::TooManySources));
        assert_eq!(sources.check(3, 2), Ok(()));
    }

    proptest! {
        #[test]
        fn m18_the_window_agrees_with_a_set_of_everything_accepted(
            steps in proptest::collection::vec(-1500i64..1500, 1..400)
        ) {
            let mut sources = Sources::default();
            let mut accepted = BTreeSet::new();
            let mut at = 100_000i64;
            for step in steps {
                at = (at + step).max(0);
                let index = u64::try_from(at).unwrap();
                let highest = accepted.last().copied();
                let fresh = !accepted.contains(&index)
                    && highest.is_none_or(|highest| index + WINDOW > highest);
                prop_assert_eq!(sources.check(9, index).is_ok(), fresh);
                if fresh {
                    sources.accept(9, index);
                    accepted.insert(index);
                }
            }
        }

        #[test]
        fn m17_an_index_within_half_a_turn_is_estimated_right(
            highest in 0u64..(1 << 40), offset in -32_000i64..32_000
        ) {
            if let Some(index) = highest.checked_add_signed(offset) {
                let sequence_number = u16::try_from(index & 0xffff).unwrap();
                prop_assert_eq!(estimate(highest, sequence_number), Some(index));
            }
        }
    }
}
