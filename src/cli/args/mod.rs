//! What there is to type.

mod access;
mod people;
mod records;
mod trunks;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use crate::base::Secret;
use crate::config::TrunkMedia;

pub(super) use access::{KeyCommand, KeyCreate, PolicyCommand, SessionCommand};
pub(super) use people::{
    InviteCommand, InviteCreate, OneUser, OneWorkspace, TokenCommand, UserAdd, UserCommand,
    UserSet, WorkspaceAdd, WorkspaceCommand,
};
pub(super) use records::{AuditCommand, Backup, LoginHistory, Restore, SetUpLink, VaultCommand};
pub(super) use trunks::{OneTrunk, TrunkAdd, TrunkCommand};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Browser phones for the PBX you already have.
#[derive(Debug, Parser)]
#[command(
    name = "ringfence",
    version,
    styles = STYLES,
    args_conflicts_with_subcommands = true,
    after_help = "Without a command it is `ringfence dev`: nothing to configure, this machine only.\n\
                  Exit codes: 0 done, 1 failed, 2 not understood, 78 bad configuration."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) dev: Dev,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Try it: a server for this machine only, with its own certificates, keys and people
    Dev(Dev),
    /// Run the server of a configuration file
    Serve(Serve),
    /// Look at a configuration without starting anything
    #[command(subcommand)]
    Config(ConfigCommand),
    /// People who sign in
    #[command(subcommand)]
    User(UserCommand),
    /// Companies, or parts of one, that share nothing with each other
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Invitations to a workspace
    #[command(subcommand)]
    Invite(InviteCommand),
    /// Keys for programs
    #[command(subcommand)]
    Key(KeyCommand),
    /// Sign-ins that are open or were
    #[command(subcommand)]
    Session(SessionCommand),
    /// What a workspace's administrator may choose: sessions, passwords, second factors, limits
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// PBXs and carriers
    #[command(subcommand)]
    Trunk(TrunkCommand),
    /// Tokens for programs and tests
    #[command(subcommand)]
    Token(TokenCommand),
    /// What was done, by whom
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Who signed in and out, or tried to
    LoginHistory(LoginHistory),
    /// The keys that protect stored secrets
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Save the whole database in one encrypted file, while the server runs
    Backup(Backup),
    /// Put a backup into a new data folder or database
    Restore(Restore),
    /// Print a link that makes the first administrator, once, within 30 minutes
    SetUpLink(SetUpLink),
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ringfence
  ringfence dev --trunk sips:ringfence:PASSWORD@pbx.example.com:5061
  ringfence dev --trunk sips:u:p@localhost:5061 --trunk-ca ca.pem --trunk-media rtp
  ringfence dev --no-open --json | jq -r .page")]
pub(super) struct Dev {
    /// Page, API and phones over plain HTTP, which browsers trust on localhost
    #[arg(long, value_name = "ADDRESS", value_parser = address, default_value = "127.0.0.1:8080")]
    pub(super) listen: SocketAddr,
    /// The same over TLS with a development certificate
    #[arg(long, value_name = "ADDRESS", value_parser = address, default_value = "127.0.0.1:8443")]
    pub(super) listen_tls: SocketAddr,
    /// Prometheus metrics [default: 127.0.0.1:9090, or a free port when --listen has port 0]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(super) listen_metrics: Option<SocketAddr>,
    /// SIP over TLS from PBXs that call in without a registration of ours
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(super) sip_listen: Option<SocketAddr>,
    // No default here: clap would hand it down to the `--data` of every command.
    /// Folder of database, keys and certificates; made if it is not there [default: ringfence-dev]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Connects a PBX: sips:USER:PASSWORD@HOST:PORT (repeatable). Other users of this machine can
    /// see it in the list of processes; `ringfence trunk add` asks for the password instead
    #[arg(long, value_name = "URI", value_parser = secret)]
    pub(super) trunk: Vec<Secret>,
    /// Certificate authority of the PBX, PEM; once for all trunks, or once for each
    #[arg(long, value_name = "FILE")]
    pub(super) trunk_ca: Vec<PathBuf>,
    /// Audio towards the PBX; once for all trunks, or once for each [default: srtp]
    #[arg(long, value_name = "MEDIA")]
    pub(super) trunk_media: Vec<MediaArg>,
    /// First UDP port of audio from browsers; 0 picks free ones
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(super) media_port: u16,
    /// Address at which browsers reach audio, beside loopback (repeatable)
    #[arg(long, value_name = "IP", value_parser = ip)]
    pub(super) advertise: Vec<IpAddr>,
    /// Do not open the page in a browser
    #[arg(long)]
    pub(super) no_open: bool,
    /// Print one line of JSON with addresses and tokens, for scripts
    #[arg(long)]
    pub(super) json: bool,
    /// What to log: `info`, or `info,ringfence::engine=debug`
    #[arg(long, value_name = "FILTER", default_value = "info", env = "RINGFENCE_LOG")]
    pub(super) log: String,
}

/// Audio towards a PBX.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum MediaArg {
    /// Encrypted, keys in the SDP, which TLS protects
    Srtp,
    /// In clear: a trusted network only
    Rtp,
}

impl From<MediaArg> for TrunkMedia {
    fn from(media: MediaArg) -> Self {
        match media {
            MediaArg::Srtp => Self::Srtp,
            MediaArg::Rtp => Self::Rtp,
        }
    }
}

#[derive(Args, Debug)]
#[command(after_help = "\
Every setting can also be an environment variable: RINGFENCE__SERVER__PUBLIC_HOST,
RINGFENCE__TRUNK__0__PASSWORD. `ringfence config check` finds every mistake at once.")]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// HTTPS and WSS, instead of server.listen_tls (repeatable)
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(super) listen_tls: Vec<SocketAddr>,
    /// Data folder, instead of server.data
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// What to log, instead of log.filter
    #[arg(long, value_name = "FILTER", env = "RINGFENCE_LOG")]
    pub(super) log: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct ConfigFile {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "ringfence.toml", env = "RINGFENCE_CONFIG")]
    pub(super) config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Report every mistake, with file and line; nothing is started
    Check {
        #[command(flatten)]
        file: ConfigFile,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print every setting, its value and where that came from; secrets show as ***
    Show {
        #[command(flatten)]
        file: ConfigFile,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Which server's data.
#[derive(Args, Clone, Debug)]
pub(super) struct Place {
    /// The server's data folder [default: that of --config or ./ringfence.toml, else ./ringfence-dev]
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) data: Option<PathBuf>,
    /// The server's configuration
    #[arg(long, value_name = "FILE", env = "RINGFENCE_CONFIG", global = true)]
    pub(super) config: Option<PathBuf>,
    /// The root key, when it is not where the server finds it (a sealed server, a restored backup)
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) root_key_file: Option<PathBuf>,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub(super) struct Common {
    #[command(flatten)]
    pub(super) place: Place,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What every command in a workspace takes.
#[derive(Args, Clone, Debug)]
pub(super) struct Within {
    /// The workspace, by name [default: the first one, whose administrators run the server]
    #[arg(long, value_name = "NAME")]
    pub(super) workspace: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Where a password comes from; never from the command line, which others can read.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("password_from"))]
pub(super) struct PasswordFrom {
    /// Read the password from a file's one line
    #[arg(long, value_name = "FILE", group = "password_from")]
    pub(super) password_file: Option<PathBuf>,
    /// Read the password from an environment variable
    #[arg(long, value_name = "NAME", group = "password_from")]
    pub(super) password_env: Option<String>,
    /// Read the password from standard input, one line
    #[arg(long, group = "password_from")]
    pub(super) password_stdin: bool,
    /// Set no password
    #[arg(long, group = "password_from")]
    pub(super) no_password: bool,
}

/// Takes any text: what is wrong with it is said later, without repeating it.
#[expect(clippy::unnecessary_wraps, reason = "the shape clap asks for")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "an address with a port is like 127.0.0.1:8443 or [::1]:8443")
}

fn ip(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "an IP address is like 203.0.113.5 or 2001:db8::5, without a port")
}
