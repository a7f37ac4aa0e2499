//! Who can be reached now: the phones registered at each number, the sockets of each session, the
//! calls that run. Only doors live here; the state behind them belongs to its task.
//!
//! No guard of a map is ever held across an await: every method returns owned values.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;

use super::link::{CallDoor, CallInput, LinkDoor, LinkMessage, deliver};
use crate::access::{SessionId, UserId, WorkspaceId};
use crate::base::{CallId, Cause, limit};
use crate::sip::uri::Uri;
use crate::store::TrunkId;

/// One phone: a browser's registration for as long as its task lives. Unique within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PhoneId(pub u64);

/// What a phone rings for: a number of a workspace. The same number of another one is another line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// Whose number it is.
    pub workspace_id: WorkspaceId,
    /// The number.
    pub number: String,
}

impl Line {
    /// The line of a number.
    #[must_use]
    pub fn new(workspace_id: WorkspaceId, number: &str) -> Self {
        Self { workspace_id, number: number.to_owned() }
    }
}

/// A registered phone.
#[derive(Clone, Debug)]
pub struct PhoneEntry {
    /// Names it.
    pub id: PhoneId,
    /// What it rings for.
    pub line: Line,
    /// Whose it is.
    pub user_id: UserId,
    /// When it took its present socket.
    pub attached_at: Instant,
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
    phones: DashMap<Line, Vec<PhoneEntry>>,
    sockets: DashMap<SessionId, Vec<(PhoneId, LinkDoor)>>,
    calls: DashMap<CallId, CallDoor>,
    accepted: DashMap<u64, (TrunkId, LinkDoor)>,
}

/// A call's entry; goes with the guard, however its task ends.
#[derive(Debug)]
pub struct ListedCall {
    directory: Arc<Directory>,
    id: CallId,
}

impl Drop for ListedCall {
    fn drop(&mut self) {
        self.directory.calls.remove(&self.id);
    }
}

/// How long a phone keeps its socket before another one with its instance can take over.
const RETURN_AFTER: Duration = Duration::from_secs(3);

impl Directory {
    /// The phones that ring for `line`.
    #[must_use]
    pub fn phones(&self, line: &Line) -> Vec<PhoneEntry> {
        self.phones.get(line).map(|found| found.clone()).unwrap_or_default()
    }

    /// Enters or refreshes a phone; beyond [`limit::PHONES_PER_AGENT_MAX`] the oldest is dropped
    /// and its socket closed.
    pub fn register(&self, entry: PhoneEntry) {
        let mut dropped = None;
        {
            let mut phones = self.phones.entry(entry.line.clone()).or_default();
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

    /// Removes a phone from `line`.
    pub fn unregister(&self, line: &Line, id: PhoneId) {
        if let Some(mut phones) = self.phones.get_mut(line) {
            phones.retain(|known| known.id != id);
        }
        self.phones.remove_if(line, |_, phones| phones.is_empty());
    }

    /// The phone that `entry` was before it reconnected: the same person's, with the same
    /// instance. One that took a socket a moment ago is another browser with a copied instance
    /// (a duplicated tab), and the two must not take each other's sockets in turns.
    #[must_use]
    pub fn former_self(&self, entry: &PhoneEntry) -> Option<PhoneEntry> {
        let phones = self.phones.get(&entry.line)?;
        let same = |known: &&PhoneEntry| {
            known.id != entry.id
                && known.user_id == entry.user_id
                && known.instance.is_some()
                && known.instance == entry.instance
                && entry.attached_at.duration_since(known.attached_at) >= RETURN_AFTER
                && !known.door.is_closed()
        };
        phones.iter().find(same).cloned()
    }

    /// How many phones are registered.
    #[must_use]
    pub fn phone_count(&self) -> usize {
        self.phones.iter().map(|entry| entry.value().len()).sum()
    }

    /// Ties a socket to the session it was opened with, so that revocation closes it; `false`
    /// when the session has [`limit::SOCKETS_PER_SESSION_MAX`] already.
    #[must_use]
    pub fn socket_opened(&self, session: SessionId, id: PhoneId, door: LinkDoor) -> bool {
        let mut sockets = self.sockets.entry(session).or_default();
        if sockets.len() >= limit::SOCKETS_PER_SESSION_MAX {
            return false;
        }
        sockets.push((id, door));
        true
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

    /// Has every socket look at its rights again.
    pub fn recheck(&self) {
        for entry in &self.sockets {
            for (_, door) in entry.value() {
                deliver(door, LinkMessage::Recheck);
            }
        }
    }

    /// Tells every socket of a session that it ended.
    pub fn revoke(&self, session: SessionId) {
        let Some((_, sockets)) = self.sockets.remove(&session) else { return };
        for (_, door) in sockets {
            deliver(&door, LinkMessage::Revoked);
        }
    }

    /// Enters a call until the guard is dropped.
    #[must_use]
    pub fn call_began(self: &Arc<Self>, id: CallId, door: CallDoor) -> ListedCall {
        self.calls.insert(id, door);
        ListedCall { directory: Arc::clone(self), id }
    }

    /// Enters a connection that a PBX opened, so that stopping says goodbye on it.
    pub fn link_accepted(&self, id: u64, trunk: TrunkId, door: LinkDoor) {
        self.accepted.insert(id, (trunk, door));
    }

    /// Removes it.
    pub fn link_ended(&self, id: u64) {
        self.accepted.remove(&id);
    }

    /// Closes those of a PBX that is one no more.
    pub fn close_accepted(&self, trunk: TrunkId, reason: &'static str) {
        for entry in self.accepted.iter().filter(|entry| entry.value().0 == trunk) {
            deliver(&entry.value().1, LinkMessage::Close { code: 1000, reason });
        }
    }

    /// How many of them there are.
    #[must_use]
    pub fn accepted_count(&self) -> usize {
        self.accepted.len()
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

    /// Closes every phone's socket and every connection a PBX opened.
    pub fn close_sockets(&self, code: u16, reason: &'static str) {
        for entry in &self.sockets {
            for (_, door) in entry.value() {
                deliver(door, LinkMessage::Close { code, reason });
            }
        }
        for entry in &self.accepted {
            deliver(&entry.value().1, LinkMessage::Close { code, reason });
        }
    }
}
