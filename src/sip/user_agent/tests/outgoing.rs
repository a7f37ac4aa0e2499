//! Calls we place.

use super::super::*;
use super::support::*;
use crate::base::{Cause, LegId};
use crate::sip::message::Method;

fn hang_up(leg: LegId) -> Command {
    Command::Hangup { leg, cause: Cause::Normal }
}

#[test]
fn an_answered_call_is_acked_told_and_ended_by_bye() {
    let mut solo = Solo::trunk();
    let (leg, invite) = solo.place();
    assert!(invite.headers.call_id().unwrap().starts_with("RF-"));
    assert!(!invite.headers.is_supported("100rel"));
    solo.receive(respond(&invite, 180, "them"));
    assert!(matches!(solo.event(), Event::Rang { status: 180, sdp: None, .. }));
    solo.receive(answer(&invite, "them"));
    let ack = solo.request(Method::Ack);
    assert_eq!(ack.headers.get("CSeq"), Some("1 ACK"));
    match solo.event() {
        Event::Answered { sdp, .. } => assert_eq!(sdp, ANSWER.as_bytes()),
        other => panic!("{other:?}"),
    }
    solo.command(hang_up(leg));
    assert_eq!(solo.ended(), Cause::Normal);
    let bye = solo.request(Method::Bye);
    assert_eq!(bye.headers.get("CSeq"), Some("2 BYE"));
    assert_eq!(bye.headers.get("Reason"), Some("Q.850;cause=16;text=\"Call ended\""));
    assert_eq!(solo.agent.leg_count(), 1);
    solo.receive(respond(&bye, 200, ""));
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 0);
}

#[test]
fn c01_a_200_after_our_cancel_is_acked_then_byed_through_the_route_set() {
    let mut solo = Solo::trunk();
    let (leg, invite) = solo.place();
    solo.receive(respond(&invite, 180, "them"));
    solo.event();
    solo.command(hang_up(leg));
    assert_eq!(solo.ended(), Cause::Normal);
    solo.request(Method::Cancel);
    let mut ok = answer(&invite, "them");
    ok.headers.push("Record-Route", "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>");
    solo.receive(ok);
    let ack = solo.request(Method::Ack);
    let bye = solo.request(Method::Bye);
    for request in [&ack, &bye] {
        let routes: Vec<_> = request.headers.route().iter().map(ToString::to_string).collect();
        assert_eq!(routes, ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]);
        assert_eq!(request.uri.to_string(), "sip:them@192.0.2.7");
    }
    solo.nothing();
    solo.receive(respond(&bye, 200, ""));
    assert_eq!(solo.agent.leg_count(), 0);
}

#[test]
fn c02_an_early_dialog_is_cancelled_by_the_invites_own_to_and_branch() {
    let mut solo = Solo::trunk();
    let (leg, invite) = solo.place();
    solo.receive(with_sdp(respond(&invite, 183, "them"), ANSWER));
    solo.event();
    solo.command(hang_up(leg));
    let cancel = solo.request(Method::Cancel);
    assert_eq!(cancel.headers.to().unwrap().tag(), None);
    assert_eq!(cancel.headers.get("Via"), invite.headers.get("Via"));
    assert_eq!(cancel.headers.get("CSeq"), Some("1 CANCEL"));
    assert_eq!(cancel.uri, invite.uri);
    solo.receive(respond(&cancel, 200, "them"));
    solo.receive(respond(&invite, 487, "them"));
    solo.request(Method::Ack);
    assert_eq!(solo.ended(), Cause::Normal);
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 0);
}

#[test]
fn c06_the_phones_that_lost_are_told_the_call_was_answered_elsewhere() {
    let mut solo = Solo::phone();
    let (leg, invite) = solo.place();
    solo.receive(respond(&invite, 180, "them"));
    solo.command(Command::Hangup { leg, cause: Cause::AnsweredElsewhere });
    let cancel = solo.request(Method::Cancel);
    let reason = cancel.headers.get("Reason");
    assert_eq!(reason, Some("SIP;cause=200;text=\"Call completed elsewhere\""));
}

#[test]
fn c07_crossing_byes_both_get_200() {
    let mut solo = Solo::trunk();
    let (leg, answered) = solo.call();
    solo.command(hang_up(leg));
    let bye = solo.request(Method::Bye);
    solo.receive(answered.peer().request(Method::Bye));
    solo.response(200);
    solo.receive(respond(&bye, 200, ""));
    assert_eq!(solo.ended(), Cause::Normal);
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 0);
    solo.receive(answered.peer().request(Method::Bye));
    solo.response(481);
}

#[test]
fn c08_cancel_waits_for_the_first_provisional_response() {
    let mut solo = Solo::trunk();
    let (leg, invite) = solo.place();
    solo.command(hang_up(leg));
    assert_eq!(solo.ended(), Cause::Normal);
    solo.nothing();
    solo.receive(respond(&invite, 100, ""));
    solo.request(Method::Cancel);
    solo.receive(respond(&invite, 180, "them"));
    solo.nothing();
}

#[test]
fn c08_no_cancel_follows_a_final_response() {
    let mut solo = Solo::trunk();
    let (leg, invite) = solo.place();
    solo.command(hang_up(leg));
    solo.ended();
    solo.receive(respond(&invite, 486, "them"));
    solo.request(Method::Ack);
    solo.wait(seconds(60));
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 0);
}

#[test]
fn c08_a_hangup_that_nobody_ever_answers_ends_by_timer_b() {
    let mut solo = Solo::trunk();
    let (leg, _) = solo.place();
    solo.command(hang_up(leg));
    solo.ended();
    solo.wait(seconds(33));
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 0);
    assert_eq!(solo.agent.poll_timeout(), None);
}

#[test]
fn a_cancel_without_a_final_response_is_given_up_after_64_t1() {
    let mut solo = Solo::trunk();
    let (leg, invite) = solo.place();
    solo.receive(respond(&invite, 180, "them"));
    solo.event();
    solo.command(hang_up(leg));
    let cancel = solo.request(Method::Cancel);
    solo.receive(respond(&cancel, 200, "them"));
    solo.ended();
    assert_eq!(solo.agent.leg_count(), 1);
    solo.wait(seconds(33));
    assert_eq!(solo.agent.leg_count(), 0);
    assert_eq!(solo.agent.poll_timeout(), None);
}

#[test]
fn c09_two_answers_are_both_acked_and_the_loser_gets_bye() {
    let mut solo = Solo::trunk();
    let (leg, invite) = solo.place();
    solo.receive(answer(&invite, "a"));
    solo.request(Method::Ack);
    solo.event();
    solo.receive(answer(&invite, "b"));
    let ack = solo.request(Method::Ack);
    let bye = solo.request(Method::Bye);
    for request in [&ack, &bye] {
        assert_eq!(request.headers.to().unwrap().tag(), Some("b"));
        assert_eq!(request.uri.to_string(), "sip:b@192.0.2.7");
    }
    solo.nothing();
    solo.command(hang_up(leg));
    assert_eq!(solo.request(Method::Bye).headers.to().unwrap().tag(), Some("a"));
}

#[test]
fn c10_ack_and_bye_carry_the_tag_that_answered_not_the_one_that_rang() {
    let mut solo = Solo::trunk();
    let (leg, invite) = solo.place();
    solo.receive(respond(&invite, 180, "a"));
    solo.receive(answer(&invite, "b"));
    assert_eq!(solo.request(Method::Ack).headers.to().unwrap().tag(), Some("b"));
    solo.command(hang_up(leg));
    assert_eq!(solo.request(Method::Bye).headers.to().unwrap().tag(), Some("b"));
}

#[test]
fn c11_early_media_of_one_callee_and_the_answer_of_another_are_both_told() {
    let mut solo = Solo::trunk();
    let (_, invite) = solo.place();
    solo.receive(with_sdp(respond(&invite, 183, "a"), OFFER));
    solo.receive(answer(&invite, "b"));
    assert!(
        matches!(solo.event(), Event::Rang { status: 183, sdp: Some(sdp), .. } if sdp == OFFER.as_bytes())
    );
    assert!(matches!(solo.event(), Event::Answered { sdp, .. } if sdp == ANSWER.as_bytes()));
}

#[test]
fn the_answer_of_a_183_stands_in_for_a_200_without_sdp() {
    let mut solo = Solo::trunk();
    let (_, invite) = solo.place();
    solo.receive(with_sdp(respond(&invite, 183, "a"), ANSWER));
    solo.event();
    solo.receive(respond(&invite, 200, "a"));
    assert!(matches!(solo.event(), Event::Answered { sdp, .. } if sdp == ANSWER.as_bytes()));
}

#[test]
fn an_answer_without_any_sdp_is_ended_and_rejected() {
    let mut solo = Solo::trunk();
    let (_, invite) = solo.place();
    solo.receive(respond(&invite, 200, "a"));
    solo.request(Method::Ack);
    solo.request(Method::Bye);
    assert!(matches!(solo.event(), Event::Rejected { status: 488, .. }));
    solo.nothing();
}

fn reliable(mut response: crate::sip::Response, rseq: u32) -> crate::sip::Response {
    response.headers.push("Require", "100rel");
    response.headers.push("RSeq", rseq.to_string());
    response
}

#[test]
fn c12_each_early_dialog_gets_its_own_prack() {
    let mut solo = Solo::trunk();
    let (_, invite) = solo.place();
    for tag in ["a", "b"] {
        solo.receive(reliable(respond(&invite, 180, tag), 7));
        let prack = solo.request(Method::Prack);
        assert_eq!(prack.headers.get("RAck"), Some("7 1 INVITE"));
        assert_eq!(prack.headers.to().unwrap().tag(), Some(tag));
        assert_eq!(prack.uri.to_string(), format!("sip:{tag}@192.0.2.7"));
        solo.event();
    }
}

#[test]
fn c13_prack_is_sent_once_per_rseq_and_bye_goes_on_counting() {
    let mut solo = Solo::trunk();
    let (leg, invite) = solo.place();
    solo.receive(reliable(with_sdp(respond(&invite, 183, "a"), ANSWER), 1));
    assert_eq!(solo.request(Method::Prack).headers.get("CSeq"), Some("2 PRACK"));
    solo.receive(reliable(with_sdp(respond(&invite, 183, "a"), ANSWER), 1));
    assert!(solo.sent.is_empty());
    solo.receive(respond(&invite, 180, "a"));
    assert!(solo.sent.is_empty());
    assert_eq!(solo.events.len(), 2);
    solo.receive(answer(&invite, "a"));
    assert_eq!(solo.request(Method::Ack).headers.get("CSeq"), Some("1 ACK"));
    solo.command(hang_up(leg));
    assert_eq!(solo.request(Method::Bye).headers.get("CSeq"), Some("3 BYE"));
}

#[test]
fn c16_each_copy_of_a_200_gets_the_same_ack_even_after_a_reinvite_or_bye() {
    let mut solo = Solo::trunk();
    let (leg, invite) = solo.place();
    solo.receive(answer(&invite, "a"));
    let ack = solo.request(Method::Ack);
    solo.event();
    solo.command(Command::ReOffer { leg, sdp: OFFER.into() });
    solo.request(Method::Invite);
    solo.receive(answer(&invite, "a"));
    assert_eq!(solo.request(Method::Ack), ack);
    solo.command(hang_up(leg));
    solo.request(Method::Bye);
    solo.ended();
    solo.receive(answer(&invite, "a"));
    assert_eq!(solo.request(Method::Ack), ack);
    solo.nothing();
}

#[test]
fn c18_the_ack_goes_to_the_contact_of_the_answer() {
    let mut solo = Solo::trunk();
    let (_, answered) = solo.call();
    assert_eq!(answered.ack.uri.to_string(), "sip:them@192.0.2.7");
}

#[test]
fn a_strict_router_gets_the_request_uri() {
    let mut solo = Solo::trunk();
    let (_, invite) = solo.place();
    let mut ok = answer(&invite, "a");
    ok.headers.push("Record-Route", "<sip:loose.example.com;lr=on>");
    ok.headers.push("Record-Route", "<sip:strict.example.com>");
    solo.receive(ok);
    let ack = solo.request(Method::Ack);
    assert_eq!(ack.uri.to_string(), "sip:strict.example.com");
    let routes: Vec<_> = ack.headers.route().iter().map(ToString::to_string).collect();
    assert_eq!(routes, ["<sip:loose.example.com;lr=on>", "<sip:a@192.0.2.7>"]);
}

#[test]
fn a_refusal_or_a_redirection_rejects_the_call_in_clean_words() {
    for status in [302, 404, 486, 500, 603] {
        let mut solo = Solo::trunk();
        let (_, invite) = solo.place();
        let mut refusal = respond(&invite, status, "a");
        refusal.reason = "Go \u{202e}away".to_owned();
        solo.receive(refusal);
        solo.request(Method::Ack);
        match solo.event() {
            Event::Rejected { status: told, reason, .. } => {
                assert_eq!((told, reason.as_str()), (status, "Go away"));
            }
            other => panic!("{other:?}"),
        }
        solo.nothing();
        assert_eq!(solo.agent.leg_count(), 0);
    }
}

#[test]
fn silence_rejects_the_call_with_408() {
    let mut solo = Solo::trunk();
    solo.place();
    solo.wait(seconds(31));
    solo.nothing();
    solo.wait(seconds(2));
    assert!(matches!(solo.event(), Event::Rejected { status: 408, .. }));
    assert_eq!(solo.agent.leg_count(), 0);
}

#[test]
fn c43_bye_to_an_invalid_contact_goes_over_the_flow_as_it_is() {
    let mut solo = Solo::phone();
    let (leg, invite) = solo.place();
    let mut ok = answer(&invite, "a");
    ok.headers.insert("Contact", "<sip:x@abc.invalid;transport=ws>");
    solo.receive(ok);
    solo.request(Method::Ack);
    solo.command(hang_up(leg));
    assert_eq!(solo.request(Method::Bye).uri.to_string(), "sip:x@abc.invalid;transport=ws");
}

#[test]
fn c44_a_call_that_rings_goes_on_over_the_new_socket() {
    let mut solo = Solo::phone();
    let (_, invite) = solo.place();
    solo.receive(respond(&invite, 180, "a"));
    solo.event();
    let now = solo.now;
    solo.agent.flow_lost(now);
    solo.wait(seconds(3));
    solo.nothing();
    let now = solo.now;
    solo.agent.flow_replaced(now);
    solo.drain();
    assert_eq!(solo.request(Method::Invite), invite);
    solo.receive(answer(&invite, "a"));
    solo.request(Method::Ack);
    assert!(matches!(solo.event(), Event::Answered { .. }));
}

#[test]
fn c44_a_hangup_while_the_socket_is_away_is_sent_when_it_is_back() {
    let mut solo = Solo::phone();
    let (leg, _) = solo.call();
    let now = solo.now;
    solo.agent.flow_lost(now);
    solo.command(hang_up(leg));
    assert_eq!(solo.ended(), Cause::Normal);
    solo.nothing();
    solo.agent.flow_replaced(now);
    solo.drain();
    solo.request(Method::Bye);
}

#[test]
fn c45_a_call_to_a_lost_socket_is_rejected_at_once() {
    let mut solo = Solo::phone();
    let now = solo.now;
    solo.agent.flow_lost(now);
    solo.command(invite(LegId::next()));
    assert!(matches!(solo.event(), Event::Rejected { status: 480, .. }));
    solo.nothing();
}

#[test]
fn c58_an_extra_header_is_never_one_of_ours() {
    let mut solo = Solo::trunk();
    let Command::Invite(mut call) = invite(LegId::next()) else { panic!() };
    let extra = [
        ("X-Queue", "7"),
        ("v", "SIP/2.0/UDP evil"),
        ("contact", "<sip:evil>"),
        ("X-B", "a\r\nVia: b"),
    ];
    call.headers = extra.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    solo.command(Command::Invite(call));
    let invite = solo.request(Method::Invite);
    assert_eq!(invite.headers.get("X-Queue"), Some("7"));
    assert_eq!(invite.headers.vias().len(), 1);
    assert_eq!(invite.headers.contacts().unwrap().len(), 1);
    assert!(!invite.headers.contains("X-B"));
}

#[test]
fn sips_is_hidden_from_phones() {
    let mut solo = Solo::phone();
    let Command::Invite(mut call) = invite(LegId::next()) else { panic!() };
    call.to = address("<sips:100@edge.example.com>");
    call.from = address("<sips:600@edge.example.com>");
    call.request_uri = uri("sips:abc@abc.invalid");
    solo.command(Command::Invite(call));
    let invite = solo.request(Method::Invite);
    assert!(invite.headers.get("To").unwrap().starts_with("<sip:"));
    assert!(invite.headers.get("From").unwrap().starts_with("<sip:"));
    assert_eq!(invite.uri.to_string(), "sip:abc@abc.invalid");
}

#[test]
fn more_calls_than_the_flow_may_have_are_rejected() {
    let mut solo = Solo::trunk();
    for _ in 0..8 {
        solo.place();
    }
    solo.command(invite(LegId::next()));
    assert!(matches!(solo.event(), Event::Rejected { status: 503, .. }));
    solo.nothing();
}

#[test]
fn shutting_down_ends_every_leg_once() {
    let mut solo = Solo::trunk();
    solo.call();
    let (_, ringing) = solo.place();
    solo.receive(respond(&ringing, 180, "b"));
    solo.event();
    solo.place();
    let now = solo.now;
    solo.agent.shut_down(now, Cause::Stopping);
    solo.drain();
    for _ in 0..3 {
        assert_eq!(solo.ended(), Cause::Stopping);
    }
    assert!(solo.events.is_empty());
    solo.request(Method::Bye);
    solo.request(Method::Cancel);
    solo.wait(seconds(70));
    assert_eq!(solo.agent.leg_count(), 0);
    assert!(solo.events.is_empty());
}
