//! One audited event, before it has a place in the chain.
//!
//! Details hold identities and settings, never a secret and as little about a person as possible:
//! what was erased about a person must not live on here.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::Action;
use crate::base::UnixTime;
use crate::base::limit::AUDIT_DETAILS_BYTES_MAX;
use crate::store::{UserId, WorkspaceId};

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// A stable word.
    pub kind: &'static str,
    /// Who exactly, where there is an identity.
    pub id: Option<[u8; 16]>,
}

impl Actor {
    /// The server itself.
    pub const SYSTEM: Self = Self { kind: "system", id: None };

    /// A person.
    #[must_use]
    pub fn user(id: UserId) -> Self {
        Self { kind: "user", id: Some(*id.as_bytes()) }
    }

    /// A program with an API key.
    #[must_use]
    pub fn api_key(id: &[u8; 16]) -> Self {
        Self { kind: "api_key", id: Some(*id) }
    }
}

/// An audited event.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: UnixTime,
    /// Who did it.
    pub actor: Actor,
    /// In which workspace; `None` for what concerns the installation.
    pub workspace: Option<WorkspaceId>,
    /// What was done.
    pub action: Action,
    /// What it was done to: the kind.
    pub target_kind: &'static str,
    /// What it was done to: the identity.
    pub target_id: String,
    /// From which address.
    pub ip: Option<IpAddr>,
    details: BTreeMap<&'static str, Value>,
}

/// Members whose value is a secret wherever they come from.
const SECRET_MEMBERS: [&str; 10] = [
    "password",
    "secret",
    "token",
    "cookie",
    "authorization",
    "code",
    "pin",
    "key",
    "totp",
    "recovery_code",
];

impl Entry {
    /// An event of the installation, of no target, without details.
    #[must_use]
    pub fn new(at: UnixTime, actor: Actor, action: Action) -> Self {
        Self {
            at,
            actor,
            workspace: None,
            action,
            target_kind: "",
            target_id: String::new(),
            ip: None,
            details: BTreeMap::new(),
        }
    }

    /// In a workspace.
    #[must_use]
    pub fn of_workspace(mut self, workspace: WorkspaceId) -> Self {
        self.workspace = Some(workspace);
        self
    }

    /// Done to this.
    #[must_use]
    pub fn on(mut self, kind: &'static str, id: impl ToString) -> Self {
        self.target_kind = kind;
        self.target_id = id.to_string();
        self
    }

    /// From this address.
    #[must_use]
    pub fn from_ip(mut self, ip: Option<IpAddr>) -> Self {
        self.ip = ip;
        self
    }

    /// With a detail; members that name a secret are masked.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        let is_secret = SECRET_MEMBERS.contains(&member);
        self.details.insert(member, if is_secret { Value::from("***") } else { value.into() });
        self
    }

    /// The details as canonical JSON: members sorted, no space, bounded.
    pub(super) fn canonical_details(&self) -> String {
        let mut text = String::new();
        object(self.details.iter().map(|(member, value)| (*member, value)), &mut text);
        if text.len() > AUDIT_DETAILS_BYTES_MAX {
            return format!("{{\"omitted_bytes\":{}}}", text.len());
        }
        text
    }
}

/// Writes JSON whose bytes depend on nothing but its content.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&str, &Value> =
                members.iter().map(|(member, value)| (member.as_str(), value)).collect();
            object(sorted.into_iter(), out);
        }
        Value::Array(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                canonical(value, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
    }
}

fn object<'a>(members: impl Iterator<Item = (&'a str, &'a Value)>, out: &mut String) {
    out.push('{');
    for (i, (member, value)) in members.enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(member).to_string());
        out.push(':');
        if SECRET_MEMBERS.contains(&member) {
            out.push_str("\"***\"");
        } else {
            canonical(value, out);
        }
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry() -> Entry {
        Entry::new(UnixTime(1), Actor::SYSTEM, Action::PolicyChange)
    }

    #[test]
    fn details_are_the_same_bytes_whatever_the_order() {
        let one = entry().with("new", json!({"b": [1, "x\n"], "a": null})).with("old", 2);
        let two = entry().with("old", 2).with("new", json!({"a": null, "b": [1, "x\n"]}));
        assert_eq!(one.canonical_details(), r#"{"new":{"a":null,"b":[1,"x\n"]},"old":2}"#);
        assert_eq!(one.canonical_details(), two.canonical_details());
        assert_eq!(entry().canonical_details(), "{}");
    }

    #[test]
    fn sec_o01_details_that_name_a_secret_are_masked_and_long_ones_left_out() {
        let canary = "canary-77";
        let masked = entry().with("password", canary).with("new", json!({"token": canary}));
        assert!(!masked.canonical_details().contains(canary), "{masked:?}");
        assert!(!format!("{:?}", entry().with("pin", canary)).contains(canary));
        let long = entry().with("new", "x".repeat(AUDIT_DETAILS_BYTES_MAX));
        assert!(long.canonical_details().starts_with("{\"omitted_bytes\":"));
    }
}
