//! How a call reaches its worker.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::queue::WakingSender;
use super::sockets::Sockets;
use super::start::{MediaConfig, candidates, trunk_ip};
use crate::base::MediaId;
use crate::media::command::{Command, Event};
use crate::media::shard::{Counter, Counters};
use crate::net::udp::Waker;

/// Where a leg's events go.
pub(super) type Events = mpsc::Sender<(MediaId, Event)>;

/// What a handle sends its worker.
pub(super) enum Request {
    /// A command for an open leg.
    Do(Command),
    /// A command that opens a leg, and where its events go.
    Open(MediaId, Command, Events),
}

/// The worker's command queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the media worker's command queue is full")]
pub struct WorkerFull;

/// A worker, seen from a call. Cheap to clone; nothing here blocks.
#[derive(Clone)]
pub struct WorkerHandle(Arc<Inner>);

struct Inner {
    browser_addrs: Vec<SocketAddr>,
    trunk_addrs: Vec<SocketAddr>,
    /// Whether those take packets at any of our addresses.
    trunk_is_anywhere: bool,
    next_trunk: AtomicU8,
    requests: WakingSender<Request>,
    published: Arc<Published>,
    waker: Waker,
}

impl WorkerHandle {
    pub(super) fn new(
        config: &MediaConfig,
        sockets: &Sockets,
        requests: WakingSender<Request>,
        published: &Arc<Published>,
        waker: &Waker,
    ) -> Self {
        let trunk_ip = trunk_ip(config);
        let trunk_port = |rtp: SocketAddr| SocketAddr::new(trunk_ip, rtp.port());
        Self(Arc::new(Inner {
            browser_addrs: candidates(config, sockets.browser.local_addr().port()),
            trunk_addrs: sockets
                .trunk
                .iter()
                .map(|(rtp, _)| trunk_port(rtp.local_addr()))
                .collect(),
            trunk_is_anywhere: config.trunk_bind.is_unspecified(),
            next_trunk: AtomicU8::new(0),
            requests,
            published: Arc::clone(published),
            waker: waker.clone(),
        }))
    }

    /// Our host candidates: where browsers reach this worker.
    #[must_use]
    pub fn browser_addrs(&self) -> &[SocketAddr] {
        &self.0.browser_addrs
    }

    /// Which pair of trunk sockets a new PBX leg should use: each in turn, so that two legs whose
    /// PBX signals one address seldom share a socket.
    #[must_use]
    pub fn next_trunk_socket(&self) -> u8 {
        let pairs = u8::try_from(self.0.trunk_addrs.len()).unwrap_or(u8::MAX).max(1);
        self.0.next_trunk.fetch_add(1, Ordering::Relaxed) % pairs
    }

    /// The RTP address of a pair, for our SDP; RTCP is one port above. `ours` is our address on
    /// the way to this PBX.
    #[must_use]
    pub fn trunk_rtp_addr(&self, socket: u8, ours: Option<IpAddr>) -> SocketAddr {
        let first = self.0.trunk_addrs.first();
        let addr = self.0.trunk_addrs.get(usize::from(socket)).or(first);
        let mut addr = addr.copied().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        if let Some(ours) = ours.map(|ip| ip.to_canonical())
            && self.0.trunk_is_anywhere
            && ours.is_ipv4() == addr.is_ipv4()
        {
            addr.set_ip(ours);
        }
        addr
    }

    /// Sends a command for an open leg.
    ///
    /// # Errors
    /// [`WorkerFull`]: the command is lost.
    pub fn send(&self, command: Command) -> Result<(), WorkerFull> {
        self.0.requests.send(Request::Do(command)).then_some(()).ok_or(WorkerFull)
    }

    /// Sends `OpenBrowser` or `OpenTrunk`. The leg's events go to `events` until `Closed`, or
    /// until `Failed(Full)` if the leg could not be opened.
    ///
    /// # Errors
    /// [`WorkerFull`]: the leg is not open.
    pub fn open(&self, command: Command, events: Events) -> Result<(), WorkerFull> {
        let (Command::OpenBrowser { id, .. } | Command::OpenTrunk { id, .. }) = &command else {
            debug_assert!(false, "open() is for commands that open a leg");
            return self.send(command);
        };
        let request = Request::Open(*id, command, events);
        self.0.published.legs.fetch_add(1, Ordering::Relaxed);
        if self.0.requests.send(request) {
            return Ok(());
        }
        self.0.published.legs.fetch_sub(1, Ordering::Relaxed);
        Err(WorkerFull)
    }

    /// Legs open or about to be.
    #[must_use]
    pub fn leg_count(&self) -> usize {
        self.0.published.legs.load(Ordering::Relaxed)
    }

    /// The worker's counts, at most a second old.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.0.published.counters()
    }

    pub(super) fn wake(&self) {
        self.0.waker.wake();
    }
}

/// What a worker lets others see.
pub(super) struct Published {
    pub legs: AtomicUsize,
    counters: Box<[AtomicU64]>,
}

impl Default for Published {
    fn default() -> Self {
        let counters = Counter::ALL.iter().map(|_| AtomicU64::new(0)).collect();
        Self { legs: AtomicUsize::new(0), counters }
    }
}

impl Published {
    pub(super) fn publish(&self, counters: &Counters) {
        for (slot, counter) in self.counters.iter().zip(Counter::ALL) {
            slot.store(counters.count(*counter), Ordering::Relaxed);
        }
    }

    fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        for (slot, counter) in self.counters.iter().zip(Counter::ALL) {
            counters.add_many(*counter, slot.load(Ordering::Relaxed));
        }
        counters
    }
}
