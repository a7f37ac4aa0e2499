//! Starting and stopping the media threads.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::codec;
use super::handle::{Published, WorkerHandle};
use super::handshake;
use super::queue::{WakingSender, waking};
use super::sockets::Sockets;
use super::worker::{Queues, Worker};
use crate::base::{Clock, limit, priority};
use crate::media::codec::CodecError;
use crate::media::dtls::DtlsIdentity;
use crate::media::prompt::Prompts;
use crate::media::shard::HandshakeReport;
use crate::net::udp::Waker;

/// Where the media workers listen.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// How many; 0 is one per core.
    pub workers: usize,
    /// Where the browser sockets bind.
    pub bind: IpAddr,
    /// UDP port of the first worker for browsers, the next ones follow; 0 picks free ones.
    pub browser_port: u16,
    /// The only addresses browsers may come from beside loopback; `None` for any.
    pub browsers_from: Option<Vec<IpAddr>>,
    /// Addresses put into SDP; `bind` when empty.
    pub advertise: Vec<IpAddr>,
    /// Where the trunk sockets bind.
    pub trunk_bind: IpAddr,
    /// The address put into SDP towards PBXs; `trunk_bind`, or the first of `advertise` if that
    /// is no address, when `None`.
    pub trunk_advertise: Option<IpAddr>,
    /// First port of the pairs towards PBXs; 0 picks free ones.
    pub trunk_port: u16,
    /// Pairs of trunk sockets per worker.
    pub trunk_sockets: u8,
}

/// Why the media workers did not start.
#[derive(Debug, thiserror::Error)]
pub enum MediaStartError {
    /// A socket or a thread.
    #[error("media worker {worker} cannot start: {source}")]
    Worker {
        /// Which.
        worker: usize,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The prompts.
    #[error("prompts cannot be encoded")]
    Prompts(#[source] CodecError),
    /// No address to put into SDP.
    #[error("media needs an address to put into SDP: set media.advertise")]
    NoAddress,
}

/// All media threads of the server.
pub struct MediaWorkers {
    handles: Vec<WorkerHandle>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl MediaWorkers {
    /// Binds every socket, then starts the threads.
    ///
    /// # Errors
    /// See [`MediaStartError`]; nothing runs then.
    pub fn start(
        config: &MediaConfig,
        identity: &Arc<DtlsIdentity>,
        clock: &Clock,
    ) -> Result<Self, MediaStartError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = if config.workers == 0 { cores } else { config.workers };
        let prompts = Arc::new(Prompts::render().map_err(MediaStartError::Prompts)?);
        let sockets = (0..count)
            .map(|worker| {
                u16::try_from(worker)
                    .map_err(|_| io::ErrorKind::InvalidInput.into())
                    .and_then(|index| Sockets::bind(config, index))
                    .map_err(|source| MediaStartError::Worker { worker, source })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut workers = Self {
            handles: Vec::new(),
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
        };
        let mut desks = Vec::new();
        for (worker, sockets) in sockets.into_iter().enumerate() {
            if worker.is_multiple_of(WORKERS_PER_HANDSHAKE_THREAD) {
                desks.push(HandshakeDesk::new());
            }
            let Some(desk) = desks.last_mut() else { continue };
            let core = (count <= cores).then_some(worker);
            let plan = Plan { config, clock, prompts: &prompts, worker, core };
            workers
                .start_worker(&plan, sockets, desk)
                .map_err(|source| MediaStartError::Worker { worker, source })?;
        }
        for desk in desks {
            workers
                .start_handshakes(identity, clock, desk)
                .map_err(|source| MediaStartError::Worker { worker: 0, source })?;
        }
        if workers.handles.iter().any(|handle| handle.browser_addrs().is_empty()) {
            return Err(MediaStartError::NoAddress);
        }
        Ok(workers)
    }

    /// The worker with the fewest legs; both legs of a call belong on the same one.
    ///
    /// # Panics
    /// Never: there is at least one worker.
    #[must_use]
    pub fn pick(&self) -> WorkerHandle {
        #[expect(clippy::expect_used, reason = "start makes at least one worker")]
        self.handles.iter().min_by_key(|handle| handle.leg_count()).expect("a worker").clone()
    }

    /// All workers, for metrics.
    #[must_use]
    pub fn handles(&self) -> &[WorkerHandle] {
        &self.handles
    }

    /// Ends the threads and waits for them. Legs still open get no `Closed`.
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for handle in self.handles.drain(..) {
            handle.wake();
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so itself.
            let _ended = thread.join();
        }
    }

    fn start_worker(
        &mut self,
        plan: &Plan<'_>,
        sockets: Sockets,
        desk: &mut HandshakeDesk,
    ) -> io::Result<()> {
        let waker = Waker::new()?;
        let (requests, request_queue) = waking(limit::MEDIA_COMMANDS_MAX, &waker);
        let (reports, report_queue) = waking(limit::HANDSHAKE_QUEUE_MAX, &waker);
        let (frames, frame_queue) = waking(limit::CODEC_QUEUE_MAX, &waker);
        let (jobs, job_queue) = bounded(limit::CODEC_QUEUE_MAX);
        let published = Arc::new(Published::default());
        let queues = Queues {
            requests: request_queue,
            reports: report_queue,
            frames: frame_queue,
            jobs,
            handshakes: desk.requests.clone(),
            number: desk.workers.len(),
        };
        desk.workers.push(reports);
        let handle = WorkerHandle::new(plan.config, &sockets, requests, &published, &waker);
        let from = plan.config.browsers_from.clone();
        let worker =
            Worker::new(plan.clock, plan.prompts, from, sockets, queues, published, waker)?;
        let (number, core) = (plan.worker, plan.core);
        let stop = Arc::clone(&self.stop);
        self.spawn(format!("media-{number}"), move || {
            priority::before_others();
            worker.run(core, &stop);
        })?;
        let clock = plan.clock.clone();
        self.spawn(format!("codec-{number}"), move || {
            priority::before_others();
            codec::run(&clock, &job_queue, &frames);
        })?;
        self.handles.push(handle);
        Ok(())
    }

    fn start_handshakes(
        &mut self,
        identity: &Arc<DtlsIdentity>,
        clock: &Clock,
        desk: HandshakeDesk,
    ) -> io::Result<()> {
        let (identity, clock) = (Arc::clone(identity), clock.clone());
        let HandshakeDesk { requests, queue, workers } = desk;
        drop(requests);
        self.spawn("handshake".into(), move || {
            handshake::run(&clock, &identity, &queue, &workers);
        })
    }

    fn spawn(&mut self, name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(thread::Builder::new().name(name).spawn(run)?);
        Ok(())
    }
}

impl Drop for MediaWorkers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a new worker needs to know.
struct Plan<'a> {
    config: &'a MediaConfig,
    clock: &'a Clock,
    prompts: &'a Arc<Prompts>,
    worker: usize,
    core: Option<usize>,
}

/// A handshake thread in the making.
struct HandshakeDesk {
    requests: Sender<handshake::Request>,
    queue: Receiver<handshake::Request>,
    workers: Vec<WakingSender<HandshakeReport>>,
}

impl HandshakeDesk {
    fn new() -> Self {
        let (requests, queue) = bounded(limit::HANDSHAKE_QUEUE_MAX);
        Self { requests, queue, workers: Vec::new() }
    }
}

/// A handshake costs 0.3 ms, a worker 5 µs per packet: one thread keeps up with two.
const WORKERS_PER_HANDSHAKE_THREAD: usize = 2;

/// The candidates of a socket: its port on each advertised address.
pub(super) fn candidates(config: &MediaConfig, port: u16) -> Vec<SocketAddr> {
    let own = [config.bind];
    let advertised = if config.advertise.is_empty() { &own[..] } else { &config.advertise };
    advertised
        .iter()
        .filter(|ip| !ip.is_unspecified())
        .map(|ip| SocketAddr::new(*ip, port))
        .collect()
}

/// The address PBXs are told.
pub(super) fn trunk_ip(config: &MediaConfig) -> IpAddr {
    let first = config.advertise.first().copied();
    config
        .trunk_advertise
        .or_else(|| first.filter(|_| config.trunk_bind.is_unspecified()))
        .unwrap_or(config.trunk_bind)
}
