//! `ringfence policy`.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::args::PolicyCommand;
use super::failure::{Exit, Failure};
use super::output;
use super::place::{self, Data, Missing};
use crate::access::Actor;
use crate::access::settings::{Kind, Setting, SettingShown};
use crate::store::WorkspaceRow;

pub(super) async fn policy(command: PolicyCommand, out: &mut dyn Write) -> Result<(), Failure> {
    let within = match &command {
        PolicyCommand::Show { within }
        | PolicyCommand::Set { within, .. }
        | PolicyCommand::Preset { within, .. } => within,
    };
    let data = place::open(&within.common.place, Missing::Refuse).await?;
    let workspace = data.workspace(within.workspace.as_deref(), Missing::Refuse).await?;
    let json = within.common.json;
    let settings = data.access.settings();
    match &command {
        PolicyCommand::Show { .. } => show(&data, &workspace, &[], json, out).await,
        PolicyCommand::Set { values, .. } => {
            let values = parse(values)?;
            settings.change(&Actor::command(), workspace.id, &values).await?;
            let keys: Vec<&str> = values.keys().map(String::as_str).collect();
            show(&data, &workspace, &keys, json, out).await
        }
        PolicyCommand::Preset { name, .. } => {
            settings.apply_preset(&Actor::command(), workspace.id, name).await?;
            if json {
                return show(&data, &workspace, &[], json, out).await;
            }
            writeln!(out, "workspace {} has preset {name} now", workspace.name)?;
            Ok(())
        }
    }
}

/// Prints the settings of these names, or all.
async fn show(
    data: &Data,
    workspace: &WorkspaceRow,
    keys: &[&str],
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let shown = data.access.settings().show(workspace.id).await?;
    let is_wanted = |item: &&SettingShown| keys.is_empty() || keys.contains(&item.setting.key());
    let items = shown.items.iter().filter(is_wanted);
    if as_json {
        let items: Vec<_> = items
            .map(|item| {
                json!({
                    "key": item.setting.key(), "value": item.value,
                    "source": item.source.words(), "default": item.otherwise,
                    "kind": item.kind.as_str(), "min": item.kind.min(), "max": item.kind.max(),
                    "choices": item.kind.choices(), "words": item.setting.words(),
                })
            })
            .collect();
        return output::json(out, &json!({"preset": shown.preset.as_str(), "items": items}));
    }
    if keys.is_empty() {
        writeln!(out, "preset {}", shown.preset.as_str())?;
    }
    let row = |item: &SettingShown| {
        let (value, may_be) = (words(item.kind, &item.value), range(item.kind));
        let about = item.setting.words().to_owned();
        vec![item.setting.key().to_owned(), value, item.source.words(), may_be, about]
    };
    let rows = items.map(row).collect();
    output::table(out, &["setting", "value", "from", "may be", "what for"], rows)?;
    Ok(())
}

/// A value as it would be typed.
fn words(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Duration { .. }, Value::Number(seconds)) => {
            seconds.as_u64().map_or_else(|| seconds.to_string(), duration)
        }
        (_, Value::Array(words)) => {
            words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        (_, Value::String(word)) => word.clone(),
        (_, other) => other.to_string(),
    }
}

fn range(kind: Kind) -> String {
    match kind {
        Kind::Duration { min, max, may_be_off } => {
            let off = if may_be_off { " or 0" } else { "" };
            format!("{} to {}{off}", duration(min.as_secs()), duration(max.as_secs()))
        }
        Kind::Number { min, max } => format!("{min} to {max}"),
        Kind::Flag => "true, false".into(),
        Kind::Choice(choices) => choices.join(", "),
        Kind::Words { choices, .. } => format!("some of {}", choices.join(",")),
        Kind::Brand => "2 to 8 letters a-z".into(),
    }
}

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

fn duration(seconds: u64) -> String {
    let whole = UNITS.iter().find(|(_, unit)| seconds != 0 && seconds.is_multiple_of(*unit));
    match whole {
        Some((letter, unit)) => format!("{}{letter}", seconds / unit),
        None => seconds.to_string(),
    }
}

/// The values of `KEY=VALUE` words; their ranges are the settings' own to check.
fn parse(words: &[String]) -> Result<BTreeMap<String, Value>, Failure> {
    let usage = |words: String| Failure::words(Exit::Usage, words);
    let mut values = BTreeMap::new();
    for word in words {
        let (key, text) = word
            .split_once('=')
            .ok_or_else(|| usage(format!("`{word}` is not like session.idle_timeout=30m")))?;
        let value = match Setting::from_key(key) {
            Some(_) if text == "default" => Value::Null,
            Some(setting) => typed(setting.kind(), text),
            // Named by whoever checks all of them.
            None => Value::Null,
        };
        if values.insert(key.to_owned(), value).is_some() {
            return Err(usage(format!("{key} is given twice")));
        }
    }
    Ok(values)
}

/// A text as a value of a kind; as it is when it is none, to be refused with the range.
fn typed(kind: Kind, text: &str) -> Value {
    let as_it_is = || Value::from(text);
    match kind {
        Kind::Duration { .. } => seconds(text).map_or_else(as_it_is, Value::from),
        Kind::Number { .. } => text.parse::<u64>().map_or_else(|_| as_it_is(), Value::from),
        Kind::Flag => match text {
            "true" | "on" | "yes" => Value::from(true),
            "false" | "off" | "no" => Value::from(false),
            _ => as_it_is(),
        },
        Kind::Words { .. } => {
            text.split(',').filter(|word| !word.is_empty()).map(str::trim).collect()
        }
        Kind::Choice(_) | Kind::Brand => as_it_is(),
    }
}

fn seconds(text: &str) -> Option<u64> {
    for (letter, unit) in UNITS {
        if let Some(count) = text.strip_suffix(letter) {
            return count.parse::<u64>().ok()?.checked_mul(unit);
        }
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_they_are_read() {
        for (text, number) in [("90s", 90), ("30m", 1800), ("8h", 28_800), ("7d", 604_800)] {
            assert_eq!(seconds(text), Some(number));
            assert_eq!(duration(number), text);
        }
        assert_eq!((seconds("0"), duration(0)), (Some(0), "0".into()));
        for bad in ["", "h", "-1h", "1.5h", "18446744073709551615d", "8 h"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn values_are_read_by_the_kind_of_their_setting() {
        let words = ["mfa.methods=totp,email", "pin.required=on", "api_keys.max_active=default"];
        let values = parse(&words.map(str::to_owned)).unwrap();
        assert_eq!(values["mfa.methods"], json!(["totp", "email"]));
        assert_eq!(values["pin.required"], json!(true));
        assert_eq!(values["api_keys.max_active"], Value::Null);
        for bad in [&["nothing"][..], &["pin.required=on", "pin.required=off"]] {
            let words: Vec<String> = bad.iter().map(ToString::to_string).collect();
            assert_eq!(parse(&words).unwrap_err().exit, Exit::Usage);
        }
    }
}
