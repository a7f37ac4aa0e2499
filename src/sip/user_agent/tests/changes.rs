//! Requests inside an answered call: offers, refreshes, key presses.

use super::super::*;
use super::support::*;
use crate::base::{Cause, LegId};
use crate::sip::message::Method;
use std::time::Duration;

fn re_offer(leg: LegId) -> Command {
    Command::ReOffer { leg, sdp: OFFER.into() }
}

#[test]
fn c14_a_late_prack_gets_200() {
    let mut solo = Solo::phone();
    let (_, mut peer) = solo.answered();
    solo.receive(peer.request(Method::Prack));
    solo.response(200);
    solo.nothing();
}

#[test]
fn c17_the_ack_of_our_reinvite_has_its_number() {
    let mut solo = Solo::trunk();
    let (leg, _) = solo.call();
    solo.command(re_offer(leg));
    let invite = solo.request(Method::Invite);
    assert_eq!(invite.headers.get("CSeq"), Some("2 INVITE"));
    let mut ok = answer(&invite, "");
    ok.headers.insert("Contact", "<sip:moved@192.0.2.8>");
    solo.receive(ok);
    let ack = solo.request(Method::Ack);
    assert_eq!(ack.headers.get("CSeq"), Some("2 ACK"));
    assert_eq!(ack.uri.to_string(), "sip:moved@192.0.2.8");
    assert!(matches!(solo.event(), Event::ReAnswered { .. }));
    solo.command(Command::Hangup { leg, cause: Cause::Normal });
    let bye = solo.request(Method::Bye);
    assert_eq!(bye.uri.to_string(), "sip:moved@192.0.2.8");
    assert_eq!(bye.headers.get("CSeq"), Some("3 BYE"));
}

#[test]
fn c17_a_wrong_number_in_the_ack_of_a_reinvite_is_tolerated() {
    let mut solo = Solo::phone();
    let (leg, mut peer) = solo.answered();
    solo.receive(peer.offer(Method::Invite, OFFER));
    solo.response(100);
    solo.event();
    solo.command(Command::ReAnswer { leg, sdp: ANSWER.into() });
    solo.response(200);
    solo.receive(peer.ack(1, None));
    solo.wait(seconds(40));
    solo.nothing();
}

#[test]
fn c19_a_reinvite_whose_200_is_never_acked_ends_the_call() {
    let mut solo = Solo::phone();
    let (leg, mut peer) = solo.answered();
    solo.receive(peer.offer(Method::Invite, OFFER));
    solo.response(100);
    solo.event();
    solo.command(Command::ReAnswer { leg, sdp: ANSWER.into() });
    solo.wait(seconds(33));
    assert_eq!(solo.ended(), Cause::SignalingLost);
}

#[test]
fn c20_crossing_reinvites_get_491_and_ours_is_tried_again_in_its_own_band() {
    for (is_caller, band) in [(true, 2100..=4000), (false, 0..=2000)] {
        let mut solo = Solo::trunk();
        let (leg, mut peer) = if is_caller {
            let (leg, answered) = solo.call();
            (leg, answered.peer())
        } else {
            solo.answered()
        };
        solo.command(re_offer(leg));
        let ours = solo.request(Method::Invite);
        solo.receive(peer.offer(Method::Invite, OFFER));
        solo.response(491);
        solo.receive(respond(&ours, 491, ""));
        solo.request(Method::Ack);
        solo.nothing();
        let began = solo.now;
        while solo.sent.is_empty() {
            solo.wait(Duration::from_millis(10));
        }
        let waited = (solo.now - began).as_millis();
        assert!(band.contains(&waited) || waited == band.end() + 10, "{waited}");
        let again = solo.request(Method::Invite);
        assert_ne!(again.headers.via(), ours.headers.via());
        solo.receive(answer(&again, ""));
        solo.request(Method::Ack);
        assert!(matches!(solo.event(), Event::ReAnswered { .. }));
    }
}

#[test]
fn c20_a_peer_that_never_stops_crossing_is_told_to_the_engine() {
    let mut solo = Solo::trunk();
    let (leg, _) = solo.call();
    solo.command(re_offer(leg));
    for _ in 0..5 {
        let ours = solo.request(Method::Invite);
        solo.receive(respond(&ours, 491, ""));
        solo.request(Method::Ack);
        solo.wait(seconds(5));
    }
    assert!(matches!(solo.event(), Event::ReRejected { status: 491, .. }));
    solo.nothing();
}

#[test]
fn c21_a_second_invite_before_the_final_of_the_first_gets_500_with_retry_after() {
    let mut solo = Solo::phone();
    let invite = solo.peer_invite();
    let (leg, _) = solo.incoming(&invite);
    solo.command(Command::Ring { leg, sdp: None });
    let mut peer = Peer::new(&invite, &solo.response(180));
    solo.receive(peer.offer(Method::Invite, OFFER));
    let busy = solo.response(500);
    assert!(busy.headers.seconds("Retry-After").unwrap() <= 10);
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    solo.response(200);
    solo.receive(peer.ack(1, None));
    solo.event();
    for status in [100, 500] {
        solo.receive(peer.offer(Method::Invite, OFFER));
        solo.response(status);
    }
    assert!(matches!(solo.event(), Event::ReOffered { .. }));
    solo.nothing();
}

#[test]
fn c22_our_offer_waits_while_the_peers_is_open() {
    let mut solo = Solo::phone();
    let (leg, mut peer) = solo.answered();
    solo.receive(peer.offer(Method::Invite, OFFER));
    solo.response(100);
    solo.event();
    solo.command(re_offer(leg));
    solo.nothing();
    solo.command(Command::ReAnswer { leg, sdp: ANSWER.into() });
    solo.response(200);
    solo.nothing();
    let cseq = peer.cseq;
    solo.receive(peer.ack(cseq, None));
    solo.request(Method::Invite);
}

#[test]
fn c22_a_reinvite_after_a_491_is_processed() {
    let mut solo = Solo::phone();
    let (leg, mut peer) = solo.answered();
    solo.command(re_offer(leg));
    let ours = solo.request(Method::Invite);
    solo.receive(peer.offer(Method::Invite, OFFER));
    solo.response(491);
    solo.receive(answer(&ours, ""));
    solo.request(Method::Ack);
    solo.event();
    solo.receive(peer.offer(Method::Invite, OFFER));
    solo.response(100);
    assert!(matches!(solo.event(), Event::ReOffered { sdp: Some(_), .. }));
}

#[test]
fn c23_a_reinvite_and_an_update_with_sdp_are_offers_that_are_answered() {
    for method in [Method::Invite, Method::Update] {
        let mut solo = Solo::phone();
        let (leg, mut peer) = solo.answered();
        solo.receive(peer.offer(method.clone(), OFFER));
        if method == Method::Invite {
            solo.response(100);
        }
        assert!(matches!(solo.event(), Event::ReOffered { sdp: Some(_), .. }));
        solo.command(Command::ReAnswer { leg, sdp: ANSWER.into() });
        assert_eq!(solo.response(200).body, ANSWER.as_bytes());
        if method == Method::Invite {
            let cseq = peer.cseq;
            solo.receive(peer.ack(cseq, None));
        }
        solo.wait(seconds(40));
        solo.nothing();
    }
}

#[test]
fn a_refused_offer_leaves_the_call_as_it_was() {
    let mut solo = Solo::phone();
    let (leg, mut peer) = solo.answered();
    solo.receive(peer.offer(Method::Invite, OFFER));
    solo.response(100);
    solo.event();
    solo.command(Command::ReReject { leg, status: 488 });
    solo.response(488);
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 1);
}

#[test]
fn c24_a_reinvite_without_sdp_gets_our_offer_and_the_ack_answers_it() {
    let mut solo = Solo::trunk();
    let (leg, answered) = solo.call();
    let mut peer = answered.peer();
    solo.receive(peer.request(Method::Invite));
    solo.response(100);
    assert!(matches!(solo.event(), Event::ReOffered { sdp: None, .. }));
    solo.command(Command::ReAnswer { leg, sdp: OFFER.into() });
    assert_eq!(solo.response(200).body, OFFER.as_bytes());
    let cseq = peer.cseq;
    solo.receive(peer.ack(cseq, Some(ANSWER)));
    assert!(matches!(solo.event(), Event::Confirmed { sdp: Some(_), .. }));
}

#[test]
fn c26_a_refresh_with_the_same_sdp_is_an_offer_like_any_other() {
    let mut solo = Solo::phone();
    let (leg, mut peer) = solo.answered();
    for _ in 0..3 {
        solo.receive(peer.offer(Method::Invite, OFFER));
        solo.response(100);
        solo.event();
        solo.command(Command::ReAnswer { leg, sdp: ANSWER.into() });
        solo.response(200);
        let cseq = peer.cseq;
        solo.receive(peer.ack(cseq, None));
        solo.nothing();
    }
}

#[test]
fn a_cancelled_reinvite_gets_487_and_the_call_lives() {
    let mut solo = Solo::phone();
    let (leg, mut peer) = solo.answered();
    let invite = peer.offer(Method::Invite, OFFER);
    solo.receive(invite.clone());
    solo.response(100);
    solo.event();
    solo.receive(cancel(&invite));
    solo.response(200);
    solo.response(487);
    solo.command(Command::ReAnswer { leg, sdp: ANSWER.into() });
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 1);
}

#[test]
fn a_hangup_refuses_the_open_offer_of_the_peer_first() {
    let mut solo = Solo::phone();
    let (leg, mut peer) = solo.answered();
    solo.receive(peer.offer(Method::Invite, OFFER));
    solo.response(100);
    solo.event();
    solo.command(Command::Hangup { leg, cause: Cause::Normal });
    solo.response(487);
    solo.request(Method::Bye);
}

#[test]
fn an_answer_to_our_reinvite_after_our_bye_is_acked_without_a_second_bye() {
    let mut solo = Solo::trunk();
    let (leg, _) = solo.call();
    solo.command(re_offer(leg));
    let invite = solo.request(Method::Invite);
    solo.command(Command::Hangup { leg, cause: Cause::Normal });
    solo.ended();
    solo.request(Method::Bye);
    solo.receive(answer(&invite, ""));
    solo.request(Method::Ack);
    solo.nothing();
}

#[test]
fn c27_too_small_an_interval_gets_422_with_min_se() {
    let mut solo = Solo::phone();
    let mut invite = solo.peer_invite();
    invite.headers.push("Supported", "timer");
    invite.headers.push("Session-Expires", "60");
    solo.receive(invite);
    assert_eq!(solo.response(422).headers.get("Min-SE"), Some("90"));
    solo.nothing();
}

/// A call whose INVITE asked for a session timer.
fn timed(solo: &mut Solo, wish: &str) -> (LegId, Peer, crate::sip::Response) {
    let mut invite = solo.peer_invite();
    invite.headers.push("Supported", "timer");
    invite.headers.push("Session-Expires", wish);
    let (leg, _) = solo.incoming(&invite);
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    let ok = solo.response(200);
    let mut peer = Peer::new(&invite, &ok);
    let ack = peer.ack(1, None);
    solo.receive(ack);
    solo.event();
    (leg, peer, ok)
}

#[test]
fn c27_jssip_refreshes_by_update_and_ends_when_it_stops() {
    let mut solo = Solo::phone();
    let (_, mut peer, ok) = timed(&mut solo, "90");
    assert_eq!(ok.headers.get("Session-Expires"), Some("90;refresher=uac"));
    assert_eq!(ok.headers.require(), ["timer"]);
    for _ in 0..5 {
        solo.wait(seconds(45));
        let mut update = peer.request(Method::Update);
        update.headers.push("Supported", "timer");
        update.headers.push("Session-Expires", "90;refresher=uac");
        solo.receive(update);
        let ok = solo.response(200);
        assert_eq!(ok.headers.get("Session-Expires"), Some("90;refresher=uac"));
        assert!(ok.headers.contains("Contact"));
    }
    solo.nothing();
    solo.wait(seconds(91));
    assert_eq!(solo.ended(), Cause::SignalingLost);
    solo.request(Method::Bye);
}

#[test]
fn c27_we_refresh_when_asked_to_and_the_expiry_bye_has_its_own_number() {
    let mut solo = Solo::trunk();
    timed(&mut solo, "1800;refresher=uas");
    solo.wait(seconds(901));
    let update = solo.request(Method::Update);
    assert_eq!(update.headers.get("Session-Expires"), Some("1800;refresher=uac"));
    let mut ok = respond(&update, 200, "");
    ok.headers.push("Session-Expires", "1800;refresher=uac");
    solo.receive(ok);
    solo.nothing();
    solo.wait(seconds(900));
    let update = solo.request(Method::Update);
    assert_eq!(update.headers.get("CSeq"), Some("2 UPDATE"));
    // Nobody answers: the dialog is gone.
    solo.wait(seconds(33));
    assert_eq!(solo.ended(), Cause::SignalingLost);
    assert_eq!(solo.request(Method::Bye).headers.get("CSeq"), Some("3 BYE"));
}

#[test]
fn c28_only_408_and_481_end_the_call() {
    for (status, is_end) in
        [(408, true), (481, true), (500, false), (404, false), (503, false), (401, false)]
    {
        let mut solo = Solo::trunk();
        let (leg, _) = solo.call();
        solo.command(re_offer(leg));
        let invite = solo.request(Method::Invite);
        solo.receive(respond(&invite, status, ""));
        solo.request(Method::Ack);
        if is_end {
            assert_eq!(solo.ended(), Cause::SignalingLost);
            solo.request(Method::Bye);
        } else {
            assert!(
                matches!(solo.event(), Event::ReRejected { status: told, .. } if told == status)
            );
        }
        solo.nothing();
    }
}

#[test]
fn c36_each_digit_by_info_is_told_once_and_answered() {
    let mut solo = Solo::phone();
    let (_, mut peer) = solo.answered();
    let relay = peer.info("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n");
    let plain = peer.info("application/dtmf", "#");
    for info in [&relay, &plain] {
        solo.receive(info.clone());
        solo.response(200);
    }
    // A copy the transaction has forgotten, with the old number.
    solo.receive(relay);
    solo.response(500);
    let told: Vec<_> = solo.events.drain(..).collect();
    assert!(matches!(told[0], Event::Dtmf { digit: '5', duration_ms: 160, .. }));
    assert!(matches!(told[1], Event::Dtmf { digit: '#', .. }));
    assert_eq!(told.len(), 2);
}

#[test]
fn c36_an_info_we_cannot_read_gets_415_or_400() {
    let mut solo = Solo::phone();
    let (_, mut peer) = solo.answered();
    solo.receive(peer.info("application/media_control+xml", "<x/>"));
    assert!(solo.response(415).headers.get("Accept").unwrap().contains("dtmf-relay"));
    solo.receive(peer.info("application/dtmf-relay", "Signal=55"));
    solo.response(400);
    solo.receive(peer.request(Method::Info));
    solo.response(200);
    solo.nothing();
}

#[test]
fn c36_our_digits_go_out_as_dtmf_relay() {
    let mut solo = Solo::trunk();
    let (leg, _) = solo.call();
    solo.command(Command::SendDtmf { leg, digit: '*', duration_ms: 250 });
    let info = solo.request(Method::Info);
    assert_eq!(info.headers.content_type().as_deref(), Some("application/dtmf-relay"));
    assert_eq!(info.body, b"Signal=*\r\nDuration=250\r\n");
    solo.receive(respond(&info, 200, ""));
    solo.nothing();
}

#[test]
fn c38_a_refer_is_declined_and_the_call_lives() {
    let mut solo = Solo::phone();
    let (_, mut peer) = solo.answered();
    let mut refer = peer.request(Method::Refer);
    refer.headers.push("Refer-To", "<sip:700@edge.example.com>");
    solo.receive(refer);
    solo.response(603);
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 1);
}

#[test]
fn a_reinvite_that_shows_the_ack_was_lost_is_taken() {
    let mut solo = Solo::lossy();
    let invite = solo.peer_invite();
    let (leg, _) = solo.incoming(&invite);
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    let mut peer = Peer::new(&invite, &solo.response(200));
    solo.receive(peer.offer(Method::Invite, OFFER));
    solo.response(100);
    assert!(matches!(solo.event(), Event::Confirmed { .. }));
    assert!(matches!(solo.event(), Event::ReOffered { .. }));
}
