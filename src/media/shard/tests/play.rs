use super::*;

#[test]
fn a_prompt_plays_a_frame_every_20_ms_once_the_leg_can_be_sent_to() {
    let mut world = World::new();
    let id = MediaId::next();
    world.command(Command::OpenTrunk { id, socket: 0, local_key: None });
    world.command(Command::Play { id, prompt: Prompt::ToneThenMusic });
    world.pass(Duration::from_secs(10));
    assert!(world.sent.is_empty());
    let mut pbx = Peer::new(id, Socket::TrunkRtp(0), address("198.51.100.1:9000"), OPUS, None);
    let remote = pbx.trunk_remote();
    world.command(Command::SetTrunkRemote { id, remote, local_key: None });
    world.set_format(id, OPUS, Direction::SendRecv);
    world.pass(Duration::from_secs(2));
    let heard = world.heard(&mut pbx);
    assert!((100..=101).contains(&heard.len()), "{}", heard.len());
    assert_continuous(&heard);
    for pair in heard.windows(2) {
        assert_eq!(pair[1].header.timestamp.wrapping_sub(pair[0].header.timestamp), 960);
    }
    world.command(Command::Silence { id });
    world.pass(Duration::from_secs(1));
    assert!(world.heard(&mut pbx).is_empty());
}

#[test]
fn an_idle_leg_is_looked_at_only_to_report() {
    let mut world = World::new();
    let _legs: Vec<_> = (0..10).map(|n| world.trunk(10_000 + n * 2, PCMU, None)).collect();
    let mut looks = 0;
    let end = world.now + Duration::from_secs(60);
    while let Some(at) = world.shard.poll_timeout().filter(|at| *at < end) {
        world.now = at;
        world.shard.handle_timeout(at);
        world.drain();
        looks += 1;
    }
    assert!(looks <= 10 * 60 / 2, "{looks}");
}

#[test]
fn silence_is_told_once_per_silence_and_only_of_an_answered_leg_that_should_be_heard() {
    let mut world = World::new();
    let mut a = world.trunk(10_000, PCMU, None);
    world.pass(Duration::from_secs(100));
    assert!(world.take_events().is_empty(), "it rings");
    world.command(Command::Answered { id: a.id });
    world.pass(Duration::from_secs(59));
    world.say(&mut a, b"late");
    world.pass(Duration::from_secs(59));
    assert!(world.take_events().is_empty());
    world.pass(Duration::from_secs(200));
    assert_eq!(world.take_events().len(), 1);
    world.say(&mut a, b"back");
    world.set_format(a.id, PCMU, Direction::SendOnly);
    world.pass(Duration::from_secs(200));
    assert!(world.take_events().is_empty(), "on hold");
    world.set_format(a.id, PCMU, Direction::SendRecv);
    world.pass(Duration::from_secs(200));
    assert!(matches!(world.take_events()[..], [(_, Event::Silent)]));
}

#[test]
fn a_prompt_in_another_codec_after_a_re_negotiation_goes_on() {
    let mut world = World::new();
    let mut a = world.trunk(10_000, PCMU, None);
    world.command(Command::Play { id: a.id, prompt: Prompt::Ringback });
    world.pass(FRAME * 10);
    world.set_format(a.id, OPUS, Direction::SendRecv);
    world.pass(FRAME * 10);
    let heard = world.heard(&mut a);
    assert_continuous(&heard);
    let kinds: Vec<_> = heard.iter().map(|it| it.header.payload_type).collect();
    assert!(kinds.contains(&0) && kinds.ends_with(&[111]));
}
