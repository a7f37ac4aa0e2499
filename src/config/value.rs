//! The checked configuration: what every other module may rely on.
//!
//! A value of these types is valid: addresses parsed, files found, secrets read. How it came to
//! be is in [`super::load`].

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use super::report::Setting;
use super::trunk_uri::TrunkUri;
use super::web_origin::WebOrigin;
use crate::base::Secret;

/// Everything the server was told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Development (loopback, own certificates) or production.
    pub mode: Mode,
    /// Listeners, names and folders.
    pub server: Server,
    /// Certificate of the HTTPS and SIP listeners; `None` in development, which makes its own.
    pub tls: Option<Tls>,
    /// The side towards PBXs.
    pub sip: Sip,
    /// Audio transport.
    pub media: Media,
    /// Where data is kept when not in the data folder.
    pub database: Option<Secret>,
    /// Where the root key comes from.
    pub vault: VaultStart,
    /// Whom the server itself may connect to.
    pub outbound: Outbound,
    /// PBXs given here; those of `ringfence trunk add` are in the store.
    pub trunks: Vec<Trunk>,
    /// Built-in numbers.
    pub numbers: Numbers,
    /// Bounds an operator may set.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
    /// Each setting, its value as may be shown, and where it came from (`config show`).
    pub settings: Vec<Setting>,
}

/// How the server was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `ringfence dev`: this machine only.
    Development,
    /// `ringfence serve`.
    Production,
}

/// Listeners, names and folders.
#[derive(Clone, Debug)]
pub struct Server {
    /// HTTPS and WSS.
    pub listen_tls: Vec<SocketAddr>,
    /// Plain HTTP that only sends browsers on to HTTPS.
    pub listen_redirect: Vec<SocketAddr>,
    /// Proxies whose `X-Forwarded-For` and `Forwarded` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// HTTP and WS: development only, loopback only.
    pub listen_plain: Option<SocketAddr>,
    /// Prometheus metrics; `None` for none.
    pub listen_metrics: Option<SocketAddr>,
    /// The name in links, certificates and tokens (`iss`).
    pub public_host: String,
    /// Web origins allowed beside the server's own, exact: `https://crm.example.com`.
    pub origins: Vec<WebOrigin>,
    /// The folder of database and keys.
    pub data: PathBuf,
}

/// Where the root key comes from (SECURITY 4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VaultStart {
    /// Its file, when it is not `root.key` in the data folder.
    pub key_file: Option<PathBuf>,
    /// Whether the variable RINGFENCE_ROOT_KEY may bring it.
    pub allow_env_key: bool,
    /// Whether the server waits for it (`ringfence vault unseal`) before it opens anything.
    pub sealed: bool,
}

/// Whom the server itself may connect to: identity providers, mail.
#[derive(Clone, Debug, Default)]
pub struct Outbound {
    /// Networks that are not public and yet allowed.
    pub allow: Vec<IpNet>,
    /// Web origins that are allowed whatever their address, by plain HTTP too.
    pub origins: Vec<WebOrigin>,
    /// Certificate authorities beside the system's, PEM.
    pub ca: Option<PathBuf>,
}

/// Certificate files, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Leaf first, then intermediates.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The side towards PBXs.
#[derive(Clone, Debug)]
pub struct Sip {
    /// SIP over TLS listeners; empty when only registrations bring calls in.
    pub listen: Vec<SocketAddr>,
    /// Certificate authorities of PBXs beside the system's, PEM.
    pub ca: Option<PathBuf>,
    /// The name or address put into Contact towards PBXs; the listener's when `None`.
    pub advertise: Option<String>,
}

/// Audio transport.
#[derive(Clone, Debug)]
pub struct Media {
    /// Where workers bind.
    pub bind: IpAddr,
    /// UDP port of the first worker, the next ones follow; 0 picks free ones.
    pub port: u16,
    /// Worker threads; 0 is one per core.
    pub workers: usize,
    /// Addresses put into SDP; the bound one when empty.
    pub advertise: Vec<IpAddr>,
    /// First port of the range towards PBXs; 0 picks free ones.
    pub trunk_port: u16,
}

/// One PBX or carrier.
#[derive(Clone)]
pub struct Trunk {
    /// Unique; in logs and pages.
    pub name: String,
    /// Host, port and transport.
    pub uri: TrunkUri,
    /// Digest user and the user part of the registration; `None` for a trunk known by address.
    pub user: Option<String>,
    /// Digest password, read from its file or environment variable.
    pub password: Option<Secret>,
    /// Certificate authority of this PBX, PEM text, beside `sip.ca`.
    pub ca_pem: Option<String>,
    /// How its audio is carried.
    pub media: TrunkMedia,
    /// Offered in this order.
    pub codecs: Vec<CodecName>,
    /// Whether to register at it, so that it sends calls in.
    pub register: bool,
    /// The domain of From, To and the registration; the host of `uri` when `None`.
    pub domain: Option<String>,
}

impl fmt::Debug for Trunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trunk").field("name", &self.name).field("uri", &self.uri).finish()
    }
}

/// How audio travels to a PBX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrunkMedia {
    /// SRTP with keys in the SDP (SDES), which TLS protects.
    Srtp,
    /// Plain RTP: a trusted network only.
    Rtp,
}

impl TrunkMedia {
    /// As written in the configuration and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Srtp => "srtp",
            Self::Rtp => "rtp",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "srtp" => Some(Self::Srtp),
            "rtp" => Some(Self::Rtp),
            _ => None,
        }
    }
}

/// A codec by its configured name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecName {
    /// Opus.
    Opus,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

impl CodecName {
    /// As written in the configuration and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "pcmu",
            Self::Pcma => "pcma",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "opus" => Some(Self::Opus),
            "pcmu" => Some(Self::Pcmu),
            "pcma" => Some(Self::Pcma),
            _ => None,
        }
    }
}

/// Built-in numbers; star codes, so that they never shadow the PBX's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Hear yourself.
    pub echo: String,
    /// A 440 Hz tone, then music.
    pub tone: String,
    /// Rings the caller's other phone.
    pub other_phone: String,
    /// Reads key presses back.
    pub read_back: String,
}

/// A built-in number with words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltIn<'a> {
    /// What to dial.
    pub number: &'a str,
    /// A stable word.
    pub kind: &'static str,
    /// Two or three words.
    pub title: &'static str,
    /// What happens, in a sentence.
    pub words: &'static str,
}

impl Numbers {
    /// All of them, in the order they are shown.
    #[must_use]
    pub fn list(&self) -> [BuiltIn<'_>; 4] {
        let built_in = |number, kind, title, words| BuiltIn { number, kind, title, words };
        [
            built_in(&self.echo, "echo", "Echo test", "You hear yourself."),
            built_in(&self.tone, "tone", "Tone and music", "You hear a tone, then music."),
            built_in(
                &self.other_phone,
                "other_phone",
                "Your other phone",
                "Rings your phone in another tab or browser.",
            ),
            built_in(
                &self.read_back,
                "read_back",
                "Read back keys",
                "Plays each key you press back to you.",
            ),
        ]
    }
}

/// Bounds an operator may set below the built-in ones of `base::limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls at once.
    pub calls: usize,
    /// Phone sockets at once.
    pub phones: usize,
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `info`, or `info,ringfence::engine=debug`.
    pub filter: String,
    /// Layout.
    pub format: LogFormat,
}

/// Layout of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}
