//! The audit of a real database: written, checkpointed, tampered with.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use sqlx::{Connection, SqliteConnection};

use super::*;
use crate::base::limit::{AUDIT_CHECKPOINT_EVERY, AUDIT_CHECKPOINT_ROWS};
use crate::base::{Clock, UnixTime};
use crate::store::{AuditFilter, UserId, testing};
use crate::vault::Vault;

struct Audited {
    test: testing::TestStore,
    audit: Audit,
    clock: Clock,
}

impl Audited {
    async fn new(test: testing::TestStore) -> Self {
        let clock = Clock::manual(UnixTime(1_000_000));
        let (store, folder) = (&test.store, test.folder.path());
        let vault = Arc::new(Vault::open(folder, store, clock.unix()).await.unwrap());
        let audit = Audit::open(store.clone(), vault, folder, clock.clone()).await.unwrap();
        Self { test, audit, clock }
    }

    async fn sqlite() -> Self {
        Self::new(testing::sqlite().await).await
    }

    fn folder(&self) -> &Path {
        self.test.folder.path()
    }

    async fn record(&self, count: usize) {
        let mut change = self.test.store.begin().await.unwrap();
        for i in 0..count {
            let entry = Entry::new(self.clock.unix(), Actor::SYSTEM, Action::PolicyChange)
                .on("policy", "session.idle")
                .with("old", 1)
                .with("new", i);
            self.audit.record(&mut change, entry).await.unwrap();
        }
        change.commit().await.unwrap();
    }

    /// What somebody with the database's file can do.
    async fn tamper(&self, sql: &'static str) {
        let path = self.folder().join("ringfence.db");
        let url = format!("sqlite://{}", path.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn verify(&self) -> Result<Report, Broken> {
        match self.audit.verify(|_| {}).await {
            Ok(report) => Ok(report),
            Err(AuditError::Broken(broken)) => Err(broken),
            Err(error) => panic!("{error}"),
        }
    }
}

fn broken(seq: u64, why: Why) -> Result<Report, Broken> {
    Err(Broken { seq, why })
}

#[tokio::test]
async fn sec_o04_an_event_says_who_did_what_to_what_from_where_and_when() {
    for test in testing::each().await {
        let here = Audited::new(test).await;
        let (workspace, user) =
            testing::workspace_with(&here.test.store, "one", "100", crate::store::Level::AGENT)
                .await;
        let entry = Entry::new(UnixTime(42), Actor::user(user.id), Action::KeyCreate)
            .of_workspace(workspace.id)
            .on("api_key", "7")
            .from_ip(Some("::ffff:192.0.2.1".parse().unwrap()))
            .with("scopes", vec!["calls:read"]);
        let mut change = here.test.store.begin().await.unwrap();
        assert_eq!(here.audit.record(&mut change, entry).await.unwrap(), 1);
        change.commit().await.unwrap();
        here.record(1).await;
        let filter = AuditFilter { workspace: Some(workspace.id), ..AuditFilter::default() };
        let [row] =
            <[_; 1]>::try_from(here.test.store.audit().list(filter, 10).await.unwrap()).unwrap();
        assert_eq!((row.seq, row.at, row.actor_kind.as_str()), (1, UnixTime(42), "user"));
        assert_eq!(row.actor_id.as_deref(), Some(user.id.as_bytes().as_slice()));
        assert_eq!((row.action.as_str(), row.target_id.as_str()), ("key.create", "7"));
        assert_eq!(row.ip.as_deref(), Some("192.0.2.1"));
        assert_eq!(row.details, r#"{"scopes":["calls:read"]}"#);
        let all = here.test.store.audit().list(AuditFilter::default(), 10).await.unwrap();
        assert_eq!(all.iter().map(|row| row.seq).collect::<Vec<_>>(), [2, 1]);
        let filter = AuditFilter { before_seq: Some(2), ..AuditFilter::default() };
        assert_eq!(here.test.store.audit().list(filter, 10).await.unwrap().len(), 1);
        assert_eq!(here.verify().await.unwrap().rows, 2);
    }
}

#[tokio::test]
async fn sec_o06_without_its_event_there_is_no_change_and_without_its_change_no_event() {
    let here = Audited::sqlite().await;
    here.record(1).await;
    let store = &here.test.store;
    let mut dropped = store.begin().await.unwrap();
    let entry = || Entry::new(UnixTime(1), Actor::user(UserId::random()), Action::WorkspaceCreate);
    here.audit.record(&mut dropped, entry()).await.unwrap();
    drop(dropped);
    assert_eq!(here.verify().await.unwrap().rows, 1);

    here.tamper("DELETE FROM audit_head").await;
    let mut change = store.begin().await.unwrap();
    change.workspaces().insert("two", UnixTime(1)).await.unwrap();
    let refused = here.audit.record(&mut change, entry()).await;
    assert!(matches!(refused, Err(AuditError::NoHead)));
    drop(change);
    assert!(store.workspaces().insert("two", UnixTime(1)).await.is_ok(), "nothing was written");
    let vault = here.audit.vault.clone();
    let again = Audit::open(store.clone(), vault, here.folder(), here.clock.clone()).await.unwrap();
    assert!(store.audit().head().await.unwrap().is_none(), "no new chain over old rows");
    assert!(again.verify(|_| {}).await.is_err());
    assert_eq!(here.verify().await, broken(1, Why::Head));
}

#[tokio::test]
async fn events_of_many_writers_at_once_have_no_gap() {
    for test in testing::each().await {
        let here = Arc::new(Audited::new(test).await);
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let here = here.clone();
            writers.spawn(async move {
                for _ in 0..10 {
                    here.record(1).await;
                }
            });
        }
        while let Some(writer) = writers.join_next().await {
            writer.unwrap();
        }
        assert_eq!(here.verify().await.unwrap().rows, 80);
    }
}

#[tokio::test]
async fn sec_o05_what_is_done_to_the_database_is_named() {
    for (sql, expected) in [
        ("UPDATE audit SET details = '{}' WHERE seq = 3", broken(3, Why::Changed)),
        ("UPDATE audit SET actor_id = x'00' WHERE seq = 4", broken(4, Why::Changed)),
        ("DELETE FROM audit WHERE seq = 3", broken(3, Why::Deleted)),
        ("DELETE FROM audit WHERE seq >= 5", broken(5, Why::Truncated)),
        ("DELETE FROM audit", broken(1, Why::Truncated)),
        ("UPDATE audit SET seq = -2 WHERE seq = 2", broken(0, Why::Inserted)),
        ("UPDATE audit SET seq = 99 WHERE seq = 6", broken(6, Why::Deleted)),
        (
            "INSERT INTO audit SELECT 7, at, actor_kind, actor_id, workspace_id, action,
             target_kind, target_id, ip, details, row_hash FROM audit WHERE seq = 6",
            broken(7, Why::Changed),
        ),
        ("UPDATE audit_head SET seq = 5", broken(5, Why::Head)),
        ("UPDATE audit_head SET seq = 9", broken(7, Why::Truncated)),
        ("UPDATE audit_head SET key_sealed = x'00'", broken(6, Why::Head)),
        ("DELETE FROM audit_head", broken(6, Why::Head)),
        ("UPDATE audit_checkpoints SET seq = 5", broken(5, Why::ForgedCheckpoint)),
        ("UPDATE audit_checkpoints SET row_hash = zeroblob(32)", broken(6, Why::ForgedCheckpoint)),
    ] {
        let here = Audited::sqlite().await;
        here.record(6).await;
        here.audit.checkpoint().await.unwrap().unwrap();
        assert_eq!(here.verify().await, Ok(Report { rows: 6, checkpoints: 1, vouched: 6 }));
        here.tamper(sql).await;
        assert_eq!(here.verify().await, expected, "{sql}");
    }
}

#[tokio::test]
async fn sec_o05_an_older_database_put_back_is_told_by_the_file() {
    let here = Audited::sqlite().await;
    here.record(3).await;
    let head = here.test.store.audit().head().await.unwrap().unwrap();
    here.record(2).await;
    here.audit.checkpoint().await.unwrap();
    // All of the database goes back; only the file remembers.
    here.tamper("DELETE FROM audit WHERE seq > 3").await;
    here.tamper("DELETE FROM audit_checkpoints").await;
    here.tamper("DELETE FROM audit_head").await;
    let path = here.folder().join("ringfence.db");
    let url = format!("sqlite://{}", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("INSERT INTO audit_head VALUES (1, $1, $2, $3)")
        .bind(head.seq)
        .bind(head.row_hash.to_vec())
        .bind(head.key_sealed)
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(here.verify().await, broken(4, Why::Truncated));
    std::fs::remove_file(here.folder().join(CHECKPOINTS_FILE)).unwrap();
    assert_eq!(here.verify().await.unwrap().rows, 3, "nothing else can know");
}

#[tokio::test]
async fn a_checkpoint_is_due_after_a_thousand_rows_or_five_minutes() {
    for test in testing::each().await {
        let here = Audited::new(test).await;
        assert!(here.audit.checkpoint_if_due().await.unwrap().is_none());
        here.record(1).await;
        assert!(here.audit.checkpoint_if_due().await.unwrap().is_none());
        here.clock.advance(AUDIT_CHECKPOINT_EVERY);
        assert_eq!(here.audit.checkpoint_if_due().await.unwrap().unwrap().seq, 1);
        here.clock.advance(AUDIT_CHECKPOINT_EVERY);
        assert!(here.audit.checkpoint_if_due().await.unwrap().is_none());
        let rows = usize::try_from(AUDIT_CHECKPOINT_ROWS).unwrap();
        here.record(rows - 1).await;
        assert!(here.audit.checkpoint_if_due().await.unwrap().is_none());
        here.record(1).await;
        let signed = here.audit.checkpoint_if_due().await.unwrap().unwrap();
        assert_eq!(signed.seq, AUDIT_CHECKPOINT_ROWS + 1);
        assert!(here.audit.checkpoint().await.unwrap().is_none());
        let report = here.verify().await.unwrap();
        assert_eq!((report.checkpoints, report.vouched), (2, AUDIT_CHECKPOINT_ROWS + 1));
        let file = std::fs::read_to_string(here.folder().join(CHECKPOINTS_FILE)).unwrap();
        assert_eq!(file.lines().count(), 2);
    }
}

#[tokio::test]
async fn a_line_cut_off_by_a_crash_is_written_again() {
    let here = Audited::sqlite().await;
    let file = here.folder().join(CHECKPOINTS_FILE);
    for _ in 0..3 {
        here.record(1).await;
        here.audit.checkpoint().await.unwrap().unwrap();
    }
    let whole = std::fs::read_to_string(&file).unwrap();
    let cut = whole.lines().next().unwrap().len() + 20;
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(cut as u64).unwrap();
    here.record(1).await;
    here.audit.checkpoint().await.unwrap().unwrap();
    let seqs: Vec<u64> = std::fs::read_to_string(&file)
        .unwrap()
        .lines()
        .filter_map(Checkpoint::from_line)
        .map(|checkpoint| checkpoint.seq)
        .collect();
    assert_eq!(seqs, [1, 2, 3, 4]);
    assert_eq!(here.verify().await.unwrap().vouched, 4);
    let mut handle = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
    let forged = Checkpoint { seq: 2, hash: [0; 32], at: UnixTime(1), signature: vec![0; 64] };
    handle.write_all(forged.to_line().as_bytes()).unwrap();
    assert_eq!(here.verify().await, broken(2, Why::ForgedCheckpoint));
}
