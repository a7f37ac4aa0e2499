//! The loop of one media thread: wait, read, let the shard decide, send.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::handle::{Events, Published, Request};
use super::handshake;
use super::queue::WakingReceiver;
use super::sockets::Sockets;
use crate::base::{Clock, MediaId};
use crate::media::command::{Event, Failure};
use crate::media::prompt::Prompts;
use crate::media::shard::{
    CodecFrame, CodecJob, Counter, HandshakeReport, Output, PacketBuf, Shard, ShardConfig, Socket,
    Verdict,
};
use crate::net::udp::{BATCH, Batch, BatchSocket, Poller, Waker, pin_current_thread};

/// The queues between a worker and everybody else.
pub(super) struct Queues {
    pub requests: WakingReceiver<Request>,
    pub reports: WakingReceiver<HandshakeReport>,
    pub frames: WakingReceiver<CodecFrame>,
    pub jobs: Sender<CodecJob>,
    pub handshakes: Sender<handshake::Request>,
    /// This worker's number at its handshake thread.
    pub number: usize,
}

/// One media thread.
pub(super) struct Worker {
    clock: Clock,
    shard: Shard,
    ports: Vec<Port>,
    queues: Queues,
    waker: Waker,
    events: HashMap<MediaId, Events>,
    published: Arc<Published>,
    publish_at: Instant,
}

/// A socket, and what waits to be sent from it.
struct Port {
    socket: BatchSocket,
    name: Socket,
    /// Packets of the batch just read that go on, by their place in it.
    forwards: Vec<(usize, SocketAddr)>,
    /// Packets of our own.
    own: Vec<(SocketAddr, Box<PacketBuf>)>,
}

/// The buffers of a thread; made in it, for they hold raw pointers.
struct Buffers {
    batch: Batch,
    packets: Vec<PacketBuf>,
    sources: Vec<SocketAddr>,
}

impl Worker {
    pub(super) fn new(
        clock: &Clock,
        prompts: &Arc<Prompts>,
        browsers_from: Option<Vec<IpAddr>>,
        sockets: Sockets,
        queues: Queues,
        published: Arc<Published>,
        waker: Waker,
    ) -> io::Result<Self> {
        let now = clock.now();
        let mut ports = vec![Port::new(sockets.browser, Socket::Browser)];
        for (number, (rtp, rtcp)) in (0_u8..).zip(sockets.trunk) {
            ports.push(Port::new(rtp, Socket::TrunkRtp(number)));
            ports.push(Port::new(rtcp, Socket::TrunkRtcp(number)));
        }
        let config = ShardConfig { prompts: Arc::clone(prompts), started: now };
        let mut shard = Shard::new(config);
        if let Some(addresses) = browsers_from {
            shard.restrict_browsers(addresses);
        }
        Ok(Self {
            clock: clock.clone(),
            shard,
            ports,
            queues,
            waker,
            events: HashMap::new(),
            published,
            publish_at: now,
        })
    }

    /// Works until told to stop.
    pub(super) fn run(mut self, core: Option<usize>, stop: &AtomicBool) {
        if let Some(core) = core {
            pin_current_thread(core);
        }
        if let Err(error) = self.work(stop) {
            tracing::error!(%error, "media worker stopped: its calls have no audio");
        }
    }

    fn work(&mut self, stop: &AtomicBool) -> io::Result<()> {
        let mut poller = Poller::new()?;
        poller.add(&self.waker, WAKER)?;
        for (token, port) in self.ports.iter().enumerate() {
            poller.add(&port.socket, token)?;
        }
        let mut buffers = Buffers {
            batch: Batch::new(),
            packets: vec![PacketBuf::new(); BATCH],
            sources: vec![SocketAddr::from(([0, 0, 0, 0], 0)); BATCH],
        };
        let mut is_woken = true;
        let mut readable = Vec::new();
        while !stop.load(Ordering::Acquire) {
            let now = self.clock.now();
            if is_woken {
                self.waker.clear();
                self.take_queues(now);
            }
            for token in readable.drain(..) {
                self.read(now, token, &mut buffers);
            }
            self.shard.handle_timeout(now);
            self.drain();
            self.send_own(&mut buffers.batch);
            self.publish(now);
            is_woken = false;
            for token in poller.wait(Some(self.patience()))? {
                if token == WAKER {
                    is_woken = true;
                } else {
                    readable.push(token);
                }
            }
        }
        Ok(())
    }

    /// How long there is nothing to do unless something arrives.
    fn patience(&self) -> Duration {
        let now = self.clock.now();
        let due = self.shard.poll_timeout().map_or(self.publish_at, |at| at.min(self.publish_at));
        due.saturating_duration_since(now)
    }

    /// Takes what other threads sent, as much as fits between two batches of packets.
    fn take_queues(&mut self, now: Instant) {
        let mut left = QUEUED_AT_ONCE_MAX;
        while let Some(request) = take(&mut left, || self.queues.requests.try_recv()) {
            let command = match request {
                Request::Do(command) => command,
                Request::Open(id, command, events) => {
                    self.events.insert(id, events);
                    command
                }
            };
            self.shard.handle_command(now, command);
            self.drain();
        }
        while let Some(report) = take(&mut left, || self.queues.reports.try_recv()) {
            self.shard.handle_handshake(now, report);
            self.drain();
        }
        while let Some(frame) = take(&mut left, || self.queues.frames.try_recv()) {
            self.shard.handle_frame(now, &frame);
            self.drain();
        }
        if left == 0 {
            self.waker.wake();
        }
    }

    /// Reads one batch from a socket and sends on what is to be sent on.
    fn read(&mut self, now: Instant, token: usize, buffers: &mut Buffers) {
        let Buffers { batch, packets, sources } = buffers;
        let Some((name, received)) = self
            .ports
            .get(token)
            .map(|port| (port.name, batch.receive(&port.socket, packets, sources).unwrap_or(0)))
        else {
            return;
        };
        for (place, (packet, source)) in
            packets.iter_mut().zip(sources.iter()).enumerate().take(received)
        {
            match self.shard.handle_packet(now, name, *source, packet) {
                Verdict::Forward { socket, destination } => {
                    if let Some(port) = port_mut(&mut self.ports, socket) {
                        port.forwards.push((place, destination));
                    }
                }
                Verdict::Consumed => {}
            }
            self.drain();
        }
        for port in &mut self.ports {
            if port.forwards.is_empty() {
                continue;
            }
            let messages = port.forwards.iter().filter_map(|(place, destination)| {
                packets.get(*place).map(|packet| (*destination, packet.as_slice()))
            });
            let sent = batch.send(&port.socket, messages);
            self.shard.count(Counter::DroppedSend, sent.refused as u64);
            port.forwards.clear();
        }
    }

    /// Does what the shard wants done, except sending: that is gathered.
    fn drain(&mut self) {
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Transmit { socket, destination, packet } => {
                    match port_mut(&mut self.ports, socket) {
                        Some(port) => port.own.push((destination, packet)),
                        None => self.shard.recycle(packet),
                    }
                }
                Output::Event(id, event) => self.tell(id, event),
                Output::Handshake(request) => {
                    if self.queues.handshakes.try_send((self.queues.number, request)).is_err() {
                        self.shard.count(Counter::DroppedHandshakeFull, 1);
                    }
                }
            }
        }
        while let Some(job) = self.shard.poll_codec() {
            if self.queues.jobs.try_send(job).is_err() {
                self.shard.count(Counter::DroppedCodecFull, 1);
            }
        }
    }

    fn send_own(&mut self, batch: &mut Batch) {
        for port in &mut self.ports {
            if port.own.is_empty() {
                continue;
            }
            let messages = port.own.iter().map(|(to, packet)| (*to, packet.as_slice()));
            let sent = batch.send(&port.socket, messages);
            self.shard.count(Counter::DroppedSend, sent.refused as u64);
            for (_, packet) in port.own.drain(..) {
                self.shard.recycle(packet);
            }
        }
    }

    /// Tells a leg's call; one that does not listen misses it.
    fn tell(&mut self, id: MediaId, event: Event) {
        let is_last = matches!(event, Event::Closed(_) | Event::Failed(Failure::Full));
        let told = self.events.get(&id).is_some_and(|events| events.try_send((id, event)).is_ok());
        if !told {
            self.shard.count(Counter::DroppedEvent, 1);
        }
        if is_last && self.events.remove(&id).is_some() {
            self.published.legs.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn publish(&mut self, now: Instant) {
        if now < self.publish_at {
            return;
        }
        self.publish_at = now + PUBLISH_EVERY;
        let Queues { requests, reports, frames, .. } = &self.queues;
        self.shard.count(Counter::DroppedCommand, requests.take_refused());
        self.shard.count(Counter::DroppedHandshakeFull, reports.take_refused());
        self.shard.count(Counter::DroppedCodecFull, frames.take_refused());
        self.published.publish(self.shard.counters());
    }
}

impl Port {
    fn new(socket: BatchSocket, name: Socket) -> Self {
        Self { socket, name, forwards: Vec::with_capacity(BATCH), own: Vec::new() }
    }
}

/// Ports are stored in the order browser, RTP 0, RTCP 0, RTP 1, …
fn port_mut(ports: &mut [Port], socket: Socket) -> Option<&mut Port> {
    let index = match socket {
        Socket::Browser => 0,
        Socket::TrunkRtp(number) => 1 + 2 * usize::from(number),
        Socket::TrunkRtcp(number) => 2 + 2 * usize::from(number),
    };
    ports.get_mut(index)
}

/// The next item, while the budget lasts.
fn take<T>(left: &mut usize, next: impl FnOnce() -> Option<T>) -> Option<T> {
    if *left == 0 {
        return None;
    }
    let item = next()?;
    *left -= 1;
    Some(item)
}

/// The waker's token; sockets count from 0.
const WAKER: usize = usize::MAX;

/// Items taken from the queues before packets get their turn again.
const QUEUED_AT_ONCE_MAX: usize = 256;

/// How old published counts may be.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
