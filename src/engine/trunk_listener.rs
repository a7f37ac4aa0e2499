//! The SIP over TLS listener: PBXs that call us without our registration.
//!
//! A connection is taken only from an address of a configured PBX (SECURITY P-08). Its calls are
//! accepted when it showed a certificate that names that PBX, or else when each INVITE answers our
//! digest challenge with the trunk's account (S-04).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Engine;
use super::link::{LinkDoor, refuse_waiting};
use super::sip_stream::{SipStream, StreamEnd};
use super::trunks::TrunkEntry;
use crate::base::{Cause, limit};
use crate::net::tls;
use crate::sip::framing::StreamFramer;
use crate::store::{TrunkId, TrunkRow};

/// Accepts PBX connections until the task is dropped. `tls` says whose certificates count, for
/// each connection anew.
pub async fn listen(engine: Arc<Engine>, listener: TcpListener, tls: Arc<ArcSwap<ServerConfig>>) {
    let room = Arc::new(Semaphore::new(limit::LINKS_ACCEPTED_MAX));
    loop {
        let (tcp, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors: without a pause this would spin.
                tracing::warn!(%error, "cannot accept a PBX connection");
                tokio::time::sleep(limit::ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (engine, room) = (engine.clone(), room.clone());
        let acceptor = TlsAcceptor::from(tls.load_full());
        tokio::spawn(async move {
            let Some(trunk) = trunk_of(&engine, peer.ip()).await else {
                tracing::debug!(%peer, "SIP connection from no configured PBX, closed");
                return;
            };
            let Ok(_permit) = room.try_acquire_owned() else {
                tracing::warn!(%peer, "too many PBX connections, closed");
                return;
            };
            serve(engine, tcp, peer, acceptor, trunk).await;
        });
    }
}

async fn serve(
    engine: Arc<Engine>,
    tcp: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    trunk: TrunkEntry,
) {
    let _ = tcp.set_nodelay(true);
    let mut connection = match timeout(limit::LINK_CONNECT_TIMEOUT, acceptor.accept(tcp)).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            tracing::warn!(%peer, %error, "TLS with the PBX failed");
            return;
        }
        Err(_) => return,
    };
    let is_proven = names_trunk(&engine, &connection, &trunk);
    let Ok(local) = connection.get_ref().0.local_addr() else { return };
    let (door, mut mailbox) = mpsc::channel(limit::LINK_QUEUE_MAX);
    let user_agent = match engine.accepted_user_agent(&trunk.row, local, is_proven) {
        Ok(user_agent) => user_agent,
        Err(reason) => {
            tracing::warn!(%peer, reason, "PBX connection closed");
            return;
        }
    };
    tracing::info!(%peer, trunk = &*trunk.name, is_proven, "PBX connected");
    let listed = Listed::new(&engine, trunk.row.id, door.clone());
    let mut stream = SipStream::new(engine, &trunk, door, user_agent);
    let mut framer = StreamFramer::new();
    let opened = stream.now();
    let mut deadline = (!is_proven).then(|| opened + limit::UNPROVEN_LINK_MAX);
    loop {
        match stream.run(&mut connection, &mut framer, &mut mailbox, deadline).await {
            StreamEnd::Report => stream.reports.clear(),
            StreamEnd::Lost(reason) | StreamEnd::Garbage(reason) => {
                tracing::info!(%peer, reason, "PBX connection ended");
                break;
            }
            StreamEnd::Closed => {
                stream.say_goodbye(&mut connection).await;
                break;
            }
            // A call shows that the PBX answered our challenge.
            StreamEnd::Deadline if stream.has_had_calls() => deadline = None,
            StreamEnd::Deadline => {
                tracing::info!(%peer, "PBX connection proved nothing in time, closed");
                break;
            }
        }
    }
    drop(listed);
    refuse_waiting(&mut mailbox, Cause::TrunkDown);
    stream.give_up_calls();
}

/// The connection's entry in the directory, for as long as it lives.
struct Listed {
    engine: Arc<Engine>,
    id: u64,
}

impl Listed {
    fn new(engine: &Arc<Engine>, trunk: TrunkId, door: LinkDoor) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        engine.directory().link_accepted(id, trunk, door);
        Self { engine: engine.clone(), id }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.engine.directory().link_ended(self.id);
    }
}

/// The PBX with this address: the one its link is connected to, or that its name resolves to.
async fn trunk_of(engine: &Engine, ip: IpAddr) -> Option<TrunkEntry> {
    let trunks = engine.trunks();
    if let Some(known) = trunks.by_address(ip) {
        return Some(known.clone());
    }
    for trunk in trunks.iter() {
        let uri = &trunk.row.uri;
        let lookup = lookup_host((uri.host.as_str(), uri.port));
        let resolved = timeout(limit::LOOKUP_TIMEOUT, lookup).await;
        let mut addresses = resolved.into_iter().flatten().flatten();
        if addresses.any(|address| address.ip().to_canonical() == ip.to_canonical()) {
            return Some(trunk.clone());
        }
    }
    None
}

/// Whether the peer showed a certificate that carries the trunk's host name and chains to that
/// trunk's own authorities: another trunk's authority may not vouch for this one.
fn names_trunk(engine: &Engine, connection: &TlsStream<TcpStream>, trunk: &TrunkEntry) -> bool {
    let (_, session) = connection.get_ref();
    let Some((leaf, others)) = session.peer_certificates().and_then(|chain| chain.split_first())
    else {
        return false;
    };
    let TrunkRow { uri, ca_pem, .. } = &*trunk.row;
    let authorities =
        tls::Authorities { file: engine.config().sip.ca.clone(), pem: ca_pem.clone() };
    tls::names(leaf, &uri.host) && tls::is_signed_by(leaf, others, &authorities)
}
