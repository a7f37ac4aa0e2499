//! One client transaction. RFC 3261 §17.1, RFC 6026 §7.2.

use super::timing::{Resend, TIMEOUT, Timing};
use crate::base::limit;
use crate::sip::message::{Method, Request, Response};
use std::time::Instant;

/// Sends one request until it is answered, and tells each answer once.
#[derive(Debug)]
pub(super) struct ClientTransaction {
    timing: Timing,
    request: Request,
    state: State,
}

#[derive(Debug)]
enum State {
    /// INVITE without any response: timers A and B.
    Calling { resend: Option<Resend>, timeout: Instant },
    /// INVITE with a provisional response: waits as long as the user agent does.
    InviteProceeding,
    /// INVITE refused: copies of the refusal get the ACK again until timer D.
    InviteCompleted { ack: Vec<u8>, until: Instant },
    /// INVITE accepted: copies of each 2xx get its ACK again until timer M.
    Accepted { acks: Vec<(String, Vec<u8>)>, until: Instant },
    /// Another request without any response: timers E and F.
    Trying { resend: Option<Resend>, timeout: Instant },
    /// Another request with a provisional response: timers E and F.
    Proceeding { resend: Option<Resend>, timeout: Instant },
    /// Another request, answered: copies are absorbed until timer K.
    Completed { until: Instant },
    /// Nothing more to do.
    Terminated,
}

/// What a client transaction wants done, in order.
pub(super) enum ClientEffect {
    /// Send these bytes.
    Transmit(Vec<u8>),
    /// Tell the user agent; the request goes along once the transaction needs it no longer.
    Deliver(Response, Option<Request>),
    /// Tell the user agent that nobody answered.
    TimeOut(Request),
}

impl ClientTransaction {
    pub(super) fn new(now: Instant, request: Request, timing: Timing) -> Self {
        let (resend, timeout) = (timing.first_copy(now), now + TIMEOUT);
        let state = if request.method == Method::Invite {
            State::Calling { resend, timeout }
        } else {
            State::Trying { resend, timeout }
        };
        Self { timing, request, state }
    }

    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    pub(super) fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Calling { resend, timeout }
            | State::Trying { resend, timeout }
            | State::Proceeding { resend, timeout } => {
                Some(resend.map_or(*timeout, |resend| resend.at.min(*timeout)))
            }
            State::InviteCompleted { until, .. }
            | State::Accepted { until, .. }
            | State::Completed { until } => Some(*until),
            State::InviteProceeding | State::Terminated => None,
        }
    }

    /// Keeps the ACK of the 2xx whose To has `tag`, for copies of it.
    pub(super) fn remember_ack(&mut self, tag: &str, bytes: Vec<u8>) {
        if let State::Accepted { acks, .. } = &mut self.state
            && acks.len() < limit::FORKS_MAX
        {
            acks.push((tag.to_owned(), bytes));
        }
    }

    /// Whether the request has no final response yet.
    pub(super) fn is_waiting(&self) -> bool {
        match self.state {
            State::Calling { .. }
            | State::InviteProceeding
            | State::Trying { .. }
            | State::Proceeding { .. } => true,
            State::InviteCompleted { .. }
            | State::Accepted { .. }
            | State::Completed { .. }
            | State::Terminated => false,
        }
    }

    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        response: Response,
    ) -> Vec<ClientEffect> {
        let state = std::mem::replace(&mut self.state, State::Terminated);
        let (state, effects) = match (state, response.status.get()) {
            (State::Calling { .. } | State::InviteProceeding, 100..=199) => {
                (State::InviteProceeding, vec![ClientEffect::Deliver(response, None)])
            }
            (State::Calling { .. } | State::InviteProceeding, 200..=299) => {
                self.request.body = Vec::new();
                let state = State::Accepted { acks: Vec::new(), until: now + TIMEOUT };
                (state, vec![ClientEffect::Deliver(response, None)])
            }
            (State::Calling { .. } | State::InviteProceeding, _) => {
                let ack = acknowledge_refusal(&self.request, &response);
                let effects = vec![ClientEffect::Transmit(ack.clone()), self.give_back(response)];
                (State::InviteCompleted { ack, until: self.timing.absorb(now) }, effects)
            }
            (State::InviteCompleted { ack, until }, 300..) => {
                let copy = ack.clone();
                (State::InviteCompleted { ack, until }, vec![ClientEffect::Transmit(copy)])
            }
            (State::Accepted { acks, until }, 200..=299) => {
                let effect = again_or_new(&acks, response);
                (State::Accepted { acks, until }, vec![effect])
            }
            (
                State::Trying { resend, timeout } | State::Proceeding { resend, timeout },
                100..=199,
            ) => {
                let resend = resend.map(|_| Resend::at_t2(now));
                let effects = vec![ClientEffect::Deliver(response, None)];
                (State::Proceeding { resend, timeout }, effects)
            }
            (State::Trying { .. } | State::Proceeding { .. }, _) => {
                let effects = vec![self.give_back(response)];
                (State::Completed { until: self.timing.linger(now) }, effects)
            }
            (
                state @ (State::InviteCompleted { .. }
                | State::Accepted { .. }
                | State::Completed { .. }
                | State::Terminated),
                _,
            ) => (state, Vec::new()),
        };
        self.state = state;
        effects
    }

    pub(super) fn handle_timer(&mut self, now: Instant) -> Option<ClientEffect> {
        let state = std::mem::replace(&mut self.state, State::Terminated);
        let (state, effect) = match state {
            State::Calling { timeout, .. }
            | State::Trying { timeout, .. }
            | State::Proceeding { timeout, .. }
                if now >= timeout =>
            {
                let request = self.take_request();
                (State::Terminated, Some(ClientEffect::TimeOut(request)))
            }
            State::Calling { resend: Some(resend), timeout } if now >= resend.at => {
                let resend = Some(resend.doubled(now));
                (State::Calling { resend, timeout }, Some(self.copy()))
            }
            State::Trying { resend: Some(resend), timeout } if now >= resend.at => {
                let resend = Some(resend.doubled_to_t2(now));
                (State::Trying { resend, timeout }, Some(self.copy()))
            }
            State::Proceeding { resend: Some(resend), timeout } if now >= resend.at => {
                let resend = Some(Resend::at_t2(now));
                (State::Proceeding { resend, timeout }, Some(self.copy()))
            }
            State::InviteCompleted { until, .. }
            | State::Accepted { until, .. }
            | State::Completed { until }
                if now >= until =>
            {
                (State::Terminated, None)
            }
            state @ (State::Calling { .. }
            | State::InviteProceeding
            | State::InviteCompleted { .. }
            | State::Accepted { .. }
            | State::Trying { .. }
            | State::Proceeding { .. }
            | State::Completed { .. }
            | State::Terminated) => (state, None),
        };
        self.state = state;
        effect
    }

    /// A copy of the request.
    pub(super) fn copy(&self) -> ClientEffect {
        let mut bytes = Vec::new();
        self.request.write(&mut bytes);
        ClientEffect::Transmit(bytes)
    }

    fn give_back(&mut self, response: Response) -> ClientEffect {
        let request = self.take_request();
        ClientEffect::Deliver(response, Some(request))
    }

    fn take_request(&mut self) -> Request {
        let empty = Request::new(self.request.method.clone(), self.request.uri.clone());
        std::mem::replace(&mut self.request, empty)
    }
}

/// The same ACK for a copy of a 2xx; a 2xx with a new To tag is another callee's answer.
fn again_or_new(acks: &[(String, Vec<u8>)], response: Response) -> ClientEffect {
    let to = response.headers.to();
    let tag = to.as_ref().and_then(|to| to.tag()).unwrap_or_default();
    match acks.iter().find(|(known, _)| known == tag) {
        Some((_, ack)) => ClientEffect::Transmit(ack.clone()),
        None => ClientEffect::Deliver(response, None),
    }
}

/// The ACK of a 3xx–6xx: hop by hop, in the INVITE's own transaction. RFC 3261 §17.1.1.3.
fn acknowledge_refusal(invite: &Request, response: &Response) -> Vec<u8> {
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    if let Some(via) = invite.headers.get("Via") {
        ack.headers.push("Via", via);
    }
    ack.headers.push("Max-Forwards", "70");
    for name in ["Route", "From"] {
        for value in invite.headers.get_all(name) {
            ack.headers.push(name, value);
        }
    }
    ack.headers.push("To", response.headers.get("To").unwrap_or_default());
    ack.headers.push("Call-ID", invite.headers.call_id().unwrap_or_default());
    let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
    ack.headers.push("CSeq", format!("{number} ACK"));
    let mut bytes = Vec::new();
    ack.write(&mut bytes);
    bytes
}
