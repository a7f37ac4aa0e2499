//! Stories of rotation: keys are replaced while secrets are put in, read and moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::*;
use crate::base::limit::{KEY_RETIRES_AFTER, REKEY_BATCH_ROWS};
use crate::base::{Clock, Secret, UnixTime};
use crate::config::{Config, DevFlags, TrunkFlag, TrunkMedia};
use crate::store::{KeyState, Store, WorkspaceId, testing};

struct Installed {
    test: testing::TestStore,
    vault: Arc<Vault>,
    book: SecretBook,
    clock: Clock,
    workspace: WorkspaceId,
}

impl Installed {
    async fn new(test: testing::TestStore) -> Self {
        let clock = Clock::manual(UnixTime(1_000_000));
        let store = &test.store;
        let vault = Arc::new(Vault::open(test.folder.path(), store, clock.unix()).await.unwrap());
        let workspace = store.workspaces().insert("one", clock.unix()).await.unwrap().id;
        let book = SecretBook::new(store.clone(), vault.clone(), clock.clone());
        Self { test, vault, book, clock, workspace }
    }

    fn store(&self) -> &Store {
        &self.test.store
    }

    async fn put(&self, name: &str, value: &str) {
        let mut change = self.store().begin().await.unwrap();
        let (kind, secret) = (SecretKind::Smtp, Secret::new(value));
        self.book.put(&mut change, self.workspace, kind, name, &secret).await.unwrap();
        change.commit().await.unwrap();
    }

    async fn read(&self, name: &str) -> Option<Secret> {
        self.book.open(self.workspace, SecretKind::Smtp, name, "mail").await.unwrap()
    }

    async fn rotate(&self, ring: Ring) -> u32 {
        let mut change = self.store().begin().await.unwrap();
        let id = self.vault.rotate(&mut change, ring, self.clock.unix()).await.unwrap();
        change.commit().await.unwrap();
        self.vault.refresh(self.store()).await.unwrap();
        id
    }

    async fn rekey(&self) -> Rekeyed {
        self.vault.rekey(self.store(), self.clock.unix()).await.unwrap()
    }

    async fn keks(&self, ring: Ring) -> Vec<(u32, KeyState, u64)> {
        let status = self.vault.status(self.store()).await.unwrap();
        let of_ring = status.keks.iter().filter(|kek| kek.ring == ring.as_str());
        of_ring.map(|kek| (kek.id, kek.state, kek.sealed_count)).collect()
    }
}

#[tokio::test]
async fn b14_k16_a_secret_is_put_replaced_read_and_removed() {
    for test in testing::each().await {
        let here = Installed::new(test).await;
        assert!(here.read("a").await.is_none());
        here.put("a", "canary-1").await;
        here.put("a", "canary-2").await;
        assert_eq!(here.read("a").await.unwrap().expose(), "canary-2");
        let (workspace, kind) = (here.workspace, SecretKind::Smtp);
        assert!(here.book.has(workspace, kind, "a").await.unwrap());
        assert!(!here.book.has(workspace, SecretKind::Ami, "a").await.unwrap());
        let other = here.store().workspaces().insert("two", UnixTime(1)).await.unwrap().id;
        assert!(here.book.open(other, kind, "a", "mail").await.unwrap().is_none());
        let mut change = here.store().begin().await.unwrap();
        assert!(here.book.remove(&mut change, workspace, kind, "a").await.unwrap());
        assert!(!here.book.remove(&mut change, workspace, kind, "a").await.unwrap());
        change.commit().await.unwrap();
        assert!(here.read("a").await.is_none());
    }
}

#[tokio::test]
async fn a18_b14_b16_a_scan_of_database_log_and_key_finds_no_secret_of_any_kind() {
    let here = Installed::new(testing::sqlite().await).await;
    let canary = "canary-5d0c-secret";
    let kinds = [
        SecretKind::Smtp,
        SecretKind::Oidc,
        SecretKind::Ami,
        SecretKind::Turn,
        SecretKind::Webhook,
        SecretKind::Ai,
        SecretKind::S3,
    ];
    let mut change = here.store().begin().await.unwrap();
    for kind in kinds {
        let secret = Secret::new(canary);
        here.book.put(&mut change, here.workspace, kind, "main", &secret).await.unwrap();
    }
    change.commit().await.unwrap();
    let mut scanned = Vec::new();
    for entry in std::fs::read_dir(here.test.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        let is_found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
        assert!(!is_found, "{:?}", entry.file_name());
        scanned.push(entry.file_name().into_string().unwrap());
    }
    assert!(scanned.iter().any(|name| name == "ringfence.db-wal"), "{scanned:?}");
    for kind in kinds {
        let opened = here.book.open(here.workspace, kind, "main", "test").await.unwrap();
        assert_eq!(opened.unwrap().expose(), canary, "{}", kind.as_str());
    }
}

#[tokio::test]
async fn b15_opening_is_counted_by_purpose_and_listing_opens_nothing() {
    let here = Installed::new(testing::sqlite().await).await;
    here.put("a", "canary").await;
    here.book.list(here.workspace).await.unwrap();
    here.book.has(here.workspace, SecretKind::Smtp, "a").await.unwrap();
    let status = here.vault.status(here.store()).await.unwrap();
    assert!(status.opened.is_empty());
    assert!(!format!("{status:?}").contains("canary"));
    here.read("a").await.unwrap();
    here.read("a").await.unwrap();
    here.book.open(here.workspace, SecretKind::Smtp, "a", "test").await.unwrap().unwrap();
    let opened = here.vault.status(here.store()).await.unwrap().opened;
    assert_eq!(opened.into_iter().collect::<Vec<_>>(), [("mail", 2), ("test", 1)]);
}

#[tokio::test]
async fn p04_a_secret_moved_to_another_workspace_does_not_open() {
    let here = Installed::new(testing::sqlite().await).await;
    here.put("a", "canary").await;
    let other = here.store().workspaces().insert("two", UnixTime(1)).await.unwrap().id;
    let mut row = here.store().secrets().find(here.workspace, "smtp", "a").await.unwrap().unwrap();
    here.store().secrets().remove(here.workspace, "smtp", "a").await.unwrap();
    row.workspace_id = other;
    here.store().secrets().put(&row, UnixTime(1)).await.unwrap();
    let error = here.book.open(other, SecretKind::Smtp, "a", "mail").await.unwrap_err();
    assert!(matches!(error, VaultError::Sealed { .. }), "{error}");
}

#[tokio::test]
async fn sec_c03_a_replaced_key_opens_until_it_seals_nothing_and_then_nothing_at_all() {
    for test in testing::each().await {
        let here = Installed::new(test).await;
        here.put("a", "canary").await;
        let old = here.store().secrets().find(here.workspace, "smtp", "a").await.unwrap().unwrap();
        assert_eq!(here.rotate(Ring::Credentials).await, 2);
        assert_eq!(here.read("a").await.unwrap().expose(), "canary");
        here.put("b", "newer").await;
        let both = [(1, KeyState::Retiring, 1), (2, KeyState::Active, 1)];
        assert_eq!(here.keks(Ring::Credentials).await, both);

        here.clock.advance(KEY_RETIRES_AFTER);
        let first = here.rekey().await;
        assert_eq!((first.rewrapped, first.damaged, first.retired.len()), (1, 0, 0));
        assert_eq!(here.rekey().await.retired, [(Ring::Credentials, 1)]);
        assert!(here.rekey().await.is_quiet());
        let after = [(1, KeyState::Retired, 0), (2, KeyState::Active, 2)];
        assert_eq!(here.keks(Ring::Credentials).await, after);
        assert_eq!(here.read("a").await.unwrap().expose(), "canary");
        let new = here.store().secrets().find(here.workspace, "smtp", "a").await.unwrap().unwrap();
        assert_ne!(old.value_sealed, new.value_sealed);

        // Of a backup from before: named for what it is, and found by the next pass.
        here.store().secrets().put(&old, here.clock.unix()).await.unwrap();
        let open = here.book.open(here.workspace, SecretKind::Smtp, "a", "mail").await;
        assert!(matches!(open, Err(VaultError::Retired { kek_id: 1, .. })));
        assert_eq!(here.rekey().await.rewrapped, 1);
        assert_eq!(here.read("a").await.unwrap().expose(), "canary");
    }
}

#[tokio::test]
async fn sec_c03_a_young_key_does_not_retire_and_a_damaged_value_keeps_its_key() {
    let here = Installed::new(testing::sqlite().await).await;
    here.put("a", "canary").await;
    here.rotate(Ring::Credentials).await;
    here.rekey().await;
    assert!(here.rekey().await.retired.is_empty());
    here.rotate(Ring::Credentials).await;
    let mut row = here.store().secrets().find(here.workspace, "smtp", "a").await.unwrap().unwrap();
    *row.value_sealed.get_mut(20).unwrap() ^= 1;
    here.store().secrets().put(&row, UnixTime(1)).await.unwrap();
    here.clock.advance(KEY_RETIRES_AFTER);
    let pass = here.rekey().await;
    assert_eq!((pass.rewrapped, pass.damaged), (0, 1));
    assert_eq!(pass.retired, [(Ring::Credentials, 1)]);
    assert_eq!(here.keks(Ring::Credentials).await[1], (2, KeyState::Retiring, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_c03_rotation_under_load_never_fails_a_reader_or_a_writer() {
    let here = Arc::new(Installed::new(testing::sqlite().await).await);
    let names: Vec<String> = (0..REKEY_BATCH_ROWS * 2 + 3).map(|i| format!("secret {i}")).collect();
    for name in &names {
        here.put(name, name).await;
    }
    let (is_over, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let mut workers = tokio::task::JoinSet::new();
    for offset in 0..3 {
        let (here, names) = (here.clone(), names.clone());
        let (is_over, reads) = (is_over.clone(), reads.clone());
        workers.spawn(async move {
            for name in names.iter().cycle().skip(offset * 40) {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                if offset == 0 {
                    here.put(name, name).await;
                } else {
                    assert_eq!(here.read(name).await.unwrap().expose(), name);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    for expected in 2..6 {
        assert_eq!(here.rotate(Ring::Credentials).await, expected);
        here.clock.advance(KEY_RETIRES_AFTER);
        // Writers seal with the new key, so this ends.
        let mut passes = 0;
        while here.keks(Ring::Credentials).await.iter().any(|kek| kek.1 == KeyState::Retiring) {
            assert_eq!(here.rekey().await.damaged, 0);
            passes += 1;
            assert!(passes < 100);
        }
    }
    is_over.store(true, Ordering::Relaxed);
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }
    assert!(reads.load(Ordering::Relaxed) > 0);
    for name in &names {
        assert_eq!(here.read(name).await.unwrap().expose(), name);
    }
}

#[tokio::test]
async fn sec_c03_another_process_that_has_not_heard_of_a_rotation_reads_and_writes_on() {
    let here = Installed::new(testing::sqlite().await).await;
    let other = Vault::open(here.test.folder.path(), here.store(), UnixTime(1)).await.unwrap();
    let other = SecretBook::new(here.store().clone(), Arc::new(other), here.clock.clone());
    here.rotate(Ring::Credentials).await;
    here.put("a", "of the new key").await;
    let (workspace, kind) = (here.workspace, SecretKind::Smtp);
    let read = other.open(workspace, kind, "a", "mail").await.unwrap().unwrap();
    assert_eq!(read.expose(), "of the new key");
    let mut change = here.store().begin().await.unwrap();
    other.put(&mut change, workspace, kind, "b", &Secret::new("of the old key")).await.unwrap();
    change.commit().await.unwrap();
    assert_eq!(here.read("b").await.unwrap().expose(), "of the old key");
}

#[tokio::test]
async fn sec_c03_a_session_token_key_verifies_until_it_retires() {
    let here = Installed::new(testing::sqlite().await).await;
    let first = here.vault.session_token_keys();
    assert!(first.active.id == 1 && first.previous.is_none());
    here.rotate(Ring::SessionToken).await;
    let second = here.vault.session_token_keys();
    assert_eq!(second.active.id, 2);
    assert_ne!(second.active.key, first.active.key);
    assert_eq!(second.find(1).unwrap().key, first.active.key);
    assert!(second.find(3).is_none());
    here.rotate(Ring::SessionToken).await;
    let third = here.vault.session_token_keys();
    assert!(third.find(1).is_none() && third.find(2).is_some());
    here.rekey().await;
    assert!(here.vault.session_token_keys().find(2).is_some(), "tokens it signed are alive");
    here.clock.advance(KEY_RETIRES_AFTER);
    here.rekey().await;
    assert!(here.vault.session_token_keys().find(2).is_none());
    let again = Vault::open(here.test.folder.path(), here.store(), UnixTime(1)).await.unwrap();
    assert_eq!(
        *again.session_token_keys().active.key,
        *third.active.key,
        "the same after a restart"
    );
}

#[tokio::test]
async fn sec_c03_a_trunk_read_before_a_rotation_opens_after_it() {
    let here = Installed::new(testing::sqlite().await).await;
    let trunks = TrunkBook::new(here.store().clone(), here.vault.clone(), here.clock.clone());
    let flag = TrunkFlag {
        argument: "sips:a:canary@a.example".parse().unwrap(),
        ca: None,
        media: TrunkMedia::Srtp,
    };
    let flags = DevFlags { trunks: vec![flag], ..DevFlags::default() };
    let configured = Config::dev(flags).unwrap().trunks;
    let held = trunks.follow(here.workspace, &configured).await.unwrap().remove(0);
    here.rotate(Ring::Credentials).await;
    here.clock.advance(KEY_RETIRES_AFTER);
    while here.rekey().await.retired.is_empty() {}
    assert!(matches!(trunks.password(&held, "register"), Err(VaultError::Retired { .. })));
    trunks.list().await.unwrap();
    assert_eq!(trunks.password(&held, "register").unwrap().unwrap().expose(), "canary");
}
