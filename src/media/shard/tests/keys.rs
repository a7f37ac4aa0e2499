use super::*;

/// Presses a key on `peer`'s telephone-event, as browsers do: a packet every 20 ms, the end thrice.
fn press(world: &mut World, peer: &mut Peer, event: u8, frames: u16) {
    let dtmf = peer.format.dtmf.unwrap();
    let start = peer.timestamp.wrapping_add(dtmf.clock_rate / 50);
    let step = u16::try_from(dtmf.clock_rate / 50).unwrap();
    for frame in 1..=frames + 2 {
        let end = if frame >= frames { 0x80 } else { 0 };
        let duration = step * frame.min(frames);
        let [hi, lo] = duration.to_be_bytes();
        let payload = [event, end | 10, hi, lo];
        let packet = peer.packet_at(dtmf.payload_type, start, frame == 1, &payload);
        world.packet(peer.socket, peer.address, &packet);
        world.pass(FRAME);
    }
    peer.timestamp = start.wrapping_add(u32::from(step * (frames - 1)));
}

fn pressed(world: &mut World, peer: &Peer) -> Vec<(char, Duration)> {
    world
        .take_events()
        .into_iter()
        .filter_map(|(id, event)| match event {
            Event::KeyPressed { digit, duration } if id == peer.id => Some((digit, duration)),
            _ => None,
        })
        .collect()
}

/// The presses a leg was sent: event, last duration, and how many packets with and without end.
fn regenerated(heard: &[Heard]) -> Vec<(u8, u16, usize, usize)> {
    let mut presses: Vec<(u32, (u8, u16, usize, usize))> = Vec::new();
    for it in heard {
        let at = it.header.timestamp;
        let duration = u16::from_be_bytes([it.payload[2], it.payload[3]]);
        let is_end = it.payload[1] & 0x80 != 0;
        if presses.last().is_none_or(|(start, _)| *start != at) {
            assert!(it.header.marker, "the first packet of an event carries the marker");
            presses.push((at, (it.payload[0], 0, 0, 0)));
        }
        let press = &mut presses.last_mut().unwrap().1;
        press.1 = duration;
        if is_end { press.2 += 1 } else { press.3 += 1 }
    }
    presses.into_iter().map(|(_, press)| press).collect()
}

#[test]
fn c35_keys_at_48000_arrive_once_each_at_8000() {
    let mut world = World::new();
    let mut browser = world.browser("a", 4001, OPUS);
    let mut pbx = world.trunk(10_000, PCMU, Some(SrtpProfile::AeadAes128Gcm));
    world.bridge(&browser, &pbx);
    for event in [1, 1, 11] {
        press(&mut world, &mut browser, event, 5);
        world.pass(FRAME * 10);
    }
    world.pass(Duration::from_secs(1));
    let told = pressed(&mut world, &browser);
    let each = Duration::from_millis(100);
    assert_eq!(told, [('1', each), ('1', each), ('#', each)]);
    let heard = world.heard(&mut pbx);
    assert!(heard.iter().all(|it| it.header.payload_type == 101));
    let presses = regenerated(&heard);
    let brief: Vec<_> = presses.iter().map(|press| (press.0, press.1, press.2)).collect();
    assert_eq!(brief, [(1, 800, 3), (1, 800, 3), (11, 800, 3)]);
}

#[test]
fn keys_between_audio_leave_no_gap_and_no_repetition() {
    let mut world = World::new();
    let mut a = world.trunk(10_000, PCMU, None);
    let mut b = world.browser("b", 4002, PCMU);
    world.bridge(&a, &b);
    for _ in 0..5 {
        world.say(&mut a, b"before");
        world.pass(FRAME);
    }
    press(&mut world, &mut a, 5, 5);
    for _ in 0..50 {
        world.say(&mut a, b"after");
        world.pass(FRAME);
    }
    let heard = world.heard(&mut b);
    assert!(heard.iter().filter(|it| it.header.payload_type == 101).count() >= 4);
    for pair in heard.windows(2) {
        let (a, b) = (pair[0].header, pair[1].header);
        assert_eq!(b.sequence_number, a.sequence_number.wrapping_add(1));
    }
    let before: Vec<_> = heard.iter().filter(|it| it.payload == b"before").collect();
    let after: Vec<_> = heard.iter().filter(|it| it.payload == b"after").collect();
    assert_eq!(before.len(), 5);
    assert!(after.len() >= 40, "{}", after.len());
    assert!(after[0].header.marker);
    let span = after.last().unwrap().header.timestamp.wrapping_sub(before[0].header.timestamp);
    assert_eq!(span, 160 * (5 + 5 + 50 - 1), "time as the speaker counted it");
}

#[test]
fn c36_a_key_by_signalling_is_sent_on_but_not_reported_again() {
    let mut world = World::new();
    let browser = world.browser("a", 4001, OPUS);
    let mut pbx = world.trunk(10_000, PCMU, None);
    world.bridge(&browser, &pbx);
    let duration = Duration::from_millis(160);
    world.command(Command::KeyPressed { id: browser.id, digit: '9', duration });
    world.pass(Duration::from_secs(1));
    assert!(pressed(&mut world, &browser).is_empty());
    let presses = regenerated(&world.heard(&mut pbx));
    assert_eq!(presses.len(), 1);
    assert_eq!((presses[0].0, presses[0].1, presses[0].2), (9, 1280, 3));
}

#[test]
fn while_transcoding_a_key_is_skipped_for_the_codec_and_sent_as_event() {
    let mut world = World::new();
    let mut browser = world.browser("a", 4001, OPUS);
    let mut pbx = world.trunk(10_000, PCMU, None);
    world.bridge(&browser, &pbx);
    world.say(&mut browser, b"opus");
    press(&mut world, &mut browser, 2, 5);
    let works: Vec<_> = world.jobs.iter().map(|job| job.work).collect();
    assert_eq!(works[0], CodecWork::Frame);
    assert_eq!(works[1..], [CodecWork::Skip; 7]);
    world.pass(Duration::from_secs(1));
    assert_eq!(regenerated(&world.heard(&mut pbx)).len(), 1);
}

#[test]
fn read_back_plays_each_key_to_who_pressed_it() {
    let mut world = World::new();
    let mut a = world.browser("a", 4001, PCMU);
    world.command(Command::ReadBack { id: a.id });
    world.pass(Duration::from_secs(1));
    assert!(world.heard(&mut a).is_empty(), "silent until a key is pressed");
    press(&mut world, &mut a, 4, 5);
    let duration = Duration::from_millis(100);
    world.command(Command::KeyPressed { id: a.id, digit: '#', duration });
    world.pass(Duration::from_secs(2));
    let heard = world.heard(&mut a);
    assert_eq!(heard.len(), 30, "two tones of 300 ms");
    assert!(heard.iter().all(|it| it.header.payload_type == 0 && it.payload.len() == 160));
    assert_continuous(&heard);
    assert_eq!(pressed(&mut world, &a).len(), 1);
}
