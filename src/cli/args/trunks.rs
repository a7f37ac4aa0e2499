//! `ringfence trunk`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{MediaArg, PasswordFrom, Within, secret};
use crate::base::Secret;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  ringfence trunk add office sips:ringfence@pbx.example.com:5061
  ringfence trunk test office")]
pub(in super::super) enum TrunkCommand {
    /// Add a PBX; asks for its password and stores it encrypted
    Add(Box<TrunkAdd>),
    /// List PBXs and how each is doing
    List {
        #[command(flatten)]
        within: Within,
    },
    /// Try a PBX step by step: name, connection, certificate, OPTIONS, registration
    Test(OneTrunk),
    /// Forget a PBX and its password
    Remove(OneTrunk),
}

/// A PBX.
#[derive(Args, Clone, Debug)]
pub(in super::super) struct OneTrunk {
    /// Which
    pub(in super::super) name: String,
    #[command(flatten)]
    pub(in super::super) within: Within,
}

#[derive(Args, Debug)]
pub(in super::super) struct TrunkAdd {
    /// Its name here
    pub(in super::super) name: String,
    /// Where it is: sips:USER@HOST:PORT, without the password
    #[arg(value_parser = secret)]
    pub(in super::super) uri: Secret,
    #[command(flatten)]
    pub(in super::super) password: PasswordFrom,
    /// Its certificate authority, PEM, when the system does not know it
    #[arg(long, value_name = "FILE")]
    pub(in super::super) ca: Option<PathBuf>,
    /// How its audio is carried
    #[arg(long, value_name = "MEDIA", default_value = "srtp")]
    pub(in super::super) media: MediaArg,
    /// Codecs in order of preference
    #[arg(long, value_delimiter = ',', default_value = "opus,pcma,pcmu")]
    pub(in super::super) codecs: Vec<String>,
    /// Only call out through it; do not register
    #[arg(long)]
    pub(in super::super) no_register: bool,
    /// Domain of its addresses [default: its host]
    #[arg(long)]
    pub(in super::super) domain: Option<String>,
    #[command(flatten)]
    pub(in super::super) within: Within,
}
