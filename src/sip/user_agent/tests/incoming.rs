//! Calls the peer places, and requests that make no call.

use super::super::*;
use super::support::*;
use crate::base::{Cause, LegId};
use crate::sip::message::{Method, Request};

#[test]
fn an_incoming_call_rings_is_answered_confirmed_and_ended_by_the_peer() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    let (leg, invited) = solo.incoming(&invite);
    assert_eq!(invited.number, "600");
    assert_eq!(invited.sdp.as_deref(), Some(OFFER.as_bytes()));
    assert_eq!(invited.from.display_name.as_deref(), Some("Ann"));
    assert!(!invited.authenticated);
    solo.command(Command::Ring { leg, sdp: None });
    solo.response(180);
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    let ok = solo.response(200);
    assert_eq!(ok.body, ANSWER.as_bytes());
    assert_eq!(ok.headers.vias().len(), 1);
    assert_eq!(ok.headers.get("Via"), invite.headers.get("Via"));
    assert!(ok.headers.allow().contains(&Method::Update));
    assert_eq!(ok.headers.get("Contact"), Some("<sip:edge@edge.example.com:5061>"));
    let mut peer = Peer::new(&invite, &ok);
    let ack = peer.ack(1, None);
    solo.receive(ack.clone());
    assert!(matches!(solo.event(), Event::Confirmed { sdp: None, .. }));
    solo.receive(ack);
    solo.receive(peer.request(Method::Bye));
    solo.response(200);
    assert_eq!(solo.ended(), Cause::Normal);
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 0);
    solo.wait(seconds(40));
    assert_eq!(solo.agent.poll_timeout(), None);
}

#[test]
fn c03_cancel_gets_200_and_the_invite_487_at_once() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    let (leg, _) = solo.incoming(&invite);
    solo.command(Command::Ring { leg, sdp: None });
    let tag = solo.response(180).headers.to().unwrap().tag().unwrap().to_owned();
    solo.receive(cancel(&invite));
    let ok = solo.response(200);
    assert_eq!(ok.headers.get("CSeq"), Some("1 CANCEL"));
    assert_eq!(ok.headers.to().unwrap().tag(), Some(tag.as_str()));
    assert_eq!(solo.response(487).headers.get("CSeq"), Some("1 INVITE"));
    assert_eq!(solo.ended(), Cause::Cancelled);
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 0);
}

#[test]
fn c04_a_cancel_with_another_sent_by_still_matches_by_branch() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    solo.incoming(&invite);
    let mut cancel = cancel(&invite);
    let branch = invite.headers.via().unwrap().branch().unwrap().to_owned();
    cancel.headers.insert("Via", format!("SIP/2.0/WSS 203.0.113.9:4711;branch={branch}"));
    solo.receive(cancel);
    solo.response(200);
    solo.response(487);
    assert_eq!(solo.ended(), Cause::Cancelled);
}

#[test]
fn s12_a_cancel_with_another_call_id_gets_481_and_the_call_lives() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    solo.incoming(&invite);
    let mut cancel = cancel(&invite);
    cancel.headers.insert("Call-ID", "other");
    solo.receive(cancel);
    solo.response(481);
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 1);
}

#[test]
fn c05_a_cancel_right_behind_the_invite_ends_a_leg_the_engine_still_routes() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    let (leg, _) = solo.incoming(&invite);
    solo.receive(cancel(&invite));
    solo.sent.clear();
    assert_eq!(solo.ended(), Cause::Cancelled);
    solo.command(Command::Ring { leg, sdp: None });
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    solo.command(Command::Hangup { leg, cause: Cause::Normal });
    solo.nothing();
}

#[test]
fn c06_answered_elsewhere_is_read_from_the_cancel() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    solo.incoming(&invite);
    let mut cancel = cancel(&invite);
    cancel.headers.push("Reason", "SIP ;cause=200 ;text=\"Call completed elsewhere\"");
    solo.receive(cancel);
    assert_eq!(solo.ended(), Cause::AnsweredElsewhere);
}

#[test]
fn a_cancel_that_crosses_the_answer_changes_nothing() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    let (leg, _) = solo.incoming(&invite);
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    solo.response(200);
    solo.receive(cancel(&invite));
    assert_eq!(solo.response(200).headers.get("CSeq"), Some("1 CANCEL"));
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 1);
}

#[test]
fn a_hangup_before_the_answer_is_the_causes_status_with_reason() {
    for (cause, status) in [
        (Cause::Busy, 486),
        (Cause::NotFound, 404),
        (Cause::Declined, 603),
        (Cause::TrunkDown, 503),
        (Cause::Unavailable, 480),
    ] {
        let mut solo = Solo::phone();
        let invite = solo.peer_invite();
        let (leg, _) = solo.incoming(&invite);
        solo.command(Command::Hangup { leg, cause });
        let response = solo.response(status);
        assert_eq!(response.reason, cause.text());
        assert!(response.headers.get("Reason").unwrap().starts_with("Q.850;cause="));
        assert_eq!(response.headers.contains("Retry-After"), status == 503);
        assert_eq!(solo.ended(), cause);
        assert_eq!(solo.agent.leg_count(), 0);
    }
}

#[test]
fn c15_the_sdp_of_the_183_is_repeated_in_the_200() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    let (leg, _) = solo.incoming(&invite);
    solo.command(Command::Ring { leg, sdp: Some(ANSWER.into()) });
    assert_eq!(solo.response(183).body, ANSWER.as_bytes());
    solo.command(Command::Ring { leg, sdp: Some(OFFER.into()) });
    assert_eq!(solo.response(183).body, ANSWER.as_bytes());
    solo.command(Command::Answer { leg, sdp: OFFER.into() });
    assert_eq!(solo.response(200).body, ANSWER.as_bytes());
}

#[test]
fn c19_a_200_nobody_acks_is_repeated_then_ended_by_bye() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    let (leg, _) = solo.incoming(&invite);
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    let ok = solo.response(200);
    solo.wait(seconds(31));
    // 0.5, 1.5, 3.5, 7.5, then every 4 seconds.
    assert_eq!(solo.sent.len(), 9);
    for _ in 0..9 {
        assert_eq!(solo.response(200), ok);
    }
    solo.wait(seconds(2));
    assert_eq!(solo.ended(), Cause::SignalingLost);
    let bye = loop {
        if let Some(crate::sip::Message::Request(bye)) = solo.sent.pop_front() {
            break bye;
        }
    };
    assert_eq!(bye.method, Method::Bye);
    solo.wait(seconds(33));
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 0);
}

#[test]
fn a_hangup_before_the_ack_waits_for_it() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    let (leg, _) = solo.incoming(&invite);
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    let ok = solo.response(200);
    solo.command(Command::Hangup { leg, cause: Cause::Normal });
    assert_eq!(solo.ended(), Cause::Normal);
    solo.nothing();
    let ack = Peer::new(&invite, &ok).ack(1, None);
    solo.receive(ack);
    assert_eq!(solo.request(Method::Bye).headers.get("CSeq"), Some("1 BYE"));
    solo.nothing();
}

#[test]
fn a_hangup_before_an_ack_that_never_comes_ends_by_bye_after_64_t1() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    let (leg, _) = solo.incoming(&invite);
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    solo.command(Command::Hangup { leg, cause: Cause::Declined });
    assert_eq!(solo.ended(), Cause::Declined);
    solo.wait(seconds(33));
    let Some(crate::sip::Message::Request(bye)) = solo.sent.pop_back() else { panic!() };
    assert_eq!(bye.headers.get("Reason"), Some("Q.850;cause=21;text=\"Call declined\""));
    solo.wait(seconds(33));
    assert!(solo.events.is_empty());
    assert_eq!(solo.agent.leg_count(), 0);
}

#[test]
fn a_bye_before_the_answer_is_a_cancel() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    let (leg, _) = solo.incoming(&invite);
    solo.command(Command::Ring { leg, sdp: None });
    let mut peer = Peer::new(&invite, &solo.response(180));
    solo.receive(peer.request(Method::Bye));
    solo.response(487);
    solo.response(200);
    solo.ended();
    assert_eq!(solo.agent.leg_count(), 0);
}

#[test]
fn c24_an_invite_without_sdp_is_answered_by_an_offer_and_the_ack_answers_it() {
    let mut solo = Solo::trunk();
    let mut invite = solo.peer_invite();
    invite.body.clear();
    invite.headers.remove("Content-Type");
    let (leg, invited) = solo.incoming(&invite);
    assert_eq!(invited.sdp, None);
    // No offer fits into an unreliable provisional response.
    solo.command(Command::Ring { leg, sdp: Some(OFFER.into()) });
    assert!(solo.response(180).body.is_empty());
    solo.command(Command::Answer { leg, sdp: OFFER.into() });
    let ok = solo.response(200);
    assert_eq!(ok.body, OFFER.as_bytes());
    let ack = Peer::new(&invite, &ok).ack(1, Some(ANSWER));
    solo.receive(ack);
    match solo.event() {
        Event::Confirmed { sdp, .. } => assert_eq!(sdp.as_deref(), Some(ANSWER.as_bytes())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn vicidial_addresses_are_accepted_and_echoed() {
    let mut solo = Solo::phone();
    let mut invite = solo.peer_invite();
    let via = "SIP/2.0/TCP 192.0.2.144;branch=z9hG4bK7755";
    invite.headers.insert("Via", via);
    invite.headers.insert("Contact", "<sip:u8s1@192.0.2.144;transport=wss>");
    let (leg, _) = solo.incoming(&invite);
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    let ok = solo.response(200);
    assert_eq!(ok.headers.get_all("Via").collect::<Vec<_>>(), [via]);
    let ack = Peer::new(&invite, &ok).ack(1, None);
    solo.receive(ack);
    solo.command(Command::Hangup { leg, cause: Cause::Normal });
    assert_eq!(solo.request(Method::Bye).uri.to_string(), "sip:u8s1@192.0.2.144;transport=wss");
}

#[test]
fn c46_a_frame_without_content_length_has_its_body_to_the_end() {
    let mut solo = Solo::phone();
    solo.receive(
        "INVITE sip:600@edge.example.com SIP/2.0
Via: SIP/2.0/WSS abc.invalid;branch=z9hG4bK1
Max-Forwards: 69
To: <sip:600@edge.example.com>
From: <sip:100@edge.example.com>;tag=x
Call-ID: 1
CSeq: 1 INVITE
Contact: <sip:abc@abc.invalid;transport=ws>
Content-Type: application/sdp

v=0
",
    );
    solo.response(100);
    assert!(
        matches!(solo.event(), Event::Invited(invited) if invited.sdp.as_deref() == Some(b"v=0\r\n".as_slice()))
    );
}

fn stray(solo: &mut Solo, method: &str) -> Request {
    let mut request = solo.peer_invite();
    request.method = method.parse().unwrap();
    request.headers.insert("CSeq", format!("1 {method}"));
    request.body.clear();
    request.headers.remove("Content-Type");
    request
}

#[test]
fn s03_requests_outside_a_dialog_leave_no_state() {
    for (method, status) in [
        ("BYE", 481),
        ("INFO", 481),
        ("UPDATE", 481),
        ("PRACK", 481),
        ("NOTIFY", 481),
        ("CANCEL", 481),
        ("REFER", 603),
        ("SUBSCRIBE", 405),
        ("MESSAGE", 405),
        ("PUBLISH", 405),
        ("FOO", 501),
        ("OPTIONS", 200),
    ] {
        let mut solo = Solo::trunk();
        let request = stray(&mut solo, method);
        solo.receive(request);
        let response = solo.response(status);
        assert!(response.headers.to().unwrap().tag().is_some());
        if matches!(status, 405 | 501 | 200) {
            assert!(response.headers.allow().contains(&Method::Update), "{method}");
        }
        solo.nothing();
        assert_eq!((solo.agent.leg_count(), solo.agent.poll_timeout()), (0, None), "{method}");
    }
}

#[test]
fn options_are_answered_with_what_we_take() {
    let mut solo = Solo::trunk();
    let request = stray(&mut solo, "OPTIONS");
    solo.receive(request);
    let ok = solo.response(200);
    assert_eq!(ok.headers.get("Accept"), Some("application/sdp"));
    assert_eq!(ok.headers.supported(), ["timer"]);
}

#[test]
fn a_stray_ack_is_ignored() {
    let mut solo = Solo::phone();
    let ack = stray(&mut solo, "ACK");
    solo.receive(ack);
    solo.nothing();
}

#[test]
fn a_to_tag_of_no_dialog_gets_481() {
    for method in ["INVITE", "BYE", "INFO", "UPDATE", "REFER", "OPTIONS"] {
        let mut solo = Solo::phone();
        let mut request = stray(&mut solo, method);
        request.headers.insert("To", "<sip:600@edge.example.com>;tag=unknown");
        solo.receive(request);
        solo.response(481);
        solo.nothing();
    }
}

#[test]
fn s11_a_request_with_another_callers_tag_gets_481() {
    let mut solo = Solo::phone();
    let (_, mut peer) = solo.answered();
    peer.local = "<sip:100@edge.example.com>;tag=thief".to_owned();
    for method in [Method::Bye, Method::Invite, Method::Info] {
        solo.receive(peer.request(method));
        solo.response(481);
    }
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 1);
}

#[test]
fn s15_max_forwards_0_gets_483() {
    let mut solo = Solo::trunk();
    let mut invite = solo.peer_invite();
    invite.headers.insert("Max-Forwards", "0");
    solo.receive(invite);
    solo.response(483);
    solo.nothing();
}

#[test]
fn s15_the_engine_passes_on_what_is_left_of_max_forwards() {
    for (given, sent) in [("68", "68"), ("200", "70"), ("x", "70")] {
        let mut solo = Solo::trunk();
        let Command::Invite(mut call) = invite(LegId::next()) else { panic!() };
        call.headers.push(("Max-Forwards".to_owned(), given.to_owned()));
        solo.command(Command::Invite(call));
        let invite = solo.request(Method::Invite);
        assert_eq!(invite.headers.get_all("Max-Forwards").collect::<Vec<_>>(), [sent]);
    }
}

#[test]
fn s16_a_copy_of_an_invite_makes_one_call_and_a_merged_one_gets_482() {
    let mut solo = Solo::trunk();
    let invite = solo.peer_invite();
    solo.incoming(&invite);
    solo.receive(invite.clone());
    solo.response(100);
    let mut merged = invite;
    merged.headers.insert("Via", "SIP/2.0/TLS other.example.com;branch=z9hG4bKother");
    solo.receive(merged);
    solo.response(482);
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 1);
}

#[test]
fn s16_a_request_with_a_used_cseq_does_nothing() {
    let mut solo = Solo::phone();
    let (_, mut peer) = solo.answered();
    peer.cseq = 0;
    solo.receive(peer.request(Method::Bye));
    solo.response(500);
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 1);
}

#[test]
fn an_unknown_extension_gets_420() {
    let mut solo = Solo::trunk();
    let mut invite = solo.peer_invite();
    invite.headers.push("Require", "timer, 100rel, nothing");
    solo.receive(invite);
    assert_eq!(solo.response(420).headers.get("Unsupported"), Some("100rel, nothing"));
}

#[test]
fn a_body_we_cannot_read_gets_415_with_accept() {
    let mut solo = Solo::trunk();
    let mut invite = solo.peer_invite();
    invite.headers.insert("Content-Type", "text/plain");
    solo.receive(invite);
    assert_eq!(solo.response(415).headers.get("Accept"), Some("application/sdp"));
}

#[test]
fn a_foreign_uri_scheme_gets_416_and_a_tel_uri_is_a_number() {
    let mut solo = Solo::trunk();
    let mut invite = solo.peer_invite();
    invite.uri = uri("urn:service:sos");
    solo.receive(invite);
    solo.response(416);
    let mut invite = solo.peer_invite();
    invite.uri = uri("tel:+4930123");
    assert_eq!(solo.incoming(&invite).1.number, "+4930123");
}

#[test]
fn c42_replaces_of_an_unknown_dialog_gets_481() {
    let mut solo = Solo::trunk();
    let mut invite = solo.peer_invite();
    invite.headers.push("Replaces", "x;to-tag=1;from-tag=2");
    solo.receive(invite);
    solo.response(481);
}

#[test]
fn s06_the_callers_name_is_cleaned() {
    let mut solo = Solo::trunk();
    let mut invite = solo.peer_invite();
    invite.headers.insert("From", "\"A\u{202e}nn\u{200b}\" <sip:100@x>;tag=t");
    assert_eq!(solo.incoming(&invite).1.from.display_name.as_deref(), Some("Ann"));
}

#[test]
fn extra_headers_are_shown_but_not_the_protocols_own() {
    let mut solo = Solo::trunk();
    let mut invite = solo.peer_invite();
    invite.headers.push("X-Queue", "7");
    invite.headers.push("Authorization", "Bearer secret");
    let (_, invited) = solo.incoming(&invite);
    let shown = [("Max-Forwards", "69"), ("X-Queue", "7")];
    assert_eq!(invited.headers, shown.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn more_calls_than_a_phone_may_have_are_busy() {
    let mut solo = Solo::phone();
    for _ in 0..8 {
        let invite = solo.peer_invite();
        solo.incoming(&invite);
    }
    let invite = solo.peer_invite();
    solo.receive(invite);
    solo.response(486);
    solo.nothing();
}

#[test]
fn what_cannot_be_read_gets_400_if_it_can_be_answered() {
    let mut solo = Solo::phone();
    solo.receive(
        "INVITE sip:600@edge.example.com SIP/2.0
Via: SIP/2.0/WSS abc.invalid;branch=z9hG4bK1
To: <sip:600@edge.example.com>
From: <sip:100@edge.example.com>;tag=x
Call-ID: 1
CSeq: 1 INVITE
Content-Length: 999

",
    );
    solo.response(400);
    solo.receive("hello\n\n");
    solo.receive("\n\n");
    solo.nothing();
}

#[test]
fn c44_an_unacknowledged_200_is_sent_again_on_the_new_socket() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    let (leg, _) = solo.incoming(&invite);
    let now = solo.now;
    solo.agent.flow_lost(now);
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    solo.nothing();
    solo.agent.flow_replaced(now);
    solo.drain();
    let ok = solo.response(200);
    let ack = Peer::new(&invite, &ok).ack(1, None);
    solo.receive(ack);
    assert!(matches!(solo.event(), Event::Confirmed { .. }));
}
