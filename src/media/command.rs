//! What the engine asks of a media worker, and what a worker reports.
//!
//! Commands are one-way: the engine mints ids, ICE credentials and SDES keys itself, so a call
//! never waits for a worker. A command for an id that is not open is ignored.

use std::net::SocketAddr;
use std::time::Duration;

use super::format::{AudioFormat, Direction};
use super::rtp::srtp::{SrtpKey, SrtpProfile};
use crate::base::MediaId;

/// ICE user fragment and password (RFC 8445 §5.3).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// `ice-ufrag`, 4–256 characters.
    pub ufrag: String,
    /// `ice-pwd`, 22–256 characters.
    pub pwd: String,
}

impl std::fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceCredentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// Which side starts the DTLS handshake, seen from this server (RFC 5763 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsRole {
    /// We wait for the ClientHello (`a=setup:passive` in our SDP); the default.
    Passive,
    /// We send it (`a=setup:active`), only when the peer insists on being passive.
    Active,
}

/// What the browser's SDP said about its transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserRemote {
    /// Its ICE credentials.
    pub ice: IceCredentials,
    /// SHA-256 of its certificate.
    pub fingerprint: [u8; 32],
    /// Our DTLS role.
    pub role: DtlsRole,
}

/// What the PBX's SDP said about its transport.
#[derive(Clone, Debug)]
pub struct TrunkRemote {
    /// Where it receives RTP.
    pub rtp: SocketAddr,
    /// Where it receives RTCP.
    pub rtcp: SocketAddr,
    /// The key it encrypts with; `None` for plain RTP.
    pub key: Option<SrtpKey>,
}

/// A fixed piece of audio the worker can play, encoded once per codec at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prompt {
    /// 440 Hz for five seconds, then a short piece of music, looped (`*44`).
    ToneThenMusic,
    /// 425 Hz ringback cadence, for legs whose far side rings without early media.
    Ringback,
}

/// A request to one worker.
#[derive(Debug)]
pub enum Command {
    /// Opens a browser leg: from now on STUN for `local.ufrag` is answered.
    OpenBrowser {
        /// The leg.
        id: MediaId,
        /// Our ICE credentials, as in our SDP.
        local: IceCredentials,
        /// The peer's transport; `None` until its answer is known.
        remote: Option<BrowserRemote>,
    },
    /// Tells a browser leg's peer transport, once. A later change of `ice` is an ICE restart with
    /// the new `local`; DTLS and SRTP go on.
    SetBrowserRemote {
        /// The leg.
        id: MediaId,
        /// Our new ICE credentials when this is a restart.
        local: Option<IceCredentials>,
        /// The peer's transport.
        remote: BrowserRemote,
    },
    /// Opens a PBX leg on the worker's trunk sockets.
    OpenTrunk {
        /// The leg.
        id: MediaId,
        /// Which of the worker's trunk socket pairs: the one whose address is in our SDP.
        socket: u8,
        /// The key we encrypt with; `None` for plain RTP. Such a leg never takes plain RTP.
        local_key: Option<SrtpKey>,
    },
    /// Tells a PBX leg where its peer is and how it encrypts. Repeated on re-INVITE: a new key
    /// starts at ROC 0, the same key keeps its ROC (RFC 3711, INTEROP case 31).
    SetTrunkRemote {
        /// The leg.
        id: MediaId,
        /// The peer's transport.
        remote: TrunkRemote,
        /// Our new key when we re-keyed.
        local_key: Option<SrtpKey>,
    },
    /// Tells what a leg sends and receives, and which way.
    SetFormat {
        /// The leg.
        id: MediaId,
        /// Codec and payload types.
        format: AudioFormat,
        /// Which way audio may flow.
        direction: Direction,
    },
    /// The leg's call was answered: from now on ICE has [`crate::base::limit::MEDIA_SETUP_TIMEOUT`]
    /// to come up, and silence is reported. Not before: a browser that ignores early media does
    /// nothing while it rings.
    Answered {
        /// The leg.
        id: MediaId,
    },
    /// Joins two legs: each hears the other. Transcodes when their codecs differ. Replaces what
    /// either did before.
    Bridge {
        /// One leg.
        a: MediaId,
        /// The other.
        b: MediaId,
    },
    /// The leg hears itself.
    Echo {
        /// The leg.
        id: MediaId,
    },
    /// The leg hears a prompt from its beginning.
    Play {
        /// The leg.
        id: MediaId,
        /// What.
        prompt: Prompt,
    },
    /// The leg hears each key it presses as its dual tone (`*46`), whether by RTP or `KeyPressed`.
    ReadBack {
        /// The leg.
        id: MediaId,
    },
    /// The leg hears nothing (also before anything was set).
    Silence {
        /// The leg.
        id: MediaId,
    },
    /// A key was pressed in signalling (INFO) on this leg: acts as if it had come in RTP, so it
    /// is regenerated towards the other leg of the bridge as RFC 4733, or read back.
    KeyPressed {
        /// The leg that pressed it.
        id: MediaId,
        /// The digit.
        digit: char,
        /// Its length.
        duration: Duration,
    },
    /// Closes a leg; answered by `Closed`.
    Close {
        /// The leg.
        id: MediaId,
    },
}

/// Something a worker reports about one leg.
#[derive(Clone, Debug)]
pub enum Event {
    /// Keys exist and packets can flow (browser legs).
    Secured {
        /// `1.3` or `1.2`.
        dtls_version: &'static str,
        /// The SRTP profile.
        profile: SrtpProfile,
        /// From the first authenticated check to keys.
        took: Duration,
    },
    /// The transport cannot be set up or was lost; the leg is dead until closed.
    Failed(Failure),
    /// A key press by RFC 4733, once, at its end.
    KeyPressed {
        /// The digit.
        digit: char,
        /// Its length.
        duration: Duration,
    },
    /// No authenticated packet for [`crate::base::limit::MEDIA_SILENCE_MAX`] while receiving.
    Silent,
    /// The leg is closed; its counts.
    Closed(LegCounts),
}

/// Why a leg's transport is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No authenticated ICE check in time.
    IceTimeout,
    /// No DTLS keys in time.
    DtlsTimeout,
    /// The certificate does not match the fingerprint in the SDP.
    FingerprintMismatch,
    /// The handshake failed for another reason.
    DtlsFailed,
    /// The peer sent no consent check for 30 s (RFC 7675).
    ConsentExpired,
    /// The peer closed DTLS.
    ClosedByPeer,
    /// The worker is at its bound of legs.
    Full,
}

/// Packets and losses of one leg over its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegCounts {
    /// RTP packets taken from the peer.
    pub received: u64,
    /// RTP packets sent to the peer.
    pub sent: u64,
    /// Packets the peer's sequence numbers say were lost on the way to us.
    pub lost: u64,
    /// Packets dropped because they did not authenticate.
    pub unauthenticated: u64,
    /// Packets dropped as replays.
    pub replayed: u64,
    /// Last interarrival jitter, RTP units (RFC 3550 §6.4.1).
    pub jitter: u32,
    /// Packets the peer says were lost on the way to it.
    pub lost_by_peer: u32,
    /// Last round trip the peer's reports complete.
    pub round_trip: Option<Duration>,
}
