//! The handshake thread of one or two workers: DTLS with browsers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::queue::WakingSender;
use super::timers::Timers;
use crate::base::{Clock, limit};
use crate::media::dtls::{DtlsIdentity, DtlsOutput, DtlsPeer};
use crate::media::shard::{
    HandshakeOutcome, HandshakeReport, HandshakeRequest, HandshakeTerms, LegKey,
};

/// A request, and which of the thread's workers asks.
pub(super) type Request = (usize, HandshakeRequest);

/// Works until its workers are gone.
pub(super) fn run(
    clock: &Clock,
    identity: &Arc<DtlsIdentity>,
    requests: &Receiver<Request>,
    workers: &[WakingSender<HandshakeReport>],
) {
    let mut handshakes = Handshakes::new(Arc::clone(identity));
    loop {
        let request = match handshakes.poll_timeout() {
            Some(deadline) => requests.recv_deadline(deadline),
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let now = clock.now();
        match request {
            Ok((worker, request)) => handshakes.handle(now, worker, request),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        handshakes.handle_timeout(now);
        while let Some((worker, report)) = handshakes.poll_output() {
            if let Some(worker) = workers.get(worker) {
                // A full queue is counted there; the browser, or our timer, sends again.
                worker.send(report);
            }
        }
    }
}

/// A leg of one of the workers.
type PeerKey = (usize, LegKey);

/// All handshakes of a thread; sans-IO.
struct Handshakes {
    identity: Arc<DtlsIdentity>,
    peers: HashMap<PeerKey, Peer>,
    timers: Timers<PeerKey>,
    outputs: VecDeque<(usize, HandshakeReport)>,
    buffer: Box<[u8; BUFFER]>,
}

struct Peer {
    dtls: DtlsPeer,
    touched_at: Instant,
    timer: Option<Instant>,
}

impl Handshakes {
    fn new(identity: Arc<DtlsIdentity>) -> Self {
        Self {
            identity,
            peers: HashMap::new(),
            timers: Timers::new(),
            outputs: VecDeque::new(),
            buffer: Box::new([0; BUFFER]),
        }
    }

    fn handle(&mut self, now: Instant, worker: usize, request: HandshakeRequest) {
        match request {
            HandshakeRequest::Start { key, terms } => {
                self.touch((worker, key), terms, now);
                self.drain(now, (worker, key));
            }
            HandshakeRequest::Packet { key, terms, datagram } => {
                if let Some(peer) = self.touch((worker, key), terms, now) {
                    peer.dtls.handle_packet(now, &datagram);
                    self.drain(now, (worker, key));
                }
            }
            HandshakeRequest::Retire(key) => self.remove((worker, key)),
        }
    }

    fn poll_output(&mut self) -> Option<(usize, HandshakeReport)> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(key) = self.timers.due(now) {
            let Some(peer) = self.peers.get_mut(&key) else { return };
            if now >= peer.touched_at + limit::HANDSHAKE_IDLE_MAX {
                self.remove(key);
                continue;
            }
            peer.dtls.handle_timeout(now);
            self.drain(now, key);
        }
    }

    /// The peer, made if it is new; `None` when there are too many.
    fn touch(&mut self, key: PeerKey, terms: HandshakeTerms, now: Instant) -> Option<&mut Peer> {
        if !self.peers.contains_key(&key) {
            if self.peers.len() >= limit::HANDSHAKES_MAX {
                return None;
            }
            let dtls = DtlsPeer::new(&self.identity, terms.role, terms.fingerprint, now);
            self.peers.insert(key, Peer { dtls, touched_at: now, timer: None });
        }
        let peer = self.peers.get_mut(&key)?;
        peer.touched_at = now;
        Some(peer)
    }

    /// Takes everything the peer has to say, and its next deadline.
    fn drain(&mut self, now: Instant, key: PeerKey) {
        let (worker, leg) = key;
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let wait = loop {
            let outcome = match peer.dtls.poll(self.buffer.as_mut_slice()) {
                DtlsOutput::Wait(deadline) => break deadline,
                DtlsOutput::Transmit(len) => {
                    HandshakeOutcome::Transmit(self.buffer.get(..len).unwrap_or_default().into())
                }
                DtlsOutput::Secured { outbound, inbound, profile, version } => {
                    HandshakeOutcome::Secured { outbound, inbound, profile, version }
                }
                DtlsOutput::Failed(failure) => HandshakeOutcome::Failed(failure),
                DtlsOutput::Closed => HandshakeOutcome::Closed,
            };
            self.outputs.push_back((worker, HandshakeReport { key: leg, outcome }));
        };
        let idle = peer.touched_at + limit::HANDSHAKE_IDLE_MAX;
        // Never now again: an engine that insists must not hold up the others.
        let deadline = wait.map_or(idle, |at| at.max(now + SOONEST).min(idle));
        self.timers.set(key, &mut peer.timer, Some(deadline));
    }

    fn remove(&mut self, key: PeerKey) {
        if let Some(mut peer) = self.peers.remove(&key) {
            self.timers.set(key, &mut peer.timer, None);
        }
    }
}

/// Shortest wait between two looks at one handshake.
const SOONEST: Duration = Duration::from_millis(1);

/// Longest datagram an engine makes, bytes ([`DtlsPeer::poll`]).
const BUFFER: usize = 2048;
