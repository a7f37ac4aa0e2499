//! The shells around the machines: tasks and threads that own sockets, and the directory through
//! which they find each other.
//!
//! A phone's socket, a PBX's link and a call are each one task with one bounded queue; a media
//! worker is one thread. The engine itself only holds what all of them share.

mod call_record;
mod call_task;
mod dial;
mod directory;
pub mod door;
mod housekeeping;
mod leg;
mod leg_calls;
mod link;
pub mod media_thread;
mod metrics;
mod phone;
mod random;
mod registrar;
mod routing;
mod sip_stream;
mod trunk_link;
mod trunk_links;
mod trunk_listener;
mod trunk_test;
mod trunks;
mod user_agents;

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

pub use housekeeping::Housekeeping;
pub use leg::TrunkProfile;
pub use trunk_links::TrunkLinks;
pub use trunk_listener::listen as listen_for_trunks;
pub use trunk_test::{TrunkReport, test_trunk};
pub use trunks::{LinkState, TrunkEntry, Trunks};

use crate::access::{Access, Principal, WorkspaceId};
use crate::base::{Cause, Clock, limit};
use crate::config::Config;
use crate::sip::uri::Host;
use crate::store::{Store, TrunkId};
use crate::vault::{TrunkBook, Vault};
use call_record::Record;
use directory::{Directory, Line};
use door::{PhoneDoor, PhoneInfo, PhoneSocket};
use link::{LinkMessage, deliver};
use media_thread::MediaWorkers;
use metrics::EngineMetrics;
use registrar::Registrar;

/// What the engine is built from.
pub struct EngineParts {
    /// The checked configuration.
    pub config: Arc<Config>,
    /// Time.
    pub clock: Clock,
    /// The database.
    pub store: Store,
    /// Tokens.
    pub access: Arc<Access>,
    /// PBX credentials.
    pub trunk_book: TrunkBook,
    /// The nonce key of digest challenges.
    pub vault: Arc<Vault>,
    /// Media threads.
    pub workers: MediaWorkers,
    /// SHA-256 of the DTLS certificate.
    pub fingerprint: [u8; 32],
    /// `host[:port]` of the SIP listener, for Contact towards PBXs.
    pub sip_address: Option<(Host, u16)>,
    /// The name phones know us by.
    pub sip_host: Host,
}

/// The engine.
pub struct Engine {
    parts: EngineParts,
    directory: Arc<Directory>,
    registrar: Registrar,
    metrics: EngineMetrics,
    /// Written by [`TrunkLinks`] alone.
    trunks: ArcSwap<Trunks>,
    calls: Arc<Semaphore>,
    phones: Arc<Semaphore>,
    link_states: mpsc::Sender<(TrunkId, LinkState)>,
    records: mpsc::Sender<Record>,
}

/// The right to run one more call; given back when dropped.
#[derive(Debug)]
pub struct CallRoom(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

/// The right to keep one more phone; given back when dropped.
#[derive(Debug)]
pub struct PhoneRoom(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Engine {
    /// Builds the engine and starts its housekeeping. It has no PBX until [`TrunkLinks`] keep
    /// some.
    #[must_use]
    pub fn start(parts: EngineParts) -> Arc<Self> {
        let limits = parts.config.limits;
        let (link_states, states_inbox) = mpsc::channel(limit::LINK_QUEUE_MAX);
        let (records, records_inbox) = mpsc::channel(limit::CALL_RECORDS_MAX);
        let engine = Arc::new(Self {
            directory: Arc::default(),
            registrar: Registrar::new(parts.access.clone()),
            metrics: EngineMetrics::new(),
            trunks: ArcSwap::default(),
            calls: Arc::new(Semaphore::new(limits.calls.min(limit::CALLS_MAX))),
            phones: Arc::new(Semaphore::new(limits.phones)),
            link_states,
            records,
            parts,
        });
        Housekeeping::spawn(engine.clone(), states_inbox, records_inbox);
        engine
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.parts.clock
    }

    /// The PBXs as they are now.
    #[must_use]
    pub fn trunks(&self) -> Arc<Trunks> {
        self.trunks.load_full()
    }

    /// Takes no more calls, ends those that run, and says goodbye on every socket and link.
    pub async fn stop(&self) {
        self.calls.close();
        self.wait_until(|| {
            // Again and again: a call that was being placed enters the directory late.
            self.directory.stop_calls(Cause::Stopping);
            self.directory.call_count() == 0
        })
        .await;
        self.directory.close_sockets(1012, "the server is restarting");
        for trunk in self.trunks().iter() {
            let reason = "the server is stopping";
            deliver(&trunk.door, LinkMessage::Close { code: 1012, reason });
        }
        let phones_max = self.config().limits.phones;
        self.wait_until(|| {
            self.phones.available_permits() >= phones_max && self.directory.accepted_count() == 0
        })
        .await;
    }

    async fn wait_until(&self, mut is_done: impl FnMut() -> bool) {
        let deadline = self.clock().now() + limit::STOP_TIMEOUT;
        while !is_done() && self.clock().now() < deadline {
            tokio::time::sleep(limit::STOP_POLL).await;
        }
    }

    /// Whether a session is known to have ended.
    fn is_ended(&self, session: crate::access::SessionId) -> bool {
        self.parts.access.revocations().is_ended(session)
    }

    /// What a principal may do now: less than when it connected, if its rights were cut.
    fn rights_now(&self, principal: &Principal) -> Principal {
        self.parts.access.rights_now(principal)
    }

    /// Whether the calls of an ended session go on to their end.
    fn finishes_calls(&self, workspace: WorkspaceId) -> bool {
        self.parts.access.settings().of(workspace).session_finishes_calls()
    }

    /// Tells every socket of a session that it ended.
    pub fn revoke(&self, session: crate::access::SessionId) {
        self.directory.revoke(session);
    }

    /// Closes the sockets of every session that has ended, when the notes of single endings were
    /// too many to read.
    fn revoke_ended(&self) {
        for session in self.directory.sessions() {
            if self.is_ended(session) {
                self.directory.revoke(session);
            }
        }
    }

    pub(crate) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    pub(crate) fn workers(&self) -> &MediaWorkers {
        &self.parts.workers
    }

    fn fingerprint(&self) -> [u8; 32] {
        self.parts.fingerprint
    }

    fn sip_host(&self) -> &Host {
        &self.parts.sip_host
    }

    fn registrar(&self) -> &Registrar {
        &self.registrar
    }

    fn metrics(&self) -> &EngineMetrics {
        &self.metrics
    }

    /// How busy the server is, in thousandths of the calls and phones it may have.
    #[must_use]
    pub fn load_per_mille(&self) -> u16 {
        let limits = self.parts.config.limits;
        let share = |free: usize, most: usize| {
            let used = most.saturating_sub(free).saturating_mul(1_000);
            u16::try_from(used / most.max(1)).unwrap_or(1_000)
        };
        let calls = share(self.calls.available_permits(), limits.calls.min(limit::CALLS_MAX));
        calls.max(share(self.phones.available_permits(), limits.phones))
    }

    /// Room for one more call, or none.
    fn call_room(&self) -> Option<CallRoom> {
        self.calls.clone().try_acquire_owned().ok().map(CallRoom)
    }

    /// Whether an agent has this number, connected or not.
    async fn agent_exists(&self, line: &Line) -> bool {
        let found = self.parts.store.memberships().by_number(line.workspace_id, &line.number).await;
        match found {
            Ok(found) => found.is_some(),
            Err(error) => {
                tracing::error!(%error, "cannot look up a number");
                false
            }
        }
    }

    /// Notes how a link stands, for `trunk list` and `/metrics`.
    fn link_changed(&self, trunk: TrunkId, state: LinkState) {
        // A full queue loses a note that a later one replaces.
        let _ = self.link_states.try_send((trunk, state));
    }
}

/// The SIP host of a configured name or address; the configuration has checked it.
pub(crate) fn host_of(name: &str) -> Host {
    match name.parse::<IpAddr>() {
        Ok(address) => Host::from(address),
        Err(_) => Host::Name(name.to_owned()),
    }
}

/// The engine as the HTTP edge sees it.
pub struct Phones(pub Arc<Engine>);

impl PhoneDoor for Phones {
    fn has_room(&self) -> bool {
        self.0.phones.available_permits() > 0
    }

    fn phone_connected(&self, socket: PhoneSocket, info: PhoneInfo) {
        // Without room the socket is dropped; `has_room` refused it before the upgrade unless
        // others raced for the last place.
        if let Ok(permit) = self.0.phones.clone().try_acquire_owned() {
            phone::Phone::spawn(self.0.clone(), socket, info, PhoneRoom(permit));
        }
    }
}
