//! The PBXs the engine keeps links to, and how each link stands.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::host_of;
use super::leg::TrunkProfile;
use super::link::LinkDoor;
use crate::access::WorkspaceId;
use crate::config::{self, CodecName};
use crate::media::format::Codec;
use crate::sdp::trunk::TrunkMedia;
use crate::sip::uri::{Host, Uri};
use crate::store::{TrunkId, TrunkRow};

/// How a link to a PBX stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Connecting for the first time, or again.
    Connecting,
    /// Connected; no registration was asked for.
    Connected,
    /// Connected and registered.
    Registered,
    /// Not usable, with the reason in words.
    Down(String),
}

impl LinkState {
    /// Whether calls can be placed over it.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Connected | Self::Registered)
    }

    /// A stable word for JSON, logs and the store.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Connecting => "unknown",
            Self::Connected => "up",
            Self::Registered => "registered",
            Self::Down(_) => "down",
        }
    }

    /// The reason a link is down.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Down(reason) => reason,
            Self::Connecting | Self::Connected | Self::Registered => "",
        }
    }
}

/// One PBX.
#[derive(Clone, Debug)]
pub struct TrunkEntry {
    /// Whose it is: who may call over it, and whose people its calls ring.
    pub workspace_id: WorkspaceId,
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The domain of From, To and Request-URI.
    pub domain: Host,
    /// The port of the Request-URI, when the configuration names one.
    pub port: Option<u16>,
    /// Our account there, if any: the user of From, by which PBXs know whose call it is.
    pub account: Option<Arc<str>>,
    /// Its row, as it was when its link began.
    pub row: Arc<TrunkRow>,
    /// Its link's task.
    pub door: LinkDoor,
    /// How the link stands; written by the link's task only.
    pub state: Arc<ArcSwap<LinkState>>,
    /// Where the link was last connected to: calls may come in from there.
    pub peer_ip: Arc<ArcSwapOption<IpAddr>>,
    /// Where it was last connected from: our own address on the way there.
    pub local_ip: Arc<ArcSwapOption<IpAddr>>,
}

impl TrunkEntry {
    /// The PBX of a row, whose link is reached by `door`.
    #[must_use]
    pub fn new(row: Arc<TrunkRow>, door: LinkDoor) -> Self {
        let domain = row.domain.as_deref().unwrap_or(&row.uri.host);
        Self {
            workspace_id: row.workspace_id,
            name: row.name.as_str().into(),
            domain: host_of(domain),
            port: row.domain.is_none().then_some(row.uri.port),
            account: row.user.as_deref().map(Arc::from),
            row,
            door,
            state: Arc::new(ArcSwap::from_pointee(LinkState::Connecting)),
            peer_ip: Arc::default(),
            local_ip: Arc::default(),
        }
    }

    /// Its media rules now.
    #[must_use]
    pub fn profile(&self) -> TrunkProfile {
        TrunkProfile {
            media: match self.row.media {
                config::TrunkMedia::Srtp => TrunkMedia::Srtp,
                config::TrunkMedia::Rtp => TrunkMedia::Rtp,
            },
            codecs: self.row.codecs.iter().map(|codec| codec_of(*codec)).collect(),
            our_ip: self.local_ip.load().as_deref().copied(),
        }
    }

    /// Whether calls can be placed.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state.load().is_up()
    }

    /// The Request-URI of `number` at this PBX.
    #[must_use]
    pub fn number_uri(&self, number: &str) -> Uri {
        let mut uri = Uri::sip(Some(number), self.domain.clone());
        uri.port = self.port;
        uri
    }
}

/// All PBXs, as they are at one moment.
#[derive(Debug, Default)]
pub struct Trunks {
    entries: Vec<TrunkEntry>,
}

impl Trunks {
    /// The list.
    #[must_use]
    pub fn new(entries: Vec<TrunkEntry>) -> Self {
        Self { entries }
    }

    /// A workspace's first PBX that is up, or else its first.
    #[must_use]
    pub fn for_outgoing_call(&self, workspace: WorkspaceId) -> Option<TrunkEntry> {
        let mut theirs = self.entries.iter().filter(|trunk| trunk.workspace_id == workspace);
        let first = theirs.clone().next();
        theirs.find(|trunk| trunk.is_up()).or(first).cloned()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &TrunkEntry> {
        self.entries.iter()
    }

    /// The PBX that connects from `ip`.
    #[must_use]
    pub fn by_address(&self, ip: IpAddr) -> Option<&TrunkEntry> {
        let folded = ip.to_canonical();
        self.entries.iter().find(|trunk| {
            trunk.peer_ip.load().as_deref().is_some_and(|known| known.to_canonical() == folded)
        })
    }

    /// The one of this row.
    #[must_use]
    pub fn by_id(&self, id: TrunkId) -> Option<&TrunkEntry> {
        self.entries.iter().find(|trunk| trunk.row.id == id)
    }

    /// The one with this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&TrunkEntry> {
        self.entries.iter().find(|trunk| &*trunk.name == name)
    }
}

fn codec_of(name: CodecName) -> Codec {
    match name {
        CodecName::Opus => Codec::Opus,
        CodecName::Pcmu => Codec::Pcmu,
        CodecName::Pcma => Codec::Pcma,
    }
}
