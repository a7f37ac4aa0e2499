//! The chain: every row's hash covers its content and the row before, under a key that is used
//! once.
//!
//! ```text
//! h(i) = HMAC-SHA256(k(i), h(i-1) | row(i))     h(0) = 32 zero bytes
//! k(i+1) = SHA-256("evolve" | k(i))             k(1) from the vault's audit seed
//! ```
//!
//! Only the next key is kept, sealed, and the last one is overwritten: who takes the database and
//! that key can add rows, not change those that are there. Who takes the root key can start from
//! the seed; signed checkpoints kept elsewhere show that (`checkpoint.rs`).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::store::AuditRow;

/// A chain up to its last row.
pub(super) struct Chain {
    seq: u64,
    hash: [u8; 32],
    /// For the row after the last.
    key: Zeroizing<[u8; 32]>,
    /// The bytes of a row; kept to be used again.
    row: Vec<u8>,
}

impl Chain {
    /// No row yet.
    pub(super) fn genesis(seed: &[u8; 32]) -> Self {
        Self::resume(0, [0; 32], evolve(seed))
    }

    /// After row `seq`.
    pub(super) fn resume(seq: u64, hash: [u8; 32], key: Zeroizing<[u8; 32]>) -> Self {
        Self { seq, hash, key, row: Vec::new() }
    }

    /// The last row's number, 0 before the first.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// The last row's hash.
    pub(super) fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The key of the next row.
    pub(super) fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The hash that `row` must have as the next one. The row's own number is part of it, its
    /// `row_hash` is not.
    pub(super) fn expected(&mut self, row: &AuditRow) -> [u8; 32] {
        write(row, &mut self.row);
        // These keep their state on the stack; a key that is used once is not worth an allocation.
        let mut block = Zeroizing::new([0; 64]);
        for (to, from) in block.iter_mut().zip(self.key.iter()) {
            *to = *from;
        }
        let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
        mac.update(&self.hash);
        mac.update(&self.row);
        mac.finalize().into_bytes().into()
    }

    /// Takes the next row, of this hash.
    pub(super) fn advance(&mut self, hash: [u8; 32]) {
        self.seq = self.seq.saturating_add(1);
        self.hash = hash;
        self.key = evolve(&self.key);
    }
}

fn evolve(key: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(Sha256::new().chain_update(b"evolve").chain_update(key).finalize().into())
}

/// A row as bytes: each part with its length, so that no two rows give the same.
fn write(row: &AuditRow, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&row.seq.to_be_bytes());
    out.extend_from_slice(&row.at.0.to_be_bytes());
    part(out, Some(row.actor_kind.as_bytes()));
    part(out, row.actor_id.as_deref());
    part(out, row.workspace_id.as_deref());
    part(out, Some(row.action.as_bytes()));
    part(out, Some(row.target_kind.as_bytes()));
    part(out, Some(row.target_id.as_bytes()));
    part(out, row.ip.as_deref().map(str::as_bytes));
    part(out, Some(row.details.as_bytes()));
}

fn part(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let length = bytes.map_or(u64::MAX, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX - 1));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::super::testing::row;
    use super::*;

    #[test]
    fn sec_o05_the_same_row_has_another_hash_at_each_place_and_under_each_seed() {
        let mut chain = Chain::genesis(&[1; 32]);
        let first = chain.expected(&row(1));
        assert_eq!(first, chain.expected(&row(1)));
        assert_ne!(first, Chain::genesis(&[2; 32]).expected(&row(1)));
        chain.advance(first);
        assert_eq!((chain.seq(), *chain.hash()), (1, first));
        assert_ne!(first, chain.expected(&row(1)));
    }

    #[test]
    fn sec_o05_moving_bytes_between_columns_changes_the_hash() {
        let mut chain = Chain::genesis(&[1; 32]);
        let mut one = row(1);
        (one.target_kind, one.target_id, one.ip) = ("user".into(), "x".into(), None);
        let mut two = one.clone();
        (two.target_kind, two.target_id) = ("use".into(), "rx".into());
        assert_ne!(chain.expected(&one), chain.expected(&two));
        let mut three = one.clone();
        three.ip = Some(String::new());
        assert_ne!(chain.expected(&one), chain.expected(&three));
    }

    #[test]
    fn another_library_computes_the_same_chain() {
        use aws_lc_rs::{digest, hmac};
        let mut chain = Chain::genesis(&[1; 32]);
        let key = digest::digest(&digest::SHA256, &[b"evolve".as_slice(), &[1; 32]].concat());
        assert_eq!(chain.key(), key.as_ref());
        let mut bytes = Vec::new();
        write(&row(1), &mut bytes);
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
        let tag = hmac::sign(&key, &[[0; 32].as_slice(), &bytes].concat());
        assert_eq!(chain.expected(&row(1)), tag.as_ref());
    }

    #[test]
    fn the_next_key_tells_nothing_of_the_one_before() {
        let mut chain = Chain::genesis(&[1; 32]);
        let key = *chain.key();
        chain.advance([0; 32]);
        assert_ne!(key, *chain.key());
        assert_eq!(Chain::resume(1, [0; 32], evolve(&key)).key(), chain.key());
    }
}
