//! Which call each leg of a link belongs to, and how its events get there.

use std::collections::HashMap;

use tokio::sync::mpsc::error::TrySendError;

use super::link::{CallDoor, CallInput, deliver};
use crate::base::{Cause, LegId};
use crate::sip::user_agent::Event;

/// The calls whose legs one link carries.
#[derive(Debug, Default)]
pub struct LegCalls(HashMap<LegId, CallDoor>);

/// What became of an event.
#[derive(Debug)]
pub enum Forwarded {
    /// Its call has it, or it was one that may be lost.
    Done,
    /// The leg has no call any more: hang it up.
    Orphan(LegId),
    /// It concerns no leg: the link itself must see to it.
    Unclaimed(Event),
}

impl LegCalls {
    /// Whether no leg belongs to a call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From now on `leg`'s events go to `call`.
    pub fn insert(&mut self, leg: LegId, call: CallDoor) {
        self.0.insert(leg, call);
    }

    /// The call wants no more events of `leg`.
    pub fn remove(&mut self, leg: LegId) {
        self.0.remove(&leg);
    }

    /// Passes an event of a leg to its call.
    pub fn forward(&mut self, event: Event) -> Forwarded {
        match event {
            Event::Rejected { leg, .. } | Event::Ended { leg, .. } => {
                if let Some(call) = self.0.remove(&leg) {
                    deliver(&call, CallInput::Sip(event));
                }
                Forwarded::Done
            }
            Event::Rang { leg, .. }
            | Event::Answered { leg, .. }
            | Event::Confirmed { leg, .. }
            | Event::ReOffered { leg, .. }
            | Event::ReAnswered { leg, .. }
            | Event::ReRejected { leg, .. } => self.pass(leg, event),
            // A phone may press keys faster than anything can follow: what does not fit is lost.
            Event::Dtmf { leg, .. } => match self.0.get(&leg) {
                Some(call) => {
                    let _ = call.try_send(CallInput::Sip(event));
                    Forwarded::Done
                }
                None => Forwarded::Orphan(leg),
            },
            Event::Invited(_)
            | Event::RegisterReceived(_)
            | Event::Registration(_)
            | Event::Pinged { .. } => Forwarded::Unclaimed(event),
        }
    }

    /// A call that takes no more events is told that it lost the leg.
    fn pass(&mut self, leg: LegId, event: Event) -> Forwarded {
        let Some(call) = self.0.get(&leg) else { return Forwarded::Orphan(leg) };
        match call.try_send(CallInput::Sip(event)) {
            Ok(()) => Forwarded::Done,
            Err(TrySendError::Full(_)) => {
                tracing::warn!(%leg, "a call's queue is full, its leg is hung up");
                deliver(call, CallInput::LinkLost { leg, cause: Cause::Failed });
                self.0.remove(&leg);
                Forwarded::Orphan(leg)
            }
            Err(TrySendError::Closed(_)) => {
                self.0.remove(&leg);
                Forwarded::Orphan(leg)
            }
        }
    }

    /// Tells every call that its leg's link is gone.
    pub fn lose_all(&mut self, cause: Cause) {
        for (leg, call) in self.0.drain() {
            deliver(&call, CallInput::LinkLost { leg, cause });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    fn rang(leg: LegId) -> Event {
        Event::Rang { leg, status: 180, sdp: None }
    }

    #[tokio::test]
    async fn an_end_reaches_even_a_call_whose_queue_is_full() {
        let (call, mut inbox) = mpsc::channel(1);
        let leg = LegId(7);
        let mut calls = LegCalls::default();
        calls.insert(leg, call);
        assert!(matches!(calls.forward(rang(leg)), Forwarded::Done));
        let end = Event::Ended { leg, cause: Cause::Normal };
        assert!(matches!(calls.forward(end), Forwarded::Done));
        assert!(matches!(inbox.recv().await, Some(CallInput::Sip(Event::Rang { .. }))));
        assert!(matches!(inbox.recv().await, Some(CallInput::Sip(Event::Ended { .. }))));
        assert!(calls.is_empty());
    }

    #[tokio::test]
    async fn a_call_that_cannot_follow_loses_the_leg_and_learns_it() {
        let (call, mut inbox) = mpsc::channel(1);
        let leg = LegId(8);
        let mut calls = LegCalls::default();
        calls.insert(leg, call);
        assert!(matches!(calls.forward(rang(leg)), Forwarded::Done));
        assert!(matches!(calls.forward(rang(leg)), Forwarded::Orphan(found) if found == leg));
        assert!(matches!(inbox.recv().await, Some(CallInput::Sip(_))));
        assert!(matches!(inbox.recv().await, Some(CallInput::LinkLost { .. })));
    }

    #[test]
    fn an_event_of_an_unknown_leg_asks_for_its_hang_up() {
        let mut calls = LegCalls::default();
        assert!(matches!(calls.forward(rang(LegId(9))), Forwarded::Orphan(LegId(9))));
    }
}
