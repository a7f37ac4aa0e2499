//! Backups: the whole database in one encrypted file, worth nothing without the root key.
//!
//! ```text
//! "RFBK1\n" | header length u32 | header, JSON | frame …
//! frame: length u32 | ciphertext | tag 16
//! ```
//!
//! The header names the root key and salts the file's own key, HKDF of the vault's backup key.
//! Each frame holds up to 64 KiB of JSON lines under AES-256-GCM; its nonce is its number and
//! whether it is the last, so frames cannot be dropped, moved or cut off (STREAM). Rows are what
//! the tables hold, so a backup of SQLite restores into PostgreSQL and the other way round.

use std::io::{self, Read, Write};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::derived::derive;
use super::root_key::{RootKey, expand};
use super::{Purpose, Vault, VaultError};
use crate::base::UnixTime;
use crate::store::dump::{Table, Value, tables};
use crate::store::{Store, StoreError};

const MAGIC: &[u8; 6] = b"RFBK1\n";
const FRAME_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;
/// A header is some 200 bytes; more is another file.
const HEADER_BYTES_MAX: usize = 4 * 1024;
/// Longest line, bytes: a row with a certificate chain is far below.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a backup was not made or not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file cannot be written or read.
    #[error("the backup cannot be written or read: {0}")]
    Io(#[from] io::Error),
    /// The file is no backup.
    #[error("this file is no backup of ringfence")]
    NotABackup,
    /// Bytes were changed, or the file is cut off.
    #[error("the backup is damaged or cut off after {rows} rows; nothing was restored")]
    Damaged {
        /// How many rows were read before.
        rows: u64,
    },
    /// It was made with another root key.
    #[error("the backup was made with root key {expected}, this is root key {found}")]
    WrongKey {
        /// The key at hand.
        found: String,
        /// The key it needs.
        expected: String,
    },
    /// There is data already.
    #[error("the database holds data already; restore into a new data folder or database")]
    NotEmpty,
    /// Keys or random bytes are not available.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was written or put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Rows of all tables.
    pub rows: u64,
    /// When the backup was made.
    pub made_at: UnixTime,
    /// The root key it needs.
    pub root_key_id: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Header {
    root_key_id: String,
    install_id: String,
    salt: String,
    made_at: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
enum Line {
    #[serde(rename = "row")]
    Row(String, Vec<Cell>),
    #[serde(rename = "end")]
    End(u64),
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Cell {
    Null(()),
    Int(i64),
    Text(String),
    Bytes { b: String },
}

/// Writes the present state of the database, while the server goes on. `progress` hears of rows
/// done and rows in all.
///
/// # Errors
/// The database or the file cannot be used.
pub async fn backup(
    store: &Store,
    vault: &Vault,
    out: &mut impl Write,
    now: UnixTime,
    mut progress: impl FnMut(u64, u64),
) -> Result<BackupReport, BackupError> {
    let installation = store.installation().read().await?;
    let installation = installation.ok_or(StoreError::Damaged("installation"))?;
    let mut salt = [0; 32];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| VaultError::Unavailable)?;
    let header = Header {
        root_key_id: vault.key_id().to_owned(),
        install_id: STANDARD.encode(installation.install_id),
        salt: STANDARD.encode(salt),
        made_at: now.0,
    };
    let header = serde_json::to_vec(&header).map_err(io::Error::other)?;
    let key = file_key(vault.key(Purpose::Backup), &salt)?;
    let mut writer = FrameWriter::begin(out, header, key)?;
    let mut snapshot = store.snapshot().await?;
    let tables = tables();
    let mut total = 0;
    for table in &tables {
        total += snapshot.count(table).await?;
    }
    let mut rows = 0;
    for table in &tables {
        let take = |row: Vec<Value>| -> Result<(), BackupError> {
            let cells = row.into_iter().map(Cell::from).collect();
            writer.line(&Line::Row(table.name.to_owned(), cells))?;
            rows += 1;
            progress(rows, total);
            Ok(())
        };
        snapshot.rows(table, take).await?;
    }
    writer.line(&Line::End(rows))?;
    writer.finish()?;
    Ok(BackupReport { rows, made_at: now, root_key_id: vault.key_id().to_owned() })
}

/// Puts a backup into an empty database, all of it or nothing.
///
/// # Errors
/// Another key, a damaged file, a database that is not empty or cannot be used.
pub async fn restore(
    root: &RootKey,
    store: &Store,
    input: &mut impl Read,
    mut progress: impl FnMut(u64),
) -> Result<BackupReport, BackupError> {
    if store.installation().read().await?.is_some() {
        return Err(BackupError::NotEmpty);
    }
    let (header, text) = read_header(input)?;
    let found = root.id()?;
    if header.root_key_id != found {
        return Err(BackupError::WrongKey { found, expected: header.root_key_id });
    }
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| BackupError::NotABackup);
    let install_id = decode(&header.install_id)?.try_into();
    let prk = root.extract(&install_id.map_err(|_| BackupError::NotABackup)?);
    let backup_key = derive(&prk, Purpose::Backup.info())?;
    let key = file_key(&backup_key, &decode(&header.salt)?)?;
    let mut reader = FrameReader::new(input, text, key);
    let tables = tables();
    let mut change = store.begin().await?;
    let mut rows = 0;
    loop {
        let damaged = || BackupError::Damaged { rows };
        let line = reader.line(rows)?.ok_or_else(damaged)?;
        match serde_json::from_slice(&line).map_err(|_| damaged())? {
            Line::Row(name, cells) => {
                let table: &Table =
                    tables.iter().find(|table| table.name == name).ok_or_else(damaged)?;
                let values: Option<Vec<Value>> = cells.into_iter().map(Cell::value).collect();
                change.put_back(table, &values.ok_or_else(damaged)?).await?;
                rows += 1;
                progress(rows);
            }
            Line::End(count) if count == rows && reader.line(rows)?.is_none() => break,
            Line::End(_) => return Err(damaged()),
        }
    }
    change.commit().await?;
    let (made_at, root_key_id) = (UnixTime(header.made_at), header.root_key_id);
    Ok(BackupReport { rows, made_at, root_key_id })
}

fn file_key(backup_key: &[u8; 32], salt: &[u8]) -> Result<LessSafeKey, VaultError> {
    let prk = Salt::new(HKDF_SHA256, salt).extract(backup_key);
    let mut key = Zeroizing::new([0; 32]);
    expand(&prk, b"rf/v1/backup-file", key.as_mut())?;
    let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| VaultError::Unavailable)?;
    Ok(LessSafeKey::new(key))
}

fn read_header(input: &mut impl Read) -> Result<(Header, Vec<u8>), BackupError> {
    let not_one = |_| BackupError::NotABackup;
    let mut magic = [0; MAGIC.len()];
    input.read_exact(&mut magic).map_err(not_one)?;
    let mut length = [0; 4];
    input.read_exact(&mut length).map_err(not_one)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if magic != *MAGIC || length > HEADER_BYTES_MAX {
        return Err(BackupError::NotABackup);
    }
    let mut text = vec![0; length];
    input.read_exact(&mut text).map_err(not_one)?;
    let header = serde_json::from_slice(&text).map_err(|_| BackupError::NotABackup)?;
    Ok((header, text))
}

/// The number of a frame and whether it is the last.
fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    let (count, last) = nonce.split_at_mut(8);
    count.copy_from_slice(&number.to_be_bytes());
    last.fill(u8::from(is_last));
    Nonce::assume_unique_for_key(nonce)
}

struct FrameWriter<'a, W: Write> {
    out: &'a mut W,
    header: Vec<u8>,
    key: LessSafeKey,
    number: u64,
    text: Vec<u8>,
}

impl<'a, W: Write> FrameWriter<'a, W> {
    fn begin(out: &'a mut W, header: Vec<u8>, key: LessSafeKey) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        out.write_all(&length(header.len())?)?;
        out.write_all(&header)?;
        Ok(Self { out, header, key, number: 0, text: Vec::with_capacity(FRAME_BYTES) })
    }

    fn line(&mut self, line: &Line) -> Result<(), BackupError> {
        let line = serde_json::to_vec(line).map_err(io::Error::other)?;
        self.text.extend_from_slice(&line);
        self.text.push(b'\n');
        while self.text.len() > FRAME_BYTES {
            let rest = self.text.split_off(FRAME_BYTES);
            self.frame(false)?;
            self.text = rest;
        }
        Ok(())
    }

    fn frame(&mut self, is_last: bool) -> Result<(), BackupError> {
        let nonce = nonce(self.number, is_last);
        self.number += 1;
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(&self.header), &mut self.text)
            .map_err(|_| VaultError::Unavailable)?;
        self.out.write_all(&length(self.text.len())?)?;
        self.out.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(), BackupError> {
        self.frame(true)?;
        Ok(self.out.flush()?)
    }
}

fn length(bytes: usize) -> io::Result<[u8; 4]> {
    Ok(u32::try_from(bytes).map_err(io::Error::other)?.to_be_bytes())
}

struct FrameReader<'a, R: Read> {
    input: &'a mut R,
    header: Vec<u8>,
    key: LessSafeKey,
    number: u64,
    is_done: bool,
    text: Vec<u8>,
}

impl<'a, R: Read> FrameReader<'a, R> {
    fn new(input: &'a mut R, header: Vec<u8>, key: LessSafeKey) -> Self {
        Self { input, header, key, number: 0, is_done: false, text: Vec::new() }
    }

    /// The next line, `None` after the last frame.
    fn line(&mut self, rows: u64) -> Result<Option<Vec<u8>>, BackupError> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let rest = self.text.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.text, rest);
                line.pop();
                return Ok(Some(line));
            }
            if self.is_done && self.text.is_empty() {
                return Ok(None);
            }
            if self.is_done || self.text.len() > LINE_BYTES_MAX {
                return Err(BackupError::Damaged { rows });
            }
            self.frame(rows)?;
        }
    }

    fn frame(&mut self, rows: u64) -> Result<(), BackupError> {
        let damaged = || BackupError::Damaged { rows };
        let mut length = [0; 4];
        self.input.read_exact(&mut length).map_err(|_| damaged())?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if !(TAG_BYTES..=FRAME_BYTES + TAG_BYTES).contains(&length) {
            return Err(damaged());
        }
        let mut sealed = vec![0; length];
        self.input.read_exact(&mut sealed).map_err(|_| damaged())?;
        for is_last in [false, true] {
            let mut text = sealed.clone();
            let nonce = nonce(self.number, is_last);
            if let Ok(open) = self.key.open_in_place(nonce, Aad::from(&self.header), &mut text) {
                self.text.extend_from_slice(open);
                self.number += 1;
                self.is_done = is_last;
                return Ok(());
            }
        }
        Err(damaged())
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null(()),
            Value::Int(number) => Self::Int(number),
            Value::Text(text) => Self::Text(text),
            Value::Bytes(bytes) => Self::Bytes { b: STANDARD.encode(bytes) },
        }
    }
}

impl Cell {
    fn value(self) -> Option<Value> {
        Some(match self {
            Self::Null(()) => Value::Null,
            Self::Int(number) => Value::Int(number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes { b } => Value::Bytes(STANDARD.decode(b).ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Level, testing};
    use crate::vault::RootKeySources;

    async fn made(test: &testing::TestStore) -> (Vec<u8>, RootKey) {
        let vault = Vault::open(test.folder.path(), &test.store, UnixTime(7)).await.unwrap();
        testing::workspace_with(&test.store, "one", "1001", Level::ADMIN).await;
        let mut file = Vec::new();
        let mut heard = (0, 0);
        let hear = |done, total| heard = (done, total);
        let report = backup(&test.store, &vault, &mut file, UnixTime(9), hear).await.unwrap();
        assert_eq!(heard, (report.rows, report.rows));
        let sources = RootKeySources::of_folder(test.folder.path());
        (file, sources.find().unwrap().unwrap().0)
    }

    #[tokio::test]
    async fn f21_p04_a_backup_restores_into_either_database_and_shows_nothing_without_the_key() {
        for from in testing::each().await {
            let (file, root) = made(&from).await;
            for plain in ["agent1001", "1001@example.com", "memberships"] {
                assert!(!file.windows(plain.len()).any(|bytes| bytes == plain.as_bytes()));
            }
            for into in testing::each().await {
                let put = restore(&root, &into.store, &mut &*file, |_| {}).await.unwrap();
                assert_eq!(put.made_at, UnixTime(9));
                let found = into.store.users().by_sign_in("agent1001").await.unwrap();
                assert!(found.is_some());
                let again = restore(&root, &into.store, &mut &*file, |_| {}).await.unwrap_err();
                assert!(matches!(again, BackupError::NotEmpty));
            }
        }
    }

    #[tokio::test]
    async fn a_changed_cut_or_foreign_backup_restores_nothing() {
        let from = testing::sqlite().await;
        let (file, root) = made(&from).await;
        let other = testing::sqlite().await;
        let (_, other_root) = made(&other).await;
        let into = testing::sqlite().await;
        let refused = restore(&other_root, &into.store, &mut &*file, |_| {}).await.unwrap_err();
        assert!(matches!(refused, BackupError::WrongKey { .. }), "{refused}");
        let header = 10 + usize::from(file[9]);
        for at in [0, 3, 12, header - 2, header + 5, file.len() / 2, file.len() - 1] {
            let mut bad = file.clone();
            bad[at] ^= 1;
            assert!(restore(&root, &into.store, &mut &*bad, |_| {}).await.is_err(), "byte {at}");
        }
        for length in [0, 5, header, header + 4, file.len() - 1] {
            let cut = &file[..length];
            assert!(restore(&root, &into.store, &mut &*cut, |_| {}).await.is_err(), "{length}");
        }
        assert!(into.store.users().by_sign_in("agent1001").await.unwrap().is_none());
    }
}
