//! Handshakes in virtual time: our peer against an engine of its own on the other side of a path
//! that loses, cuts and mixes datagrams. What counts is that *our* keys exist and are the other
//! side's (INTEROP section 1, finding 1).

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::base::{Clock, UnixTime};
use crate::media::command::DtlsRole;
use crate::media::rtp::srtp::{SrtpKey, SrtpProfile};

static SERVER: LazyLock<Arc<DtlsIdentity>> = LazyLock::new(identity);
static BROWSER: LazyLock<Arc<DtlsIdentity>> = LazyLock::new(identity);

const LATENCY: Duration = Duration::from_millis(10);

fn identity() -> Arc<DtlsIdentity> {
    Arc::new(DtlsIdentity::generate(UnixTime(1_800_000_000)).unwrap())
}

/// What the other side speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Speaks {
    Only12,
    Only13,
    Both,
}

/// The other side: an engine with a browser's timer.
struct Browser {
    engine: dimpl::Dtls,
    material: Option<(Vec<u8>, dimpl::SrtpProfile)>,
    certificate: Option<[u8; 32]>,
    wait: Instant,
}

impl Browser {
    fn new(speaks: Speaks, is_active: bool, now: Instant) -> Self {
        static CONFIG: LazyLock<Arc<dimpl::Config>> = LazyLock::new(|| {
            let config = dimpl::Config::builder()
                .flight_start_rto(Duration::from_millis(50))
                .flight_retries(10)
                .use_server_cookie(false);
            Arc::new(config.build().unwrap())
        });
        let (config, certificate) = (Arc::clone(&CONFIG), BROWSER.certificate.clone());
        let mut engine = match speaks {
            Speaks::Only12 => dimpl::Dtls::new_12(config, certificate, now),
            Speaks::Only13 => dimpl::Dtls::new_13(config, certificate, now),
            Speaks::Both => dimpl::Dtls::new_auto(config, certificate, now),
        };
        engine.set_active(is_active);
        engine.handle_timeout(now).unwrap();
        Self { engine, material: None, certificate: None, wait: now }
    }

    fn drain(&mut self, mut transmit: impl FnMut(Vec<u8>)) {
        let mut buffer = vec![0; 4096];
        loop {
            match self.engine.poll_output(&mut buffer) {
                dimpl::Output::Packet(packet) => transmit(packet.to_vec()),
                dimpl::Output::Timeout(at) => return self.wait = at,
                dimpl::Output::PeerCert(der) => self.certificate = Some(identity::sha256(der)),
                dimpl::Output::KeyingMaterial(material, profile) => {
                    self.material = Some((material.to_vec(), profile));
                }
                _ => {}
            }
        }
    }
}

/// Our side and what it reported.
struct Ours {
    peer: DtlsPeer,
    secured: Option<(SrtpKey, SrtpKey, &'static str)>,
    failed: Option<DtlsFailure>,
    closed: bool,
    wait: Option<Instant>,
}

impl Ours {
    fn new(role: DtlsRole, fingerprint: [u8; 32], now: Instant) -> Self {
        let peer = DtlsPeer::new(&SERVER, role, fingerprint, now);
        Self { peer, secured: None, failed: None, closed: false, wait: None }
    }

    fn drain(&mut self, mut transmit: impl FnMut(Vec<u8>)) {
        let mut buffer = vec![0; 2048];
        loop {
            match self.peer.poll(&mut buffer) {
                DtlsOutput::Transmit(len) => transmit(buffer[..len].to_vec()),
                DtlsOutput::Wait(at) => return self.wait = at,
                DtlsOutput::Secured { outbound, inbound, profile, version } => {
                    assert_eq!(outbound.profile(), profile);
                    assert!(self.secured.is_none() && self.failed.is_none());
                    self.secured = Some((outbound, inbound, version));
                }
                DtlsOutput::Failed(failure) => self.failed = Some(failure),
                DtlsOutput::Closed => self.closed = true,
            }
        }
    }
}

/// A datagram under way.
struct Flying {
    at: Instant,
    to_us: bool,
    bytes: Vec<u8>,
}

type Bend = dyn FnMut(usize, bool, Vec<u8>) -> Vec<Vec<u8>>;

/// Both sides and the path between them.
struct Path {
    now: Instant,
    ours: Ours,
    browser: Browser,
    flying: VecDeque<Flying>,
    sent: usize,
    /// Given the number of a datagram and whether it goes to us: what arrives of it, in order.
    bend: Box<Bend>,
}

impl Path {
    fn new(
        speaks: Speaks,
        our_role: DtlsRole,
        bend: impl FnMut(usize, bool, Vec<u8>) -> Vec<Vec<u8>> + 'static,
    ) -> Self {
        let now = Clock::manual(UnixTime(0)).now();
        Self {
            now,
            ours: Ours::new(our_role, BROWSER.fingerprint(), now),
            browser: Browser::new(speaks, our_role == DtlsRole::Passive, now),
            flying: VecDeque::new(),
            sent: 0,
            bend: Box::new(bend),
        }
    }

    fn losing(speaks: Speaks, our_role: DtlsRole, lost: usize) -> Self {
        Self::new(
            speaks,
            our_role,
            move |number, _, bytes| {
                if number == lost { Vec::new() } else { vec![bytes] }
            },
        )
    }

    fn drain(&mut self) {
        let mut out = Vec::new();
        self.ours.drain(|bytes| out.push((false, bytes)));
        self.browser.drain(|bytes| out.push((true, bytes)));
        for (to_us, bytes) in out {
            let number = self.sent;
            self.sent += 1;
            for bytes in (self.bend)(number, to_us, bytes) {
                self.flying.push_back(Flying { at: self.now + LATENCY, to_us, bytes });
            }
        }
    }

    fn is_done(&self) -> bool {
        self.ours.failed.is_some()
            || (self.ours.secured.is_some() && self.browser.material.is_some())
    }

    /// Runs until both have keys or `limit` has passed; returns how long it took.
    fn run(&mut self, limit: Duration) -> Duration {
        let start = self.now;
        self.drain();
        while !self.is_done() && self.now - start < limit {
            let arrival = self.flying.front().map(|flying| flying.at);
            let next = [arrival, self.ours.wait, Some(self.browser.wait)];
            self.now = next.into_iter().flatten().min().unwrap().max(self.now);
            self.ours.peer.handle_timeout(self.now);
            self.browser.engine.handle_timeout(self.now).unwrap();
            while self.flying.front().is_some_and(|flying| flying.at <= self.now) {
                let flying = self.flying.pop_front().unwrap();
                if flying.to_us {
                    self.ours.peer.handle_packet(self.now, &flying.bytes);
                } else {
                    self.browser.engine.handle_packet(&flying.bytes).unwrap();
                }
                self.drain();
            }
            self.drain();
        }
        self.now - start
    }

    fn assert_same_keys(&self) {
        let (outbound, inbound, _) = self.ours.secured.as_ref().expect("our keys");
        let (material, profile) = self.browser.material.as_ref().expect("the browser's keys");
        assert_eq!(self.browser.certificate, Some(SERVER.fingerprint()));
        let (key_len, salt_len) = match profile {
            dimpl::SrtpProfile::AES128_CM_SHA1_80 => (16, 14),
            dimpl::SrtpProfile::AEAD_AES_128_GCM => (16, 12),
            _ => (32, 12),
        };
        let client_salt = &material[2 * key_len..][..salt_len];
        let server_key = &material[key_len..2 * key_len];
        let (client, server) =
            if self.browser.engine.is_active() { (inbound, outbound) } else { (outbound, inbound) };
        assert_eq!(client.master_key(), &material[..key_len]);
        assert_eq!(client.master_salt(), client_salt);
        assert_eq!(server.master_key(), server_key);
        assert_eq!(server.master_salt(), &material[2 * key_len + salt_len..]);
    }
}

#[test]
fn both_versions_and_both_roles_agree_on_keys() {
    for (speaks, version) in
        [(Speaks::Only12, "1.2"), (Speaks::Only13, "1.3"), (Speaks::Both, "1.3")]
    {
        for role in [DtlsRole::Passive, DtlsRole::Active] {
            let mut path = Path::losing(speaks, role, usize::MAX);
            let took = path.run(Duration::from_secs(5));
            path.assert_same_keys();
            assert_eq!(path.ours.secured.as_ref().unwrap().2, version, "{speaks:?} {role:?}");
            assert!(took <= 6 * LATENCY, "{took:?}");
        }
    }
}

#[test]
fn every_single_lost_datagram_is_recovered() {
    for speaks in [Speaks::Only12, Speaks::Only13, Speaks::Both] {
        for role in [DtlsRole::Passive, DtlsRole::Active] {
            let mut path = Path::losing(speaks, role, usize::MAX);
            path.run(Duration::from_secs(5));
            for lost in 0..path.sent + 2 {
                let mut path = Path::losing(speaks, role, lost);
                let took = path.run(Duration::from_secs(10));
                path.assert_same_keys();
                assert!(took < Duration::from_millis(400), "{speaks:?} {role:?} {lost}: {took:?}");
            }
        }
    }
}

#[test]
fn every_pair_of_lost_datagrams_is_recovered() {
    for speaks in [Speaks::Only12, Speaks::Both] {
        let mut path = Path::losing(speaks, DtlsRole::Passive, usize::MAX);
        path.run(Duration::from_secs(5));
        for first in 0..path.sent {
            for second in first + 1..path.sent + 4 {
                let mut path = Path::new(speaks, DtlsRole::Passive, move |number, _, bytes| {
                    if number == first || number == second { Vec::new() } else { vec![bytes] }
                });
                path.run(Duration::from_secs(12));
                path.assert_same_keys();
            }
        }
    }
}

/// Cuts the ClientHello of a datagram at the given places, as browsers do; leaves others whole.
fn cut(datagram: &[u8], pieces: &[(usize, usize)]) -> Vec<Vec<u8>> {
    let is_hello = datagram.len() > 25 && datagram[0] == 22 && datagram[13] == 1;
    if !is_hello || datagram[3..5] != [0, 0] {
        return vec![datagram.to_vec()];
    }
    let body = &datagram[25..];
    let u24 = |value: usize| u32::try_from(value).unwrap().to_be_bytes()[1..].to_vec();
    pieces
        .iter()
        .map(|(start, end)| {
            let end = (*end).min(body.len());
            let piece = &body[*start..end];
            let mut out = datagram[..11].to_vec();
            out.extend(u16::try_from(12 + piece.len()).unwrap().to_be_bytes());
            out.push(1);
            out.extend(u24(body.len()));
            out.extend(&datagram[17..19]);
            out.extend(u24(*start));
            out.extend(u24(piece.len()));
            out.extend(piece);
            out
        })
        .collect()
}

#[test]
fn a_hello_cut_in_two_survives_the_loss_of_any_of_its_first_pieces() {
    for speaks in [Speaks::Only12, Speaks::Only13, Speaks::Both] {
        for mask in 0..64u32 {
            let mut piece = 0;
            let mut tries = 0;
            let mut path = Path::new(speaks, DtlsRole::Passive, move |_, to_us, bytes| {
                if !to_us {
                    return vec![bytes];
                }
                // From its fourth try on Firefox cuts elsewhere.
                let cuts = if tries < 3 { [(0, 70), (70, 9999)] } else { [(0, 50), (50, 9999)] };
                let pieces = cut(&bytes, &cuts);
                tries += u32::from(pieces.len() > 1);
                let arriving = |_: &Vec<u8>| {
                    piece += 1;
                    piece > 6 || mask & (1 << (piece - 1)) == 0
                };
                pieces.into_iter().filter(arriving).collect()
            });
            path.run(Duration::from_secs(10));
            path.assert_same_keys();
        }
    }
}

#[test]
fn overlapping_swapped_and_doubled_pieces_of_a_hello_are_taken() {
    for pieces in [
        vec![(50, 9999), (0, 70)],
        vec![(0, 70), (0, 50), (50, 9999)],
        vec![(0, 50), (0, 70), (70, 9999)],
        vec![(80, 9999), (80, 9999), (40, 81), (0, 41), (0, 9999)],
    ] {
        for speaks in [Speaks::Only12, Speaks::Both] {
            let pieces = pieces.clone();
            let mut path = Path::new(speaks, DtlsRole::Passive, move |_, to_us, bytes| {
                if to_us { cut(&bytes, &pieces) } else { vec![bytes] }
            });
            let took = path.run(Duration::from_secs(5));
            path.assert_same_keys();
            assert!(took <= 6 * LATENCY, "{took:?}");
        }
    }
}

/// A ClientHello as Chromium 156 makes it: GREASE, a post-quantum share first, 1463 bytes in all.
fn chromium_hello() -> Vec<u8> {
    let extension = |kind: u16, body: &[u8]| {
        let len = u16::try_from(body.len()).unwrap();
        [&kind.to_be_bytes()[..], &len.to_be_bytes(), body].concat()
    };
    let vector =
        |body: &[u8]| [&u16::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat();
    let share = |group: u16, key: &[u8]| [&group.to_be_bytes()[..], &vector(key)].concat();
    let mut x25519 = [0; 32];
    x25519[0] = 9;
    let shares = [
        share(0x4a4a, &[0]),
        share(0x11ec, &(0..1216).map(|at| (at % 253) as u8).collect::<Vec<_>>()),
        share(0x001d, &x25519),
    ]
    .concat();
    let groups = [0x4a, 0x4a, 0x11, 0xec, 0, 0x1d, 0, 0x17, 0, 0x18];
    let mut extensions = [
        extension(0x6a6a, &[]),
        extension(0x0017, &[]),
        extension(0xff01, &[0]),
        extension(0x000a, &vector(&groups)),
        extension(0x000b, &[1, 0]),
        extension(0x000d, &vector(&[4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1, 2, 1])),
        extension(0x000e, &[0, 6, 0, 1, 0, 8, 0, 7, 0]),
        extension(0x0033, &vector(&shares)),
        extension(0x002b, &[6, 0x7a, 0x7a, 0xfe, 0xfc, 0xfe, 0xfd]),
    ]
    .concat();
    let suites = [0x8a, 0x8a, 0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2b, 0xcc, 0xa9, 0xc0, 0x0a];
    let head = [&[0xfe, 0xfd][..], &[0x33; 32], &[0, 0], &vector(&suites), &[1, 0]].concat();
    extensions.extend(extension(21, &vec![0; 1463 - head.len() - 2 - extensions.len() - 4]));
    let body = [head, vector(&extensions)].concat();
    assert_eq!(body.len(), 1463);
    let len = &u32::try_from(body.len()).unwrap().to_be_bytes()[1..];
    let record_len = u16::try_from(body.len() + 12).unwrap().to_be_bytes();
    [
        &[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &record_len,
        &[1],
        len,
        &[0, 0, 0, 0, 0],
        len,
        &body,
    ]
    .concat()
}

#[test]
fn a_hello_with_a_post_quantum_share_is_answered_with_x25519_at_once() {
    for pieces in [[(0, 1200), (1200, 9999)], [(1188, 9999), (0, 1408)]] {
        let now = Clock::manual(UnixTime(0)).now();
        let mut ours = Ours::new(DtlsRole::Passive, BROWSER.fingerprint(), now);
        let mut answer = Vec::new();
        for piece in cut(&chromium_hello(), &pieces) {
            assert!(answer.is_empty());
            ours.peer.handle_packet(now, &piece);
            ours.drain(|bytes| answer.push(bytes));
        }
        assert!(ours.failed.is_none());
        let hello = &answer[0];
        assert_eq!((hello[0], hello[13]), (22, 2), "a ServerHello");
        let x25519_share = [0, 0x33, 0, 36, 0, 0x1d, 0, 32];
        assert!(hello.windows(8).any(|window| window == x25519_share), "and no retry request");
    }
}

#[test]
fn m12_a_certificate_other_than_the_promised_one_gives_no_keys() {
    for speaks in [Speaks::Only12, Speaks::Only13] {
        for role in [DtlsRole::Passive, DtlsRole::Active] {
            let mut path = Path::losing(speaks, role, usize::MAX);
            path.ours = Ours::new(role, [7; 32], path.now);
            path.run(Duration::from_secs(5));
            assert_eq!(path.ours.failed, Some(DtlsFailure::FingerprintMismatch));
            assert!(path.ours.secured.is_none());
            assert!(path.ours.peer.is_retired());
        }
    }
}

#[test]
fn m13_plaintext_after_secured_changes_nothing_and_a_real_close_is_reported() {
    for speaks in [Speaks::Only12, Speaks::Only13] {
        let mut path = Path::losing(speaks, DtlsRole::Passive, usize::MAX);
        path.run(Duration::from_secs(5));
        let forged_body: [&[u8]; 4] =
            [&[2, 40], &[1, 0], &[1], &[1, 0, 0, 50, 0, 9, 0, 0, 0, 0, 0, 1, 0]];
        for (kind, body) in [21, 21, 20, 22].into_iter().zip(forged_body) {
            let mut forged = vec![kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 1, 0, 0, body.len() as u8];
            forged.extend_from_slice(body);
            path.ours.peer.handle_packet(path.now, &forged);
            path.drain();
        }
        assert!(!path.ours.closed && path.ours.failed.is_none() && !path.ours.peer.is_retired());
        path.browser.engine.close().unwrap();
        let mut goodbye = Vec::new();
        path.browser.drain(|bytes| goodbye.push(bytes));
        path.ours.peer.handle_packet(path.now, goodbye.last().unwrap());
        path.drain();
        assert!(path.ours.closed && path.ours.failed.is_none() && path.ours.peer.is_retired());
    }
}

#[test]
fn m05_forged_hellos_of_other_shapes_do_not_hinder_the_real_one() {
    for speaks in [Speaks::Only12, Speaks::Both] {
        let mut path = Path::new(speaks, DtlsRole::Passive, |number, to_us, bytes| {
            if !to_us {
                return vec![bytes];
            }
            let mut junk = cut(&bytes, &[(0, 50)]);
            if number == 0 {
                // A whole hello of nonsense, and the first piece of one that never ends.
                let mut nonsense = bytes.clone();
                nonsense[40..].fill(0xff);
                junk[0][14..17].copy_from_slice(&[0, 9, 9]);
                junk.push(nonsense);
            } else {
                junk.clear();
            }
            junk.push(bytes);
            junk
        });
        path.run(Duration::from_secs(5));
        path.assert_same_keys();
    }
}

#[test]
fn m14_a_peer_that_never_completes_its_hello_costs_no_engine() {
    let now = Clock::manual(UnixTime(0)).now();
    let mut ours = Ours::new(DtlsRole::Passive, BROWSER.fingerprint(), now);
    let mut browser = Browser::new(Speaks::Both, true, now);
    let mut hello = Vec::new();
    browser.drain(|bytes| hello.push(bytes));
    for _ in 0..100 {
        ours.peer.handle_packet(now, &cut(&hello[0], &[(0, 60)])[0]);
        ours.drain(|_| panic!("nothing to say"));
    }
    assert!(format!("{:?}", ours.peer).contains("Handshaking"));
    assert_eq!(ours.wait, None);
}

#[test]
fn a_peer_that_stops_answering_fails_by_timeout() {
    let mut path = Path::new(Speaks::Both, DtlsRole::Passive, |number, _, bytes| {
        if number < 1 { vec![bytes] } else { Vec::new() }
    });
    let start = path.now;
    path.drain();
    path.now += LATENCY;
    let hello = path.flying.pop_front().unwrap();
    path.ours.peer.handle_packet(path.now, &hello.bytes);
    path.drain();
    while let Some(at) = path.ours.wait {
        path.ours.peer.handle_timeout(at);
        path.drain();
        path.now = at;
    }
    assert_eq!(path.ours.failed, Some(DtlsFailure::Timeout));
    assert!(path.now - start <= crate::base::limit::MEDIA_SETUP_TIMEOUT + LATENCY);
}

#[test]
fn a_retired_peer_keeps_nothing_and_answers_nothing() {
    let mut path = Path::losing(Speaks::Both, DtlsRole::Passive, usize::MAX);
    path.run(Duration::from_secs(5));
    path.ours.peer.retire();
    let mut hello = Vec::new();
    Browser::new(Speaks::Both, true, path.now).drain(|bytes| hello.push(bytes));
    path.ours.peer.handle_packet(path.now, &hello[0]);
    path.ours.drain(|_| panic!("a retired peer answered"));
    assert!(path.ours.peer.is_retired() && path.ours.wait.is_none());
}

#[test]
fn profiles_of_the_handshake_are_those_srtp_has() {
    let mut path = Path::losing(Speaks::Both, DtlsRole::Passive, usize::MAX);
    path.run(Duration::from_secs(5));
    let profile = path.ours.secured.as_ref().unwrap().0.profile();
    assert!(profile != SrtpProfile::Aes128CmSha1_32);
    fn is_send<T: Send>(_: &T) {}
    is_send(&path.ours.peer);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn one_datagram_in_five_lost_at_random_still_connects(
        losses in proptest::collection::vec(0u8..5, 200), only12: bool, active: bool
    ) {
        let speaks = if only12 { Speaks::Only12 } else { Speaks::Both };
        let role = if active { DtlsRole::Active } else { DtlsRole::Passive };
        let mut path = Path::new(speaks, role, move |number, _, bytes| {
            if losses.get(number) == Some(&0) { Vec::new() } else { vec![bytes] }
        });
        path.run(Duration::from_secs(14));
        path.assert_same_keys();
    }

    #[test]
    fn any_bytes_do_not_end_a_handshake_before_its_hello(
        bytes in proptest::collection::vec(any::<u8>(), 0..300)
    ) {
        let mut path = Path::losing(Speaks::Both, DtlsRole::Passive, usize::MAX);
        path.ours.peer.handle_packet(path.now, &bytes);
        path.run(Duration::from_secs(5));
        path.assert_same_keys();
    }
}
