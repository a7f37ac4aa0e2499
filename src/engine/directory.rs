//! Who can be reached now: the phones registered at each number, the sockets of each session, the
//! calls that run. Only doors live here; the state behind them belongs to its task.
//!
//! No guard of a map is ever held across an await: every method returns owned values.

use dashmap::DashMap;

use super::link::{CallDoor, CallInput, LinkDoor, LinkMessage, deliver};
use crate::access::SessionId;
use crate::base::{CallId, Cause, limit};
use crate::sip::uri::Uri;

/// One phone: a browser's registration for as long as its task lives. Unique within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PhoneId(pub u64);

/// A registered phone.
#[derive(Clone, Debug)]
pub struct PhoneEntry {
    /// Names it.
    pub id: PhoneId,
    /// The number it rings for.
    pub number: String,
    /// Its Contact: the Request-URI of calls to it.
    pub contact: Uri,
    /// `+sip.instance`, which survives a reconnect.
    pub instance: Option<String>,
    /// Its task.
    pub door: LinkDoor,
}

/// The directory.
#[derive(Debug, Default)]
pub struct Directory {
    phones: DashMap<String, Vec<PhoneEntry>>,
    sockets: DashMap<SessionId, Vec<(PhoneId, LinkDoor)>>,
    calls: DashMap<CallId, CallDoor>,
}

impl Directory {
    /// The phones that ring for `number`.
    #[must_use]
    pub fn phones(&self, number: &str) -> Vec<PhoneEntry> {
        self.phones.get(number).map(|found| found.clone()).unwrap_or_default()
    }

    /// Enters or refreshes a phone; beyond [`limit::PHONES_PER_AGENT_MAX`] the oldest is dropped
    /// and its socket closed.
    pub fn register(&self, entry: PhoneEntry) {
        let mut dropped = None;
        {
            let mut phones = self.phones.entry(entry.number.clone()).or_default();
            match phones.iter_mut().find(|known| known.id == entry.id) {
                Some(known) => *known = entry,
                None => {
                    if phones.len() >= limit::PHONES_PER_AGENT_MAX {
                        dropped = Some(phones.remove(0));
                    }
                    phones.push(entry);
                }
            }
        }
        if let Some(oldest) = dropped {
            tracing::warn!("an agent has too many phones, the oldest is closed");
            let reason = "too many phones at this number";
            let _ = oldest.door.try_send(LinkMessage::Close { code: 4409, reason });
        }
    }

    /// Removes a phone from `number`.
    pub fn unregister(&self, number: &str, id: PhoneId) {
        if let Some(mut phones) = self.phones.get_mut(number) {
            phones.retain(|known| known.id != id);
        }
        self.phones.remove_if(number, |_, phones| phones.is_empty());
    }

    /// The phone of `number` with this instance, other than `id`: the same browser before it
    /// reconnected.
    #[must_use]
    pub fn former_self(&self, number: &str, instance: &str, id: PhoneId) -> Option<PhoneEntry> {
        let phones = self.phones.get(number)?;
        let same =
            |known: &&PhoneEntry| known.id != id && known.instance.as_deref() == Some(instance);
        phones.iter().find(same).cloned()
    }

    /// How many phones are registered.
    #[must_use]
    pub fn phone_count(&self) -> usize {
        self.phones.iter().map(|entry| entry.value().len()).sum()
    }

    /// Ties a socket to the session it was opened with, so that revocation closes it.
    pub fn socket_opened(&self, session: SessionId, id: PhoneId, door: LinkDoor) {
        self.sockets.entry(session).or_default().push((id, door));
    }

    /// Unties it.
    pub fn socket_closed(&self, session: SessionId, id: PhoneId) {
        if let Some(mut sockets) = self.sockets.get_mut(&session) {
            sockets.retain(|(known, _)| *known != id);
        }
        self.sockets.remove_if(&session, |_, sockets| sockets.is_empty());
    }

    /// The sessions that have sockets.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionId> {
        self.sockets.iter().map(|entry| *entry.key()).collect()
    }

    /// Closes every socket of a session with 4401.
    pub fn revoke(&self, session: SessionId) {
        let Some((_, sockets)) = self.sockets.remove(&session) else { return };
        for (_, door) in sockets {
            deliver(&door, LinkMessage::Close { code: 4401, reason: "session ended" });
        }
    }

    /// Enters a call.
    pub fn call_began(&self, id: CallId, door: CallDoor) {
        self.calls.insert(id, door);
    }

    /// Removes a call.
    pub fn call_ended(&self, id: CallId) {
        self.calls.remove(&id);
    }

    /// How many calls run.
    #[must_use]
    pub fn call_count(&self) -> usize {
        self.calls.len()
    }

    /// Ends every call.
    pub fn stop_calls(&self, cause: Cause) {
        for call in &self.calls {
            deliver(call.value(), CallInput::Stop(cause));
        }
    }

    /// Closes every phone's socket.
    pub fn close_sockets(&self, code: u16, reason: &'static str) {
        for entry in &self.sockets {
            for (_, door) in entry.value() {
                deliver(door, LinkMessage::Close { code, reason });
            }
        }
    }
}
