//! The PBX side of a leg: keys from SDP, and which source port is its.
//!
//! Packets are taken from the address in the SDP. From another port of that IP only while the leg
//! has not latched, and only if the packet proves itself (SECURITY M-01 to M-04).

use std::net::SocketAddr;

use super::leg::{Receiving, Sending};
use crate::base::limit;
use crate::media::command::TrunkRemote;
use crate::media::rtp::srtp::{Inbound, Outbound, SrtpKey};

/// Transport state of a PBX leg.
pub(super) struct Trunk {
    /// Which of the worker's trunk sockets.
    pub socket: u8,
    /// What the peer's SDP said.
    pub signalled: Option<Signalled>,
    /// Where its RTP really comes from, and ours goes to.
    pub source: Option<SocketAddr>,
    /// Packets taken since the SDP; at [`limit::LATCH_PACKETS`] the port is fixed.
    taken: u8,
    local_key: Option<SrtpKey>,
    remote_key: Option<SrtpKey>,
}

/// The addresses of the last SDP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Signalled {
    pub rtp: SocketAddr,
    pub rtcp: SocketAddr,
}

impl Trunk {
    pub(super) fn new(socket: u8) -> Self {
        Self { socket, signalled: None, source: None, taken: 0, local_key: None, remote_key: None }
    }

    /// A new context for our key; `None` if it is the one in use, whose roll-over counter goes on.
    /// Keys the library refuses stop the sending.
    pub(super) fn set_local_key(&mut self, key: SrtpKey) -> Option<Sending> {
        if self.local_key.as_ref() == Some(&key) {
            return None;
        }
        let sending = Outbound::new(&key).map_or(Sending::Nothing, Sending::Srtp);
        self.local_key = Some(key);
        Some(sending)
    }

    /// Takes the peer's SDP; gives a new context when its key changed (INTEROP case 31: a new key
    /// starts at ROC 0, the same key keeps its ROC). A leg that encrypts takes nothing plain.
    pub(super) fn set_remote(&mut self, remote: TrunkRemote) -> Option<Receiving> {
        let signalled = Signalled { rtp: remote.rtp, rtcp: remote.rtcp };
        let is_first = self.signalled.is_none();
        if self.signalled != Some(signalled) {
            self.signalled = Some(signalled);
            self.source = is_sendable(remote.rtp).then_some(remote.rtp);
            self.taken = 0;
        } else if self.remote_key != remote.key {
            self.taken = 0;
        }
        if !is_first && self.remote_key == remote.key {
            return None;
        }
        let receiving = match (&remote.key, &self.local_key) {
            (Some(key), _) => Inbound::new(key).map_or(Receiving::Nothing, Receiving::Srtp),
            (None, Some(_)) => Receiving::Nothing,
            (None, None) => Receiving::Plain,
        };
        self.remote_key = remote.key;
        Some(receiving)
    }

    /// Counts a packet that proved itself; true when the port is fixed by it.
    pub(super) fn on_packet(&mut self) -> bool {
        if self.is_latched() {
            return false;
        }
        self.taken += 1;
        self.is_latched()
    }

    pub(super) fn is_latched(&self) -> bool {
        self.taken >= limit::LATCH_PACKETS
    }

    /// Where RTCP goes: the signalled address.
    pub(super) fn rtcp_destination(&self) -> Option<SocketAddr> {
        self.signalled.map(|signalled| signalled.rtcp).filter(|address| is_sendable(*address))
    }

    /// Whether the peer multiplexes RTCP on its RTP port (RFC 5761).
    pub(super) fn has_one_port(&self) -> bool {
        self.signalled.is_some_and(|signalled| signalled.rtp == signalled.rtcp)
    }
}

/// `0.0.0.0` or port 0 in SDP is hold or refusal (RFC 3264 §8.4), not an address.
fn is_sendable(address: SocketAddr) -> bool {
    !address.ip().is_unspecified() && address.port() != 0
}
