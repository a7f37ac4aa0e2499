use super::*;

fn set_remote(world: &mut World, peer: &Peer) {
    let (id, remote) = (peer.id, peer.trunk_remote());
    world.command(Command::SetTrunkRemote { id, remote, local_key: None });
}

/// A call with a PBX that sends from another port than it signalled.
fn behind_nat(profile: Option<SrtpProfile>) -> (World, Peer, Peer) {
    let mut world = World::new();
    let browser = world.browser("a", 4001, PCMU);
    let mut pbx = world.trunk(10_000, PCMU, profile);
    world.bridge(&browser, &pbx);
    pbx.address.set_port(20_000);
    (world, browser, pbx)
}

#[test]
fn m02_another_port_of_the_signalled_address_is_learned_only_if_it_authenticates() {
    let (mut world, mut browser, mut pbx) = behind_nat(Some(SrtpProfile::AeadAes128Gcm));
    let mut forger = Peer::new(
        pbx.id,
        pbx.socket,
        address("198.51.100.1:30000"),
        PCMU,
        Some((key(SrtpProfile::AeadAes128Gcm), key(SrtpProfile::AeadAes128Gcm))),
    );
    world.say(&mut forger, b"forged");
    assert_eq!(world.count(Counter::DroppedUnknownSource), 1);
    world.say(&mut pbx, b"real");
    assert_eq!(world.heard(&mut browser).len(), 1);
    world.say(&mut browser, b"answer");
    assert_eq!(world.heard(&mut pbx).len(), 1, "sent to where the packets come from");
}

#[test]
fn m02_after_five_packets_the_port_is_fixed_until_the_next_sdp() {
    let (mut world, mut browser, mut pbx) = behind_nat(Some(SrtpProfile::Aes128CmSha1_80));
    for _ in 0..5 {
        world.say(&mut pbx, b"real");
    }
    pbx.address.set_port(20_002);
    world.say(&mut pbx, b"moved");
    assert_eq!(world.heard(&mut browser).len(), 5);
    assert_eq!(world.count(Counter::DroppedUnknownSource), 1);
    pbx.address.set_port(10_004);
    set_remote(&mut world, &pbx);
    pbx.address.set_port(20_002);
    world.say(&mut pbx, b"moved");
    assert_eq!(world.heard(&mut browser).len(), 1);
}

#[test]
fn m02_another_address_is_never_taken_even_with_the_right_key() {
    let (mut world, mut browser, mut pbx) = behind_nat(Some(SrtpProfile::AeadAes128Gcm));
    pbx.address = address("203.0.113.9:10000");
    world.say(&mut pbx, b"elsewhere");
    assert!(world.heard(&mut browser).is_empty());
    assert_eq!(world.count(Counter::DroppedUnknownSource), 1);
}

#[test]
fn m02_a_plain_leg_learns_a_port_only_while_it_is_the_only_one_of_its_address() {
    let (mut world, mut browser, mut pbx) = behind_nat(None);
    let other = world.trunk(10_002, PCMU, None);
    world.say(&mut pbx, b"whose?");
    assert!(world.heard(&mut browser).is_empty());
    world.command(Command::Close { id: other.id });
    world.say(&mut pbx, b"mine");
    assert_eq!(world.heard(&mut browser).len(), 1);
}

#[test]
fn an_encrypted_leg_takes_no_plain_rtp() {
    let mut world = World::new();
    let mut browser = world.browser("a", 4001, PCMU);
    let mut pbx = world.trunk(10_000, PCMU, Some(SrtpProfile::AeadAes128Gcm));
    world.bridge(&browser, &pbx);
    pbx.seal = None;
    world.say(&mut pbx, &[0; 160]);
    let (id, rtp) = (pbx.id, pbx.address);
    let remote = TrunkRemote { rtp, rtcp: rtp, key: None };
    world.command(Command::SetTrunkRemote { id, remote, local_key: None });
    world.say(&mut pbx, &[0; 160]);
    assert!(world.heard(&mut browser).is_empty());
    assert_eq!(world.count(Counter::DroppedUnauthenticated), 1);
    assert_eq!(world.count(Counter::DroppedNoKeys), 1);
}

#[test]
fn c31_a_new_key_starts_at_roc_0_and_the_same_key_keeps_its_roc() {
    let mut world = World::new();
    let mut browser = world.browser("a", 4001, PCMU);
    let mut pbx = world.trunk(10_000, PCMU, Some(SrtpProfile::Aes128CmSha1_80));
    world.bridge(&browser, &pbx);
    pbx.sequence_number = 65_530;
    for _ in 0..10 {
        world.say(&mut pbx, b"wraps");
    }
    set_remote(&mut world, &pbx);
    world.say(&mut pbx, b"same key, ROC 1");
    assert_eq!(world.heard(&mut browser).len(), 11);

    let (ours, theirs) = (key(SrtpProfile::AeadAes256Gcm), key(SrtpProfile::AeadAes256Gcm));
    let late = pbx.packet(0, b"under the old key");
    pbx.seal = Some(Outbound::new(&ours).unwrap());
    pbx.open = Some(Inbound::new(&theirs).unwrap());
    pbx.keys = Some((ours, theirs.clone()));
    let (id, remote) = (pbx.id, pbx.trunk_remote());
    world.command(Command::SetTrunkRemote { id, remote, local_key: Some(theirs) });
    world.packet(pbx.socket, pbx.address, &late);
    assert_eq!(world.count(Counter::DroppedUnauthenticated), 1, "c33: changes nothing");
    world.say(&mut pbx, b"new key, ROC 0");
    world.say(&mut browser, b"and back");
    let heard = world.heard(&mut browser);
    assert_eq!(heard.len(), 1);
    assert_eq!(world.heard(&mut pbx).len(), 1);
}

#[test]
fn c32_after_unhold_with_new_port_source_and_key_the_numbers_go_on() {
    let mut world = World::new();
    let mut browser = world.browser("a", 4001, PCMU);
    let mut pbx = world.trunk(10_000, PCMU, Some(SrtpProfile::Aes128CmSha1_80));
    world.bridge(&browser, &pbx);
    world.say(&mut pbx, b"before");
    let keys = (key(SrtpProfile::Aes128CmSha1_80), key(SrtpProfile::Aes128CmSha1_80));
    let local_key = Some(keys.1.clone());
    let moved = address("198.51.100.1:11000");
    let mut resumed = Peer::new(pbx.id, pbx.socket, moved, PCMU, Some(keys));
    world.command(Command::SetTrunkRemote {
        id: pbx.id,
        remote: resumed.trunk_remote(),
        local_key,
    });
    world.say(&mut resumed, b"after");
    world.say(&mut pbx, b"lingering");
    let heard = world.heard(&mut browser);
    assert_eq!(heard.len(), 2);
    assert_continuous(&heard);
    world.say(&mut browser, b"back");
    assert_eq!(world.heard(&mut resumed).len(), 1);
}

#[test]
fn hold_by_the_unspecified_address_stops_sending() {
    let mut world = World::new();
    let mut browser = world.browser("a", 4001, PCMU);
    let mut pbx = world.trunk(10_000, PCMU, None);
    world.bridge(&browser, &pbx);
    let rtp = address("0.0.0.0:10000");
    let remote = TrunkRemote { rtp, rtcp: rtp, key: None };
    world.command(Command::SetTrunkRemote { id: pbx.id, remote, local_key: None });
    world.say(&mut browser, b"to nobody");
    assert!(world.sent.is_empty());
    set_remote(&mut world, &pbx);
    world.say(&mut browser, b"again");
    assert_eq!(world.heard(&mut pbx).len(), 1);
}

#[test]
fn the_newer_of_two_legs_with_one_address_has_it_unless_their_sockets_differ() {
    let mut world = World::new();
    let _old = world.trunk(10_000, PCMU, None);
    let mut new = world.trunk(10_000, PCMU, None);
    world.command(Command::Echo { id: new.id });
    world.say(&mut new, b"mine");
    assert_eq!(world.heard(&mut new).len(), 1);
    assert_eq!(world.count(Counter::AddressConflicts), 1);
    let id = MediaId::next();
    world.command(Command::OpenTrunk { id, socket: 1, local_key: None });
    let remote = new.trunk_remote();
    world.command(Command::SetTrunkRemote { id, remote, local_key: None });
    assert_eq!(world.count(Counter::AddressConflicts), 1);
}
