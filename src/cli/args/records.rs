//! `ringfence audit`, `login-history`, `vault`, `backup`, `restore` and `set-up-link`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Common, Within};

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ringfence audit show --action policy.change
  ringfence audit verify || alert")]
pub(in super::super) enum AuditCommand {
    /// Print what was done, newest first
    Show {
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        /// Only this action, such as `user.role_change`
        #[arg(long)]
        action: Option<String>,
        /// Only in this workspace [default: everything]
        #[arg(long, value_name = "NAME")]
        workspace: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Check every row of the chain and every signed checkpoint; names the first bad row
    Verify {
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ringfence login-history
  ringfence login-history --limit 100000 --csv > logins.csv")]
pub(in super::super) struct LoginHistory {
    /// How many rows at most, newest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(in super::super) limit: u32,
    /// Print CSV; the export is audited
    #[arg(long, conflicts_with = "json")]
    pub(in super::super) csv: bool,
    #[command(flatten)]
    pub(in super::super) within: Within,
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ringfence vault status
  ringfence vault rotate
  ringfence vault unseal --key-file /run/keys/root.key
  pass show ringfence | ringfence vault unseal --data /var/lib/ringfence")]
pub(in super::super) enum VaultCommand {
    /// Print the root key's name and every key under it; opens nothing
    Status {
        #[command(flatten)]
        common: Common,
    },
    /// Make new keys and wrap every stored secret anew; the server goes on meanwhile
    Rotate {
        #[command(flatten)]
        common: Common,
    },
    /// Bring the root key to a server that waits for it (`start = "sealed"` under [vault])
    Unseal {
        /// The root key in base64 or hexadecimal, or its 32 bytes [default: standard input]
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ringfence backup /backup/ringfence-2026-11-22 --config /etc/ringfence/ringfence.toml

The file is worth nothing without the root key: keep a copy of that elsewhere.")]
pub(in super::super) struct Backup {
    /// Where to; must not be there yet
    pub(in super::super) file: PathBuf,
    #[command(flatten)]
    pub(in super::super) common: Common,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ringfence restore /backup/ringfence-2026-11-22 --data /var/lib/ringfence-new \\
      --root-key-file /safe/root.key

Takes all of it or nothing. The root key is read from --root-key-file, or from where the server
will look for it, and has to be there before the server starts.")]
pub(in super::super) struct Restore {
    /// Which backup
    pub(in super::super) file: PathBuf,
    #[command(flatten)]
    pub(in super::super) common: Common,
}

#[derive(Args, Debug)]
pub(in super::super) struct SetUpLink {
    #[command(flatten)]
    pub(in super::super) common: Common,
}
