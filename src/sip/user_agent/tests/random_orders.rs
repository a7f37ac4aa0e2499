//! Any order of messages, commands and time: no panic, one end per leg, nothing left behind.

use super::super::*;
use super::support::*;
use crate::base::{Cause, LegId};
use crate::sip::message::{Message, Method, Request, Response};
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

/// One step of a disorderly peer, engine or clock; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Place,
    PeerInvite { has_sdp: bool },
    PeerRespond { which: usize, status: u16, tag: bool, has_sdp: bool },
    PeerCancel { which: usize },
    PeerRequest { which: usize, method: usize, cseq_step: i32, has_sdp: bool },
    PeerReplay { which: usize },
    Engine { which: usize, what: usize },
    Wait { ms: u64 },
    Lose,
    Replace,
}

fn step() -> impl Strategy<Value = Step> {
    let which = || 0_usize..64;
    prop_oneof![
        1 => Just(Step::Place),
        2 => any::<bool>().prop_map(|has_sdp| Step::PeerInvite { has_sdp }),
        6 => (which(), 0_usize..STATUSES.len(), any::<bool>(), any::<bool>()).prop_map(
            |(which, status, tag, has_sdp)| Step::PeerRespond {
                which, status: STATUSES[status], tag, has_sdp
            }
        ),
        1 => which().prop_map(|which| Step::PeerCancel { which }),
        4 => (which(), 0_usize..METHODS.len(), -1_i32..3, any::<bool>()).prop_map(
            |(which, method, cseq_step, has_sdp)| Step::PeerRequest {
                which, method, cseq_step, has_sdp
            }
        ),
        2 => which().prop_map(|which| Step::PeerReplay { which }),
        6 => (which(), 0_usize..8).prop_map(|(which, what)| Step::Engine { which, what }),
        2 => (0_u64..40_000).prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Lose),
        2 => Just(Step::Replace),
    ]
}

const STATUSES: [u16; 16] =
    [100, 180, 183, 200, 200, 200, 202, 302, 401, 407, 408, 481, 486, 487, 491, 503];
const METHODS: [Method; 9] = [
    Method::Ack,
    Method::Ack,
    Method::Bye,
    Method::Invite,
    Method::Update,
    Method::Info,
    Method::Prack,
    Method::Refer,
    Method::Options,
];

/// The user agent with everything its peer has seen and sent.
struct Disorder {
    solo: Solo,
    theirs: Vec<Request>,
    ours: Vec<Request>,
    peers: Vec<Peer>,
    replays: Vec<Vec<u8>>,
    legs: HashMap<LegId, usize>,
}

impl Disorder {
    fn new(transport: Transport) -> Self {
        Self {
            solo: Solo::new(config(transport, PeerKind::Phone, 9)),
            theirs: Vec::new(),
            ours: Vec::new(),
            peers: Vec::new(),
            replays: Vec::new(),
            legs: HashMap::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Place => {
                let leg = LegId::next();
                self.legs.insert(leg, 0);
                self.solo.command(invite(leg));
            }
            Step::PeerInvite { has_sdp } => {
                let mut invite = self.solo.peer_invite();
                if !has_sdp {
                    invite.body.clear();
                    invite.headers.remove("Content-Type");
                }
                self.theirs.push(invite.clone());
                self.receive(invite);
            }
            Step::PeerRespond { which, status, tag, has_sdp } => {
                let Some(request) = choose(&self.ours, which).cloned() else { return };
                let mut response = respond(&request, status, if tag { "a" } else { "b" });
                if has_sdp {
                    response = with_sdp(response, ANSWER);
                }
                if request.method == Method::Invite && (200..300).contains(&status) {
                    self.remember_peer(&request, &response);
                }
                self.receive(response);
            }
            Step::PeerCancel { which } => {
                if let Some(invite) = choose(&self.theirs, which) {
                    let cancel = cancel(invite);
                    self.receive(cancel);
                }
            }
            Step::PeerRequest { which, method, cseq_step, has_sdp } => {
                self.peer_request(which, METHODS[method].clone(), cseq_step, has_sdp);
            }
            Step::PeerReplay { which } => {
                if let Some(bytes) = choose(&self.replays, which).cloned() {
                    self.solo.receive(Wire(bytes));
                }
            }
            Step::Engine { which, what } => self.engine(which, what),
            Step::Wait { ms } => self.solo.wait(Duration::from_millis(ms)),
            Step::Lose => self.solo.agent.flow_lost(self.solo.now),
            Step::Replace => self.solo.agent.flow_replaced(self.solo.now),
        }
        self.look();
    }

    fn receive(&mut self, message: impl Into<Wire>) {
        let Wire(bytes) = message.into();
        self.replays.push(bytes.clone());
        self.solo.receive(Wire(bytes));
    }

    fn peer_request(&mut self, which: usize, method: Method, cseq_step: i32, has_sdp: bool) {
        let count = self.peers.len().max(1);
        let Some(peer) = self.peers.get_mut(which % count) else { return };
        peer.cseq = peer.cseq.saturating_add_signed(cseq_step);
        let request = if method == Method::Ack {
            let cseq = peer.cseq;
            peer.ack(cseq, has_sdp.then_some(ANSWER))
        } else if method == Method::Info {
            peer.info("application/dtmf-relay", "Signal=1\r\n")
        } else if has_sdp {
            peer.offer(method, OFFER)
        } else {
            peer.request(method)
        };
        if request.method == Method::Invite {
            self.theirs.push(request.clone());
        }
        self.receive(request);
    }

    fn engine(&mut self, which: usize, what: usize) {
        let mut legs: Vec<_> = self.legs.keys().copied().collect();
        legs.sort_unstable();
        let Some(leg) = choose(&legs, which).copied() else { return };
        let sdp = || ANSWER.as_bytes().to_vec();
        self.solo.command(match what {
            0 => Command::Ring { leg, sdp: None },
            1 => Command::Ring { leg, sdp: Some(sdp()) },
            2 => Command::Answer { leg, sdp: sdp() },
            3 => Command::Hangup { leg, cause: Cause::Normal },
            4 => Command::ReOffer { leg, sdp: sdp() },
            5 => Command::ReAnswer { leg, sdp: sdp() },
            6 => Command::ReReject { leg, status: 488 },
            _ => Command::SendDtmf { leg, digit: '1', duration_ms: 100 },
        });
    }

    /// Learns from what was sent; counts ends and forbids events after them.
    fn look(&mut self) {
        self.solo.drain();
        while let Some(message) = self.solo.sent.pop_front() {
            match message {
                Message::Request(request) if request.method == Method::Ack => {}
                Message::Request(request) => self.ours.push(request),
                Message::Response(response) => {
                    let invite = self.theirs.iter().find(|invite| {
                        invite.headers.call_id() == response.headers.call_id()
                            && invite.headers.get("CSeq") == response.headers.get("CSeq")
                            && invite.headers.to().is_some_and(|to| to.tag().is_none())
                    });
                    if let Some(invite) = invite
                        && response.status.get() > 100
                    {
                        self.peers.push(Peer::new(invite, &response));
                    }
                }
            }
        }
        while let Some(event) = self.solo.events.pop_front() {
            self.count(&event);
        }
    }

    fn count(&mut self, event: &Event) {
        let (leg, is_end) = match event {
            Event::Invited(invited) => {
                self.legs.insert(invited.leg, 0);
                return;
            }
            Event::Ended { leg, .. } | Event::Rejected { leg, .. } => (*leg, true),
            Event::Rang { leg, .. }
            | Event::Answered { leg, .. }
            | Event::Confirmed { leg, .. }
            | Event::ReOffered { leg, .. }
            | Event::ReAnswered { leg, .. }
            | Event::ReRejected { leg, .. }
            | Event::Dtmf { leg, .. } => (*leg, false),
            Event::RegisterReceived(_) | Event::Registration(_) | Event::Pinged { .. } => return,
        };
        let ends = self.legs.get_mut(&leg).expect("an event of a known leg");
        assert_eq!(*ends, 0, "{event:?} after the end");
        *ends += usize::from(is_end);
    }

    fn remember_peer(&mut self, invite: &Request, response: &Response) {
        self.peers.push(Peer::as_callee(invite, response));
    }

    /// Ends everything and checks the books.
    fn finish(mut self) {
        let now = self.solo.now;
        self.solo.agent.flow_replaced(now);
        self.solo.agent.shut_down(now, Cause::Stopping);
        self.look();
        self.solo.wait(Duration::from_secs(200));
        self.look();
        assert!(self.legs.values().all(|ends| *ends == 1), "{:?}", self.legs);
        assert_eq!(self.solo.agent.leg_count(), 0);
        assert_eq!(self.solo.agent.poll_timeout(), None);
    }
}

fn choose<T>(items: &[T], which: usize) -> Option<&T> {
    items.get(which.checked_rem(items.len())?)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_leg_ends_exactly_once_whatever_the_order(
        is_reliable in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let transport = if is_reliable { Transport::Wss } else { Transport::Udp };
        let mut disorder = Disorder::new(transport);
        for step in steps {
            disorder.take(step);
        }
        disorder.finish();
    }
}
