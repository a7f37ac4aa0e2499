//! `ringfence trunk`.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::args::{OneTrunk, TrunkAdd, TrunkCommand};
use super::failure::{Exit, Failure};
use super::output;
use super::place::{self, Data, Missing};
use super::run::{Hooks, TestStep};
use super::secret_source;
use crate::access::audit::Action;
use crate::config::{CodecName, TrunkArgument, is_host, is_trunk_name};
use crate::net::tls::Authorities;
use crate::store::TrunkRow;
use crate::vault::NewTrunk;

#[derive(Serialize)]
struct Shown {
    id: String,
    name: String,
    uri: String,
    user: Option<String>,
    has_password: bool,
    media: &'static str,
    codecs: Vec<&'static str>,
    register: bool,
    domain: Option<String>,
    source: &'static str,
    state: String,
    detail: String,
    state_at: u64,
}

impl From<TrunkRow> for Shown {
    fn from(trunk: TrunkRow) -> Self {
        Self {
            id: trunk.id.to_string(),
            name: trunk.name,
            uri: trunk.uri.to_string(),
            user: trunk.user,
            has_password: trunk.password_sealed.is_some(),
            media: trunk.media.as_str(),
            codecs: trunk.codecs.iter().map(|codec| codec.as_str()).collect(),
            register: trunk.register,
            domain: trunk.domain,
            source: trunk.source.as_str(),
            state: trunk.state.word,
            detail: trunk.state.detail,
            state_at: trunk.state.at.0,
        }
    }
}

pub(super) async fn trunk(
    command: TrunkCommand,
    hooks: &impl Hooks,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    match command {
        TrunkCommand::Add(command) => add(*command, out, err).await,
        TrunkCommand::List { within } => {
            let data = place::open(&within.common.place, Missing::Refuse).await?;
            let mut rows = data.trunks.list().await?;
            // Names are unique among all workspaces, so without a choice all are listed.
            if let Some(name) = &within.workspace {
                let workspace = data.workspace(Some(name), Missing::Refuse).await?;
                rows.retain(|row| row.workspace_id == workspace.id);
            }
            let trunks: Vec<Shown> = rows.into_iter().map(Shown::from).collect();
            if within.common.json {
                return output::json(out, &trunks);
            }
            if trunks.is_empty() {
                writeln!(out, "no trunks; add one: ringfence trunk add NAME sips:USER@HOST:PORT")?;
                return Ok(());
            }
            let headers = ["name", "address", "user", "audio", "from", "state", "detail"];
            output::table(out, &headers, trunks.into_iter().map(row).collect())?;
            Ok(())
        }
        TrunkCommand::Test(one) => {
            let (data, trunk) = find(&one).await?;
            let password = data.trunks.password(&trunk, "test")?;
            let steps = hooks.test_trunk(&trunk, password, data.ca).await;
            show_test(&one.name, &steps, one.within.common.json, out)
        }
        TrunkCommand::Remove(one) => remove(&one, out).await,
    }
}

/// A trunk by its name, of the workspace given if one is.
async fn find(one: &OneTrunk) -> Result<(Data, TrunkRow), Failure> {
    let data = place::open(&one.within.common.place, Missing::Refuse).await?;
    let trunk = data.store.trunks().by_name(&one.name).await?;
    let mut trunk = trunk.ok_or_else(|| nobody(&one.name))?;
    if let Some(name) = &one.within.workspace {
        let workspace = data.workspace(Some(name), Missing::Refuse).await?;
        trunk = Some(trunk)
            .filter(|trunk| trunk.workspace_id == workspace.id)
            .ok_or_else(|| nobody(&one.name))?;
    }
    Ok((data, trunk))
}

async fn remove(one: &OneTrunk, out: &mut dyn Write) -> Result<(), Failure> {
    let (data, trunk) = find(one).await?;
    let name = &one.name;
    let mut change = data.store.begin().await?;
    if !data.trunks.remove_in(&mut change, name).await? {
        return Err(nobody(name));
    }
    let removed = data
        .entry(Action::TrunkDelete)
        .of_workspace(trunk.workspace_id)
        .on("trunk", trunk.id)
        .with("name", name.as_str());
    data.record(&mut change, removed).await?;
    change.commit().await?;
    if one.within.common.json {
        return output::json(out, &serde_json::json!({"removed": name}));
    }
    writeln!(out, "removed {name}; a running server ends its calls and lets it go within seconds")?;
    Ok(())
}

async fn add(command: TrunkAdd, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Failure> {
    let usage = |words: String| Failure::words(Exit::Usage, words);
    let argument: TrunkArgument =
        command.uri.expose().parse().map_err(|error| usage(format!("the address: {error}")))?;
    if argument.password.is_some() {
        let words = "a password may not be on the command line, where others can read it; leave \
                     it out and it is asked for, or give --password-file or --password-env";
        return Err(usage(words.into()));
    }
    if !is_trunk_name(&command.name) {
        return Err(usage("a trunk's name is 1 to 40 letters, digits, - and _".into()));
    }
    if command.domain.as_deref().is_some_and(|domain| !is_host(domain)) {
        return Err(usage("--domain is not a name or an address".into()));
    }
    let codecs: Option<Vec<CodecName>> =
        command.codecs.iter().map(|name| CodecName::from_name(name)).collect();
    let codecs = codecs.ok_or_else(|| usage("a codec is opus, pcma or pcmu".into()))?;
    let ca_pem = command.ca.as_deref().map(read_ca).transpose()?;
    // A trunk that is known by its address has no user, and nothing to ask for.
    let password = match &argument.user {
        Some(user) => secret_source::password(&command.password, user, err)?,
        None => None,
    };
    let within = command.within;
    let data = place::open(&within.common.place, Missing::Make).await?;
    let workspace = data.workspace(within.workspace.as_deref(), Missing::Make).await?;
    let new = NewTrunk {
        name: command.name,
        uri: argument.uri,
        register: argument.user.is_some() && !command.no_register,
        user: argument.user,
        password,
        ca_pem,
        media: command.media.into(),
        codecs,
        domain: command.domain,
    };
    let mut change = data.store.begin().await?;
    let row = data.trunks.add_in(&mut change, workspace.id, &new).await?;
    let added = data
        .entry(Action::TrunkCreate)
        .of_workspace(workspace.id)
        .on("trunk", row.id)
        .with("name", row.name.as_str())
        .with("host", row.uri.host.as_str());
    data.record(&mut change, added).await?;
    change.commit().await?;
    let trunk = Shown::from(row);
    if within.common.json {
        return output::json(out, &trunk);
    }
    writeln!(
        out,
        "added {} at {}; a running server connects to it within seconds",
        trunk.name, trunk.uri
    )?;
    writeln!(out, "try it now: ringfence trunk test {}", trunk.name)?;
    Ok(())
}

fn read_ca(path: &Path) -> Result<String, Failure> {
    let unusable = |words: &dyn std::fmt::Display, verb| {
        Failure::words(Exit::Config, format!("{} cannot be {verb}: {words}", path.display()))
    };
    let pem = std::fs::read_to_string(path).map_err(|error| unusable(&error, "read"))?;
    let authorities = Authorities { file: None, pem: Some(pem.clone()) };
    authorities.check().map_err(|error| unusable(&error, "used"))?;
    Ok(pem)
}

fn row(trunk: Shown) -> Vec<String> {
    let user = trunk.user.unwrap_or_else(|| "-".into());
    // The store's word is for programs.
    let state = match trunk.state.as_str() {
        "unknown" => "not connected yet; is the server running?".into(),
        _ => trunk.state,
    };
    let audio = format!("{} {}", trunk.media, trunk.codecs.join(","));
    vec![trunk.name, trunk.uri, user, audio, trunk.source.into(), state, trunk.detail]
}

fn show_test(
    name: &str,
    steps: &[TestStep],
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let is_ok = steps.iter().all(|step| step.ok);
    if json {
        output::json(out, &serde_json::json!({"name": name, "ok": is_ok, "steps": steps}))?;
    } else {
        for step in steps {
            let mark = if step.ok { "ok  " } else { "FAIL" };
            writeln!(out, "{mark}  {:<9} {:>5} ms  {}", step.step, step.took_ms, step.detail)?;
        }
    }
    match steps.iter().find(|step| !step.ok) {
        None => Ok(()),
        Some(step) => {
            let words = format!("{name} failed at `{}`: {}", step.step, step.detail);
            Err(Failure::words(Exit::Failed, words))
        }
    }
}

fn nobody(name: &str) -> Failure {
    Failure::words(Exit::Failed, format!("there is no trunk `{name}`; see: ringfence trunk list"))
}
