//! The state table of a two-party call with parallel ringing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Input, Output, Plan};
use crate::base::{Cause, LegId};

/// One call. Feed [`Machine::handle`], then drain [`Machine::poll_output`].
#[derive(Debug)]
pub struct Machine {
    caller: LegId,
    ring_timeout: Duration,
    state: State,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    /// Before `Placed`.
    New,
    /// Callees are being called until the deadline.
    Ringing { callees: Vec<LegId>, best: Option<Cause>, told: Told, deadline: Instant },
    /// The caller is connected, to a leg or to a built-in number.
    Talking { with: Option<LegId> },
    /// All is done.
    Ended,
}

/// What the caller was told so far: a 180 is sent once, early media once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Ringing,
    EarlyMedia,
}

impl Machine {
    /// A call of `caller` that rings for at most `ring_timeout`.
    #[must_use]
    pub fn new(caller: LegId, ring_timeout: Duration) -> Self {
        Self { caller, ring_timeout, state: State::New, outputs: VecDeque::new() }
    }

    /// Takes one event.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Placed(plan) => self.placed(now, plan),
            Input::Rang { leg, early_media } => self.rang(leg, early_media),
            Input::Answered { leg } => self.answered(leg),
            Input::Rejected { leg, cause } => self.callee_gone(leg, cause),
            Input::HungUp { leg, cause } => self.hung_up(leg, cause),
            Input::MediaLost { leg, cause } => self.media_lost(leg, cause),
            Input::Stop(cause) => self.end_all(cause, None),
        }
    }

    /// The next order, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Machine::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Ringing { deadline, .. } => Some(*deadline),
            State::New | State::Talking { .. } | State::Ended => None,
        }
    }

    /// Gives up ringing when its time is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|deadline| now >= deadline) {
            self.end_all(Cause::NoAnswer, None);
        }
    }

    /// Whether the last output was given.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended) && self.outputs.is_empty()
    }

    fn placed(&mut self, now: Instant, plan: Plan) {
        match (&self.state, plan) {
            (State::New, Plan::BuiltIn) => {
                self.state = State::Talking { with: None };
                self.outputs.push_back(Output::Answer { with: None });
            }
            (State::New, Plan::Dial(callees)) if !callees.is_empty() => {
                let deadline = now + self.ring_timeout;
                self.state = State::Ringing { callees, best: None, told: Told::Nothing, deadline };
            }
            (State::New, Plan::Dial(_)) => self.end_all(Cause::Unavailable, None),
            (State::New, Plan::Refuse(cause)) => self.end_all(cause, None),
            (State::Ringing { .. } | State::Talking { .. } | State::Ended, _) => {}
        }
    }

    fn rang(&mut self, leg: LegId, early_media: bool) {
        let State::Ringing { callees, told, .. } = &mut self.state else { return };
        if !callees.contains(&leg) {
            return;
        }
        // Early audio of one of several ringing phones would be arbitrary: only a sole callee's
        // is passed on, and only its first (the caller gets one SDP answer).
        let early_media = early_media && callees.len() == 1;
        match (*told, early_media) {
            (Told::Nothing | Told::Ringing, true) => {
                *told = Told::EarlyMedia;
                self.outputs.push_back(Output::Ring { early_media_of: Some(leg) });
            }
            (Told::Nothing, false) => {
                *told = Told::Ringing;
                self.outputs.push_back(Output::Ring { early_media_of: None });
            }
            (Told::Ringing, false) | (Told::EarlyMedia, _) => {}
        }
    }

    fn answered(&mut self, leg: LegId) {
        match &mut self.state {
            State::Ringing { callees, .. } if callees.contains(&leg) => {
                let losers: Vec<LegId> =
                    callees.iter().copied().filter(|other| *other != leg).collect();
                self.state = State::Talking { with: Some(leg) };
                self.outputs.push_back(Output::Answer { with: Some(leg) });
                for loser in losers {
                    self.hang_up(loser, Cause::AnsweredElsewhere);
                }
            }
            // Two phones answered at once: the second one loses.
            State::Talking { with } if *with != Some(leg) && leg != self.caller => {
                self.hang_up(leg, Cause::AnsweredElsewhere);
            }
            // The answer crossed the end of the call.
            State::Ended => self.hang_up(leg, Cause::Cancelled),
            State::New | State::Ringing { .. } | State::Talking { .. } => {}
        }
    }

    /// A called leg ended by itself before or after it answered.
    fn callee_gone(&mut self, leg: LegId, cause: Cause) {
        match &mut self.state {
            State::Ringing { callees, best, .. } => {
                let Some(at) = callees.iter().position(|callee| *callee == leg) else { return };
                callees.swap_remove(at);
                let best_cause = best.map_or(cause, |known| better(known, cause));
                *best = Some(best_cause);
                if callees.is_empty() || cause == Cause::Declined {
                    self.end_all(best_cause, Some(leg));
                }
            }
            State::Talking { with } if *with == Some(leg) => self.end_all(cause, Some(leg)),
            State::New | State::Talking { .. } | State::Ended => {}
        }
    }

    fn hung_up(&mut self, leg: LegId, cause: Cause) {
        if leg == self.caller {
            self.end_all(cause, Some(leg));
        } else {
            self.callee_gone(leg, cause);
        }
    }

    fn media_lost(&mut self, leg: LegId, cause: Cause) {
        let part_of_call = match &self.state {
            State::Ringing { callees, .. } => {
                if callees.len() > 1 && callees.contains(&leg) {
                    self.hang_up(leg, cause);
                    self.callee_gone(leg, cause);
                    return;
                }
                leg == self.caller || callees.contains(&leg)
            }
            State::Talking { with } => leg == self.caller || *with == Some(leg),
            State::New | State::Ended => false,
        };
        if part_of_call {
            self.end_all(cause, None);
        }
    }

    /// Hangs up every leg but the one that is already `gone`, and ends.
    fn end_all(&mut self, cause: Cause, gone: Option<LegId>) {
        let (callees, answered) = match std::mem::replace(&mut self.state, State::Ended) {
            State::New => (Vec::new(), false),
            State::Ringing { callees, .. } => (callees, false),
            State::Talking { with } => (with.into_iter().collect(), true),
            State::Ended => return,
        };
        for callee in callees {
            if Some(callee) != gone {
                self.hang_up(callee, cause);
            }
        }
        if gone != Some(self.caller) {
            self.hang_up(self.caller, cause);
        }
        self.outputs.push_back(Output::Ended { cause, answered });
    }

    fn hang_up(&mut self, leg: LegId, cause: Cause) {
        self.outputs.push_back(Output::HangUp { leg, cause });
    }
}

/// Which of two refusals tells the caller more (RFC 3261 §16.7 step 6, in our words).
fn better(known: Cause, new: Cause) -> Cause {
    let rank = |cause: Cause| match cause {
        Cause::Declined => 0,
        Cause::Busy => 1,
        Cause::NoAnswer => 2,
        Cause::Unavailable => 3,
        _ => 4,
    };
    if rank(new) < rank(known) { new } else { known }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: LegId = LegId(1);
    const DESK: LegId = LegId(2);
    const LAPTOP: LegId = LegId(3);
    const RING: Duration = Duration::from_secs(60);

    fn drain(machine: &mut Machine) -> Vec<Output> {
        std::iter::from_fn(|| machine.poll_output()).collect()
    }

    fn ringing() -> (Machine, Instant) {
        let now = crate::base::Clock::system().now();
        let mut machine = Machine::new(CALLER, RING);
        machine.handle(now, Input::Placed(Plan::Dial(vec![DESK, LAPTOP])));
        machine.handle(now, Input::Rang { leg: DESK, early_media: false });
        assert_eq!(drain(&mut machine), [Output::Ring { early_media_of: None }]);
        (machine, now)
    }

    #[test]
    fn the_first_answer_wins_and_the_other_phone_learns_why() {
        let (mut machine, now) = ringing();
        machine.handle(now, Input::Answered { leg: LAPTOP });
        assert_eq!(
            drain(&mut machine),
            [
                Output::Answer { with: Some(LAPTOP) },
                Output::HangUp { leg: DESK, cause: Cause::AnsweredElsewhere }
            ]
        );
        machine.handle(now, Input::Answered { leg: DESK });
        assert_eq!(
            drain(&mut machine),
            [Output::HangUp { leg: DESK, cause: Cause::AnsweredElsewhere }]
        );
    }

    #[test]
    fn c02_a_caller_that_gives_up_cancels_every_ringing_phone() {
        let (mut machine, now) = ringing();
        machine.handle(now, Input::HungUp { leg: CALLER, cause: Cause::Cancelled });
        assert_eq!(
            drain(&mut machine),
            [
                Output::HangUp { leg: DESK, cause: Cause::Cancelled },
                Output::HangUp { leg: LAPTOP, cause: Cause::Cancelled },
                Output::Ended { cause: Cause::Cancelled, answered: false }
            ]
        );
        assert!(machine.is_ended());
    }

    #[test]
    fn c01_an_answer_after_the_end_is_hung_up() {
        let (mut machine, now) = ringing();
        machine.handle(now, Input::HungUp { leg: CALLER, cause: Cause::Cancelled });
        drain(&mut machine);
        machine.handle(now, Input::Answered { leg: DESK });
        assert_eq!(drain(&mut machine), [Output::HangUp { leg: DESK, cause: Cause::Cancelled }]);
    }

    #[test]
    fn busy_on_one_phone_lets_the_other_ring_and_decline_stops_both() {
        let (mut machine, now) = ringing();
        machine.handle(now, Input::Rejected { leg: DESK, cause: Cause::Busy });
        assert!(drain(&mut machine).is_empty());
        machine.handle(now, Input::Rejected { leg: LAPTOP, cause: Cause::NoAnswer });
        assert_eq!(
            drain(&mut machine),
            [
                Output::HangUp { leg: CALLER, cause: Cause::Busy },
                Output::Ended { cause: Cause::Busy, answered: false }
            ]
        );
        let (mut machine, now) = ringing();
        machine.handle(now, Input::Rejected { leg: DESK, cause: Cause::Declined });
        assert_eq!(drain(&mut machine).len(), 3);
    }

    #[test]
    fn nobody_answers_in_time() {
        let (mut machine, now) = ringing();
        machine.handle_timeout(now + RING - Duration::from_millis(1));
        assert!(drain(&mut machine).is_empty());
        machine.handle_timeout(now + RING);
        assert_eq!(
            drain(&mut machine).last(),
            Some(&Output::Ended { cause: Cause::NoAnswer, answered: false })
        );
        assert_eq!(machine.poll_timeout(), None);
    }

    #[test]
    fn c15_early_media_is_told_once() {
        let now = crate::base::Clock::system().now();
        let mut machine = Machine::new(CALLER, RING);
        machine.handle(now, Input::Placed(Plan::Dial(vec![DESK])));
        for early_media in [false, true, true, false] {
            machine.handle(now, Input::Rang { leg: DESK, early_media });
        }
        assert_eq!(
            drain(&mut machine),
            [Output::Ring { early_media_of: None }, Output::Ring { early_media_of: Some(DESK) }]
        );
    }

    #[test]
    fn either_side_ends_an_answered_call_with_its_cause() {
        for (leg, other) in [(CALLER, DESK), (DESK, CALLER)] {
            let now = crate::base::Clock::system().now();
            let mut machine = Machine::new(CALLER, RING);
            machine.handle(now, Input::Placed(Plan::Dial(vec![DESK])));
            machine.handle(now, Input::Answered { leg: DESK });
            drain(&mut machine);
            machine.handle(now, Input::HungUp { leg, cause: Cause::Normal });
            assert_eq!(
                drain(&mut machine),
                [
                    Output::HangUp { leg: other, cause: Cause::Normal },
                    Output::Ended { cause: Cause::Normal, answered: true }
                ]
            );
        }
    }

    #[test]
    fn lost_media_ends_both_legs() {
        let now = crate::base::Clock::system().now();
        let mut machine = Machine::new(CALLER, RING);
        machine.handle(now, Input::Placed(Plan::BuiltIn));
        drain(&mut machine);
        machine.handle(now, Input::MediaLost { leg: CALLER, cause: Cause::MediaFailed });
        assert_eq!(
            drain(&mut machine),
            [
                Output::HangUp { leg: CALLER, cause: Cause::MediaFailed },
                Output::Ended { cause: Cause::MediaFailed, answered: true }
            ]
        );
    }

    fn any_input() -> impl proptest::strategy::Strategy<Value = Input> {
        use proptest::prelude::*;
        let leg = (1_u64..4).prop_map(LegId);
        prop_oneof![
            (leg.clone(), any::<bool>())
                .prop_map(|(leg, early_media)| Input::Rang { leg, early_media }),
            leg.clone().prop_map(|leg| Input::Answered { leg }),
            leg.clone().prop_map(|leg| Input::Rejected { leg, cause: Cause::Busy }),
            leg.clone().prop_map(|leg| Input::HungUp { leg, cause: Cause::Normal }),
            leg.prop_map(|leg| Input::MediaLost { leg, cause: Cause::MediaFailed }),
        ]
    }

    proptest::proptest! {
        #[test]
        fn whatever_happens_a_call_ends_once_and_every_live_leg_is_hung_up(
            inputs in proptest::collection::vec(any_input(), 0..40)
        ) {
            let now = crate::base::Clock::system().now();
            let mut machine = Machine::new(CALLER, RING);
            machine.handle(now, Input::Placed(Plan::Dial(vec![DESK, LAPTOP])));
            for input in inputs {
                machine.handle(now, input);
            }
            machine.handle(now, Input::Stop(Cause::Stopping));
            let outputs = drain(&mut machine);
            let ends = outputs.iter().filter(|o| matches!(o, Output::Ended { .. })).count();
            proptest::prop_assert_eq!(ends, 1);
            proptest::prop_assert!(machine.is_ended());
        }
    }
}
