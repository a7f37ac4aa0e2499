//! Rows for tests of the chain.

use super::chain::Chain;
use crate::base::UnixTime;
use crate::store::AuditRow;

/// A row of this number, its hash not set.
pub(super) fn row(seq: i64) -> AuditRow {
    AuditRow {
        seq,
        at: UnixTime(1_700_000_000 + u64::try_from(seq).unwrap()),
        actor_kind: "user".into(),
        actor_id: Some(vec![7; 16]),
        workspace_id: (seq % 2 == 0).then(|| vec![8; 16]),
        action: "policy.change".into(),
        target_kind: "policy".into(),
        target_id: format!("session.idle_{seq}"),
        ip: (seq % 3 == 0).then(|| "192.0.2.1".into()),
        details: format!("{{\"new\":{seq},\"old\":1}}"),
        row_hash: vec![0; 32],
    }
}

/// A chain of so many rows.
pub(super) fn chained(seed: &[u8; 32], count: usize) -> (Vec<AuditRow>, Chain) {
    let mut chain = Chain::genesis(seed);
    let mut rows = Vec::new();
    for seq in 1..=i64::try_from(count).unwrap() {
        let mut row = row(seq);
        let hash = chain.expected(&row);
        row.row_hash = hash.to_vec();
        chain.advance(hash);
        rows.push(row);
    }
    (rows, chain)
}
