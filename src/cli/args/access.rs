//! `ringfence key`, `session` and `policy`.

use clap::{Args, Subcommand};

use super::Within;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ringfence key create crm --user ann --scope calls:read --expires-in-days 90
  ringfence key revoke crm")]
pub(in super::super) enum KeyCommand {
    /// List keys: masked, with scopes and last use
    List {
        #[command(flatten)]
        within: Within,
    },
    /// Make a key that acts for a person and print it: it is never shown again
    Create(Box<KeyCreate>),
    /// Make a key worthless, within a second
    Revoke {
        /// Its name or id
        key: String,
        #[command(flatten)]
        within: Within,
    },
}

#[derive(Args, Debug)]
pub(in super::super) struct KeyCreate {
    /// What people call it
    pub(in super::super) name: String,
    /// Whom it acts for: name, mail address or number
    #[arg(long)]
    pub(in super::super) user: String,
    /// What it may do (repeatable); never more than the person
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    pub(in super::super) scopes: Vec<String>,
    /// When it ends [default: never]
    #[arg(long, value_name = "DAYS")]
    pub(in super::super) expires_in_days: Option<u32>,
    #[command(flatten)]
    pub(in super::super) within: Within,
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ringfence session list --user ann
  ringfence session end-all --user ann

Sockets and tokens of an ended session die within a second.")]
pub(in super::super) enum SessionCommand {
    /// List sessions, newest first, open and ended
    List {
        /// Of this person alone, in all workspaces
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        #[command(flatten)]
        within: Within,
    },
    /// End one
    End {
        /// Its id
        id: String,
        #[command(flatten)]
        within: Within,
    },
    /// End all of a person, on every device, in every workspace
    EndAll {
        /// Whose
        #[arg(long, value_name = "NAME")]
        user: String,
        #[command(flatten)]
        within: Within,
    },
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ringfence policy show
  ringfence policy set session.idle_timeout=30m mfa.required=admins mfa.methods=totp,email
  ringfence policy set session.idle_timeout=default
  ringfence policy preset workspace

A running server follows within a second; open sessions too.")]
pub(in super::super) enum PolicyCommand {
    /// Print every setting: value, where it comes from, what it may be
    Show {
        #[command(flatten)]
        within: Within,
    },
    /// Set values, all or none; `default` takes a value back
    Set {
        /// KEY=VALUE; durations are seconds or like 30m, 8h, 7d
        #[arg(required = true, value_name = "KEY=VALUE")]
        values: Vec<String>,
        #[command(flatten)]
        within: Within,
    },
    /// Take a preset over: workspace, callcenter, analytics or defaults
    Preset {
        /// Which
        name: String,
        #[command(flatten)]
        within: Within,
    },
}
