use super::*;

#[test]
fn two_browsers_hear_each_other_and_not_themselves() {
    let mut world = World::new();
    let mut a = world.browser("a", 4001, OPUS);
    let mut b = world.browser("b", 4002, AudioFormat { payload_type: 96, ..OPUS });
    world.bridge(&a, &b);
    for _ in 0..5 {
        world.say(&mut a, b"from a");
        world.say(&mut b, b"from b");
        world.pass(FRAME);
    }
    let (at_a, at_b) = (world.heard(&mut a), world.heard(&mut b));
    assert_eq!((at_a.len(), at_b.len()), (5, 5));
    assert!(at_a.iter().all(|it| it.payload == b"from b" && it.header.payload_type == 111));
    assert!(at_b.iter().all(|it| it.payload == b"from a" && it.header.payload_type == 96));
    assert_continuous(&at_a);
    assert_continuous(&at_b);
    assert_ne!(at_b[0].header.ssrc, a.ssrc, "the far side's source is not passed on");
    assert_eq!(at_b[1].header.timestamp.wrapping_sub(at_b[0].header.timestamp), 960);
}

#[test]
fn c34_extensions_sources_and_padding_are_stripped_on_the_way() {
    let mut world = World::new();
    let mut a = world.browser("a", 4001, OPUS);
    let mut b = world.browser("b", 4002, OPUS);
    world.bridge(&a, &b);
    let mut packet = vec![0x80 | 0x20 | 0x10 | 1, 0x80 | 111, 1, 2, 0, 0, 0, 9, 0, 0, 0, 7];
    packet.extend_from_slice(&[1, 2, 3, 4]);
    packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
    packet.extend_from_slice(b"audio");
    packet.extend_from_slice(&[0, 0, 3]);
    let sealed = a.seal(packet);
    world.packet(a.socket, a.address, &sealed);
    let heard = world.heard(&mut b);
    assert_eq!(heard[0].payload, b"audio");
}

#[test]
fn a_call_between_browser_and_pbx_flows_by_sdes_and_by_plain_rtp() {
    let suites = [
        None,
        Some(SrtpProfile::AeadAes128Gcm),
        Some(SrtpProfile::AeadAes256Gcm),
        Some(SrtpProfile::Aes128CmSha1_80),
        Some(SrtpProfile::Aes128CmSha1_32),
    ];
    for profile in suites {
        let mut world = World::new();
        let mut browser = world.browser("a", 4001, PCMU);
        let mut pbx = world.trunk(10_000, PCMU, profile);
        world.bridge(&browser, &pbx);
        for _ in 0..3 {
            world.say(&mut browser, &[0x55; 160]);
            world.say(&mut pbx, &[0xaa; 160]);
            world.pass(FRAME);
        }
        let (at_pbx, at_browser) = (world.heard(&mut pbx), world.heard(&mut browser));
        assert_eq!((at_pbx.len(), at_browser.len()), (3, 3), "{profile:?}");
        assert_eq!(at_pbx[2].payload, [0x55; 160]);
        assert_eq!(at_browser[2].payload, [0xaa; 160]);
        let counts = world.counts(&pbx);
        assert_eq!((counts.received, counts.sent, counts.lost), (3, 3, 0));
    }
}

#[test]
fn numbers_go_on_from_prompt_to_echo_to_bridge_to_another_leg() {
    let mut world = World::new();
    let mut a = world.browser("a", 4001, PCMU);
    let mut b = world.trunk(10_000, PCMU, None);
    let mut c = world.trunk(10_002, PCMU, None);
    world.command(Command::Play { id: a.id, prompt: Prompt::Ringback });
    world.pass(FRAME * 5);
    world.command(Command::Echo { id: a.id });
    for _ in 0..5 {
        world.say(&mut a, b"echo");
        world.pass(FRAME);
    }
    for far in [&mut b, &mut c] {
        world.bridge(&a, far);
        for _ in 0..5 {
            world.say(far, b"far");
            world.pass(FRAME);
        }
    }
    let heard = world.heard(&mut a);
    assert_eq!(heard.len(), 6 + 15, "{heard:?}");
    assert_continuous(&heard);
    assert_eq!(heard.iter().filter(|it| it.header.marker).count(), 4, "one per change of source");
    let span = heard[20].header.timestamp.wrapping_sub(heard[0].header.timestamp);
    assert_eq!(span, 160 * 20, "timestamps follow the time that passed");
    world.say(&mut b, b"gone");
    assert!(world.heard(&mut a).is_empty(), "the leg before is not heard any more");
    assert_eq!(world.count(Counter::DroppedUnheard), 1);
}

#[test]
fn loss_on_the_way_in_is_loss_on_the_way_out_and_repetitions_are_dropped() {
    let mut world = World::new();
    let mut a = world.trunk(10_000, PCMU, None);
    let mut b = world.browser("b", 4002, PCMU);
    world.bridge(&a, &b);
    world.say(&mut a, b"1");
    a.packet(0, b"lost");
    let third = a.packet(0, b"3");
    world.packet(a.socket, a.address, &third);
    world.packet(a.socket, a.address, &third);
    let heard = world.heard(&mut b);
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[1].header.sequence_number, heard[0].header.sequence_number + 2);
    assert_eq!(world.count(Counter::DroppedLate), 1);
    world.pass(FRAME);
    assert_eq!(world.counts(&a).lost, 0, "the repetition hides it, as RFC 3550 A.3 says");
}

#[test]
fn c29_on_hold_nothing_is_sent_or_taken_and_afterwards_it_goes_on() {
    let mut world = World::new();
    let mut a = world.browser("a", 4001, PCMU);
    let mut b = world.trunk(10_000, PCMU, Some(SrtpProfile::Aes128CmSha1_80));
    world.bridge(&a, &b);
    let id = a.id;
    let mut both = |world: &mut World| {
        for _ in 0..50 {
            world.say(&mut a, b"a");
            world.say(&mut b, b"b");
            world.pass(FRAME);
        }
        (world.heard(&mut a), world.heard(&mut b))
    };
    let (before, _) = both(&mut world);
    world.set_format(id, PCMU, Direction::RecvOnly);
    let (at_a, at_b) = both(&mut world);
    assert_eq!((at_a.len(), at_b.len()), (0, 50), "a holds b");
    world.set_format(id, PCMU, Direction::SendOnly);
    let (at_a, at_b) = both(&mut world);
    assert_eq!((at_a.len(), at_b.len()), (50, 0), "b is held");
    assert_eq!(at_a[0].header.sequence_number, before[49].header.sequence_number + 1);
    assert!(at_a[0].header.marker);
    assert_eq!(at_a[0].header.timestamp.wrapping_sub(before[49].header.timestamp), 160 * 51);
    world.set_format(id, PCMU, Direction::Inactive);
    let (at_a, at_b) = both(&mut world);
    assert_eq!((at_a.len(), at_b.len()), (0, 0));
    world.set_format(id, PCMU, Direction::SendRecv);
    let (at_a, at_b) = both(&mut world);
    assert_eq!((at_a.len(), at_b.len()), (50, 50));
    assert_continuous(&at_b);
}

#[test]
fn frames_of_another_codec_go_to_the_codec_thread_and_come_back() {
    let mut world = World::new();
    let mut a = world.browser("a", 4001, OPUS);
    let mut b = world.trunk(10_000, PCMU, None);
    world.bridge(&a, &b);
    for _ in 0..3 {
        world.say(&mut a, b"opus");
        world.pass(FRAME);
    }
    assert!(world.heard(&mut b).is_empty());
    let jobs = std::mem::take(&mut world.jobs);
    assert_eq!(jobs.len(), 3);
    assert_eq!((jobs[0].from, jobs[0].to), (Codec::Opus, Codec::Pcmu));
    assert_eq!(jobs[2].payload.as_slice(), b"opus");
    let frame = |at: u32| CodecFrame {
        key: jobs[0].key,
        timestamp: at * 160,
        marker: false,
        payload: CodecPayload::from_slice(&[at as u8; 160]).unwrap(),
    };
    for at in 0..3 {
        world.shard.handle_frame(world.now, &frame(at));
        world.drain();
    }
    let heard = world.heard(&mut b);
    assert_eq!(heard.len(), 3);
    assert_continuous(&heard);
    assert_eq!(heard[2].header.timestamp.wrapping_sub(heard[0].header.timestamp), 320);
    assert_eq!((heard[2].header.payload_type, heard[2].payload[0]), (0, 2));

    world.command(Command::Silence { id: b.id });
    assert_eq!(world.jobs.pop().map(|job| job.work), Some(CodecWork::Close));
    world.shard.handle_frame(world.now, &frame(3));
    world.drain();
    assert!(world.heard(&mut b).is_empty(), "a frame of the bridge before is stale");
}

#[test]
fn a_leg_reports_what_it_received_and_sent_every_few_seconds() {
    let mut world = World::new();
    let mut a = world.trunk(10_000, PCMU, None);
    world.command(Command::Echo { id: a.id });
    for _ in 0..1000 {
        world.say(&mut a, &[1; 160]);
        world.pass(FRAME);
    }
    let rtcp = SocketAddr::new(a.address.ip(), a.address.port() + 1);
    let reports: Vec<_> = world
        .sent
        .iter()
        .filter(|(socket, to, _)| *socket == Socket::TrunkRtcp(0) && *to == rtcp)
        .collect();
    assert!((2..=8).contains(&reports.len()), "{} in 20 s", reports.len());
    assert!(reports.iter().all(|(_, _, packet)| packet[1] == 200), "sender reports");
    let (own, lsr) = (reports[0].2[4..8].to_vec(), reports[0].2[10..14].to_vec());

    // The PBX answers: 3 lost, and it held our report for a second.
    let mut packet = vec![0x81, 201, 0, 7];
    packet.extend_from_slice(&a.ssrc.to_be_bytes());
    packet.extend_from_slice(&own);
    packet.extend_from_slice(&[0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
    packet.extend_from_slice(&lsr);
    packet.extend_from_slice(&[0, 1, 0, 0]);
    world.packet(Socket::TrunkRtcp(0), rtcp, &packet);
    let counts = world.counts(&a);
    assert_eq!(counts.lost_by_peer, 3);
    assert!(counts.round_trip.is_some());
}
