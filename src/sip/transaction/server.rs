//! One server transaction. RFC 3261 §17.2, RFC 6026 §7.1.

use super::timing::{Resend, TIMEOUT, Timing};
use crate::sip::message::StatusCode;
use std::time::Instant;

/// Answers one request, the same to every copy of it.
#[derive(Debug)]
pub(super) struct ServerTransaction {
    timing: Timing,
    state: State,
}

#[derive(Debug)]
enum State {
    /// INVITE without a final response; the last provisional one, if any.
    InviteProceeding(Option<Vec<u8>>),
    /// INVITE refused; the response is repeated until the ACK comes (timers G and H).
    InviteCompleted { response: Vec<u8>, resend: Option<Resend>, timeout: Instant },
    /// INVITE accepted; absorbs its copies until timer L.
    InviteAccepted { until: Instant },
    /// The ACK of a refusal came; absorbs its copies until timer I.
    InviteConfirmed { until: Instant },
    /// Another request without a final response; the last provisional one, if any.
    Proceeding(Option<Vec<u8>>),
    /// Another request, answered; repeats the answer to copies until timer J.
    Completed { response: Vec<u8>, until: Instant },
    /// Nothing more to do.
    Terminated,
}

/// What happens to a server transaction.
pub(super) enum ServerInput {
    /// A copy of the request came.
    Copy,
    /// An ACK with the INVITE's branch came.
    Ack,
    /// The user agent answers.
    Respond(StatusCode, Vec<u8>),
    /// A deadline came.
    Timer,
    /// The flow has a new connection: what the peer may have missed goes out again.
    Resend,
}

/// What a server transaction wants done.
pub(super) enum ServerEffect {
    /// Nothing.
    None,
    /// Send these bytes.
    Transmit(Vec<u8>),
    /// The ACK is the user agent's: it confirms a 2xx.
    PassAck,
}

impl ServerTransaction {
    pub(super) fn new(is_invite: bool, timing: Timing) -> Self {
        let state = if is_invite { State::InviteProceeding(None) } else { State::Proceeding(None) };
        Self { timing, state }
    }

    pub(super) fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::InviteProceeding(_) | State::Proceeding(_) | State::Terminated => None,
            State::InviteCompleted { resend, timeout, .. } => {
                Some(resend.map_or(*timeout, |resend| resend.at.min(*timeout)))
            }
            State::InviteAccepted { until }
            | State::InviteConfirmed { until }
            | State::Completed { until, .. } => Some(*until),
        }
    }

    pub(super) fn handle(&mut self, now: Instant, input: ServerInput) -> ServerEffect {
        let state = std::mem::replace(&mut self.state, State::Terminated);
        let (state, effect) = match input {
            ServerInput::Copy => on_copy(state),
            ServerInput::Ack => self.on_ack(now, state),
            ServerInput::Respond(status, bytes) => self.on_response(now, state, status, bytes),
            ServerInput::Timer => on_timer(now, state),
            ServerInput::Resend => on_resend(state),
        };
        self.state = state;
        effect
    }

    fn on_response(
        &self,
        now: Instant,
        state: State,
        status: StatusCode,
        bytes: Vec<u8>,
    ) -> (State, ServerEffect) {
        let timing = self.timing;
        let next = match (state, status.get()) {
            (State::InviteProceeding(_), 100..=199) => State::InviteProceeding(Some(bytes.clone())),
            (State::InviteProceeding(_), 200..=299) => {
                State::InviteAccepted { until: now + TIMEOUT }
            }
            (State::InviteProceeding(_), _) => State::InviteCompleted {
                response: bytes.clone(),
                resend: timing.first_copy(now),
                timeout: now + TIMEOUT,
            },
            // Copies of a 2xx come from the dialog's owner.
            (State::InviteAccepted { until }, 200..=299) => State::InviteAccepted { until },
            (State::Proceeding(_), 100..=199) => State::Proceeding(Some(bytes.clone())),
            (State::Proceeding(_), _) => {
                State::Completed { response: bytes.clone(), until: timing.absorb(now) }
            }
            // A second final response would contradict the first.
            (
                state @ (State::InviteCompleted { .. }
                | State::InviteAccepted { .. }
                | State::InviteConfirmed { .. }
                | State::Completed { .. }
                | State::Terminated),
                _,
            ) => return (state, ServerEffect::None),
        };
        (next, ServerEffect::Transmit(bytes))
    }

    fn on_ack(&self, now: Instant, state: State) -> (State, ServerEffect) {
        match state {
            State::InviteCompleted { .. } => {
                (State::InviteConfirmed { until: self.timing.linger(now) }, ServerEffect::None)
            }
            // A phone that reuses the INVITE's branch for the ACK of a 2xx.
            state @ State::InviteAccepted { .. } => (state, ServerEffect::PassAck),
            state @ (State::InviteProceeding(_)
            | State::InviteConfirmed { .. }
            | State::Proceeding(_)
            | State::Completed { .. }
            | State::Terminated) => (state, ServerEffect::None),
        }
    }
}

fn on_copy(state: State) -> (State, ServerEffect) {
    let again = match &state {
        State::InviteProceeding(last) | State::Proceeding(last) => last.clone(),
        State::InviteCompleted { response, .. } | State::Completed { response, .. } => {
            Some(response.clone())
        }
        State::InviteAccepted { .. } | State::InviteConfirmed { .. } | State::Terminated => None,
    };
    (state, again.map_or(ServerEffect::None, ServerEffect::Transmit))
}

fn on_timer(now: Instant, state: State) -> (State, ServerEffect) {
    match state {
        State::InviteCompleted { timeout, .. } if now >= timeout => {
            (State::Terminated, ServerEffect::None)
        }
        State::InviteCompleted { response, resend: Some(resend), timeout } if now >= resend.at => {
            let copy = response.clone();
            let resend = Some(resend.doubled_to_t2(now));
            (State::InviteCompleted { response, resend, timeout }, ServerEffect::Transmit(copy))
        }
        State::InviteAccepted { until }
        | State::InviteConfirmed { until }
        | State::Completed { until, .. }
            if now >= until =>
        {
            (State::Terminated, ServerEffect::None)
        }
        state @ (State::InviteProceeding(_)
        | State::InviteCompleted { .. }
        | State::InviteAccepted { .. }
        | State::InviteConfirmed { .. }
        | State::Proceeding(_)
        | State::Completed { .. }
        | State::Terminated) => (state, ServerEffect::None),
    }
}

fn on_resend(state: State) -> (State, ServerEffect) {
    let again = match &state {
        State::InviteProceeding(last) => last.clone(),
        State::InviteCompleted { response, .. } => Some(response.clone()),
        State::InviteAccepted { .. }
        | State::InviteConfirmed { .. }
        | State::Proceeding(_)
        | State::Completed { .. }
        | State::Terminated => None,
    };
    (state, again.map_or(ServerEffect::None, ServerEffect::Transmit))
}
