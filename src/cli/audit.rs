//! `ringfence audit`.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::args::AuditCommand;
use super::failure::{Exit, Failure};
use super::output;
use super::place::{self, Data, Missing};
use super::progress::Progress;
use crate::access::UserId;
use crate::access::audit::AuditError;
use crate::store::{AuditFilter, AuditRow};

pub(super) async fn audit(
    command: AuditCommand,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        AuditCommand::Show { limit, action, workspace, common } => {
            let data = place::open(&common.place, Missing::Refuse).await?;
            let workspace = match &workspace {
                Some(name) => Some(data.workspace(Some(name), Missing::Refuse).await?.id),
                None => None,
            };
            let action = action.as_deref();
            let filter = AuditFilter { workspace, action, ..AuditFilter::default() };
            let rows = data.store.audit().list(filter, limit.into()).await?;
            show(&data, rows, common.json, out).await
        }
        AuditCommand::Verify { common } => {
            let data = place::open(&common.place, Missing::Refuse).await?;
            verify(&data, common.json, out, err).await
        }
    }
}

async fn show(
    data: &Data,
    rows: Vec<AuditRow>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut names: BTreeMap<Vec<u8>, Option<String>> = BTreeMap::new();
    let mut shown = Vec::new();
    for row in rows {
        let id = row.actor_id.unwrap_or_default();
        if row.actor_kind == "user" && !names.contains_key(&id) {
            let name = match UserId::from_slice(&id) {
                Some(user) => data.store.users().by_id(user).await?.map(|user| user.name),
                None => None,
            };
            names.insert(id.clone(), name);
        }
        let name = names.get(&id).cloned().flatten();
        let id = UserId::from_slice(&id).map(|id| id.to_string());
        let details = serde_json::from_str::<Value>(&row.details).unwrap_or_default();
        if json {
            shown.push(json!({
                "seq": row.seq,
                "at": row.at.rfc3339(),
                "actor": {"kind": row.actor_kind, "id": id, "name": name},
                "action": row.action,
                "target": {"kind": row.target_kind, "id": row.target_id},
                "ip": row.ip,
                "details": details,
            }));
        } else {
            let actor = name.unwrap_or(row.actor_kind);
            let target = format!("{} {}", row.target_kind, row.target_id);
            let ip = row.ip.unwrap_or_else(|| "-".into());
            let cells =
                [row.seq.to_string(), row.at.rfc3339(), actor, row.action, target, ip, row.details];
            shown.push(json!(cells));
        }
    }
    if json {
        return output::json(out, &shown);
    }
    let cells = |row: Value| serde_json::from_value(row).unwrap_or_default();
    let rows = shown.into_iter().map(cells).collect();
    output::table(out, &["row", "at", "who", "action", "target", "from", "details"], rows)?;
    Ok(())
}

async fn verify(
    data: &Data,
    json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let mut progress = Progress::new(err, &data.clock, "checking the audit");
    let checked = data.access.audit().verify(|done| progress.rows(done, None)).await;
    drop(progress);
    match checked {
        Ok(report) => {
            if json {
                let value = json!({
                    "ok": true, "rows": report.rows, "checkpoints": report.checkpoints,
                    "vouched": report.vouched, "first_bad": null, "why": null,
                });
                return output::json(out, &value);
            }
            let vouched = match report.checkpoints {
                0 => "no signed checkpoint yet".to_owned(),
                count => format!("{count} signed checkpoints, the last at row {}", report.vouched),
            };
            writeln!(out, "the audit is whole: {} rows, {vouched}", report.rows)?;
            Ok(())
        }
        Err(AuditError::Broken(broken)) => {
            if json {
                let why = broken.why.to_string();
                let value = json!({
                    "ok": false, "rows": 0, "checkpoints": 0, "vouched": 0,
                    "first_bad": broken.seq, "why": why,
                });
                output::json(out, &value)?;
            }
            Err(Failure::words(Exit::Failed, format!("the audit was tampered with: {broken}")))
        }
        Err(error) => Err(error.into()),
    }
}
