//! `ringfence backup` and `ringfence restore`.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::args::{Backup, Restore};
use super::failure::{Exit, Failure};
use super::output;
use super::place::{self, Data, Located, Missing};
use super::progress::Progress;
use crate::access::Actor;
use crate::access::audit::{self, Action, Audit, Entry};
use crate::base::Clock;
use crate::store::{DataLock, Store};
use crate::vault::{self, BackupReport, Vault};

pub(super) async fn backup(
    command: Backup,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let data = place::open(&command.common.place, Missing::Refuse).await?;
    let path = &command.file;
    let file = create(path)?;
    let made = write(&data, file, err).await;
    // What is not whole must not look like a backup.
    let report = made.inspect_err(|_| drop(std::fs::remove_file(path)))?;
    if command.common.json {
        return output::json(out, &shown(path, &report));
    }
    writeln!(
        out,
        "saved {} rows in {}; without root key {} it is worth nothing, so keep a copy of that \
         elsewhere",
        report.rows,
        path.display(),
        report.root_key_id
    )?;
    Ok(())
}

async fn write(data: &Data, file: File, err: &mut dyn Write) -> Result<BackupReport, Failure> {
    // First, so that the backup holds its own row and a checkpoint vouches for all of it.
    let mut change = data.store.begin().await?;
    data.record(&mut change, data.entry(Action::BackupMake).on("backup", "file")).await?;
    change.commit().await?;
    data.access.audit().checkpoint().await?;
    let mut progress = Progress::new(err, &data.clock, "saving");
    let mut file = BufWriter::new(file);
    let tell = |done, total| progress.rows(done, Some(total));
    let now = data.clock.unix();
    let report = vault::backup(&data.store, &data.vault, &mut file, now, tell).await?;
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    Ok(report)
}

/// A file of our own that was not there.
fn create(path: &Path) -> Result<File, Failure> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|error| {
        let shown = path.display();
        match error.kind() {
            ErrorKind::AlreadyExists => {
                let words = format!("{shown} is there already; a backup overwrites nothing");
                Failure::words(Exit::Usage, words)
            }
            _ => Failure::words(Exit::Failed, format!("{shown} cannot be written: {error}")),
        }
    })
}

pub(super) async fn restore(
    command: Restore,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let (place, path) = (&command.common.place, &command.file);
    let mut file = BufReader::new(File::open(path).map_err(|error| {
        Failure::words(Exit::Failed, format!("{} cannot be read: {error}", path.display()))
    })?);
    let located = place::locate(place)?;
    let (root, source) = located.sources.find()?.ok_or_else(|| no_key(&located))?;
    // No server may begin on it half way.
    let _lock = DataLock::take(&located.folder)?;
    let was_there = located.folder.join(DATABASE).exists();
    let clock = Clock::system();
    let store = located.open_store().await?;
    let mut progress = Progress::new(err, &clock, "restoring");
    let restored = vault::restore(&root, &store, &mut file, |done| progress.rows(done, None)).await;
    drop(progress);
    let report = match restored {
        Ok(report) => report,
        Err(error) => {
            store.close().await;
            if !was_there {
                remove_empty(&located.folder);
            }
            return Err(error.into());
        }
    };
    let vault = Vault::open_with(&root, source, &store, clock.unix()).await?;
    note(&located, store, Arc::new(vault), &clock, &report).await?;
    if command.common.json {
        return output::json(out, &shown(path, &report));
    }
    let made_at = report.made_at.rfc3339();
    writeln!(out, "restored {} rows of {made_at} into {}", report.rows, located.folder.display())?;
    if place.root_key_file.is_some() { tell_key(&located, out) } else { Ok(()) }
}

/// Writes into the record that it went on from a backup here.
async fn note(
    located: &Located,
    store: Store,
    vault: Arc<Vault>,
    clock: &Clock,
    report: &BackupReport,
) -> Result<(), Failure> {
    let audit = Audit::open(store.clone(), vault, &located.folder, clock.clone()).await?;
    let actor = audit::Actor { kind: Actor::command().kind, id: None };
    let entry = Entry::new(clock.unix(), actor, Action::BackupRestore)
        .on("backup", "file")
        .with("made_at", report.made_at.0)
        .with("rows", report.rows);
    let mut change = store.begin().await?;
    audit.record(&mut change, entry).await?;
    change.commit().await?;
    audit.checkpoint().await?;
    store.close().await;
    Ok(())
}

/// The key came by `--root-key-file`: the server looks elsewhere.
fn tell_key(located: &Located, out: &mut dyn Write) -> Result<(), Failure> {
    let configured = located.config.as_ref().and_then(|config| config.vault.key_file.clone());
    let file = configured.unwrap_or_else(|| located.folder.join(vault::ROOT_KEY_FILE));
    if !file.exists() {
        let shown = file.display();
        writeln!(out, "put the root key at {shown}, chmod 600, before the server starts")?;
    }
    Ok(())
}

const DATABASE: &str = "ringfence.db";

/// Takes a database away that was made for a restore that failed.
fn remove_empty(folder: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("{DATABASE}{ending}")));
    }
}

fn no_key(located: &Located) -> Failure {
    let file = located.sources.file.display();
    let words = format!(
        "a backup needs the root key it was made with: give --root-key-file FILE, or put it at \
         {file}, chmod 600"
    );
    Failure::words(Exit::Config, words)
}

fn shown(path: &Path, report: &BackupReport) -> serde_json::Value {
    json!({
        "file": path.display().to_string(), "rows": report.rows,
        "made_at": report.made_at.rfc3339(), "root_key_id": report.root_key_id,
    })
}
