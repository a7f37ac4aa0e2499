//! The transaction layer by itself, mostly over a transport that loses messages.

use super::*;
use crate::base::Clock;
use crate::sip::message::{Message, Method, Request, Response, StatusCode};
use std::time::{Duration, Instant};

struct Layer {
    transactions: Transactions<u8>,
    now: Instant,
    began: Instant,
    /// What was sent, with when in milliseconds.
    sent: Vec<(u128, Message)>,
    events: Vec<TransactionEvent<u8>>,
}

impl Layer {
    fn new(is_reliable: bool) -> Self {
        let now = Clock::system().now();
        Self {
            transactions: Transactions::new(Timing { is_reliable }, 4),
            now,
            began: now,
            sent: Vec::new(),
            events: Vec::new(),
        }
    }

    fn drain(&mut self) {
        let at = (self.now - self.began).as_millis();
        while let Some(output) = self.transactions.poll_output() {
            match output {
                TransactionOutput::Transmit(bytes) => {
                    self.sent.push((at, Message::parse(&bytes).unwrap()));
                }
                TransactionOutput::Event(event) => self.events.push(event),
            }
        }
    }

    fn send(&mut self, request: Request) -> TransactionId {
        let id = self.transactions.send(self.now, request, 7).unwrap();
        self.drain();
        id
    }

    fn receive(&mut self, message: Message) {
        self.transactions.receive(self.now, message);
        self.drain();
    }

    fn respond(&mut self, request: &Request, status: u16) {
        let response = answer(request, status);
        self.receive(Message::Response(response));
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.transactions.poll_timeout().filter(|at| *at <= end) {
            self.now = at;
            self.transactions.handle_timeout(at);
            self.drain();
        }
        self.now = end;
    }

    fn times(&self) -> Vec<u128> {
        self.sent.iter().map(|(at, _)| *at).collect()
    }

    /// The server transaction of the only request told.
    fn requested(&mut self) -> TransactionId {
        match self.events.pop() {
            Some(TransactionEvent::Requested { id, .. }) => id,
            other => panic!("{other:?}"),
        }
    }
}

fn request(method: Method, branch: &str) -> Request {
    let mut request = Request::new(method.clone(), "sip:a@example.com".parse().unwrap());
    let headers = &mut request.headers;
    headers.push("Via", format!("SIP/2.0/UDP 192.0.2.1;branch={branch}"));
    headers.push("Max-Forwards", "70");
    headers.push("Route", "<sip:p.example.com;lr>");
    headers.push("From", "<sip:b@example.com>;tag=b");
    headers.push("To", "<sip:a@example.com>");
    headers.push("Call-ID", "c");
    headers.push("CSeq", format!("1 {method}"));
    request
}

fn invite() -> Request {
    request(Method::Invite, "z9hG4bK1")
}

fn answer(request: &Request, status: u16) -> Response {
    let mut response = request.reply(StatusCode::new(status).unwrap());
    response.headers.insert("To", "<sip:a@example.com>;tag=a");
    response
}

fn ack(branch: &str) -> Message {
    Message::Request(request(Method::Ack, branch))
}

#[test]
fn an_invite_is_repeated_by_timer_a_and_given_up_by_timer_b() {
    let mut layer = Layer::new(false);
    layer.send(invite());
    layer.wait(Duration::from_secs(40));
    assert_eq!(layer.times(), [0, 500, 1500, 3500, 7500, 15500, 31500]);
    assert!(matches!(layer.events.as_slice(), [TransactionEvent::TimedOut { owner: 7, .. }]));
    assert_eq!(layer.transactions.count(), 0);
}

#[test]
fn on_a_reliable_transport_nothing_is_repeated() {
    for method in [Method::Invite, Method::Options] {
        let mut layer = Layer::new(true);
        layer.send(request(method, "z9hG4bK1"));
        layer.wait(Duration::from_secs(40));
        assert_eq!(layer.times(), [0]);
        assert_eq!(layer.events.len(), 1);
    }
}

#[test]
fn another_request_is_repeated_by_timer_e_and_slower_after_a_provisional_response() {
    let mut layer = Layer::new(false);
    let options = request(Method::Options, "z9hG4bK1");
    layer.send(options.clone());
    layer.wait(Duration::from_secs(12));
    assert_eq!(layer.times(), [0, 500, 1500, 3500, 7500, 11500]);
    layer.respond(&options, 100);
    layer.wait(Duration::from_secs(5));
    assert_eq!(layer.times().last(), Some(&16000));
    layer.respond(&options, 200);
    layer.respond(&options, 200);
    assert_eq!(layer.events.len(), 2);
    layer.wait(Duration::from_secs(6));
    assert_eq!(layer.transactions.count(), 0);
}

#[test]
fn a_provisional_response_stops_the_copies_of_an_invite_for_good() {
    let mut layer = Layer::new(false);
    let invite = invite();
    layer.send(invite.clone());
    layer.respond(&invite, 180);
    layer.wait(Duration::from_secs(300));
    assert_eq!(layer.times(), [0]);
    assert_eq!(layer.transactions.poll_timeout(), None);
}

#[test]
fn copies_of_a_busy_are_acked_but_delivered_once() {
    let mut layer = Layer::new(false);
    let invite = invite();
    layer.send(invite.clone());
    for _ in 0..3 {
        layer.respond(&invite, 486);
    }
    assert_eq!(layer.events.len(), 1);
    assert_eq!(layer.sent.len(), 4);
    let Some((_, Message::Request(ack))) = layer.sent.last() else { panic!() };
    assert_eq!(ack.method, Method::Ack);
    assert_eq!(ack.headers.via(), invite.headers.via());
    assert_eq!(ack.headers.get("Route"), invite.headers.get("Route"));
    assert_eq!(ack.headers.to().unwrap().tag(), Some("a"));
    assert_eq!(ack.headers.get("CSeq"), Some("1 ACK"));
    layer.wait(Duration::from_secs(33));
    assert_eq!(layer.transactions.count(), 0);
}

#[test]
fn c16_copies_of_a_200_get_the_same_ack_and_are_delivered_once_for_each_callee() {
    let mut layer = Layer::new(false);
    let invite = invite();
    let id = layer.send(invite.clone());
    layer.respond(&invite, 200);
    let ack = request(Method::Ack, "z9hG4bKack");
    layer.transactions.acknowledge(id, "a", &ack);
    layer.drain();
    layer.respond(&invite, 200);
    assert_eq!(layer.events.len(), 1);
    assert_eq!(layer.sent.len(), 3);
    assert_eq!(layer.sent[1].1, layer.sent[2].1);
    let mut other = answer(&invite, 200);
    other.headers.insert("To", "<sip:a@example.com>;tag=other");
    layer.receive(Message::Response(other));
    assert_eq!(layer.events.len(), 2);
    layer.wait(Duration::from_secs(33));
    assert_eq!(layer.transactions.count(), 0);
}

#[test]
fn a_refusal_is_repeated_until_its_ack_and_the_ack_goes_no_further() {
    let mut layer = Layer::new(false);
    let invite = invite();
    layer.receive(Message::Request(invite.clone()));
    let id = layer.requested();
    layer.transactions.respond(layer.now, id, &answer(&invite, 486));
    layer.drain();
    layer.wait(Duration::from_millis(3600));
    assert_eq!(layer.times(), [0, 500, 1500, 3500]);
    layer.receive(ack("z9hG4bK1"));
    layer.wait(Duration::from_secs(40));
    assert_eq!(layer.sent.len(), 4);
    assert!(layer.events.is_empty());
    assert_eq!(layer.transactions.count(), 0);
}

#[test]
fn a_refusal_nobody_acks_is_given_up_by_timer_h() {
    let mut layer = Layer::new(false);
    layer.receive(Message::Request(invite()));
    let id = layer.requested();
    layer.transactions.respond(layer.now, id, &answer(&invite(), 486));
    layer.wait(Duration::from_secs(33));
    assert_eq!(layer.transactions.count(), 0);
}

#[test]
fn a_copy_of_a_request_gets_the_last_response_again() {
    let mut layer = Layer::new(false);
    layer.receive(Message::Request(invite()));
    let id = layer.requested();
    layer.receive(Message::Request(invite()));
    assert!(layer.sent.is_empty());
    for status in [100, 180] {
        layer.transactions.respond(layer.now, id, &answer(&invite(), status));
    }
    layer.receive(Message::Request(invite()));
    assert_eq!(layer.sent.len(), 3);
    assert_eq!(layer.sent[1].1, layer.sent[2].1);
    assert!(layer.events.is_empty());
}

#[test]
fn an_accepted_invite_absorbs_its_copies_and_passes_an_ack_in_its_branch() {
    let mut layer = Layer::new(true);
    layer.receive(Message::Request(invite()));
    let id = layer.requested();
    layer.transactions.respond(layer.now, id, &answer(&invite(), 200));
    layer.receive(Message::Request(invite()));
    assert_eq!(layer.sent.len(), 1);
    layer.receive(ack("z9hG4bK1"));
    layer.receive(ack("z9hG4bKother"));
    assert_eq!(layer.events.len(), 2);
    layer.wait(Duration::from_secs(33));
    assert_eq!(layer.transactions.count(), 0);
}

#[test]
fn c04_a_cancel_finds_its_invite_by_branch_and_call_id() {
    let mut layer = Layer::new(true);
    layer.receive(Message::Request(invite()));
    let id = layer.requested();
    let mut cancel = request(Method::Cancel, "z9hG4bK1");
    cancel.headers.insert("Via", "SIP/2.0/UDP 203.0.113.5:9;branch=z9hG4bK1");
    assert_eq!(layer.transactions.cancelled_by(&cancel), Some(id));
    cancel.headers.insert("Call-ID", "other");
    assert_eq!(layer.transactions.cancelled_by(&cancel), None);
}

#[test]
fn a_peer_without_the_magic_cookie_is_told_apart_by_its_other_fields() {
    let mut layer = Layer::new(true);
    let mut first = request(Method::Options, "1");
    first.headers.insert("CSeq", "1 OPTIONS");
    let mut second = request(Method::Options, "1");
    second.headers.insert("CSeq", "2 OPTIONS");
    for message in [&first, &second, &first] {
        layer.receive(Message::Request(message.clone()));
    }
    assert_eq!(layer.events.len(), 2);
}

#[test]
fn a_request_that_came_by_two_ways_is_merged() {
    let mut layer = Layer::new(true);
    layer.receive(Message::Request(invite()));
    layer.receive(Message::Request(request(Method::Invite, "z9hG4bK2")));
    assert!(matches!(
        layer.events.as_slice(),
        [TransactionEvent::Requested { .. }, TransactionEvent::Merged { .. }]
    ));
}

#[test]
fn a_full_flow_refuses_new_requests_but_still_ends_calls() {
    let mut layer = Layer::new(true);
    for number in 0..4 {
        layer.send(request(Method::Invite, &format!("z9hG4bKx{number}")));
    }
    assert!(layer.transactions.send(layer.now, invite(), 7).is_err());
    let bye = request(Method::Bye, "z9hG4bKbye");
    assert!(layer.transactions.send(layer.now, bye, 7).is_ok());
    layer.drain();
    layer.sent.clear();
    layer.receive(Message::Request(request(Method::Invite, "z9hG4bKin")));
    let [(_, Message::Response(refused))] = layer.sent.as_slice() else { panic!() };
    assert_eq!(refused.status.get(), 503);
    assert!(refused.headers.contains("Retry-After"));
    assert!(refused.headers.to().unwrap().tag().is_some());
    assert_eq!(layer.transactions.count(), 5);
}

#[test]
fn a_response_to_nothing_or_with_two_vias_is_dropped() {
    let mut layer = Layer::new(true);
    let invite = invite();
    layer.send(invite.clone());
    layer.respond(&request(Method::Invite, "z9hG4bKguess"), 200);
    let mut forwarded = answer(&invite, 200);
    forwarded.headers.push("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK9");
    layer.receive(Message::Response(forwarded));
    assert!(layer.events.is_empty());
}
