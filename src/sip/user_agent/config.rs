//! What a user agent is told once, when its flow opens.

use super::auth::InviteChallenge;
use super::random::Random;
use crate::sip::digest::Credentials;
use crate::sip::uri::Uri;

/// How the flow carries SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS.
    Wss,
    /// TLS.
    Tls,
    /// TCP.
    Tcp,
    /// UDP: the only one that loses messages.
    Udp,
}

impl Transport {
    /// The word in Via.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ws => "WS",
            Self::Wss => "WSS",
            Self::Tls => "TLS",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }

    /// Whether the transport retransmits by itself.
    #[must_use]
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerKind {
    /// One browser phone: may register; nothing in Via or Contact is believed.
    Phone,
    /// A PBX, with many calls.
    Trunk,
}

/// The fixed facts about one flow.
#[derive(Debug)]
pub struct UserAgentConfig {
    /// How it carries SIP.
    pub transport: Transport,
    /// Our `host[:port]` in Via.
    pub sent_by: String,
    /// Our Contact.
    pub contact: Uri,
    /// `User-Agent` and `Server`.
    pub product: String,
    /// Who is at the other end.
    pub peer: PeerKind,
    /// The peer's own address, `sip:pbx.example.com`, for OPTIONS; needed on trunks only.
    pub peer_uri: Option<Uri>,
    /// Answers the peer's digest challenges.
    pub credentials: Option<Credentials>,
    /// Challenges the peer's INVITEs (trunk listeners whose peer is not known by certificate).
    pub challenge: Option<InviteChallenge>,
    /// Most transactions at once.
    pub transactions_max: usize,
    /// Most calls at once.
    pub dialogs_max: usize,
    /// Tags, branches, Call-IDs and jitter come from here.
    pub random: Random,
}
