//! Digest, both ways.

use super::super::auth::InviteChallenge;
use super::super::*;
use super::support::*;
use crate::base::{Cause, Secret};
use crate::sip::digest::{
    ChallengedBy, Credentials, DigestClient, DigestServer, challenges, choose,
};
use crate::sip::message::{Method, Request, Response};

fn trunk_with_account() -> Solo {
    let mut config = config(Transport::Tls, PeerKind::Trunk, 3);
    let password = Secret::new("open sesame");
    config.credentials = Some(Credentials { user: "edge".to_owned(), password, realm: None });
    Solo::new(config)
}

fn challenge(request: &Request, status: u16, values: &[&str]) -> Response {
    let mut response = respond(request, status, "proxy");
    let name = if status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
    for value in values {
        response.headers.push(name, value);
    }
    response
}

const MD5: &str = "Digest realm=\"pbx\", nonce=\"n1\", algorithm=MD5, qop=\"auth,auth-int\"";
const SHA256: &str = "Digest realm=\"pbx\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"";

#[test]
fn c49_a_challenged_invite_is_sent_again_with_the_strongest_answer() {
    let mut solo = trunk_with_account();
    let (_, invite) = solo.place();
    solo.receive(respond(&invite, 100, ""));
    solo.receive(challenge(&invite, 401, &[SHA256, MD5]));
    solo.request(Method::Ack);
    let again = solo.request(Method::Invite);
    assert_eq!(again.headers.call_id(), invite.headers.call_id());
    assert_eq!(again.headers.get("From"), invite.headers.get("From"));
    assert_eq!(again.headers.get("CSeq"), Some("2 INVITE"));
    assert_ne!(again.headers.via(), invite.headers.via());
    assert_eq!(again.body, invite.body);
    let proof = again.headers.get("Authorization").unwrap();
    assert!(proof.contains("algorithm=SHA-256") && proof.contains("nonce=\"n2\""), "{proof}");
    solo.receive(answer(&again, "them"));
    let ack = solo.request(Method::Ack);
    assert_eq!(ack.headers.get("CSeq"), Some("2 ACK"));
    assert_eq!(ack.headers.get("Authorization"), Some(proof));
    assert!(matches!(solo.event(), Event::Answered { .. }));
}

#[test]
fn c49_a_proxy_and_a_server_may_challenge_one_after_the_other() {
    let mut solo = trunk_with_account();
    let (_, invite) = solo.place();
    solo.receive(challenge(&invite, 407, &[MD5]));
    solo.request(Method::Ack);
    let second = solo.request(Method::Invite);
    assert!(second.headers.contains("Proxy-Authorization"));
    solo.receive(challenge(&second, 401, &[MD5]));
    solo.request(Method::Ack);
    let third = solo.request(Method::Invite);
    assert!(third.headers.contains("Proxy-Authorization"));
    assert!(third.headers.contains("Authorization"));
    assert_eq!(third.headers.get("CSeq"), Some("3 INVITE"));
}

#[test]
fn c13_after_a_407_prack_names_the_new_invite() {
    let mut solo = trunk_with_account();
    let (_, invite) = solo.place();
    solo.receive(challenge(&invite, 407, &[MD5]));
    solo.request(Method::Ack);
    let again = solo.request(Method::Invite);
    let mut ringing = respond(&again, 180, "a");
    ringing.headers.push("Require", "100rel");
    ringing.headers.push("RSeq", "9");
    solo.receive(ringing);
    assert_eq!(solo.request(Method::Prack).headers.get("RAck"), Some("9 2 INVITE"));
}

#[test]
fn a_wrong_password_is_given_once() {
    let mut solo = trunk_with_account();
    let (_, invite) = solo.place();
    solo.receive(challenge(&invite, 401, &[MD5]));
    solo.request(Method::Ack);
    let again = solo.request(Method::Invite);
    let other = MD5.replace("n1", "n9");
    solo.receive(challenge(&again, 401, &[&other]));
    solo.request(Method::Ack);
    assert!(matches!(solo.event(), Event::Rejected { status: 401, .. }));
    solo.nothing();
}

#[test]
fn a_stale_nonce_is_answered_again_but_never_the_same_one_twice() {
    let mut solo = trunk_with_account();
    let (_, mut invite) = solo.place();
    let stale = format!("{MD5}, stale=TRUE");
    for nonce in ["n1", "n3"] {
        solo.receive(challenge(&invite, 401, &[&stale.replace("n1", nonce)]));
        solo.request(Method::Ack);
        invite = solo.request(Method::Invite);
        assert!(invite.headers.get("Authorization").unwrap().contains(nonce));
    }
    solo.receive(challenge(&invite, 401, &[&stale.replace("n1", "n3")]));
    solo.request(Method::Ack);
    assert!(matches!(solo.event(), Event::Rejected { status: 401, .. }));
}

#[test]
fn without_an_account_a_challenge_rejects_the_call() {
    let mut solo = Solo::trunk();
    let (_, invite) = solo.place();
    solo.receive(challenge(&invite, 407, &[MD5]));
    solo.request(Method::Ack);
    assert!(matches!(solo.event(), Event::Rejected { status: 407, .. }));
    solo.nothing();
}

#[test]
fn a_challenge_after_a_hangup_ends_the_call_unanswered() {
    let mut solo = trunk_with_account();
    let (leg, invite) = solo.place();
    solo.command(Command::Hangup { leg, cause: Cause::Normal });
    solo.ended();
    solo.receive(challenge(&invite, 401, &[MD5]));
    solo.request(Method::Ack);
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 0);
}

#[test]
fn a_request_inside_a_dialog_never_carries_our_password() {
    let mut solo = trunk_with_account();
    let (leg, _) = solo.call();
    solo.command(Command::ReOffer { leg, sdp: OFFER.into() });
    let reinvite = solo.request(Method::Invite);
    assert!(!reinvite.headers.contains("Authorization"));
    solo.receive(challenge(&reinvite, 401, &[MD5]));
    solo.request(Method::Ack);
    assert!(matches!(solo.event(), Event::ReRejected { status: 401, .. }));
    solo.command(Command::Hangup { leg, cause: Cause::Normal });
    let bye = solo.request(Method::Bye);
    solo.ended();
    solo.receive(challenge(&bye, 407, &[MD5]));
    solo.nothing();
    assert_eq!(solo.agent.leg_count(), 0);
}

#[test]
fn the_realm_is_pinned_by_the_first_success() {
    let mut solo = trunk_with_account();
    let (_, invite) = solo.place();
    solo.receive(challenge(&invite, 401, &[MD5]));
    solo.request(Method::Ack);
    let again = solo.request(Method::Invite);
    solo.receive(answer(&again, "them"));
    solo.request(Method::Ack);
    solo.event();
    let (_, invite) = solo.place();
    let evil = MD5.replace("pbx", "evil");
    solo.receive(challenge(&invite, 407, &[&evil]));
    solo.request(Method::Ack);
    assert!(matches!(solo.event(), Event::Rejected { status: 407, .. }));
    solo.nothing();
}

fn listener() -> Solo {
    let mut solo = Solo::trunk();
    let mut config = config(Transport::Tls, PeerKind::Trunk, 4);
    config.challenge = Some(InviteChallenge {
        server: DigestServer::new(solo.now, "ringfence", ChallengedBy::Server, [7; 32]),
        user: "pbx".to_owned(),
        password: Secret::new("right"),
    });
    solo.agent = UserAgent::new(config);
    solo
}

fn prove(invite: &Request, challenged: &Response, password: &str) -> Request {
    let offered = challenges(&challenged.headers, ChallengedBy::Server);
    let chosen = choose(&offered, None).unwrap().clone();
    let password = Secret::new(password);
    let credentials = Credentials { user: "pbx".to_owned(), password, realm: None };
    let mut again = invite.clone();
    let proof = DigestClient::new(chosen, [1; 16])
        .authorize(&credentials, &Method::Invite, &again.uri)
        .unwrap();
    again.headers.push("Authorization", proof);
    let number = invite.headers.cseq().unwrap().number + 1;
    again.headers.insert("CSeq", format!("{number} INVITE"));
    let branch = format!("z9hG4bKagain{number}");
    again.headers.insert("Via", format!("SIP/2.0/TLS pbx.example.com;branch={branch}"));
    again
}

#[test]
fn s04_a_trunk_listener_challenges_invites_and_takes_the_right_answer() {
    let mut solo = listener();
    let invite = solo.peer_invite();
    solo.receive(invite.clone());
    let challenged = solo.response(401);
    let values: Vec<_> = challenged.headers.get_all("WWW-Authenticate").collect();
    assert_eq!(values.len(), 2);
    assert!(values.last().unwrap().contains("MD5"));
    let again = prove(&invite, &challenged, "right");
    let (leg, invited) = solo.incoming(&again);
    assert!(invited.authenticated);
    solo.command(Command::Answer { leg, sdp: ANSWER.into() });
    let mut peer = Peer::new(&again, &solo.response(200));
    peer.cseq = 5;
    solo.receive(peer.ack(2, None));
    solo.event();
    solo.receive(peer.offer(Method::Invite, OFFER));
    solo.response(100);
    assert!(matches!(solo.event(), Event::ReOffered { .. }));
}

#[test]
fn s17_a_wrong_password_and_a_replayed_proof_make_no_call() {
    let mut solo = listener();
    let invite = solo.peer_invite();
    solo.receive(invite.clone());
    let challenged = solo.response(401);
    solo.receive(prove(&invite, &challenged, "wrong"));
    solo.response(401);
    let right = prove(&invite, &challenged, "right");
    let (leg, _) = {
        let mut right = right.clone();
        right.headers.insert("Via", "SIP/2.0/TLS pbx.example.com;branch=z9hG4bKright");
        right.headers.insert("CSeq", "3 INVITE");
        solo.incoming(&right)
    };
    solo.command(Command::Hangup { leg, cause: Cause::Busy });
    solo.response(486);
    solo.ended();
    let mut replay = right;
    replay.headers.insert("Via", "SIP/2.0/TLS pbx.example.com;branch=z9hG4bKreplay");
    replay.headers.insert("CSeq", "4 INVITE");
    solo.receive(replay);
    assert!(solo.response(401).headers.get("WWW-Authenticate").unwrap().contains("stale=true"));
    solo.nothing();
}
