//! The responder of one leg.

use std::net::SocketAddr;
use std::time::Instant;

use crate::media::command::IceCredentials;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send `out[..n]` to the source; the selected address is as before (an error reply, or a
    /// check on a pair already known).
    Reply(usize),
    /// Send `out[..n]`; the source is authenticated for the first time: DTLS and SRTP may be taken
    /// from it. Not yet nominated.
    Validated(usize),
    /// Send `out[..n]`; the source is now the selected address: send media there.
    Nominated(usize),
    /// Nothing to send, nothing changed.
    Drop(DropReason),
}

/// Why a packet was dropped without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Not STUN, or cut short.
    Malformed,
    /// A response, indication or another method.
    NotARequest,
    /// The USERNAME is not this leg's.
    WrongUfrag,
    /// The error reply would be larger than the request.
    TooSmallToAnswer,
    /// `out` is too short.
    NoRoom,
}

/// ICE-lite responder of one leg.
pub struct IceLite {}

impl IceLite {
    /// Starts answering checks for `local`. Until `remote` is known the peer's half of USERNAME is
    /// not compared; integrity is always checked.
    #[must_use]
    pub fn new(_local: &IceCredentials, _remote: Option<&IceCredentials>) -> Self {
        Self {}
    }

    /// Tells the peer's credentials.
    pub fn set_remote(&mut self, _remote: &IceCredentials) {}

    /// ICE restart (RFC 8445 §9): `local` is accepted from now on; the old credentials work until
    /// the new ones are first used. The selected address stays until a new nomination.
    pub fn restart(&mut self, _local: &IceCredentials, _remote: &IceCredentials) {}

    /// The old ufrag once the new one has been used: returned once, so that the owner forgets it.
    pub fn take_retired_ufrag(&mut self) -> Option<Box<str>> {
        None
    }

    /// Answers `packet` into `out` (at least 128 bytes).
    pub fn handle(
        &mut self,
        _now: Instant,
        _source: SocketAddr,
        _packet: &[u8],
        _out: &mut [u8],
    ) -> Outcome {
        Outcome::Drop(DropReason::Malformed)
    }

    /// Where to send: the nominated address, else the first validated one.
    #[must_use]
    pub fn selected(&self) -> Option<SocketAddr> {
        None
    }

    /// Whether a check from `address` has been authenticated.
    #[must_use]
    pub fn is_validated(&self, _address: SocketAddr) -> bool {
        false
    }

    /// When the last authenticated check arrived; consent ends 30 s later (RFC 7675 §5.1).
    #[must_use]
    pub fn last_check(&self) -> Option<Instant> {
        None
    }
}
