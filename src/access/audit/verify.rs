//! Checking the whole chain from its first row, and naming the first one that is not as it was
//! written.

use std::collections::BTreeMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::chain::Chain;
use super::checkpoint::{Checkpoint, Signer};
use crate::store::AuditRow;

/// A whole chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many rows there are.
    pub rows: u64,
    /// How many checkpoints agree with them.
    pub checkpoints: u64,
    /// The last row that a checkpoint vouches for.
    pub vouched: u64,
}

/// The first row that is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit row {seq}: {why}")]
pub struct Broken {
    /// Which.
    pub seq: u64,
    /// What is wrong.
    pub why: Why,
}

/// What can be wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// Rows go on after it.
    #[error("it was deleted")]
    Deleted,
    /// Its content does not belong to its hash here.
    #[error("it was changed, moved or put in from elsewhere")]
    Changed,
    /// It is beyond what the head knows, or numbered before the first.
    #[error("it was put in from elsewhere")]
    Inserted,
    /// The chain ends before it; the head or a checkpoint knows it.
    #[error("it and what followed were cut off")]
    Truncated,
    /// A checkpoint signed another hash.
    #[error("the chain was written anew: a signed checkpoint knows another row")]
    Rewritten,
    /// A checkpoint's signature is wrong.
    #[error("the checkpoint of this row is not signed by this installation")]
    ForgedCheckpoint,
    /// The head is missing, cannot be opened or disagrees with the last row.
    #[error("the head of the chain was changed")]
    Head,
}

/// What the head row says, its key opened.
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) hash: [u8; 32],
    /// `None` when it does not open.
    pub(super) key: Option<zeroize::Zeroizing<[u8; 32]>>,
}

/// A check under way; rows go in by number.
pub(super) struct Verifier {
    chain: Chain,
    head: Option<Head>,
    anchors: BTreeMap<u64, [u8; 32]>,
    agreed: u64,
    vouched: u64,
}

impl Verifier {
    /// With the head and every checkpoint there is, of the database and of the file; all read
    /// before the rows, which may have grown since.
    pub(super) fn new(
        seed: &[u8; 32],
        signer: &Signer,
        head: Option<Head>,
        checkpoints: &[Checkpoint],
    ) -> Result<Self, Broken> {
        let mut anchors = BTreeMap::new();
        for checkpoint in checkpoints {
            let seq = checkpoint.seq;
            if !signer.is_ours(checkpoint) {
                return Err(Broken { seq, why: Why::ForgedCheckpoint });
            }
            if anchors.insert(seq, checkpoint.hash).is_some_and(|other| other != checkpoint.hash) {
                return Err(Broken { seq, why: Why::Rewritten });
            }
        }
        Ok(Self { chain: Chain::genesis(seed), head, anchors, agreed: 0, vouched: 0 })
    }

    /// Checks the next row.
    pub(super) fn check(&mut self, row: &AuditRow) -> Result<(), Broken> {
        let next = self.chain.seq().saturating_add(1);
        let Some(seq) = u64::try_from(row.seq).ok().filter(|seq| *seq >= next) else {
            let seq = u64::try_from(row.seq).unwrap_or(0);
            return Err(Broken { seq, why: Why::Inserted });
        };
        if seq > next {
            return Err(Broken { seq: next, why: Why::Deleted });
        }
        let hash = self.chain.expected(row);
        if verify_slices_are_equal(&hash, &row.row_hash).is_err() {
            return Err(Broken { seq, why: Why::Changed });
        }
        self.chain.advance(hash);
        if let Some(anchor) = self.anchors.get(&seq) {
            if *anchor != hash {
                return Err(Broken { seq, why: Why::Rewritten });
            }
            self.agreed = self.agreed.saturating_add(1);
            self.vouched = seq;
        }
        self.check_head()
    }

    /// After the last row; `head_now` is the head's number after that was read.
    pub(super) fn finish(self, head_now: Option<u64>) -> Result<Report, Broken> {
        let rows = self.chain.seq();
        let known = self.head.as_ref().map_or(0, |head| head.seq);
        let signed = self.anchors.last_key_value().map_or(0, |(seq, _)| *seq);
        if known.max(signed) > rows {
            return Err(Broken { seq: rows.saturating_add(1), why: Why::Truncated });
        }
        match head_now {
            // A database that never had an event has no head either.
            None if rows > 0 => return Err(Broken { seq: rows, why: Why::Head }),
            Some(head) if head < rows => {
                return Err(Broken { seq: head.saturating_add(1), why: Why::Inserted });
            }
            None | Some(_) => {}
        }
        if rows == 0 {
            self.check_head()?;
        }
        Ok(Report { rows, checkpoints: self.agreed, vouched: self.vouched })
    }

    /// The head is one more witness of the row it names.
    fn check_head(&self) -> Result<(), Broken> {
        let seq = self.chain.seq();
        let Some(head) = self.head.as_ref().filter(|head| head.seq == seq) else { return Ok(()) };
        let is_key = head.key.as_ref().is_some_and(|key| {
            verify_slices_are_equal(key.as_ref(), self.chain.key().as_slice()).is_ok()
        });
        if head.hash == *self.chain.hash() && is_key {
            Ok(())
        } else {
            Err(Broken { seq, why: Why::Head })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{chained, row};
    use super::*;

    const SEED: [u8; 32] = [3; 32];

    /// A whole chain with its head and a checkpoint in the middle.
    struct Kept {
        rows: Vec<AuditRow>,
        head: Head,
        checkpoints: Vec<Checkpoint>,
    }

    fn kept(count: usize) -> Kept {
        let (rows, chain) = chained(&SEED, count);
        let head = Head {
            seq: chain.seq(),
            hash: *chain.hash(),
            key: Some(zeroize::Zeroizing::new(*chain.key())),
        };
        let middle = &rows[count / 2];
        let seq = u64::try_from(middle.seq).unwrap();
        let hash = middle.row_hash.clone().try_into().unwrap();
        let checkpoints = vec![signer().sign(seq, hash, crate::base::UnixTime(1))];
        Kept { rows, head, checkpoints }
    }

    fn signer() -> Signer {
        Signer::new(&[4; 32]).unwrap()
    }

    fn verify(kept: &Kept) -> Result<Report, Broken> {
        let Head { seq, hash, .. } = kept.head;
        let head = Head { seq, hash, key: kept.head.key.clone() };
        let mut verifier = Verifier::new(&SEED, &signer(), Some(head), &kept.checkpoints)?;
        // The database gives them by number.
        let mut rows: Vec<&AuditRow> = kept.rows.iter().collect();
        rows.sort_by_key(|row| row.seq);
        rows.into_iter().try_for_each(|row| verifier.check(row))?;
        verifier.finish(Some(seq))
    }

    fn broken(seq: u64, why: Why) -> Result<Report, Broken> {
        Err(Broken { seq, why })
    }

    #[test]
    fn a_whole_chain_is_whole() {
        let report = Report { rows: 20, checkpoints: 1, vouched: 11 };
        assert_eq!(verify(&kept(20)), Ok(report));
        let empty = Verifier::new(&SEED, &signer(), None, &[]).unwrap().finish(None);
        assert_eq!(empty, Ok(Report { rows: 0, checkpoints: 0, vouched: 0 }));
    }

    #[test]
    fn sec_o05_a_head_cut_back_with_its_rows_is_told_by_a_checkpoint() {
        let mut kept = kept(20);
        let shorter = self::kept(5);
        (kept.rows, kept.head) = (shorter.rows, shorter.head);
        assert_eq!(verify(&kept), broken(6, Why::Truncated));
    }

    #[test]
    fn sec_o05_a_chain_written_anew_with_the_seed_is_told_by_a_checkpoint() {
        let mut kept = kept(20);
        let (mut chain, mut rows) = (Chain::genesis(&SEED), Vec::new());
        for mut row in kept.rows.drain(..) {
            if row.seq == 3 {
                row.details = "{}".into();
            }
            let hash = chain.expected(&row);
            row.row_hash = hash.to_vec();
            chain.advance(hash);
            rows.push(row);
        }
        kept.head.hash = *chain.hash();
        kept.rows = rows;
        assert_eq!(verify(&kept), broken(11, Why::Rewritten));
        kept.checkpoints[0].hash = kept.rows[10].row_hash.clone().try_into().unwrap();
        assert_eq!(verify(&kept), broken(11, Why::ForgedCheckpoint));
    }

    #[test]
    fn sec_o05_rows_put_before_the_first_or_after_the_last_are_named() {
        let mut before = kept(5);
        before.rows.push(row(0));
        assert_eq!(verify(&before), broken(0, Why::Inserted));
        let mut after = kept(5);
        after.rows.push(row(6));
        assert_eq!(verify(&after), broken(6, Why::Changed));
        let mut back = kept(6);
        let shorter = kept(5);
        back.head = shorter.head;
        assert_eq!(verify(&back), broken(6, Why::Inserted));
    }

    #[test]
    fn sec_o05_a_head_without_rows_key_or_hash_is_told() {
        let mut cut = kept(5);
        cut.rows.clear();
        assert_eq!(verify(&cut), broken(1, Why::Truncated));
        let mut closed = kept(5);
        closed.head.key = None;
        assert_eq!(verify(&closed), broken(5, Why::Head));
        let mut other = kept(5);
        other.head.hash = [0; 32];
        assert_eq!(verify(&other), broken(5, Why::Head));
        let mut gone = Verifier::new(&SEED, &signer(), None, &[]).unwrap();
        gone.check(&kept(1).rows[0]).unwrap();
        assert_eq!(gone.finish(None), broken(1, Why::Head));
    }

    /// One way to tamper with one row.
    fn edit(row: &mut AuditRow, how: usize) {
        match how {
            0 => row.at.0 += 1,
            1 => row.actor_kind.push('x'),
            2 => row.actor_id = row.actor_id.is_none().then(|| vec![1; 16]),
            3 => row.workspace_id = row.workspace_id.is_none().then(|| vec![1; 16]),
            4 => row.action = "user.delete".into(),
            5 => row.target_kind.clear(),
            6 => row.target_id.push('0'),
            7 => row.ip = row.ip.is_none().then(|| "192.0.2.9".into()),
            8 => row.details = "{\"x\":1}".into(),
            9 => row.row_hash[0] ^= 1,
            _ => row.row_hash.clear(),
        }
    }

    proptest! {
        #[test]
        fn sec_o05_any_edited_row_is_named(count in 1usize..40, at: prop::sample::Index, how in 0usize..11) {
            let mut kept = kept(count);
            let row = &mut kept.rows[at.index(count)];
            edit(row, how);
            let seq = u64::try_from(row.seq).unwrap();
            prop_assert_eq!(verify(&kept), broken(seq, Why::Changed));
        }

        #[test]
        fn sec_o05_any_deleted_row_is_named(count in 2usize..40, at: prop::sample::Index) {
            let mut kept = kept(count);
            let seq = u64::try_from(kept.rows.remove(at.index(count)).seq).unwrap();
            let is_last = usize::try_from(seq).unwrap() == count;
            let why = if is_last { Why::Truncated } else { Why::Deleted };
            prop_assert_eq!(verify(&kept), broken(seq, why));
        }

        #[test]
        fn sec_o05_of_any_two_swapped_rows_the_first_is_named(
            count in 2usize..40, one: prop::sample::Index, two: prop::sample::Index,
        ) {
            let (one, two) = (one.index(count), two.index(count));
            prop_assume!(one != two);
            let mut kept = kept(count);
            let (first, second) = (kept.rows[one].seq, kept.rows[two].seq);
            kept.rows[one].seq = second;
            kept.rows[two].seq = first;
            let seq = u64::try_from(first.min(second)).unwrap();
            prop_assert_eq!(verify(&kept), broken(seq, Why::Changed));
        }

        #[test]
        fn sec_o05_of_any_inserted_row_the_place_is_named(count in 2usize..40, at: prop::sample::Index) {
            let mut kept = kept(count);
            let at = at.index(count);
            for row in &mut kept.rows[at..] {
                row.seq += 1;
            }
            let seq = i64::try_from(at).unwrap() + 1;
            kept.rows.push(row(seq));
            prop_assert_eq!(verify(&kept), broken(u64::try_from(seq).unwrap(), Why::Changed));
        }

        #[test]
        fn sec_o05_any_truncation_is_named(count in 1usize..40, at: prop::sample::Index) {
            let mut kept = kept(count);
            let left = at.index(count);
            kept.rows.truncate(left);
            let seq = u64::try_from(left).unwrap() + 1;
            prop_assert_eq!(verify(&kept), broken(seq, Why::Truncated));
        }
    }
}
