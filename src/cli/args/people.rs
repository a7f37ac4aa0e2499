//! `ringfence user`, `workspace`, `invite` and `token`.

use clap::{Args, Subcommand, ValueEnum};

use super::{Common, PasswordFrom, Within};
use crate::access::{Level, Role};

/// What somebody is in a workspace.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in super::super) enum RoleArg {
    /// Takes part
    Member,
    /// Invites people, manages numbers and settings
    Admin,
    /// All of that, and pays
    Owner,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Member => Self::Member,
            RoleArg::Admin => Self::Admin,
            RoleArg::Owner => Self::Owner,
        }
    }
}

fn level(text: &str) -> Result<Level, &'static str> {
    let level = text.parse().ok().and_then(Level::new);
    level.ok_or("a level is 1 to 9: 1-4 agent, 5-6 supervisor, 7-8 manager, 9 administrator")
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ringfence user add ann --number 1001 --level 5
  ringfence user add ops --number 1009 --level 9 --password-file ops.password
  ringfence user set ann --level 9 --role admin
  ringfence user list --json | jq -r '.[].name'

NAME is what they sign in with, their mail address or their number. A running server follows
within a second: sessions of a removed or disabled person end, changed rights count at once.")]
pub(in super::super) enum UserCommand {
    /// Add a person; asks for their password
    Add(Box<UserAdd>),
    /// List everybody of a workspace
    List {
        #[command(flatten)]
        within: Within,
    },
    /// Show one person
    Show(OneUser),
    /// Set a new password and end the person's sessions
    Passwd {
        #[command(flatten)]
        who: OneUser,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Change what is given; everything else stays
    Set(Box<UserSet>),
    /// Do not let the person sign in any more, anywhere, and end their sessions
    Disable(OneUser),
    /// Let the person sign in again
    Enable(OneUser),
    /// Take the person out of the workspace and end their sessions there
    Remove(OneUser),
    /// Take the second factor away, of who lost it
    ResetSecondFactor(OneUser),
    /// Print a link that sets a new password, once
    ResetLink(OneUser),
}

/// A person of a workspace.
#[derive(Args, Clone, Debug)]
pub(in super::super) struct OneUser {
    /// Whose: name, mail address or number
    pub(in super::super) name: String,
    #[command(flatten)]
    pub(in super::super) within: Within,
}

#[derive(Args, Debug)]
pub(in super::super) struct UserAdd {
    /// What they sign in with: letters, digits, `.`, `-`, `_`
    pub(in super::super) name: String,
    /// The number their phones are rung at
    #[arg(long)]
    pub(in super::super) number: String,
    /// 1-4 agent, 5-6 supervisor, 7-8 manager, 9 administrator [default: 1; with a role, the role's]
    #[arg(long, value_parser = level)]
    pub(in super::super) level: Option<Level>,
    /// What they are in the workspace [default: member; owner at level 9]
    #[arg(long)]
    pub(in super::super) role: Option<RoleArg>,
    /// What others see [default: the name]
    #[arg(long)]
    pub(in super::super) display_name: Option<String>,
    /// Mail address, to sign in with too
    #[arg(long)]
    pub(in super::super) email: Option<String>,
    #[command(flatten)]
    pub(in super::super) password: PasswordFrom,
    #[command(flatten)]
    pub(in super::super) within: Within,
}

#[derive(Args, Debug)]
pub(in super::super) struct UserSet {
    #[command(flatten)]
    pub(in super::super) who: OneUser,
    /// 1-4 agent, 5-6 supervisor, 7-8 manager, 9 administrator
    #[arg(long, value_parser = level)]
    pub(in super::super) level: Option<Level>,
    /// What they are in the workspace
    #[arg(long)]
    pub(in super::super) role: Option<RoleArg>,
    /// The number their phones are rung at
    #[arg(long)]
    pub(in super::super) number: Option<String>,
    /// What others see
    #[arg(long)]
    pub(in super::super) display_name: Option<String>,
    /// Mail address; it is not verified any more
    #[arg(long)]
    pub(in super::super) email: Option<String>,
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ringfence workspace add acme --owner olga --number 1001
  ringfence user add bob --number 1002 --workspace acme")]
pub(in super::super) enum WorkspaceCommand {
    /// List them
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Make one with its owner; asks for the owner's password
    Add(Box<WorkspaceAdd>),
    /// Give it another name
    Rename {
        #[command(flatten)]
        one: OneWorkspace,
        /// What it is called from now on
        new: String,
    },
    /// Let nobody of it sign in, and end their sessions there
    Disable(OneWorkspace),
    /// Let its people sign in again
    Enable(OneWorkspace),
}

#[derive(Args, Debug)]
pub(in super::super) struct WorkspaceAdd {
    /// What it is called
    pub(in super::super) name: String,
    /// What its owner signs in with
    #[arg(long, value_name = "NAME")]
    pub(in super::super) owner: String,
    /// The number the owner's phones are rung at
    #[arg(long)]
    pub(in super::super) number: String,
    /// What others see of the owner [default: the name]
    #[arg(long)]
    pub(in super::super) display_name: Option<String>,
    /// The owner's mail address
    #[arg(long)]
    pub(in super::super) email: Option<String>,
    #[command(flatten)]
    pub(in super::super) password: PasswordFrom,
    #[command(flatten)]
    pub(in super::super) common: Common,
}

/// A workspace.
#[derive(Args, Clone, Debug)]
pub(in super::super) struct OneWorkspace {
    /// Which
    pub(in super::super) name: String,
    #[command(flatten)]
    pub(in super::super) common: Common,
}

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ringfence invite create bob@example.com --number 1002 --role admin
  ringfence invite list

The server mails, not the command: `create` prints the link for you to pass on.")]
pub(in super::super) enum InviteCommand {
    /// Make an invitation and print its link, good for seven days
    Create(Box<InviteCreate>),
    /// List them
    List {
        #[command(flatten)]
        within: Within,
    },
    /// Take one back
    Revoke {
        /// Its id, or the mail address
        id: String,
        #[command(flatten)]
        within: Within,
    },
}

#[derive(Args, Debug)]
pub(in super::super) struct InviteCreate {
    /// Who: a mail address
    pub(in super::super) email: String,
    /// The number their phones are rung at
    #[arg(long)]
    pub(in super::super) number: String,
    /// What they are in the workspace
    #[arg(long, default_value = "member")]
    pub(in super::super) role: RoleArg,
    /// 1-4 agent, 5-6 supervisor, 7-8 manager, 9 administrator [default: the role's]
    #[arg(long, value_parser = level)]
    pub(in super::super) level: Option<Level>,
    #[command(flatten)]
    pub(in super::super) within: Within,
}

#[derive(Debug, Subcommand)]
pub(in super::super) enum TokenCommand {
    /// Print a token that acts for a person, good for ten minutes
    Mint {
        /// Their name or number
        #[arg(long)]
        user: String,
        /// At most this level [default: theirs]
        #[arg(long, value_parser = clap::value_parser!(u8).range(0..=9))]
        level: Option<u8>,
        #[command(flatten)]
        within: Within,
    },
}
