//! The messages between calls and the links that carry their signalling.
//!
//! A link is a phone's socket or a TLS connection to a PBX. Each is one task with a bounded queue;
//! so is each call. Neither ever waits for the other: a full queue counts as a lost peer, and only
//! the end of a leg is delivered all the same.

use tokio::sync::mpsc::{self, error::TrySendError};

use super::phone::Handover;
use crate::base::{Cause, LegId};
use crate::sip::user_agent::{Command, Event};

/// How a call reaches a link.
pub type LinkDoor = mpsc::Sender<LinkMessage>;

/// How a link reaches a call.
pub type CallDoor = mpsc::Sender<CallInput>;

/// What a link's task may be asked.
#[derive(Debug)]
pub enum LinkMessage {
    /// Start this leg here and send its events to the call.
    Begin {
        /// The leg the command creates.
        leg: LegId,
        /// Whose it is.
        call: CallDoor,
        /// An INVITE.
        command: Command,
    },
    /// Anything else a call wants of its leg.
    Command(Command),
    /// Close the phone's socket with this WebSocket code.
    Close {
        /// 4401 for a revoked session, 1012 for a restart.
        code: u16,
        /// Shown to the client.
        reason: &'static str,
    },
    /// Somebody's rights changed: whether this socket may still do what it does.
    Recheck,
    /// The session that opened the phone's socket ended.
    Revoked,
    /// The same phone came back on a new socket: carry on with that one.
    Attach(Box<Handover>),
}

/// What a call's task may be told.
#[derive(Debug)]
pub enum CallInput {
    /// Something happened on one of its legs.
    Sip(Event),
    /// The link could not start or keep the leg.
    LinkLost {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: Cause,
    },
    /// End the call.
    Stop(Cause),
}

/// Delivers a message that must not be lost: the end of a leg. When the queue is full it waits in
/// a task of its own; there is at most one such message for each leg and direction.
pub fn deliver<T: Send + 'static>(door: &mpsc::Sender<T>, message: T) {
    let Err(TrySendError::Full(message)) = door.try_send(message) else { return };
    let door = door.clone();
    // Outside the runtime nobody is left to receive it either.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            let _ = door.send(message).await;
        });
    }
}

/// Closes the queue of a link that ends and tells every call that still waits in it.
pub fn refuse_waiting(mailbox: &mut mpsc::Receiver<LinkMessage>, cause: Cause) {
    mailbox.close();
    while let Ok(message) = mailbox.try_recv() {
        if let LinkMessage::Begin { leg, call, .. } = message {
            deliver(&call, CallInput::LinkLost { leg, cause });
        }
    }
}
