//! Writing: rows into the chain, checkpoints into the database and the file that only grows.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Entry;
use super::chain::Chain;
use super::checkpoint::{Checkpoint, Signer};
use super::verify::Broken;
use crate::base::limit::{
    AUDIT_CHECKPOINT_EVERY, AUDIT_CHECKPOINT_ROWS, AUDIT_CHECKPOINTS_BYTES_MAX,
};
use crate::base::{Clock, UnixTime};
use crate::store::{AuditCheckpointRow, AuditHead, AuditRow, Change, Store, StoreError};
use crate::vault::{Purpose, Vault, VaultError};

/// The checkpoints' file in the data folder.
pub const CHECKPOINTS_FILE: &str = "audit-checkpoints.jsonl";

/// Why an event could not be recorded; what it tells of must not happen then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The chain has no end to append to: its head was removed.
    #[error("the audit's head is missing; `ringfence audit verify` says what else is")]
    NoHead,
    /// The checkpoints' file cannot be used.
    #[error("{path} cannot be used")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody tampered with it.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The head's key does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The audit; clones share it.
#[derive(Clone)]
pub struct Audit {
    pub(super) store: Store,
    pub(super) vault: Arc<Vault>,
    pub(super) file: PathBuf,
    pub(super) signer: Arc<Signer>,
    clock: Clock,
}

impl Audit {
    /// The audit of `store`, with its checkpoints' file in `folder`. Begins the chain in a new
    /// database.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn open(
        store: Store,
        vault: Arc<Vault>,
        folder: &Path,
        clock: Clock,
    ) -> Result<Self, AuditError> {
        let signer = Signer::new(vault.key(Purpose::AuditSigning));
        let signer = Arc::new(signer.ok_or(VaultError::Unavailable)?);
        if store.audit().head().await?.is_none() {
            let chain = Chain::genesis(vault.key(Purpose::AuditSeed));
            store.audit().begin(&head(&chain, &vault)?).await?;
        }
        Ok(Self { store, vault, file: folder.join(CHECKPOINTS_FILE), signer, clock })
    }

    /// Appends an event as part of `change`, and gives its number. An error means that the
    /// change must not be committed.
    ///
    /// # Errors
    /// The head is missing or does not open, or the database cannot be used.
    pub async fn record(&self, change: &mut Change, entry: Entry) -> Result<u64, AuditError> {
        let mut table = change.audit();
        let known = table.head().await?.ok_or(AuditError::NoHead)?;
        let from = u64::try_from(known.seq).map_err(|_| StoreError::Damaged("audit_head"))?;
        let key = self.vault.open_audit_key(from, &known.key_sealed)?;
        let mut chain = Chain::resume(from, known.row_hash, key);
        let mut row = row_of(&entry, known.seq.saturating_add(1));
        let hash = chain.expected(&row);
        row.row_hash = hash.to_vec();
        chain.advance(hash);
        table.append(&row, known.seq, &head(&chain, &self.vault)?).await?;
        Ok(chain.seq())
    }

    /// The public key of the checkpoints' signatures (Ed25519), for checking them elsewhere.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.signer.public_key()
    }

    /// Signs a checkpoint when one is due: after 1000 rows, or five minutes after a row. To be
    /// called every few seconds by the one server of the data folder.
    ///
    /// # Errors
    /// The database or the file cannot be used.
    pub async fn checkpoint_if_due(&self) -> Result<Option<Checkpoint>, AuditError> {
        let last = self.store.audit().last_checkpoint().await?.map_or(0, |last| last.seq);
        let Some(head) = self.store.audit().head().await? else { return Ok(None) };
        let rows = u64::try_from(head.seq.saturating_sub(last)).unwrap_or(0);
        if rows == 0 {
            return Ok(None);
        }
        let is_old = match self.store.audit().first_at(last).await? {
            Some(at) => at.plus(AUDIT_CHECKPOINT_EVERY) <= self.clock.unix(),
            None => false,
        };
        if rows >= AUDIT_CHECKPOINT_ROWS || is_old { self.checkpoint().await } else { Ok(None) }
    }

    /// Signs a checkpoint now, unless the last row has one: at the end, before a backup.
    ///
    /// # Errors
    /// The database or the file cannot be used.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>, AuditError> {
        let last = self.store.audit().last_checkpoint().await?.map_or(0, |last| last.seq);
        let Some(head) = self.store.audit().head().await? else { return Ok(None) };
        if head.seq <= last {
            return Ok(None);
        }
        // What the head claims is signed only if its key opens: nobody can have us sign a chain
        // whose end was made up.
        let seq = u64::try_from(head.seq).map_err(|_| StoreError::Damaged("audit_head"))?;
        self.vault.open_audit_key(seq, &head.key_sealed)?;
        let checkpoint = self.signer.sign(seq, head.row_hash, self.clock.unix());
        self.store.audit().add_checkpoint(&to_row(&checkpoint)).await?;
        self.append_missing().await?;
        Ok(Some(checkpoint))
    }

    /// Appends to the file what the database has and the file has not: usually the newest.
    async fn append_missing(&self) -> Result<(), AuditError> {
        let path = self.file.clone();
        let last = self.blocking(move || last_line_seq(&path)).await?;
        let after = i64::try_from(last).unwrap_or(i64::MAX);
        let mut lines = String::new();
        for row in self.store.audit().checkpoints_after(after).await? {
            if let Some(checkpoint) = from_row(&row) {
                lines.push_str(&checkpoint.to_line());
            }
        }
        let path = self.file.clone();
        self.blocking(move || append(&path, &lines)).await
    }

    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, AuditError> {
        let failed = |source| AuditError::File { path: self.file.clone(), source };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|gone| failed(io::Error::other(gone)))?.map_err(failed)
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit").field("file", &self.file).finish_non_exhaustive()
    }
}

fn head(chain: &Chain, vault: &Vault) -> Result<AuditHead, AuditError> {
    let seq = i64::try_from(chain.seq()).map_err(|_| StoreError::Damaged("audit_head"))?;
    let key_sealed = vault.seal_audit_key(chain.seq(), chain.key())?;
    Ok(AuditHead { seq, row_hash: *chain.hash(), key_sealed })
}

fn row_of(entry: &Entry, seq: i64) -> AuditRow {
    AuditRow {
        seq,
        at: entry.at,
        actor_kind: entry.actor.kind.to_owned(),
        actor_id: entry.actor.id.map(|id| id.to_vec()),
        workspace_id: entry.workspace.map(|id| id.as_bytes().to_vec()),
        action: entry.action.as_str().to_owned(),
        target_kind: entry.target_kind.to_owned(),
        target_id: entry.target_id.clone(),
        ip: entry.ip.map(|ip| ip.to_canonical().to_string()),
        details: entry.canonical_details(),
        row_hash: Vec::new(),
    }
}

fn to_row(checkpoint: &Checkpoint) -> AuditCheckpointRow {
    AuditCheckpointRow {
        seq: i64::try_from(checkpoint.seq).unwrap_or(i64::MAX),
        at: checkpoint.at,
        row_hash: checkpoint.hash.to_vec(),
        signature: checkpoint.signature.clone(),
    }
}

/// `None` for a row that is no checkpoint.
pub(super) fn from_row(row: &AuditCheckpointRow) -> Option<Checkpoint> {
    let seq = u64::try_from(row.seq).ok()?;
    let hash = row.row_hash.as_slice().try_into().ok()?;
    let UnixTime(at) = row.at;
    Some(Checkpoint { seq, hash, at: UnixTime(at), signature: row.signature.clone() })
}

/// The row of the file's last whole line; 0 in a file that is not there or holds none.
fn last_line_seq(path: &Path) -> io::Result<u64> {
    /// Longer than any line.
    const TAIL: u64 = 1024;
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let text = String::from_utf8_lossy(&tail);
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let last = whole.lines().next_back().and_then(Checkpoint::from_line);
    Ok(last.map_or(0, |checkpoint| checkpoint.seq))
}

fn append(path: &Path, lines: &str) -> io::Result<()> {
    let mut file =
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let length = file.metadata()?.len();
    if length > 0 {
        // A line that a crash cut off is ended, and then skipped as what it is.
        let mut last = [0];
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(lines.as_bytes())?;
    file.sync_all()
}

/// All checkpoints of the file. Lines that are none are left out: one may be cut off by a crash,
/// and one that somebody damaged vouches for nothing, while the database has it too.
pub(super) fn read_file(path: &Path) -> io::Result<Vec<Checkpoint>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() > AUDIT_CHECKPOINTS_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut text = String::new();
    io::BufReader::new(file).read_to_string(&mut text)?;
    Ok(text.lines().filter_map(Checkpoint::from_line).collect())
}
