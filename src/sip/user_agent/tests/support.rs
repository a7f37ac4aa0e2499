//! One user agent in virtual time, with a scripted peer.

use super::super::*;
use crate::base::{Cause, Clock, LegId};
use crate::sip::message::{Message, Method, Request, Response, StatusCode};
use crate::sip::uri::{NameAddr, Uri};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub(super) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";
pub(super) const ANSWER: &str = "v=0\r\no=- 2 1 IN IP4 192.0.2.2\r\n";

pub(super) fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

pub(super) fn address(text: &str) -> NameAddr {
    text.parse().unwrap()
}

pub(super) fn config(transport: Transport, peer: PeerKind, seed: u64) -> UserAgentConfig {
    UserAgentConfig {
        transport,
        sent_by: "edge.example.com".to_owned(),
        contact: uri("sip:edge@edge.example.com:5061"),
        product: "Ringfence".to_owned(),
        peer,
        peer_uri: Some(uri("sip:pbx.example.com")),
        credentials: None,
        challenge: None,
        transactions_max: 256,
        dialogs_max: 8,
        random: Random::seeded(seed),
    }
}

/// A user agent and everything it did that the test has not looked at.
pub(super) struct Solo {
    pub(super) agent: UserAgent,
    pub(super) now: Instant,
    pub(super) sent: VecDeque<Message>,
    pub(super) events: VecDeque<Event>,
    branches: u32,
}

impl Solo {
    pub(super) fn new(config: UserAgentConfig) -> Self {
        Self {
            agent: UserAgent::new(config),
            now: Clock::system().now(),
            sent: VecDeque::new(),
            events: VecDeque::new(),
            branches: 0,
        }
    }

    pub(super) fn phone() -> Self {
        Self::new(config(Transport::Wss, PeerKind::Phone, 1))
    }

    pub(super) fn trunk() -> Self {
        Self::new(config(Transport::Tls, PeerKind::Trunk, 1))
    }

    pub(super) fn lossy() -> Self {
        Self::new(config(Transport::Udp, PeerKind::Trunk, 1))
    }

    pub(super) fn command(&mut self, command: Command) {
        self.agent.handle_command(self.now, command);
        self.drain();
    }

    pub(super) fn receive(&mut self, message: impl Into<Wire>) {
        let Wire(bytes) = message.into();
        self.agent.handle_message(self.now, Message::parse(&bytes));
        self.drain();
    }

    /// Jumps from deadline to deadline.
    pub(super) fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.agent.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.agent.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Transmit(bytes) => {
                    self.sent.push_back(Message::parse(&bytes).expect("what we write we can read"));
                }
                Output::Event(event) => self.events.push_back(event),
            }
        }
    }

    #[track_caller]
    pub(super) fn request(&mut self, method: Method) -> Request {
        match self.sent.pop_front() {
            Some(Message::Request(request)) if request.method == method => request,
            other => panic!("no {method} but {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn response(&mut self, status: u16) -> Response {
        match self.sent.pop_front() {
            Some(Message::Response(response)) if response.status.get() == status => response,
            other => panic!("no {status} but {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn nothing(&self) {
        assert!(self.sent.is_empty(), "sent {:?}", self.sent);
        assert!(self.events.is_empty(), "told {:?}", self.events);
    }

    #[track_caller]
    pub(super) fn event(&mut self) -> Event {
        self.events.pop_front().expect("an event")
    }

    #[track_caller]
    pub(super) fn ended(&mut self) -> Cause {
        match self.event() {
            Event::Ended { cause, .. } => cause,
            other => panic!("no Ended but {other:?}"),
        }
    }

    /// Places a call and returns its INVITE.
    #[track_caller]
    pub(super) fn place(&mut self) -> (LegId, Request) {
        let leg = LegId::next();
        self.command(invite(leg));
        (leg, self.request(Method::Invite))
    }

    /// Places a call that is answered.
    #[track_caller]
    pub(super) fn call(&mut self) -> (LegId, Answered) {
        let (leg, invite) = self.place();
        self.receive(answer(&invite, "them"));
        let ack = self.request(Method::Ack);
        assert!(matches!(self.event(), Event::Answered { .. }));
        (leg, Answered { ours: invite.headers.from_().unwrap(), ack })
    }

    /// Receives an INVITE and returns its leg.
    #[track_caller]
    pub(super) fn incoming(&mut self, invite: &Request) -> (LegId, IncomingInvite) {
        self.receive(invite.clone());
        self.response(100);
        match self.event() {
            Event::Invited(invited) => (invited.leg, *invited),
            other => panic!("no Invited but {other:?}"),
        }
    }

    /// Receives an INVITE, answers it, and takes its ACK; returns the 200.
    #[track_caller]
    pub(super) fn answered(&mut self) -> (LegId, Peer) {
        let invite = self.peer_invite();
        let (leg, _) = self.incoming(&invite);
        self.command(Command::Answer { leg, sdp: ANSWER.into() });
        let ok = self.response(200);
        let mut peer = Peer::new(&invite, &ok);
        let ack = peer.ack(1, None);
        self.receive(ack);
        assert!(matches!(self.event(), Event::Confirmed { sdp: None, .. }));
        self.nothing();
        (leg, peer)
    }

    /// A branch no request of the peer had.
    pub(super) fn branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bKpeer{}", self.branches)
    }

    /// An INVITE as JsSIP sends it.
    pub(super) fn peer_invite(&mut self) -> Request {
        let branch = self.branch();
        let mut invite = Request::new(Method::Invite, uri("sip:600@edge.example.com"));
        let headers = &mut invite.headers;
        headers.push("Via", format!("SIP/2.0/WSS abc.invalid;branch={branch}"));
        headers.push("Max-Forwards", "69");
        headers.push("To", "<sip:600@edge.example.com>");
        headers.push("From", "\"Ann\" <sip:100@edge.example.com>;tag=them");
        headers.push("Call-ID", format!("call{}", self.branches));
        headers.push("CSeq", "1 INVITE");
        headers.push("Contact", "<sip:abc@abc.invalid;transport=ws;ob>");
        headers.push("Allow", "INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY");
        headers.push("Supported", "ice,replaces,outbound");
        headers.push("Content-Type", "application/sdp");
        invite.body = OFFER.into();
        invite
    }
}

/// What the peer knows after it answered our INVITE.
pub(super) struct Answered {
    ours: NameAddr,
    pub(super) ack: Request,
}

impl Answered {
    /// The peer's side of the dialog.
    pub(super) fn peer(&self) -> Peer {
        Peer {
            call_id: self.ack.headers.call_id().unwrap().to_owned(),
            local: self.ack.headers.get("To").unwrap().to_owned(),
            remote: self.ours.to_string(),
            cseq: 100,
            branches: 0,
        }
    }
}

/// The other end of one dialog.
pub(super) struct Peer {
    pub(super) call_id: String,
    pub(super) local: String,
    pub(super) remote: String,
    pub(super) cseq: u32,
    branches: u32,
}

impl Peer {
    /// The caller's side, after our response to its INVITE.
    pub(super) fn new(invite: &Request, response: &Response) -> Self {
        Self {
            call_id: invite.headers.call_id().unwrap().to_owned(),
            local: invite.headers.get("From").unwrap().to_owned(),
            remote: response.headers.get("To").unwrap().to_owned(),
            cseq: 1,
            branches: 0,
        }
    }

    /// The callee's side, after its response to our INVITE.
    pub(super) fn as_callee(invite: &Request, response: &Response) -> Self {
        Self {
            call_id: invite.headers.call_id().unwrap().to_owned(),
            local: response.headers.get("To").unwrap().to_owned(),
            remote: invite.headers.get("From").unwrap().to_owned(),
            cseq: 100,
            branches: 0,
        }
    }

    /// The next request.
    pub(super) fn request(&mut self, method: Method) -> Request {
        self.cseq += 1;
        self.build(method, self.cseq)
    }

    /// The next request, with SDP.
    pub(super) fn offer(&mut self, method: Method, sdp: &str) -> Request {
        let mut request = self.request(method);
        request.headers.push("Content-Type", "application/sdp");
        request.body = sdp.into();
        request
    }

    pub(super) fn ack(&mut self, cseq: u32, sdp: Option<&str>) -> Request {
        let mut ack = self.build(Method::Ack, cseq);
        if let Some(sdp) = sdp {
            ack.headers.push("Content-Type", "application/sdp");
            ack.body = sdp.into();
        }
        ack
    }

    /// A digit by INFO.
    pub(super) fn info(&mut self, kind: &str, body: &str) -> Request {
        let mut info = self.request(Method::Info);
        info.headers.push("Content-Type", kind);
        info.body = body.into();
        info
    }

    fn build(&mut self, method: Method, cseq: u32) -> Request {
        self.branches += 1;
        let branch = format!("z9hG4bKin{}{}", self.call_id, self.branches);
        let mut request = Request::new(method.clone(), uri("sip:edge@edge.example.com:5061"));
        let headers = &mut request.headers;
        headers.push("Via", format!("SIP/2.0/WSS abc.invalid;branch={branch}"));
        headers.push("Max-Forwards", "69");
        headers.push("From", &self.local);
        headers.push("To", &self.remote);
        headers.push("Call-ID", &self.call_id);
        headers.push("CSeq", format!("{cseq} {method}"));
        headers.push("Contact", "<sip:abc@abc.invalid;transport=ws;ob>");
        request
    }
}

/// Bytes on their way in.
pub(super) struct Wire(pub(super) Vec<u8>);

impl From<Request> for Wire {
    fn from(request: Request) -> Self {
        let mut bytes = Vec::new();
        request.write(&mut bytes);
        Self(bytes)
    }
}

impl From<Response> for Wire {
    fn from(response: Response) -> Self {
        let mut bytes = Vec::new();
        response.write(&mut bytes);
        Self(bytes)
    }
}

impl From<&str> for Wire {
    fn from(text: &str) -> Self {
        Self(text.replace('\n', "\r\n").into_bytes())
    }
}

pub(super) fn invite(leg: LegId) -> Command {
    Command::Invite(Box::new(OutgoingInvite {
        leg,
        request_uri: uri("sip:600@pbx.example.com"),
        to: address("<sip:600@pbx.example.com>"),
        from: address("\"Ann\" <sip:100@pbx.example.com>"),
        headers: vec![],
        sdp: OFFER.into(),
    }))
}

/// A response of the peer with its tag (none for 100) and a Contact.
pub(super) fn respond(request: &Request, status: u16, tag: &str) -> Response {
    let mut response = request.reply(StatusCode::new(status).unwrap());
    let to = response.headers.get("To").unwrap().to_owned();
    if !tag.is_empty() && !to.contains(";tag=") {
        response.headers.insert("To", format!("{to};tag={tag}"));
    }
    if status < 300 && !tag.is_empty() {
        response.headers.push("Contact", format!("<sip:{tag}@192.0.2.7>"));
    }
    response
}

pub(super) fn with_sdp(mut response: Response, sdp: &str) -> Response {
    response.headers.push("Content-Type", "application/sdp");
    response.body = sdp.into();
    response
}

/// A 200 with an answer.
pub(super) fn answer(invite: &Request, tag: &str) -> Response {
    with_sdp(respond(invite, 200, tag), ANSWER)
}

/// The peer's CANCEL of its INVITE.
pub(super) fn cancel(invite: &Request) -> Request {
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    cancel.body = Vec::new();
    for name in ["Contact", "Content-Type", "Supported", "Allow"] {
        cancel.headers.remove(name);
    }
    let number = invite.headers.cseq().unwrap().number;
    cancel.headers.insert("CSeq", format!("{number} CANCEL"));
    cancel
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
