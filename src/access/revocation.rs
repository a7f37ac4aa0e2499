//! Sessions that ended while a token of theirs may still be good.
//!
//! Every token check asks this table; whoever holds sockets listens and closes theirs (4401).
//! An entry may go once the last token of its session has expired.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::broadcast;

use super::principal::SessionId;
use crate::base::{UnixTime, limit};

/// A session ended; its sockets close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnded {
    /// Which.
    pub session_id: SessionId,
}

/// The table of ended sessions; clones share it.
#[derive(Clone, Debug)]
pub struct Revocations {
    ended: Arc<DashMap<SessionId, UnixTime>>,
    listeners: broadcast::Sender<SessionEnded>,
}

impl Default for Revocations {
    fn default() -> Self {
        let (listeners, _) = broadcast::channel(limit::SESSION_ENDINGS_MAX);
        Self { ended: Arc::default(), listeners }
    }
}

impl Revocations {
    /// Notes that a session ended at `at` and tells everybody, once.
    pub fn note(&self, session_id: SessionId, at: UnixTime) {
        if self.ended.insert(session_id, at).is_none() {
            // Nobody listening is no failure.
            let _ = self.listeners.send(SessionEnded { session_id });
        }
    }

    /// Whether a session is known to have ended.
    #[must_use]
    pub fn is_ended(&self, session_id: SessionId) -> bool {
        self.ended.contains_key(&session_id)
    }

    /// Every ending from now on. A listener that is told it lagged must ask [`Self::is_ended`]
    /// for each session it serves.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<SessionEnded> {
        self.listeners.subscribe()
    }

    /// Forgets endings that no token can outlive any more.
    pub fn forget_old(&self, now: UnixTime) {
        self.ended.retain(|_, at| keeps(*at, now));
    }
}

/// How far back endings matter.
pub(super) fn horizon(now: UnixTime) -> UnixTime {
    let reach = limit::TOKEN_LIFE_MAX + 2 * limit::TOKEN_CLOCK_SKEW;
    UnixTime(now.0.saturating_sub(reach.as_secs()))
}

fn keeps(ended_at: UnixTime, now: UnixTime) -> bool {
    ended_at >= horizon(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_is_told_once_and_kept_as_long_as_a_token_may_live() {
        let revocations = Revocations::default();
        let mut listener = revocations.subscribe();
        let session_id = SessionId::random();
        revocations.note(session_id, UnixTime(1_000));
        revocations.note(session_id, UnixTime(1_001));
        assert_eq!(listener.try_recv().unwrap(), SessionEnded { session_id });
        assert!(listener.try_recv().is_err());
        revocations.forget_old(UnixTime(1_000 + limit::TOKEN_LIFE_MAX.as_secs()));
        assert!(revocations.is_ended(session_id));
        revocations.forget_old(UnixTime(1_100 + limit::TOKEN_LIFE_MAX.as_secs()));
        assert!(!revocations.is_ended(session_id));
    }
}
