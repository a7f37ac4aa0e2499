//! Two user agents over a link that loses, delays, repeats and reorders.

use super::super::*;
use super::support::*;
use crate::base::{Cause, Clock, LegId};
use crate::sip::message::Message;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// How bad the link is.
#[derive(Clone, Copy)]
struct Weather {
    loss_percent: u64,
    copy_percent: u64,
    delay_max: Duration,
}

const FAIR: Weather =
    Weather { loss_percent: 0, copy_percent: 0, delay_max: Duration::from_millis(1) };
const FOUL: Weather =
    Weather { loss_percent: 25, copy_percent: 15, delay_max: Duration::from_millis(900) };

/// Caller (0) and callee (1) in one virtual time.
struct Pair {
    agents: [UserAgent; 2],
    events: [Vec<Event>; 2],
    now: Instant,
    weather: Weather,
    random: Random,
    /// By arrival and order of sending: for whom, and what.
    link: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    count: u64,
}

impl Pair {
    fn new(transport: Transport, weather: Weather, seed: u64) -> Self {
        let agent = |seed| UserAgent::new(config(transport, PeerKind::Trunk, seed));
        Self {
            agents: [agent(seed), agent(seed + 1_000_000)],
            events: [Vec::new(), Vec::new()],
            now: Clock::system().now(),
            weather,
            random: Random::seeded(seed),
            link: BTreeMap::new(),
            count: 0,
        }
    }

    fn command(&mut self, side: usize, command: Command) {
        self.agents[side].handle_command(self.now, command);
        self.drain();
    }

    /// Lets time pass; `react` answers events as they come.
    fn run(&mut self, duration: Duration, mut react: impl FnMut(&mut Self, usize, &Event)) {
        let end = self.now + duration;
        let mut seen = [0, 0];
        loop {
            for side in [0, 1] {
                while seen[side] < self.events[side].len() {
                    let event = self.events[side].remove(seen[side]);
                    react(self, side, &event);
                    self.events[side].insert(seen[side], event);
                    seen[side] += 1;
                }
            }
            let timers = self.agents.iter().filter_map(UserAgent::poll_timeout);
            let arrival = self.link.keys().next().map(|(at, _)| *at);
            let Some(next) = timers.chain(arrival).min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            while let Some(entry) = self.link.first_entry() {
                if entry.key().0 > self.now {
                    break;
                }
                let (side, bytes) = entry.remove();
                self.agents[side].handle_message(self.now, Message::parse(&bytes));
            }
            for agent in &mut self.agents {
                agent.handle_timeout(self.now);
            }
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        for side in [0, 1] {
            while let Some(output) = self.agents[side].poll_output() {
                match output {
                    Output::Event(event) => self.events[side].push(event),
                    Output::Transmit(bytes) => self.post(1 - side, bytes),
                }
            }
        }
    }

    fn post(&mut self, to: usize, bytes: Vec<u8>) {
        if self.random.bits() % 100 < self.weather.copy_percent {
            self.post_one(to, bytes.clone());
        }
        if self.random.bits() % 100 >= self.weather.loss_percent {
            self.post_one(to, bytes);
        }
    }

    fn post_one(&mut self, to: usize, bytes: Vec<u8>) {
        let delay_ms = self.weather.delay_max.as_millis() as u64;
        let delay = Duration::from_millis(self.random.bits() % (delay_ms + 1));
        // A reliable link keeps the order.
        let delay = if self.weather.loss_percent == 0 { self.weather.delay_max } else { delay };
        self.count += 1;
        self.link.insert((self.now + delay, self.count), (to, bytes));
    }

    /// How often each leg of a side was told to be over.
    fn ends(&self, side: usize) -> HashMap<LegId, usize> {
        let mut ends = HashMap::new();
        for event in &self.events[side] {
            match event {
                Event::Invited(invited) => {
                    ends.entry(invited.leg).or_default();
                }
                Event::Ended { leg, .. } | Event::Rejected { leg, .. } => {
                    *ends.entry(*leg).or_default() += 1;
                }
                _ => {}
            }
        }
        ends
    }
}

/// Rings, answers, answers offers.
fn polite_callee(pair: &mut Pair, side: usize, event: &Event) {
    match event {
        Event::Invited(invited) => {
            let leg = invited.leg;
            pair.command(side, Command::Ring { leg, sdp: None });
            pair.command(side, Command::Answer { leg, sdp: ANSWER.into() });
        }
        Event::ReOffered { leg, .. } => {
            pair.command(side, Command::ReAnswer { leg: *leg, sdp: ANSWER.into() });
        }
        _ => {}
    }
}

fn callee_leg(pair: &Pair) -> Option<LegId> {
    pair.events[1].iter().find_map(|event| match event {
        Event::Invited(invited) => Some(invited.leg),
        _ => None,
    })
}

#[test]
fn a_call_over_a_fair_link_is_answered_held_dialled_into_and_ended() {
    let mut pair = Pair::new(Transport::Tls, FAIR, 1);
    let leg = LegId::next();
    pair.command(0, invite(leg));
    pair.run(seconds(1), polite_callee);
    pair.command(0, Command::ReOffer { leg, sdp: OFFER.into() });
    pair.run(seconds(1), polite_callee);
    pair.command(0, Command::SendDtmf { leg, digit: '7', duration_ms: 120 });
    pair.run(seconds(1), polite_callee);
    let other = callee_leg(&pair).unwrap();
    pair.command(1, Command::ReOffer { leg: other, sdp: OFFER.into() });
    pair.run(seconds(1), polite_callee);
    pair.command(1, Command::Hangup { leg: other, cause: Cause::Normal });
    pair.run(seconds(1), polite_callee);
    let caller: Vec<_> = pair.events[0].iter().map(name).collect();
    assert_eq!(caller, ["Rang", "Answered", "ReAnswered", "ReOffered", "Ended"]);
    let callee: Vec<_> = pair.events[1].iter().map(name).collect();
    assert_eq!(callee, ["Invited", "Confirmed", "ReOffered", "Dtmf", "ReAnswered", "Ended"]);
    assert_eq!(pair.agents.each_ref().map(UserAgent::leg_count), [0, 0]);
}

fn name(event: &Event) -> String {
    let text = format!("{event:?}");
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

#[test]
fn c20_both_sides_reoffer_at_once_and_both_offers_are_answered_in_the_end() {
    let mut pair = Pair::new(Transport::Tls, FAIR, 2);
    let leg = LegId::next();
    pair.command(0, invite(leg));
    pair.run(seconds(1), polite_callee);
    let other = callee_leg(&pair).unwrap();
    pair.command(0, Command::ReOffer { leg, sdp: OFFER.into() });
    pair.command(1, Command::ReOffer { leg: other, sdp: OFFER.into() });
    pair.run(seconds(10), polite_callee);
    for side in [0, 1] {
        let names: Vec<_> = pair.events[side].iter().map(name).collect();
        assert_eq!(names.iter().filter(|name| *name == "ReAnswered").count(), 1, "{names:?}");
        assert_eq!(names.iter().filter(|name| *name == "ReRejected").count(), 0, "{names:?}");
    }
}

#[test]
fn c07_both_sides_hang_up_at_once_and_each_hears_one_end() {
    let mut pair = Pair::new(Transport::Tls, FAIR, 3);
    let leg = LegId::next();
    pair.command(0, invite(leg));
    pair.run(seconds(1), polite_callee);
    let other = callee_leg(&pair).unwrap();
    pair.command(0, Command::Hangup { leg, cause: Cause::Normal });
    pair.command(1, Command::Hangup { leg: other, cause: Cause::Normal });
    pair.run(seconds(1), polite_callee);
    assert_eq!(pair.ends(0)[&leg], 1);
    assert_eq!(pair.ends(1)[&other], 1);
    assert_eq!(pair.agents.each_ref().map(UserAgent::leg_count), [0, 0]);
}

#[test]
fn a_caller_that_hangs_up_at_any_moment_leaves_nothing_behind() {
    for delay_ms in 0..12 {
        let mut pair = Pair::new(Transport::Tls, FAIR, delay_ms);
        let leg = LegId::next();
        pair.command(0, invite(leg));
        pair.run(Duration::from_millis(delay_ms), polite_callee);
        pair.command(0, Command::Hangup { leg, cause: Cause::Cancelled });
        pair.run(seconds(40), polite_callee);
        assert_eq!(pair.ends(0)[&leg], 1, "{delay_ms}");
        assert!(pair.ends(1).values().all(|count| *count == 1), "{delay_ms}");
        assert_eq!(pair.agents.each_ref().map(UserAgent::leg_count), [0, 0], "{delay_ms}");
    }
}

#[test]
fn over_a_foul_link_every_leg_ends_exactly_once_and_nothing_is_left() {
    let mut answered = 0;
    let mut digits = 0;
    for seed in 0..150 {
        let mut pair = Pair::new(Transport::Udp, FOUL, seed);
        let leg = LegId::next();
        pair.command(0, invite(leg));
        pair.run(seconds(20), polite_callee);
        pair.command(0, Command::ReOffer { leg, sdp: OFFER.into() });
        pair.run(seconds(20), polite_callee);
        pair.command(0, Command::SendDtmf { leg, digit: '1', duration_ms: 100 });
        pair.run(seconds(20), polite_callee);
        match (seed % 2, callee_leg(&pair)) {
            (0, Some(other)) => {
                pair.command(1, Command::Hangup { leg: other, cause: Cause::Normal });
            }
            _ => pair.command(0, Command::Hangup { leg, cause: Cause::Normal }),
        }
        pair.run(seconds(120), polite_callee);
        // A side that never heard the BYE would learn it from its media.
        let now = pair.now;
        for agent in &mut pair.agents {
            agent.shut_down(now, Cause::MediaTimeout);
        }
        pair.drain();
        pair.run(seconds(120), |_, _, _| {});
        assert_eq!(pair.ends(0)[&leg], 1, "seed {seed}");
        assert!(pair.ends(1).values().all(|count| *count == 1), "seed {seed}");
        assert_eq!(pair.agents.each_ref().map(UserAgent::leg_count), [0, 0], "seed {seed}");
        let timeouts = pair.agents.each_ref().map(UserAgent::poll_timeout);
        assert_eq!(timeouts, [None, None], "seed {seed}");
        let names: Vec<_> = pair.events.iter().flatten().map(name).collect();
        let count = |wanted: &str| names.iter().filter(|name| *name == wanted).count();
        assert!(count("Invited") <= 1 && count("Dtmf") <= 1, "seed {seed}: {names:?}");
        answered += count("Answered");
        digits += count("Dtmf");
    }
    assert!(answered >= 145 && digits >= 140, "{answered} answered, {digits} digits");
}
