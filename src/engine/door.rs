//! The door to the phones: what the engine gives the HTTP edge, so that neither knows the other.

use std::net::SocketAddr;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;

use crate::access::Principal;

/// An upgraded phone socket: RFC 7118, server role, masked text or binary frames up to
/// [`crate::base::limit::SIP_MESSAGE_BYTES_MAX`].
pub type PhoneSocket = WebSocketStream<TokioIo<Upgraded>>;

/// What is known of a phone at its upgrade.
#[derive(Clone, Debug)]
pub struct PhoneInfo {
    /// The person, when a credential came with the upgrade. `None`: the first REGISTER must
    /// bring a Bearer token within [`crate::base::limit::SOCKET_AUTH_TIMEOUT`].
    pub principal: Option<Principal>,
    /// The peer.
    pub remote: SocketAddr,
    /// Over TLS or, in development, plain.
    pub listener: ListenerKind,
    /// `User-Agent`, control characters removed.
    pub user_agent: Option<String>,
}

/// Where phones go after their upgrade; the engine implements it.
pub trait PhoneDoor: Send + Sync + 'static {
    /// Whether another phone fits; `false` is answered 503 before the upgrade.
    fn has_room(&self) -> bool {
        true
    }

    /// Takes over a phone's socket. Called on the runtime; must not block.
    fn phone_connected(&self, socket: PhoneSocket, phone: PhoneInfo);
}

/// What a connection came in on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// TLS.
    Tls,
    /// Plain HTTP on loopback, development only.
    Plain,
}
