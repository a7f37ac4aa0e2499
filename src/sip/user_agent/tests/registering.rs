//! REGISTER from phones, REGISTER and OPTIONS to PBXs.

use super::super::*;
use super::support::*;
use crate::base::Secret;
use crate::sip::digest::Credentials;
use crate::sip::message::{Method, Request};

const CONTACT: &str = "<sip:abc@abc.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:1-2>\";expires=600";

fn register(number: u32, contact: &str) -> Request {
    let mut request = Request::new(Method::Register, uri("sip:edge.example.com"));
    let headers = &mut request.headers;
    headers.push("Via", format!("SIP/2.0/WSS abc.invalid;branch=z9hG4bKr{number}"));
    headers.push("Max-Forwards", "69");
    headers.push("To", "<sip:100@edge.example.com>");
    headers.push("From", "<sip:100@edge.example.com>;tag=r");
    headers.push("Call-ID", "reg");
    headers.push("CSeq", format!("{number} REGISTER"));
    headers.push("Contact", contact);
    headers.push("User-Agent", "JsSIP 3.13.8");
    request
}

fn received(solo: &mut Solo) -> RegisterReceived {
    match solo.event() {
        Event::RegisterReceived(received) => *received,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_phone_is_granted_its_own_contact_with_expires_as_its_parameter() {
    let mut solo = Solo::phone();
    let mut request = register(1, CONTACT);
    request.headers.push("Authorization", "Bearer abc.def.ghi");
    solo.receive(request);
    let received = received(&mut solo);
    assert_eq!(received.aor, uri("sip:100@edge.example.com"));
    assert_eq!(received.instance.as_deref(), Some("urn:uuid:1-2"));
    assert_eq!(received.expires_s, Some(600));
    assert_eq!(received.bearer.as_ref().map(Secret::expose), Some("abc.def.ghi"));
    assert_eq!(received.user_agent.as_deref(), Some("JsSIP 3.13.8"));
    let answer = RegisterAnswer::Granted { expires_s: 300 };
    solo.command(Command::AnswerRegister { key: received.key, answer });
    let ok = solo.response(200);
    let contacts = ok.headers.contacts().unwrap();
    assert_eq!(contacts.len(), 1);
    assert_eq!(contacts[0].uri, uri("sip:abc@abc.invalid;transport=ws"));
    assert_eq!(contacts[0].expires(), Some(300));
    assert!(!ok.headers.contains("Require"));
    let answer = RegisterAnswer::Granted { expires_s: 300 };
    solo.command(Command::AnswerRegister { key: received.key, answer });
    solo.nothing();
}

#[test]
fn each_refusal_of_a_registration_has_its_status_and_header() {
    let reason = || "Sign in again".to_owned();
    for (answer, status, header, value) in [
        (RegisterAnswer::TooBrief { min_expires_s: 60 }, 423, "Min-Expires", "60"),
        (RegisterAnswer::Unavailable { retry_after_s: 7 }, 503, "Retry-After", "7"),
        (
            RegisterAnswer::Unauthorized { reason: reason() },
            401,
            "WWW-Authenticate",
            "Bearer realm=\"ringfence\", error=\"invalid_token\"",
        ),
        (RegisterAnswer::Forbidden { reason: reason() }, 403, "Server", "Ringfence"),
    ] {
        let mut solo = Solo::phone();
        solo.receive(register(1, CONTACT));
        let key = received(&mut solo).key;
        solo.command(Command::AnswerRegister { key, answer });
        let response = solo.response(status);
        assert_eq!(response.headers.get_all(header).collect::<Vec<_>>(), [value]);
        if matches!(status, 401 | 403) {
            assert_eq!(response.reason, "Sign in again");
        }
    }
}

#[test]
fn a_removal_has_no_contact_and_a_star_needs_expires_0() {
    let mut solo = Solo::phone();
    solo.receive(register(1, "*"));
    solo.response(400);
    let mut request = register(2, "*");
    request.headers.push("Expires", "0");
    solo.receive(request);
    let received = received(&mut solo);
    assert!(received.contact.is_none());
    assert_eq!(received.expires_s, Some(0));
    let answer = RegisterAnswer::Granted { expires_s: 0 };
    solo.command(Command::AnswerRegister { key: received.key, answer });
    assert!(!solo.response(200).headers.contains("Contact"));
}

#[test]
fn a_phone_that_registers_in_a_loop_is_slowed_down() {
    let mut solo = Solo::phone();
    let most = crate::base::limit::REGISTERS_PER_MINUTE_MAX;
    for number in 0..most {
        solo.receive(register(number + 1, CONTACT));
        let key = received(&mut solo).key;
        let answer = RegisterAnswer::Granted { expires_s: 300 };
        solo.command(Command::AnswerRegister { key, answer });
        solo.response(200);
    }
    solo.receive(register(most + 1, CONTACT));
    assert!(solo.response(503).headers.contains("Retry-After"));
    solo.nothing();
    solo.wait(seconds(61));
    solo.receive(register(most + 2, CONTACT));
    received(&mut solo);
}

#[test]
fn a_pbx_may_not_register() {
    let mut solo = Solo::trunk();
    solo.receive(register(1, CONTACT));
    solo.response(405);
    solo.nothing();
}

fn trunk() -> Solo {
    let mut config = config(Transport::Tls, PeerKind::Trunk, 5);
    let password = Secret::new("open sesame");
    config.credentials = Some(Credentials { user: "edge".to_owned(), password, realm: None });
    Solo::new(config)
}

fn start(solo: &mut Solo, expires_s: u32) -> Request {
    let aor = uri("sip:ringfence@pbx.example.com");
    solo.command(Command::Register(Box::new(Registration { aor, expires_s })));
    solo.request(Method::Register)
}

fn state(solo: &mut Solo) -> RegistrationState {
    match solo.event() {
        Event::Registration(state) => state,
        other => panic!("{other:?}"),
    }
}

fn grant(request: &Request, expires_s: u32) -> crate::sip::Response {
    let mut ok = request.reply(crate::sip::StatusCode::OK);
    ok.headers.push("Contact", "<sip:other@192.0.2.9>;expires=7200");
    let ours = format!("<sip:edge@edge.example.com:5061>;expires={expires_s}");
    ok.headers.push("Contact", ours);
    ok
}

#[test]
fn c48_a_registration_takes_the_expiry_of_our_contact_and_is_refreshed_in_time() {
    let mut solo = trunk();
    let first = start(&mut solo, 600);
    assert_eq!(first.uri, uri("sip:pbx.example.com"));
    assert_eq!(first.headers.get("Expires"), Some("600"));
    solo.receive(grant(&first, 120));
    assert_eq!(state(&mut solo), RegistrationState::Registered { expires_s: 120 });
    solo.wait(seconds(59));
    solo.nothing();
    solo.wait(seconds(38));
    let refresh = solo.request(Method::Register);
    assert_eq!(refresh.headers.call_id(), first.headers.call_id());
    assert_eq!(refresh.headers.get("CSeq"), Some("2 REGISTER"));
    solo.nothing();
}

#[test]
fn a_challenged_registration_proves_itself_and_a_wrong_password_is_final() {
    let mut solo = trunk();
    let mut register = start(&mut solo, 600);
    for nonce in ["one", "two"] {
        let mut challenged = respond(&register, 401, "x");
        let value = format!("Digest realm=\"pbx\", nonce=\"{nonce}\", qop=\"auth\"");
        challenged.headers.push("WWW-Authenticate", value);
        solo.receive(challenged);
        if nonce == "one" {
            register = solo.request(Method::Register);
            assert!(register.headers.get("Authorization").unwrap().contains("nonce=\"one\""));
            assert_eq!(register.headers.get("CSeq"), Some("2 REGISTER"));
        }
    }
    assert!(matches!(
        state(&mut solo),
        RegistrationState::Failed { status: 401, is_final: true, .. }
    ));
    solo.wait(seconds(3600));
    solo.nothing();
}

#[test]
fn c48_a_423_is_obeyed() {
    let mut solo = trunk();
    let first = start(&mut solo, 60);
    let mut brief = respond(&first, 423, "x");
    brief.headers.push("Min-Expires", "1800");
    solo.receive(brief);
    let second = solo.request(Method::Register);
    assert_eq!(second.headers.get("Expires"), Some("1800"));
    solo.receive(grant(&second, 1800));
    assert_eq!(state(&mut solo), RegistrationState::Registered { expires_s: 1800 });
}

#[test]
fn a_failed_registration_is_told_and_tried_again() {
    let mut solo = trunk();
    let first = start(&mut solo, 600);
    solo.receive(respond(&first, 500, "x"));
    assert!(matches!(
        state(&mut solo),
        RegistrationState::Failed { status: 500, is_final: false, .. }
    ));
    solo.wait(seconds(3));
    solo.request(Method::Register);
    // Nobody answers: 408, then again.
    solo.wait(seconds(33));
    assert!(matches!(
        state(&mut solo),
        RegistrationState::Failed { status: 408, is_final: false, .. }
    ));
    solo.wait(seconds(5));
    solo.request(Method::Register);
}

#[test]
fn a_new_link_registers_again_at_once() {
    let mut solo = trunk();
    let first = start(&mut solo, 600);
    solo.receive(grant(&first, 600));
    state(&mut solo);
    let now = solo.now;
    solo.agent.flow_lost(now);
    solo.agent.flow_replaced(now);
    solo.drain();
    solo.request(Method::Register);
    solo.nothing();
}

#[test]
fn a_registration_is_removed_with_expires_0() {
    let mut solo = trunk();
    let first = start(&mut solo, 600);
    solo.receive(grant(&first, 600));
    state(&mut solo);
    let removal = start(&mut solo, 0);
    assert_eq!(removal.headers.get("Expires"), Some("0"));
    assert_eq!(removal.headers.get("CSeq"), Some("2 REGISTER"));
    solo.receive(respond(&removal, 200, "x"));
    assert_eq!(state(&mut solo), RegistrationState::Removed);
    solo.wait(seconds(3600));
    solo.nothing();
}

#[test]
fn c57_any_answer_to_options_but_408_and_503_is_a_sign_of_life() {
    for (status, is_alive) in [(200, true), (404, true), (403, true), (503, false), (408, false)] {
        let mut solo = Solo::trunk();
        solo.command(Command::Ping);
        let options = solo.request(Method::Options);
        assert!(options.headers.contains("Contact") && options.headers.contains("Allow"));
        solo.receive(respond(&options, status, "x"));
        assert!(matches!(solo.event(), Event::Pinged { alive } if alive == is_alive));
    }
    let mut solo = Solo::trunk();
    solo.command(Command::Ping);
    solo.wait(seconds(33));
    assert!(matches!(solo.event(), Event::Pinged { alive: false }));
}
