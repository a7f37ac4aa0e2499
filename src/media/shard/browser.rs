//! The browser side of a leg: ICE, addresses, and where its handshake stands.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::message::HandshakeTerms;
use crate::base::limit;
use crate::media::command::{BrowserRemote, IceCredentials};
use crate::media::ice::IceLite;

/// Transport state of a browser leg.
pub(super) struct Browser {
    pub ice: IceLite,
    /// Our user fragments that lead here: the one in use, and behind it that of a restart.
    pub ufrags: Vec<Box<str>>,
    /// Addresses that lead here, oldest first.
    pub addresses: Vec<SocketAddr>,
    /// The peer's role and fingerprint, once its SDP is known.
    pub terms: Option<HandshakeTerms>,
    pub handshake: Handshake,
    /// First authenticated check.
    pub validated_at: Option<Instant>,
}

/// Where the handshake stands.
pub(super) enum Handshake {
    /// Waits for a validated address and the peer's SDP; keeps a few datagrams meanwhile.
    Waiting {
        /// What the peer sent already.
        early: Vec<Box<[u8]>>,
    },
    /// Under way.
    Running {
        /// Failed if there are no keys by then.
        deadline: Instant,
    },
    /// Keys exist; the engine is kept for a peer that missed our last flight.
    Secured {
        /// When to look whether audio flows.
        retire_at: Instant,
        /// When the engine goes in any case.
        expires_at: Instant,
    },
    /// The engine is gone.
    Retired,
}

impl Browser {
    pub(super) fn new(local: &IceCredentials, remote: Option<&BrowserRemote>) -> Self {
        Self {
            ice: IceLite::new(local, remote.map(|remote| &remote.ice)),
            ufrags: vec![local.ufrag.as_str().into()],
            addresses: Vec::new(),
            terms: remote.map(terms),
            handshake: Handshake::Waiting { early: Vec::new() },
            validated_at: None,
        }
    }

    /// Takes the peer's SDP: its first, or a restart of ICE when `local` is new. Gives the fragment
    /// of a restart before that never came to be used.
    pub(super) fn set_remote(
        &mut self,
        local: Option<&IceCredentials>,
        remote: &BrowserRemote,
    ) -> Option<Box<str>> {
        // DTLS goes on through re-negotiation; a flipped setup role is ignored (INTEROP case 34).
        self.terms.get_or_insert(terms(remote));
        let Some(local) = local else {
            self.ice.set_remote(&remote.ice);
            return None;
        };
        self.ice.restart(local, &remote.ice);
        if self.ufrags.iter().any(|ufrag| **ufrag == *local.ufrag) {
            return None;
        }
        let superseded = (self.ufrags.len() > 1).then(|| self.ufrags.pop()).flatten();
        self.ufrags.push(local.ufrag.as_str().into());
        superseded
    }

    /// Remembers a validated address; gives one to forget when there are too many.
    pub(super) fn add_address(&mut self, address: SocketAddr) -> Option<SocketAddr> {
        if self.addresses.contains(&address) {
            return None;
        }
        let selected = self.ice.selected();
        self.addresses.push(address);
        if self.addresses.len() <= limit::ICE_ADDRESSES_MAX {
            return None;
        }
        let oldest = self.addresses.iter().position(|known| Some(*known) != selected)?;
        Some(self.addresses.remove(oldest))
    }

    /// Begins the handshake if it waits and both an address and the peer's SDP are known: gives
    /// the terms and the datagrams that came early.
    pub(super) fn begin_handshake(
        &mut self,
        now: Instant,
    ) -> Option<(HandshakeTerms, Vec<Box<[u8]>>)> {
        let (Handshake::Waiting { early }, Some(terms), true) =
            (&mut self.handshake, self.terms, self.validated_at.is_some())
        else {
            return None;
        };
        let early = std::mem::take(early);
        self.handshake = Handshake::Running { deadline: now + limit::MEDIA_SETUP_TIMEOUT };
        Some((terms, early))
    }

    /// When something about the transport is due. `answered_at` starts the wait for ICE.
    pub(super) fn deadline(&self, answered_at: Option<Instant>) -> Option<Instant> {
        let ice = match (self.validated_at, answered_at) {
            (None, Some(answered_at)) => Some(answered_at + limit::MEDIA_SETUP_TIMEOUT),
            (None, None) => None,
            (Some(_), _) => self.consent_ends(),
        };
        let handshake = match &self.handshake {
            Handshake::Waiting { .. } | Handshake::Retired => None,
            Handshake::Running { deadline } => Some(*deadline),
            Handshake::Secured { retire_at, .. } => Some(*retire_at),
        };
        ice.into_iter().chain(handshake).min()
    }

    /// When the peer's consent ends unless it asks again.
    pub(super) fn consent_ends(&self) -> Option<Instant> {
        Some(self.ice.last_check()? + limit::CONSENT_TIMEOUT)
    }
}

impl Handshake {
    pub(super) fn secured(now: Instant) -> Self {
        Self::Secured { retire_at: now + limit::DTLS_LINGER, expires_at: now + LINGER_MAX }
    }

    /// Whether the handshake thread still wants this leg's datagrams.
    pub(super) fn takes_datagrams(&self) -> bool {
        matches!(self, Self::Running { .. } | Self::Secured { .. })
    }
}

fn terms(remote: &BrowserRemote) -> HandshakeTerms {
    HandshakeTerms { role: remote.role, fingerprint: remote.fingerprint }
}

/// How long a DTLS engine waits for audio that does not come.
const LINGER_MAX: Duration = Duration::from_secs(30);
