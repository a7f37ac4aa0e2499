//! The SIP over TLS listener: PBXs that call us without our registration.
//!
//! A connection is taken only from an address of a configured PBX (SECURITY P-08). Its calls are
//! accepted when it showed a certificate that names that PBX, or else when each INVITE answers our
//! digest challenge with the trunk's account (S-04).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Engine;
use super::sip_stream::{SipStream, StreamEnd};
use super::trunks::TrunkEntry;
use crate::base::limit;
use crate::net::tls;
use crate::sip::framing::StreamFramer;

/// Accepts PBX connections until the task is dropped.
pub async fn listen(engine: Arc<Engine>, listener: TcpListener, acceptor: TlsAcceptor) {
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
        let Ok(permit) = room.clone().try_acquire_owned() else {
            tracing::warn!(%peer, "too many PBX connections, closed");
            continue;
        };
        let (engine, acceptor) = (engine.clone(), acceptor.clone());
        tokio::spawn(async move {
            let _permit = permit;
            serve(engine, tcp, peer, acceptor).await;
        });
    }
}

async fn serve(engine: Arc<Engine>, tcp: TcpStream, peer: SocketAddr, acceptor: TlsAcceptor) {
    let Some(trunk) = trunk_of(&engine, peer.ip()).await else {
        tracing::warn!(%peer, "SIP connection from an address of no configured PBX, closed");
        return;
    };
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
    let user_agent = match engine.accepted_user_agent(&trunk.name, local, is_proven) {
        Ok(user_agent) => user_agent,
        Err(reason) => {
            tracing::warn!(%peer, reason, "PBX connection closed");
            return;
        }
    };
    tracing::info!(%peer, trunk = &*trunk.name, is_proven, "PBX connected");
    let mut stream = SipStream::new(engine, trunk.name, trunk.profile, door, user_agent);
    let mut framer = StreamFramer::new();
    loop {
        match stream.run(&mut connection, &mut framer, &mut mailbox, None).await {
            StreamEnd::Report => stream.reports.clear(),
            StreamEnd::Lost(reason) | StreamEnd::Garbage(reason) => {
                tracing::info!(%peer, reason, "PBX connection ended");
                break;
            }
            StreamEnd::Closed | StreamEnd::Deadline => break,
        }
    }
    stream.give_up_calls();
}

/// The PBX with this address: the one its link is connected to, or that its name resolves to.
async fn trunk_of(engine: &Engine, ip: IpAddr) -> Option<TrunkEntry> {
    if let Some(known) = engine.trunks().by_address(ip) {
        return Some(known.clone());
    }
    for row in engine.trunk_rows() {
        let resolved = lookup_host((row.uri.host.as_str(), row.uri.port)).await;
        let mut addresses = resolved.into_iter().flatten();
        if addresses.any(|address| address.ip().to_canonical() == ip.to_canonical()) {
            return engine.trunks().by_name(&row.name).cloned();
        }
    }
    None
}

/// Whether the verified certificate of the peer carries the trunk's host name.
fn names_trunk(engine: &Engine, connection: &TlsStream<TcpStream>, trunk: &TrunkEntry) -> bool {
    let (_, session) = connection.get_ref();
    let leaf = session.peer_certificates().and_then(|chain| chain.first());
    let row = engine.trunk_rows().iter().find(|row| row.name == *trunk.name);
    leaf.zip(row).is_some_and(|(leaf, row)| tls::names(leaf, &row.uri.host))
}
