//! The user agent: commands of the engine become messages, messages become events.
//!
//! One [`UserAgent`] per flow, that is per browser WebSocket or TLS link to a PBX. Owns the
//! transactions, dialogs and legs of that flow; knows no call, no media and no other flow. Bodies
//! are bytes, except that SDP is told from other types and key presses in INFO are read.
//!
//! RFC 3261 §8–§15; RFC 3262 (PRACK, sending only), 3311 (UPDATE), 3326 (Reason), 4028 (session
//! timers), 6026, 6086 (INFO), 7118 (WebSocket).

mod account;
mod agent;
mod auth;
mod body;
pub mod command;
mod config;
mod core;
mod dtmf;
mod established;
pub mod event;
mod in_dialog;
mod incoming;
mod leg;
mod outgoing;
mod random;
mod registers;
mod reoffer;
mod reply;
mod session_timer;
#[cfg(test)]
mod tests;

pub use agent::UserAgent;
pub use auth::InviteChallenge;
pub use command::{Command, OutgoingInvite, RegisterAnswer, Registration};
pub use config::{PeerKind, Transport, UserAgentConfig};
pub use event::{Event, IncomingInvite, RegisterReceived, RegistrationState};
pub use random::Random;

use crate::sip::transaction::TransactionId;

/// What a user agent wants done.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes on the flow: one WebSocket frame, or the next bytes of the stream.
    Transmit(Vec<u8>),
    /// Tell the engine.
    Event(Event),
}

/// Names a request that waits for the engine's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey(TransactionId);
