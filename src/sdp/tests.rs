//! Offers as browsers and PBXs write them, and the ones an attacker would.

use std::net::SocketAddr;

use super::browser::{self, Local};
use super::{Description, Origin, Refusal, choose, offerable};
use crate::media::command::{DtlsRole, IceCredentials};
use crate::media::format::{Codec, Direction};

const ALL: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];

fn fingerprint() -> String {
    let bytes: Vec<String> = (0..32).map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

/// The shape of Chromium's audio offer (INTEROP section 2).
fn chromium_offer() -> String {
    format!(
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
         a=group:BUNDLE 0\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS s\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\n\
         a=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\n\
         a=ice-options:trickle\r\na=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=mid:0\r\n\
         a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
         a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\n\
         a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\n\
         a=rtpmap:126 telephone-event/8000\r\n",
        fingerprint()
    )
}

fn parse(text: &str) -> Result<Description, Refusal> {
    Description::parse(text.as_bytes())
}

fn browser_refusal(text: &str) -> Refusal {
    parse(text).and_then(|d| browser::remote(&d, false)).expect_err("must be refused")
}

#[test]
fn a_chromium_offer_is_read_with_its_codecs_in_order() {
    let description = parse(&chromium_offer()).expect("parses");
    let codecs: Vec<Codec> = description.audio.codecs.iter().map(|c| c.codec).collect();
    assert_eq!(codecs, ALL);
    let remote = browser::remote(&description, false).expect("acceptable");
    assert_eq!(remote.role, DtlsRole::Passive);
    assert_eq!(remote.fingerprint[31], 31);
}

#[test]
fn c35_key_presses_use_the_clock_of_the_chosen_codec() {
    let description = parse(&chromium_offer()).expect("parses");
    let opus = choose(&description.audio, None, &ALL).expect("opus");
    assert_eq!(opus.dtmf.map(|d| (d.payload_type, d.clock_rate)), Some((110, 48_000)));
    let pcmu = choose(&description.audio, Some(Codec::Pcmu), &ALL).expect("pcmu");
    assert_eq!(pcmu.dtmf.map(|d| (d.payload_type, d.clock_rate)), Some((126, 8_000)));
}

#[test]
fn b18_s18_an_offer_without_dtls_srtp_is_refused() {
    let offer = chromium_offer();
    let plain = offer.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP");
    assert_eq!(browser_refusal(&plain), Refusal::NotDtlsSrtp);
    let sdes = offer.replace("UDP/TLS/RTP/SAVPF", "RTP/SAVP");
    assert_eq!(browser_refusal(&sdes), Refusal::NotDtlsSrtp);
    let both = format!("{offer}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n");
    assert_eq!(browser_refusal(&both), Refusal::SdesFromBrowser);
}

#[test]
fn s19_a_missing_weak_or_contradicting_fingerprint_is_refused() {
    let offer = chromium_offer();
    let missing = offer.replace("a=fingerprint:sha-256", "a=x-fingerprint:sha-256");
    assert_eq!(browser_refusal(&missing), Refusal::Fingerprint);
    let weak = offer.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1");
    assert_eq!(browser_refusal(&weak), Refusal::Fingerprint);
    let other = format!("{offer}a=fingerprint:sha-256 {}\r\n", ["FF"; 32].join(":"));
    assert_eq!(browser_refusal(&other), Refusal::Fingerprint);
    let short = offer.replace(":1F\r\n", "\r\n");
    assert_eq!(browser_refusal(&short), Refusal::Fingerprint);
}

#[test]
fn m11_a_thousand_media_lines_are_refused_before_parsing() {
    let many = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n".repeat(1_000);
    assert_eq!(
        parse(&format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{many}")).err(),
        Some(Refusal::TooLarge)
    );
}

#[test]
fn c37_every_other_media_line_is_refused_in_order() {
    let offer = format!("{}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n", chromium_offer());
    let description = parse(&offer).expect("parses");
    let text = answer_to(&description, Direction::SendRecv);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("m=audio 4000 "));
    assert!(lines[1].starts_with("m=video 0 "));
}

fn answer_to(description: &Description, direction: Direction) -> String {
    let ice = IceCredentials { ufrag: "ours".into(), pwd: "p".repeat(24) };
    let candidates: [SocketAddr; 1] = ["192.0.2.1:4000".parse().expect("address")];
    let local = Local {
        origin: Origin::new(12),
        ice: &ice,
        fingerprint: &[7; 32],
        candidates: &candidates,
        direction,
    };
    let format = choose(&description.audio, None, &ALL).expect("codec");
    let bytes = browser::answer(local, description, DtlsRole::Passive, &format);
    String::from_utf8(bytes).expect("text")
}

#[test]
fn c34_our_answer_is_dtls_only_and_parses_again() {
    let description = parse(&chromium_offer()).expect("parses");
    let text = answer_to(&description, Direction::RecvOnly);
    assert!(text.contains("a=setup:passive\r\n") && text.contains("a=ice-lite\r\n"));
    assert!(!text.contains("crypto") && !text.contains("extmap"));
    let again = parse(&text).expect("parses");
    assert_eq!(again.audio.direction, Direction::RecvOnly);
    assert_eq!(again.audio.codecs.len(), 1);
}

#[test]
fn c29_a_zero_address_is_an_old_style_hold() {
    let offer = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
                 m=audio 4000 RTP/AVP 0\r\n";
    assert_eq!(parse(offer).expect("parses").audio.direction, Direction::SendOnly);
}

#[test]
fn the_second_leg_is_offered_what_the_first_one_has_first() {
    let description = parse(&chromium_offer().replace("111 63 9 0 8", "8 111")).expect("parses");
    assert_eq!(offerable(&description.audio.codecs, &ALL), [Codec::Pcma, Codec::Opus, Codec::Pcmu]);
}

proptest::proptest! {
    #[test]
    fn m11_no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..2_000)) {
        let _ = Description::parse(&bytes);
    }

    #[test]
    fn m11_no_mutation_of_a_real_offer_makes_the_parser_panic(at in 0_usize..1_200, byte: u8) {
        let mut bytes = chromium_offer().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(description) = Description::parse(&bytes) {
            let _ = browser::remote(&description, false);
        }
    }
}
