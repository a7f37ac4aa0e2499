//! `ringfence vault`.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::args::VaultCommand;
use super::failure::{Exit, Failure};
use super::output;
use super::place::{self, Data, Missing};
use super::progress::Progress;
use super::secret_source;
use crate::access::audit::Action;
use crate::vault::{Answer, Ring, offer};

pub(super) async fn vault(
    command: VaultCommand,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        VaultCommand::Status { common } => {
            let data = place::open(&common.place, Missing::Refuse).await?;
            show(&data, common.json, out).await
        }
        VaultCommand::Rotate { common } => {
            let data = place::open(&common.place, Missing::Refuse).await?;
            rotate(&data, err).await?;
            show(&data, common.json, out).await
        }
        VaultCommand::Unseal { key_file, common } => {
            let folder = place::locate(&common.place)?.folder;
            unseal(&folder, key_file.as_deref(), err).await?;
            if common.json {
                return output::json(out, &json!({"unsealed": true}));
            }
            writeln!(out, "the key is right; the server starts")?;
            Ok(())
        }
    }
}

async fn show(data: &Data, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let status = data.vault.status(&data.store).await?;
    if json {
        let keks: Vec<_> = status
            .keks
            .iter()
            .map(|kek| {
                json!({
                    "id": kek.id, "purpose": kek.ring, "state": kek.state.as_str(),
                    "created_at": kek.created_at.rfc3339(),
                    "retired_at": kek.retired_at.map(crate::base::UnixTime::rfc3339),
                    "sealed": kek.sealed_count,
                })
            })
            .collect();
        return output::json(out, &json!({"root_key_id": status.root_key_id, "keks": keks}));
    }
    writeln!(out, "root key {}", status.root_key_id)?;
    let row = |kek: crate::vault::KekStatus| {
        let state = kek.state.as_str().to_owned();
        let (id, sealed) = (kek.id.to_string(), kek.sealed_count.to_string());
        vec![kek.ring, id, state, kek.created_at.rfc3339(), sealed]
    };
    let rows = status.keks.into_iter().map(row).collect();
    output::table(out, &["for", "key", "state", "since", "secrets"], rows)?;
    Ok(())
}

/// A new key in each ring, and every secret wrapped by it before the command ends.
async fn rotate(data: &Data, err: &mut dyn Write) -> Result<(), Failure> {
    let now = data.clock.unix();
    let mut change = data.store.begin().await?;
    for ring in Ring::ALL {
        let id = data.vault.rotate(&mut change, ring, now).await?;
        let key = format!("{}/{id}", ring.as_str());
        data.record(&mut change, data.entry(Action::VaultRotate).on("vault_key", key)).await?;
    }
    change.commit().await?;
    data.vault.refresh(&data.store).await?;
    let mut progress = Progress::new(err, &data.clock, "wrapping secrets anew");
    let mut rewrapped = 0;
    loop {
        let done = data.vault.rekey(&data.store, data.clock.unix()).await?;
        rewrapped += done.rewrapped;
        progress.rows(rewrapped, None);
        if done.is_quiet() {
            drop(progress);
            if done.damaged > 0 {
                let words = format!("warning: {} secrets do not open any more", done.damaged);
                writeln!(err, "{words}; the server's log names them")?;
            }
            return Ok(());
        }
    }
}

async fn unseal(
    folder: &Path,
    key_file: Option<&Path>,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let key = secret_source::root_key(key_file, err)?;
    let (exit, words) = match offer(folder, &key).await? {
        Answer::Unsealed => return Ok(()),
        Answer::Wrong => (Exit::Config, "this is not the root key of the server's data"),
        Answer::Wait => (Exit::Failed, "too many tries: wait a minute"),
        Answer::NotAKey => (Exit::Config, "a root key is 32 random bytes in base64 or hexadecimal"),
    };
    Err(Failure::words(exit, words))
}
