//! RFC 4475 and RFC 5118 against our parser, `rsip` as a second opinion, and the same messages
//! cut and mutated. INTEROP case 59, SECURITY S-01.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which clippy knows only by their attribute"
)]

use ringfence::sip::message::{Message, ParseErrorKind};
use ringfence::sip::{Headers, Request, Response};
use rsip::prelude::*;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Bad,
    Any,
}

struct Vector {
    name: String,
    bytes: Vec<u8>,
    verdict: Verdict,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture")
}

fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for set in ["rfc4475", "rfc5118"] {
        let expect = std::fs::read_to_string(folder().join(format!("{set}.expect"))).unwrap();
        for line in expect.lines() {
            let (name, verdict) = line.split_once(' ').unwrap();
            let bytes = std::fs::read(folder().join(set).join(name)).unwrap();
            let verdict = match verdict {
                "ok" => Verdict::Ok,
                "bad" => Verdict::Bad,
                "any" => Verdict::Any,
                other => panic!("unknown verdict {other}"),
            };
            vectors.push(Vector { name: name.to_owned(), bytes, verdict });
        }
    }
    vectors
}

fn vector(name: &str) -> Vec<u8> {
    vectors().into_iter().find(|vector| vector.name == name).unwrap().bytes
}

fn written(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.write(&mut out);
    out
}

#[test]
fn c59_every_torture_message_gets_its_verdict() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 61);
    let mut wrong = Vec::new();
    for Vector { name, bytes, verdict } in vectors {
        let parsed = Message::parse(&bytes);
        match (verdict, &parsed) {
            (Verdict::Ok, Err(error)) => wrong.push(format!("{name}: refused: {error}")),
            (Verdict::Bad, Ok(_)) => wrong.push(format!("{name}: taken")),
            (Verdict::Ok, Ok(_)) | (Verdict::Bad, Err(_)) | (Verdict::Any, _) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(Message::parse(&std::fs::read(folder().join("rfc4475/test.dat")).unwrap()).is_err());
}

#[test]
fn every_torture_message_taken_survives_writing_and_parsing() {
    for Vector { name, bytes, .. } in vectors() {
        let Ok(message) = Message::parse(&bytes) else { continue };
        assert_eq!(Message::parse(&written(&message)).as_ref(), Ok(&message), "{name}");
    }
}

#[test]
fn broken_requests_are_answered_with_the_status_the_rfc_asks_for() {
    let answers: Vec<_> = vectors()
        .iter()
        .filter_map(|Vector { name, bytes, .. }| {
            let error = Message::parse(bytes).err()?;
            let status = error.response().map(|response| response.status.get());
            Some((name.trim_end_matches(".dat").to_owned(), status))
        })
        .collect();
    for (name, status) in answers {
        let expected = match name.as_str() {
            "badvers" => Some(505),
            // A response is dropped; From, To and Call-ID are missing; no request line.
            "scalarlg" | "bigcode" | "insuf" => None,
            _ => Some(400),
        };
        assert_eq!(status, expected, "{name}");
    }
}

#[test]
fn what_makes_each_message_bad_is_what_the_rfc_says() {
    use ParseErrorKind::{Malformed, MethodMismatch, Missing, Repeated, Truncated, Version};
    for (name, kind) in [
        ("badinv01.dat", Malformed("Via")),
        ("clerr.dat", Truncated),
        ("ncl.dat", Malformed("Content-Length")),
        ("scalar02.dat", Malformed("CSeq")),
        ("scalarlg.dat", Malformed("CSeq")),
        ("quotbal.dat", Malformed("To")),
        ("ltgtruri.dat", Malformed("Request-URI")),
        ("lwsruri.dat", Malformed("Request-URI")),
        ("regbadct.dat", Malformed("Contact")),
        ("badvers.dat", Version),
        ("mismatch01.dat", MethodMismatch),
        ("mismatch02.dat", MethodMismatch),
        ("bigcode.dat", Malformed("Status-Line")),
        ("insuf.dat", Missing("From")),
        ("multi01.dat", Repeated("CSeq")),
        ("mcl01.dat", Repeated("Content-Length")),
        ("ipv6-bad", Malformed("Request-URI")),
    ] {
        assert_eq!(Message::parse(&vector(name)).unwrap_err().kind, kind, "{name}");
    }
    // This file also lacks the blank line behind its header.
    let baddn = [vector("baddn.dat"), b"\r\n".to_vec()].concat();
    assert_eq!(Message::parse(&baddn).unwrap_err().kind, Malformed("From"));
}

fn request(name: &str) -> Request {
    match Message::parse(&vector(name)).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("{name} is a response"),
    }
}

fn response(name: &str) -> Response {
    match Message::parse(&vector(name)).unwrap() {
        Message::Response(response) => response,
        Message::Request(_) => panic!("{name} is a request"),
    }
}

#[test]
fn a_short_tortuous_invite_is_understood_in_full() {
    let Request { headers, body, uri, .. } = request("wsinv.dat");
    assert!(uri.params.contains("unknownparam"));
    assert_eq!(headers.to().unwrap().tag(), Some("1918181833n"));
    let from = headers.from_().unwrap();
    assert_eq!(from.display_name.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(from.tag(), Some("98asjd8"));
    assert_eq!(headers.max_forwards(), Some(68));
    assert_eq!(headers.cseq().unwrap().number, 9);
    let vias = headers.vias();
    let seen: Vec<_> = vias.iter().map(|via| (via.transport.as_str(), via.branch())).collect();
    assert_eq!(
        seen,
        [("UDP", Some("390skdjuw")), ("TCP", Some("z9hG4bK9ikj8")), ("UDP", Some("z9hG4bK30239"))]
    );
    assert_eq!(headers.get("subject"), Some(""));
    assert_eq!(
        headers.get("NewFangledHeader"),
        Some("newfangled value continued newfangled value")
    );
    assert_eq!(headers.get("UnknownHeaderWithUnusualValue"), Some(";;,,;;,;"));
    assert_eq!(headers.route().len(), 1);
    let contact = headers.contacts().unwrap().remove(0);
    assert_eq!(contact.display_name.as_deref(), Some("Quoted string \"\""));
    assert_eq!(contact.params.get("newparam"), Some("newvalue"));
    assert_eq!(contact.params.get("q"), Some("0.33"));
    assert_eq!(body.len(), 150);
}

#[test]
fn strange_but_legal_characters_are_kept_and_control_characters_are_not() {
    let Request { method, uri, headers, .. } = request("intmeth.dat");
    assert_eq!(method.as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    assert_eq!(uri.user.as_deref(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(uri.password.as_deref(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    assert!(!format!("{uri:?}").contains("weird"));
    assert_eq!(headers.call_id(), Some("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"));
    assert_eq!(headers.from_().unwrap().tag(), Some("_token~1'+`*%!-."));
    assert_eq!(headers.to().unwrap().display_name.as_deref(), Some("BEL:  NUL:  DEL:"));
    assert!(headers.iter().all(|(_, value)| !value.contains(['\0', '\u{7}', '\u{7f}'])));
}

#[test]
fn escapes_are_undone_once_and_only_in_uris() {
    let Request { uri, headers, .. } = request("esc01.dat");
    assert_eq!(uri.user.as_deref(), Some("sips:user@example.com"));
    assert_eq!(headers.to().unwrap().uri.user.as_deref(), Some("user"));
    assert_eq!(headers.from_().unwrap().uri.user.as_deref(), Some("I have spaces"));
    let contact = headers.contacts().unwrap().remove(0);
    assert!(contact.uri.params.contains("lr"));
    assert_eq!(contact.uri.params.get("name"), Some("value%41"));
    assert_eq!(contact.to_string(), "<sip:caller@host5.example.net;lr;name=value%2541>");

    let Request { method, headers, .. } = request("esc02.dat");
    assert_eq!(method.as_str(), "RE%47IST%45R");
    assert_eq!(headers.contacts().unwrap().len(), 2);
    assert_eq!(headers.to().unwrap().display_name.as_deref(), Some("%Z%45"));

    let contacts = request("escnull.dat").headers.contacts().unwrap();
    assert_eq!(contacts[0].uri.user.as_deref(), Some("\0"));
    assert_eq!(contacts[0].uri.to_string(), "sip:%00@host5.example.com");
    assert!(!contacts[0].uri.is_equivalent(&contacts[1].uri));

    let uri = request("semiuri.dat").uri;
    assert_eq!(uri.user.as_deref(), Some("user;par=u@example.net"));
}

#[test]
fn parameters_belong_to_the_header_without_brackets_and_to_the_uri_within() {
    let bare = request("cparam01.dat").headers.contacts().unwrap().remove(0);
    assert!(bare.params.contains("unknownparam") && bare.uri.params.is_empty());
    let inside = request("cparam02.dat").headers.contacts().unwrap().remove(0);
    assert!(inside.params.is_empty() && inside.uri.params.contains("unknownparam"));
    let escaped = request("regescrt.dat").headers.contacts().unwrap().remove(0);
    assert_eq!(escaped.uri.headers, [("Route".to_owned(), "<sip:sip.example.com>".to_owned())]);
}

#[test]
fn bytes_behind_the_body_of_a_datagram_are_ignored() {
    let Request { method, body, .. } = request("dblreq.dat");
    assert_eq!((method.as_str(), body.len()), ("REGISTER", 0));
}

#[test]
fn binary_bodies_are_kept_byte_for_byte() {
    let Request { body, headers, .. } = request("mpart01.dat");
    assert_eq!(headers.content_type().as_deref(), Some("multipart/mixed"));
    assert_eq!(body.len(), 553);
    assert!(vector("mpart01.dat").ends_with(&body));
}

#[test]
fn odd_responses_are_read() {
    assert_eq!(response("noreason.dat").reason, "");
    assert!(response("unreason.dat").reason.starts_with('='));
    assert_eq!(response("bcast.dat").headers.vias().len(), 2);
}

#[test]
fn ipv6_addresses_are_addresses_wherever_they_stand() {
    use ringfence::sip::Host;
    let ambiguous = request("port-ambiguous").uri;
    assert_eq!(ambiguous.host, Host::V6("2001:db8::10:5070".parse().unwrap()));
    assert_eq!(ambiguous.port, None);
    assert_eq!(request("port-unambiguous").uri.port, Some(5070));
    let mapped = request("ipv4-mapped-ipv6").headers.vias();
    assert_eq!(mapped[0].sent_by(), "[::ffff:192.0.2.10]:19823");
}

// --- cut, mutated, and piled up -------------------------------------------------------------

/// A small generator of our own: the same bytes on every run.
fn chance(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 16).unwrap()
}

fn mutate(bytes: &[u8], state: &mut u64) -> Vec<u8> {
    const SHARP: &[u8] = b"\r\n\0 \t:;,<>\"\\@?=%[]/*\x7f\xff\xc3";
    let mut bytes = bytes.to_vec();
    for _ in 0..=chance(state) % 4 {
        let at = chance(state) % bytes.len();
        match chance(state) % 5 {
            0 => bytes[at] = u8::try_from(chance(state) % 256).unwrap(),
            1 => bytes[at] = SHARP[chance(state) % SHARP.len()],
            2 => bytes.insert(at, SHARP[chance(state) % SHARP.len()]),
            3 if bytes.len() > 2 => drop(bytes.remove(at)),
            _ => {
                let end = (at + chance(state) % 40).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

#[test]
fn s01_cut_and_mutated_messages_never_panic_and_what_parses_survives_writing() {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let mut taken = 0;
    for Vector { name, bytes, .. } in vectors() {
        for length in 0..bytes.len() {
            drop(Message::parse(&bytes[..length]));
        }
        for _ in 0..1000 {
            let mutated = mutate(&bytes, &mut state);
            let Ok(message) = Message::parse(&mutated) else { continue };
            taken += 1;
            let again = Message::parse(&written(&message));
            assert_eq!(again.as_ref(), Ok(&message), "{name}: {}", mutated.escape_ascii());
        }
    }
    assert!(taken > 1000, "{taken}");
}

#[test]
fn s01_messages_at_the_bounds_are_refused_or_read_without_growing() {
    let head = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\n\
        To: <sip:a>\r\nCSeq: 1 OPTIONS\r\n";
    let kind = |rest: String| {
        Message::parse(format!("{head}{rest}\r\n\r\n").as_bytes()).map_err(|error| error.kind)
    };
    let id = "Call-ID: 1\r\n";
    // A Call-ID of 64 KiB, and one just too long.
    assert_eq!(kind(format!("Call-ID: {}", "x".repeat(65_536))), Err(ParseErrorKind::TooLarge));
    assert_eq!(kind(format!("Call-ID: {}", "x".repeat(8193))), Err(ParseErrorKind::HeaderTooLong));
    assert!(kind(format!("Call-ID: {}", "x".repeat(8192))).is_ok());
    assert_eq!(
        kind(format!("{id}{}X: y", "X: y\r\n".repeat(1_000_000))),
        Err(ParseErrorKind::TooLarge)
    );
    assert_eq!(
        kind(format!("{id}{}X: y", "X: y\r\n".repeat(250))),
        Err(ParseErrorKind::TooManyHeaders)
    );
    assert_eq!(
        kind(format!("{id}X:{}", "\r\n y".repeat(16_000))),
        Err(ParseErrorKind::HeaderTooLong)
    );
    assert_eq!(kind(format!("{id}X:{}", "\r\n ".repeat(20_000))).map(drop), Ok(()));
    assert!(kind(format!("{id}v: {}", "SIP/2.0/A a,".repeat(600))).is_err());
    assert!(kind(format!("{id}m: {}", "<sip:a;b;c;d>;e;f,".repeat(400))).is_err());
    assert!(kind(format!("{id}m: \"{}", "\\\"".repeat(4000))).is_err());
}

#[test]
fn a_request_too_large_is_answered_413() {
    let head = "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\n\
        To: <sip:a>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n";
    let error = Message::parse(format!("{head}{}", "x".repeat(65_536)).as_bytes()).unwrap_err();
    assert_eq!(error.response().unwrap().status.get(), 413);
}

#[test]
fn an_ack_is_never_answered_and_line_ends_are_a_keep_alive() {
    let ack = "ACK sip:a SIP/2.0\r\nVia: SIP/2.0/TLS a\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:a>\r\n\
        Call-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n";
    let error = Message::parse(ack.as_bytes()).unwrap_err();
    assert_eq!((error.kind, error.response()), (ParseErrorKind::MethodMismatch, None));
    assert!(Message::parse(b"\r\n\r\n").unwrap_err().is_keep_alive());
    assert!(Message::parse(b"").unwrap_err().is_keep_alive());
}

#[test]
fn lines_that_end_in_cr_or_lf_alone_are_refused() {
    let good = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TLS a\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:a>\r\n\
        Call-ID: 1\r\nX: y\r\nCSeq: 1 OPTIONS\r\n\r\n";
    assert!(Message::parse(good.as_bytes()).is_ok());
    for (from, to) in [("X: y\r\n", "X: y\n"), ("X: y", "X: y\rVia: z"), ("X: y", "X: y\nVia: z")] {
        let error = Message::parse(good.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::Malformed("line end"));
        assert_eq!(error.response().unwrap().status.get(), 400);
    }
}

#[test]
fn c46_without_content_length_the_body_goes_to_the_end_of_the_frame() {
    let text = "MESSAGE sip:a SIP/2.0\r\nVia: SIP/2.0/WS a.invalid\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:a>\r\n\
        Call-ID: 1\r\nCSeq: 1 MESSAGE\r\n\r\nhello\r\n\r\nworld";
    assert_eq!(Message::parse(text.as_bytes()).unwrap().body(), b"hello\r\n\r\nworld");
}

// --- a second opinion -----------------------------------------------------------------------

/// Where `rsip` 0.4 reads a message otherwise, and why ours stands.
const RSIP_FAULTS: [(&str, &str); 6] = [
    ("dblreq.dat Call-ID", "rsip knows no compact names in capitals (RFC 3261 §7.3.1)"),
    (
        "dblreq.dat body",
        "rsip ignores Content-Length and takes the next request for a body (§18.3)",
    ),
    ("ipv4-mapped-ipv6 body", "rsip ignores Content-Length (§18.3)"),
    ("unksm2.dat To URI", "rsip does not read a URI of a foreign scheme without brackets (§25.1)"),
    ("mult-ip-in-header Via", "rsip does not read IPv6 references in Via (RFC 5118 §4.5)"),
    ("ipv4-mapped-ipv6 Via", "rsip does not read IPv6 references in Via (RFC 5118 §4.5)"),
];

fn rsip_message(bytes: &[u8]) -> Option<rsip::SipMessage> {
    rsip::SipMessage::try_from(bytes).ok()
}

#[test]
fn where_rsip_parses_a_message_the_values_agree() {
    let mut different = Vec::new();
    let mut compared = 0;
    for Vector { name, bytes, .. } in vectors() {
        let Ok(ours) = Message::parse(&bytes) else { continue };
        let Some(theirs) = rsip_message(&bytes) else { continue };
        compared += 1;
        for (what, a, b) in compare(&ours, &theirs) {
            if a != b && !RSIP_FAULTS.iter().any(|(known, _)| *known == format!("{name} {what}")) {
                different.push(format!("{name} {what}: ours {a:?}, rsip {b:?}"));
            }
        }
    }
    assert!(compared >= 20, "{compared}");
    assert!(RSIP_FAULTS.iter().all(|(_, reason)| !reason.is_empty()));
    assert!(different.is_empty(), "{}", different.join("\n"));
}

type Difference = (&'static str, Option<String>, Option<String>);

fn compare(ours: &Message, theirs: &rsip::SipMessage) -> Vec<Difference> {
    let headers: &Headers = ours.headers();
    let mut values = Vec::new();
    let mut add = |what, a: Option<String>, b: Option<String>| values.push((what, a, b));
    match (ours, theirs) {
        (Message::Request(a), rsip::SipMessage::Request(b)) => {
            add("method", Some(a.method.to_string()), Some(b.method.to_string()));
            add("Request-URI", Some(a.uri.to_string()), Some(b.uri.to_string()));
        }
        (Message::Response(a), rsip::SipMessage::Response(b)) => {
            let code = u16::from(b.status_code.clone());
            add("status", Some(a.status.to_string()), Some(code.to_string()));
        }
        (Message::Request(_), rsip::SipMessage::Response(_))
        | (Message::Response(_), rsip::SipMessage::Request(_)) => {
            add("kind", Some(String::new()), None);
        }
    }
    let call_id = theirs.call_id_header().ok().map(|value| value.value().to_owned());
    add("Call-ID", headers.call_id().map(str::to_owned), call_id);
    let cseq = theirs.cseq_header().ok().and_then(|value| value.typed().ok());
    let cseq = cseq.map(|value| format!("{} {}", value.seq, value.method));
    add("CSeq", headers.cseq().map(|value| value.to_string()), cseq);
    let via = theirs.via_header().ok().and_then(|value| value.typed().ok());
    add("Via", headers.via().map(|value| value.to_string()), via.map(|value| value.to_string()));
    let from = theirs.from_header().ok().and_then(|value| value.typed().ok());
    let tag = from.as_ref().and_then(|value| value.tag()).map(|tag| tag.to_string());
    let our_from = headers.from_();
    add("From tag", our_from.as_ref().and_then(|value| value.tag()).map(str::to_owned), tag);
    add(
        "From URI",
        our_from.map(|value| value.uri.to_string()),
        from.map(|value| value.uri.to_string()),
    );
    let to = theirs.to_header().ok().and_then(|value| value.typed().ok());
    add(
        "To URI",
        headers.to().map(|value| value.uri.to_string()),
        to.map(|value| value.uri.to_string()),
    );
    add("body", Some(ours.body().len().to_string()), Some(theirs.body().len().to_string()));
    values
}
