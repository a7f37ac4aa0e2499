use super::*;

/// A browser leg whose peer has not been heard of, and the check that validates it.
fn waiting(world: &mut World, remote: bool) -> (MediaId, Vec<u8>) {
    let id = MediaId::next();
    let remote = remote.then(|| browser_remote("them"));
    world.command(Command::OpenBrowser { id, local: ice("us"), remote });
    (id, check(&ice("us"), "them", true))
}

fn failure(world: &mut World) -> Option<Failure> {
    world.take_events().into_iter().find_map(|(_, event)| match event {
        Event::Failed(failure) => Some(failure),
        _ => None,
    })
}

fn secured(key: LegKey) -> (HandshakeReport, SrtpKey, SrtpKey) {
    let profile = SrtpProfile::AeadAes128Gcm;
    let (outbound, inbound) = (super::key(profile), super::key(profile));
    let outcome = HandshakeOutcome::Secured {
        outbound: outbound.clone(),
        inbound: inbound.clone(),
        profile,
        version: "1.3",
    };
    (HandshakeReport { key, outcome }, outbound, inbound)
}

fn key_of(request: &HandshakeRequest) -> LegKey {
    match request {
        HandshakeRequest::Start { key, .. } | HandshakeRequest::Packet { key, .. } => *key,
        HandshakeRequest::Retire(key) => *key,
    }
}

const HELLO: &[u8] = &[22, 254, 253, 0, 0];

#[test]
fn m05_dtls_is_taken_only_from_an_address_that_passed_a_check() {
    let mut world = World::new();
    let (_, check) = waiting(&mut world, true);
    let browser = address("192.0.2.7:4001");
    world.packet(Socket::Browser, browser, HELLO);
    assert!(world.handshakes.is_empty());
    world.packet(Socket::Browser, browser, &check);
    assert_eq!(world.sent.pop().map(|(_, to, _)| to), Some(browser), "the check is answered");
    world.packet(Socket::Browser, address("192.0.2.8:4001"), HELLO);
    assert!(world.handshakes.is_empty());
    world.packet(Socket::Browser, browser, HELLO);
    assert!(matches!(world.handshakes[..], [HandshakeRequest::Packet { .. }]));
}

#[test]
fn a_client_hello_before_the_answer_waits_for_it() {
    let mut world = World::new();
    let (id, check) = waiting(&mut world, false);
    let browser = address("192.0.2.7:4001");
    world.packet(Socket::Browser, browser, &check);
    for _ in 0..10 {
        world.packet(Socket::Browser, browser, HELLO);
    }
    assert!(world.handshakes.is_empty());
    let remote = browser_remote("them");
    world.command(Command::SetBrowserRemote { id, local: None, remote });
    assert_eq!(world.handshakes.len(), crate::base::limit::DTLS_EARLY_MAX);
}

#[test]
fn keys_make_the_leg_and_the_engine_is_retired_once_audio_flows() {
    let mut world = World::new();
    let (id, check) = waiting(&mut world, true);
    let browser = address("192.0.2.7:4001");
    world.packet(Socket::Browser, browser, &check);
    world.packet(Socket::Browser, browser, HELLO);
    world.pass(Duration::from_millis(70));
    let (report, outbound, inbound) = secured(key_of(&world.handshakes.pop().unwrap()));
    let stale = HandshakeReport {
        key: LegKey { generation: 9, ..report.key },
        outcome: HandshakeOutcome::Closed,
    };
    world.shard.handle_handshake(world.now, stale);
    world.shard.handle_handshake(world.now, report);
    world.drain();
    match &world.take_events()[..] {
        [(told, Event::Secured { dtls_version: "1.3", took, .. })] => {
            assert_eq!((*told, *took), (id, Duration::from_millis(70)));
        }
        other => panic!("{other:?}"),
    }
    let keys = Some((inbound, outbound));
    let mut peer = Peer::new(id, Socket::Browser, browser, OPUS, keys);
    world.set_format(id, OPUS, Direction::SendRecv);
    world.command(Command::Echo { id });
    world.pass(Duration::from_secs(6));
    assert!(world.handshakes.is_empty(), "no audio yet: the engine may have to repeat its flight");
    world.say(&mut peer, b"hello");
    assert_eq!(world.heard(&mut peer).len(), 1);
    world.pass(Duration::from_secs(6));
    assert!(matches!(world.handshakes[..], [HandshakeRequest::Retire(_)]));
    world.packet(Socket::Browser, browser, HELLO);
    assert_eq!(world.handshakes.len(), 1, "m13: nothing reaches a retired engine");
}

#[test]
fn m12_a_wrong_certificate_ends_everything() {
    let mut world = World::new();
    let (_, check) = waiting(&mut world, true);
    let browser = address("192.0.2.7:4001");
    world.packet(Socket::Browser, browser, &check);
    world.packet(Socket::Browser, browser, HELLO);
    let key = key_of(&world.handshakes.pop().unwrap());
    let outcome = HandshakeOutcome::Failed(crate::media::dtls::DtlsFailure::FingerprintMismatch);
    world.shard.handle_handshake(world.now, HandshakeReport { key, outcome });
    world.drain();
    assert_eq!(failure(&mut world), Some(Failure::FingerprintMismatch));
    let sent = world.sent.len();
    world.packet(Socket::Browser, browser, &check);
    world.packet(Socket::Browser, browser, HELLO);
    assert_eq!(world.sent.len(), sent, "not even checks are answered");
    assert_eq!(world.shard.poll_timeout(), None);
}

#[test]
fn ice_and_dtls_that_do_not_come_up_fail_in_time() {
    let mut world = World::new();
    let (id, _) = waiting(&mut world, true);
    world.pass(Duration::from_secs(60));
    assert_eq!(failure(&mut world), None, "it rings");
    world.command(Command::Answered { id });
    world.pass(Duration::from_secs(14));
    assert_eq!(failure(&mut world), None);
    world.pass(Duration::from_secs(1));
    assert_eq!(failure(&mut world), Some(Failure::IceTimeout));

    let mut world = World::new();
    let (_, check) = waiting(&mut world, true);
    world.packet(Socket::Browser, address("192.0.2.7:4001"), &check);
    world.pass(Duration::from_secs(15));
    assert_eq!(failure(&mut world), Some(Failure::DtlsTimeout));
}

/// A connected leg by ICE, hearing itself.
fn connected(world: &mut World) -> Peer {
    let (id, check) = waiting(world, true);
    let browser = address("192.0.2.7:4001");
    world.packet(Socket::Browser, browser, &check);
    world.packet(Socket::Browser, browser, HELLO);
    let (report, outbound, inbound) = secured(key_of(&world.handshakes.pop().unwrap()));
    world.shard.handle_handshake(world.now, report);
    world.drain();
    world.set_format(id, OPUS, Direction::SendRecv);
    world.command(Command::Echo { id });
    world.sent.clear();
    world.take_events();
    Peer::new(id, Socket::Browser, browser, OPUS, Some((inbound, outbound)))
}

#[test]
fn m19_without_consent_for_30_s_nothing_more_is_sent() {
    let mut world = World::new();
    let mut peer = connected(&mut world);
    world.pass(Duration::from_secs(20));
    let check = check(&ice("us"), "them", true);
    world.packet(Socket::Browser, peer.address, &check);
    world.pass(Duration::from_secs(29));
    world.say(&mut peer, b"still here");
    assert_eq!(world.heard(&mut peer).len(), 1);
    assert_eq!(failure(&mut world), None);
    world.pass(Duration::from_secs(1));
    assert_eq!(failure(&mut world), Some(Failure::ConsentExpired));
    world.sent.clear();
    world.say(&mut peer, b"gone");
    assert!(world.sent.is_empty());
}

#[test]
fn a_phone_roams_by_an_authentic_check_and_by_nothing_else() {
    let mut world = World::new();
    let mut peer = connected(&mut world);
    let (home, cafe) = (peer.address, address("203.0.113.50:999"));
    let stolen = peer.packet(111, b"right key, wrong place");
    world.packet(Socket::Browser, cafe, &stolen);
    assert_eq!(world.count(Counter::DroppedUnknownSource), 1);
    let forged = check(&IceCredentials { pwd: "guess".into(), ..ice("us") }, "them", true);
    world.packet(Socket::Browser, cafe, &forged);
    world.packet(Socket::Browser, cafe, &stolen);
    assert_eq!(world.count(Counter::DroppedUnknownSource), 2);
    world.sent.clear();
    world.packet(Socket::Browser, cafe, &check(&ice("us"), "them", true));
    world.sent.clear();
    peer.address = cafe;
    world.say(&mut peer, b"from the cafe");
    assert_eq!(world.heard(&mut peer).len(), 1, "answered where it is now");
    peer.address = home;
    world.say(&mut peer, b"a late packet from home is still its");
    assert_eq!(world.sent.pop().map(|(_, to, _)| to), Some(cafe));
}

#[test]
fn c30_an_ice_restart_keeps_keys_and_forgets_the_old_fragment_once_used() {
    let mut world = World::new();
    let mut peer = connected(&mut world);
    for name in ["us0", "us1"] {
        let (local, remote) = (Some(ice(name)), browser_remote("them0"));
        world.command(Command::SetBrowserRemote { id: peer.id, local, remote });
    }
    let (local, remote) = (ice("us2"), browser_remote("them2"));
    world.command(Command::SetBrowserRemote { id: peer.id, local: Some(local), remote });
    world.say(&mut peer, b"goes on");
    assert_eq!(world.heard(&mut peer).len(), 1);
    world.packet(Socket::Browser, peer.address, &check(&ice("us2"), "them2", true));
    let unknown = world.count(Counter::DroppedUnknownUfrag);
    for name in ["us", "us0", "us1"] {
        world.packet(Socket::Browser, peer.address, &check(&ice(name), "them", true));
    }
    assert_eq!(world.count(Counter::DroppedUnknownUfrag), unknown + 3);
    world.sent.clear();
    world.say(&mut peer, b"same keys");
    assert_eq!(world.heard(&mut peer).len(), 1);
    assert!(world.handshakes.is_empty());
}

#[test]
fn a_closed_leg_leaves_nothing_behind_and_its_place_is_used_again() {
    let mut world = World::new();
    let peer = connected(&mut world);
    let counts = world.counts(&peer);
    assert_eq!(counts, LegCounts::default());
    assert_eq!((world.shard.leg_count(), world.shard.poll_timeout()), (0, None));
    world.sent.clear();
    world.packet(Socket::Browser, peer.address, &check(&ice("us"), "them", true));
    assert!(world.sent.is_empty());
    let again = connected(&mut world);
    assert_eq!(world.shard.leg_count(), 1);
    assert_ne!(again.id, peer.id);
}
