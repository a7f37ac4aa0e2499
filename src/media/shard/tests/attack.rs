use super::*;

/// A bridged call, spoken on for a while to make sure it lives.
fn call() -> (World, Peer, Peer) {
    let mut world = World::new();
    let mut browser = world.browser("a", 4001, PCMU);
    let mut pbx = world.trunk(10_000, PCMU, Some(SrtpProfile::AeadAes128Gcm));
    world.bridge(&browser, &pbx);
    for _ in 0..6 {
        world.say(&mut browser, b"hello");
        world.say(&mut pbx, b"hello");
    }
    assert_eq!((world.heard(&mut browser).len(), world.heard(&mut pbx).len()), (6, 6));
    (world, browser, pbx)
}

fn lives(world: &mut World, browser: &mut Peer, pbx: &mut Peer) {
    world.sent.clear();
    world.pass(Duration::from_secs(1));
    world.say(browser, b"still");
    world.say(pbx, b"here");
    assert_eq!((world.heard(browser).len(), world.heard(pbx).len()), (1, 1));
}

#[test]
fn m01_a_stranger_gets_no_byte_back_and_changes_nothing() {
    let (mut world, mut browser, mut pbx) = call();
    world.sent.clear();
    let stranger = address("127.0.0.2:5000");
    for first in 0..=255_u8 {
        for second in [0, 8, 111, 200, 201, 203] {
            let mut datagram = vec![first, second];
            datagram.extend_from_slice(&[0; 170]);
            for socket in [Socket::Browser, Socket::TrunkRtp(0), Socket::TrunkRtcp(0)] {
                world.packet(socket, stranger, &datagram);
            }
        }
    }
    assert!(world.sent.is_empty() && world.events.is_empty());
    lives(&mut world, &mut browser, &mut pbx);
}

#[test]
fn m04_forged_rtcp_ends_no_call() {
    let (mut world, mut browser, mut pbx) = call();
    let bye = [0x81, 203, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
    let rtcp = SocketAddr::new(pbx.address.ip(), pbx.address.port() + 1);
    for source in [rtcp, pbx.address, address("127.0.0.2:5000")] {
        world.packet(Socket::TrunkRtcp(0), source, &bye);
        world.packet(Socket::TrunkRtp(0), source, &bye);
    }
    world.packet(Socket::Browser, browser.address, &bye);
    assert!(world.events.is_empty());
    lives(&mut world, &mut browser, &mut pbx);
}

#[test]
fn m07_m16_a_million_forged_packets_from_the_peers_own_address_cost_it_nothing() {
    let (mut world, mut browser, mut pbx) = call();
    let mut forged = PacketBuf::new();
    let mut datagram = [0x55_u8; 188];
    datagram[..2].copy_from_slice(&[0x80, 0]);
    let before = resident_kib();
    for ssrc in 0..1_000_000_u32 {
        datagram[2..4].copy_from_slice(&(ssrc as u16).to_be_bytes());
        datagram[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let (socket, source) = if ssrc.is_multiple_of(2) {
            (browser.socket, browser.address)
        } else {
            (pbx.socket, pbx.address)
        };
        assert!(forged.fill(&datagram));
        let verdict = world.shard.handle_packet(world.now, socket, source, &mut forged);
        assert_eq!(verdict, Verdict::Consumed);
    }
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB");
    assert_eq!(world.count(Counter::DroppedUnauthenticated), 1_000_000);
    assert!(world.events.is_empty());
    lives(&mut world, &mut browser, &mut pbx);
    let counts = world.counts(&browser);
    assert_eq!((counts.received, counts.lost, counts.unauthenticated), (7, 0, 500_000));
}

#[test]
fn m08_plain_rtp_from_the_browsers_own_address_is_dropped() {
    let (mut world, mut browser, mut pbx) = call();
    let seal = browser.seal.take();
    world.say(&mut browser, &[9; 160]);
    assert!(world.heard(&mut pbx).is_empty());
    browser.seal = seal;
    lives(&mut world, &mut browser, &mut pbx);
}

#[test]
fn m18_a_replayed_packet_is_heard_once() {
    let (mut world, mut browser, mut pbx) = call();
    let packet = browser.packet(0, b"once");
    for _ in 0..10 {
        world.packet(browser.socket, browser.address, &packet);
    }
    assert_eq!(world.heard(&mut pbx).len(), 1);
    assert_eq!(world.counts(&browser).replayed, 9);
}

#[test]
fn m20_a_flood_of_authentic_packets_is_cut_and_the_call_lives() {
    let (mut world, mut browser, mut pbx) = call();
    for _ in 0..20_000 {
        world.say(&mut browser, b"flood");
        world.pass(Duration::from_micros(50));
    }
    let heard = world.heard(&mut pbx).len();
    assert!((500..=620).contains(&heard), "{heard} in a second");
    lives(&mut world, &mut browser, &mut pbx);
}

#[test]
fn m09_damaged_packets_of_every_kind_are_dropped_without_a_panic() {
    let (mut world, mut browser, mut pbx) = call();
    let mut seed = 1_u32;
    for round in 0..20_000 {
        let mut datagram = match round % 3 {
            0 => check(&ice("a"), "a-remote", true),
            1 => vec![0x80, 200, 0, 6, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 1, 1, 1],
            _ => vec![0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 5],
        };
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let at = seed as usize % datagram.len();
        datagram[at] ^= (seed >> 16) as u8 | 1;
        datagram.truncate((seed >> 8) as usize % (datagram.len() + 1));
        for (socket, source) in [
            (Socket::Browser, browser.address),
            (Socket::TrunkRtp(0), pbx.address),
            (Socket::TrunkRtcp(0), pbx.address),
        ] {
            world.packet(socket, source, &datagram);
        }
    }
    lives(&mut world, &mut browser, &mut pbx);
}

/// This process's resident memory.
fn resident_kib() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4
}
