//! Nonces of the server: signed, dated, bound to a flow, and each count taken once.
//!
//! Nothing is stored for a nonce until somebody proved the password with it, so challenges cost
//! no memory. RFC 7616 §5.4, §5.5.

use crate::base::limit;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Makes nonces and knows which counts were used.
pub(super) struct Nonces {
    key: Zeroizing<[u8; 32]>,
    started: Instant,
    /// By stamp: the oldest first.
    used: BTreeMap<Stamp, Window>,
    /// Nonces up to this stamp that are not in `used` may have been forgotten: not taken.
    forgotten: Option<Stamp>,
}

/// Eight bytes of milliseconds since the start, eight of chance.
type Stamp = [u8; 16];

/// Bytes kept of the signature.
const MAC_BYTES: usize = 16;

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// Ours, for this flow, young, and this count was not used; now it is.
    Fresh,
    /// Anything else.
    Spent,
}

impl Nonces {
    pub(super) fn new(now: Instant, key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        Self { key, started: now, used: BTreeMap::new(), forgotten: None }
    }

    /// A nonce for the flow that `binding` names.
    pub(super) fn issue(&self, now: Instant, binding: &[u8], random: [u8; 8]) -> String {
        let mut nonce = [0; 16 + MAC_BYTES];
        let (stamp, mac) = nonce.split_at_mut(16);
        let (time, chance) = stamp.split_at_mut(8);
        time.copy_from_slice(&self.milliseconds(now).to_be_bytes());
        chance.copy_from_slice(&random);
        if let Some(signer) = self.signer(stamp, binding) {
            let signature = signer.finalize().into_bytes();
            mac.iter_mut().zip(signature).for_each(|(to, from)| *to = from);
        }
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Uses `count` of `nonce` up. Only for answers whose digest is right: nobody else can use up
    /// a count or fill the table.
    pub(super) fn spend(&mut self, now: Instant, binding: &[u8], nonce: &str, count: u32) -> Worth {
        let Some(stamp) = self.authentic(binding, nonce) else { return Worth::Spent };
        let now = self.milliseconds(now);
        let oldest = now.saturating_sub(milliseconds(limit::DIGEST_NONCE_LIFE));
        if issued(&stamp) < oldest || issued(&stamp) > now {
            return Worth::Spent;
        }
        self.forget_before(oldest);
        if let Some(window) = self.used.get_mut(&stamp) {
            return window.take(count);
        }
        if self.forgotten.is_some_and(|forgotten| stamp <= forgotten) {
            return Worth::Spent;
        }
        let mut window = Window::default();
        let worth = window.take(count);
        self.used.insert(stamp, window);
        worth
    }

    fn forget_before(&mut self, oldest: u64) {
        while let Some(first) = self.used.first_entry() {
            let is_old = issued(first.key()) < oldest;
            if !is_old {
                break;
            }
            first.remove();
        }
        while self.used.len() >= limit::DIGEST_NONCES_MAX {
            let Some((stamp, _)) = self.used.pop_first() else { break };
            self.forgotten = self.forgotten.max(Some(stamp));
        }
    }

    fn authentic(&self, binding: &[u8], nonce: &str) -> Option<Stamp> {
        // Before decoding: what we issue has one length.
        if nonce.len() != NONCE_CHARACTERS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(nonce).ok()?;
        let (stamp, mac) = bytes.split_at_checked(16)?;
        self.signer(stamp, binding)?.verify_truncated_left(mac).ok()?;
        stamp.try_into().ok()
    }

    fn signer(&self, stamp: &[u8], binding: &[u8]) -> Option<Hmac<Sha256>> {
        let mut signer = Hmac::<Sha256>::new_from_slice(self.key.as_ref()).ok()?;
        signer.update(b"ringfence sip digest nonce");
        signer.update(stamp);
        signer.update(binding);
        Some(signer)
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        milliseconds(now.saturating_duration_since(self.started))
    }
}

/// Characters of 32 bytes in base64 without padding.
const NONCE_CHARACTERS: usize = 43;

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn issued(stamp: &Stamp) -> u64 {
    let (time, _) = stamp.split_at(8);
    time.try_into().map_or(0, u64::from_be_bytes)
}

/// The counts of one nonce: the highest and which of the 64 below it were used, so that requests
/// may overtake each other.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    highest: u32,
    below: u64,
}

impl Window {
    fn take(&mut self, count: u32) -> Worth {
        if count == 0 {
            return Worth::Spent;
        }
        if count > self.highest {
            let shift = count - self.highest;
            // The old highest becomes one of those below; for the first count there is none.
            let carried = self.below.checked_shl(shift).unwrap_or(0);
            let old = if self.highest == 0 { 0 } else { 1_u64.checked_shl(shift - 1).unwrap_or(0) };
            self.below = carried | old;
            self.highest = count;
            return Worth::Fresh;
        }
        let Some(bit) =
            (self.highest - count).checked_sub(1).and_then(|distance| 1_u64.checked_shl(distance))
        else {
            return Worth::Spent;
        };
        if self.below & bit != 0 {
            return Worth::Spent;
        }
        self.below |= bit;
        Worth::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonces() -> (Nonces, Instant) {
        let now = crate::base::Clock::system().now();
        (Nonces::new(now, [3; 32]), now)
    }

    #[test]
    fn s17_each_count_of_a_nonce_is_taken_once_in_any_order() {
        let (mut nonces, now) = nonces();
        let nonce = nonces.issue(now, b"flow 1", [1; 8]);
        let mut spend = |count| nonces.spend(now, b"flow 1", &nonce, count) == Worth::Fresh;
        let counts = [1, 1, 3, 2, 2, 3, 70, 69, 4, 6, 6, u32::MAX, u32::MAX, 1, 0];
        let taken = counts.map(&mut spend);
        let expected = [
            true, false, true, true, false, false, true, true, false, true, false, true, false,
            false, false,
        ];
        assert_eq!(taken, expected);
    }

    #[test]
    fn c49_a_nonce_of_another_connection_an_old_one_or_a_forged_one_is_spent() {
        let (mut nonces, now) = nonces();
        let nonce = nonces.issue(now, b"flow 1", [1; 8]);
        assert_eq!(nonces.spend(now, b"flow 2", &nonce, 1), Worth::Spent);
        let late = now + limit::DIGEST_NONCE_LIFE + Duration::from_millis(1);
        assert_eq!(nonces.spend(late, b"flow 1", &nonce, 1), Worth::Spent);
        let mut forged = nonce.clone();
        forged.pop();
        forged.push(if nonce.ends_with('A') { 'E' } else { 'A' });
        assert_eq!(nonces.spend(now, b"flow 1", &forged, 1), Worth::Spent);
        assert_eq!(nonces.spend(now, b"flow 1", "", 1), Worth::Spent);
        assert_eq!(nonces.spend(now, b"flow 1", &nonce, 1), Worth::Fresh);
    }

    #[test]
    fn a_full_table_forgets_the_oldest_nonce_and_never_takes_it_again() {
        let (mut nonces, now) = nonces();
        let first = nonces.issue(now, b"", [0; 8]);
        assert_eq!(nonces.spend(now, b"", &first, 1), Worth::Fresh);
        for number in 0..limit::DIGEST_NONCES_MAX as u64 {
            let later = now + Duration::from_millis(1 + number / 100);
            let nonce = nonces.issue(later, b"", number.to_be_bytes());
            assert_eq!(nonces.spend(later, b"", &nonce, 1), Worth::Fresh);
        }
        assert_eq!(nonces.used.len(), limit::DIGEST_NONCES_MAX);
        let later = now + Duration::from_secs(1);
        assert_eq!(nonces.spend(later, b"", &first, 2), Worth::Spent);
    }
}
