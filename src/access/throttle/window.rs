//! A sliding window in fixed memory.
//!
//! Requests that come close together share a slot, which expires with its last one. So there are
//! never more than the limit in any window of time, and a place comes back at most an eighth of a
//! window late.

/// What was counted in the last window.
#[derive(Clone, Copy, Default)]
pub(super) struct Window {
    /// The oldest first.
    slots: [Slot; SLOTS],
    len: u8,
    /// When the newest slot began.
    newest_began_ms: u64,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    last_ms: u64,
    count: u32,
}

/// Slots begin at least an eighth of a window apart, so nine cover every window.
const SLOTS: usize = 9;

impl Window {
    /// How many were counted in the window that ends now.
    pub(super) fn used(&mut self, now_ms: u64, window_ms: u64) -> u32 {
        let is_old = |slot: &&Slot| slot.last_ms.saturating_add(window_ms) <= now_ms;
        let expired = self.live().iter().take_while(is_old).count();
        if expired > 0 {
            self.slots.copy_within(expired.., 0);
            self.len = self.len.saturating_sub(u8::try_from(expired).unwrap_or(u8::MAX));
        }
        self.live().iter().fold(0, |sum, slot| sum.saturating_add(slot.count))
    }

    /// Counts one.
    pub(super) fn push(&mut self, now_ms: u64, window_ms: u64) {
        let is_near = now_ms.saturating_sub(self.newest_began_ms) < window_ms.div_ceil(8);
        let len = usize::from(self.len);
        if let Some(newest) = self.newest().filter(|_| is_near || len == SLOTS) {
            newest.last_ms = now_ms;
            newest.count = newest.count.saturating_add(1);
        } else if let Some(free) = self.slots.get_mut(len) {
            *free = Slot { last_ms: now_ms, count: 1 };
            self.len += 1;
            self.newest_began_ms = now_ms;
        }
    }

    /// Takes the last count back.
    pub(super) fn pop(&mut self) {
        let Some(newest) = self.newest() else { return };
        newest.count = newest.count.saturating_sub(1);
        if newest.count == 0 {
            self.len = self.len.saturating_sub(1);
        }
    }

    /// How long until fewer than `limit` are in the window, if no more come.
    pub(super) fn wait_ms(&self, now_ms: u64, window_ms: u64, limit: u32) -> u64 {
        let mut left = self.live().iter().fold(0, |sum: u32, slot| sum.saturating_add(slot.count));
        for slot in self.live() {
            if left < limit {
                break;
            }
            left = left.saturating_sub(slot.count);
            if left < limit {
                return slot.last_ms.saturating_add(window_ms).saturating_sub(now_ms);
            }
        }
        0
    }

    /// How long until the window is empty, if no more come.
    pub(super) fn reset_ms(&self, now_ms: u64, window_ms: u64) -> u64 {
        let newest = self.live().last();
        newest.map_or(0, |slot| slot.last_ms.saturating_add(window_ms).saturating_sub(now_ms))
    }

    fn live(&self) -> &[Slot] {
        self.slots.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn newest(&mut self) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(self.len).checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn c17_no_window_of_time_holds_more_than_the_limit_and_places_come_back_in_time(
            limit in 1u32..40,
            window_ms in 8u64..10_000,
            waits in prop::collection::vec(0u64..2_000, 1..300),
        ) {
            let mut window = Window::default();
            let mut taken: Vec<u64> = Vec::new();
            let mut now = 5;
            for wait in waits {
                now += wait;
                let in_window = |taken: &[u64], length: u64| {
                    taken.iter().filter(|at| *at + length > now).count()
                };
                if window.used(now, window_ms) < limit {
                    window.push(now, window_ms);
                    taken.push(now);
                    prop_assert!(in_window(&taken, window_ms) <= limit as usize);
                } else {
                    let late = window_ms + window_ms.div_ceil(8);
                    prop_assert!(in_window(&taken, late) >= limit as usize);
                    let wait = window.wait_ms(now, window_ms, limit);
                    prop_assert!(wait > 0 && wait <= window_ms);
                    let mut later = window;
                    prop_assert!(later.used(now + wait, window_ms) < limit);
                    let mut sooner = window;
                    prop_assert!(sooner.used(now + wait - 1, window_ms) >= limit);
                }
                let mut later = window;
                let reset = window.reset_ms(now, window_ms);
                prop_assert_eq!(later.used(now + reset, window_ms), 0);
            }
        }
    }

    #[test]
    fn what_is_taken_back_is_not_counted() {
        let mut window = Window::default();
        window.pop();
        window.push(10, 800);
        window.push(500, 800);
        window.pop();
        assert_eq!(window.used(500, 800), 1);
        window.pop();
        window.pop();
        assert_eq!(window.used(500, 800), 0);
    }
}
