//! A relay in a child process, the calls through it, and the load on them.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;
use ringfence::base::Clock;
use ringfence::media::IceCredentials;
use ringfence::media::dtls::DtlsIdentity;
use ringfence::media::rtp::srtp::{SrtpKey, SrtpProfile};
use ringfence::media::shard::PacketBuf;
use ringfence::net::udp::{Batch, Poller};
use serde::Serialize;

use super::leg::Leg;
use super::protocol::{
    BareSetup, BareWay, Key, Ready, WorkerCall, WorkerSetup, fingerprint, hex, read_line,
};
use crate::pinning::on_measured_core;
use crate::process::Process;

/// A relay and its calls.
pub struct Relay {
    child: Child,
    process: Process,
    clock: Clock,
    /// Browsers, then PBXs, of all calls.
    legs: Vec<Leg>,
    poller: Poller,
    batch: Batch,
    buffers: (Vec<PacketBuf>, Vec<SocketAddr>),
    profile: SrtpProfile,
    empty_pss: u64,
    checked_at: Instant,
    tick: usize,
    /// CPU of each round, per relayed packet, by shape.
    micros: Vec<(Shape, f64)>,
    /// Packets relayed in all rounds.
    pub relayed: u64,
    sent: u64,
    /// CPU of one ICE and DTLS set-up.
    pub session_micros: Option<f64>,
}

/// How packets reach a relay. At these rates a relay sleeps most of the time, and what a packet
/// costs depends on how many share a wake-up; so one shape alone proves little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// The relay is stopped while packets queue up, then let go: whole batches for everybody, and
    /// nobody to wake. Compares the work itself.
    Batches,
    /// Paced inside 20 ms, by a load that never sleeps: the relay wakes for a few packets each
    /// time. A quick relay sleeps, and so wakes, more often than a slow one.
    Paced,
    /// Paced the same, by a load that sleeps: the relay also pays for waking it.
    PacedAndWaking,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Batches, Self::Paced, Self::PacedAndWaking];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batches => "whole batches",
            Self::Paced => "paced",
            Self::PacedAndWaking => "paced, waking the load",
        }
    }

    fn patience(self) -> Duration {
        match self {
            Self::Batches | Self::Paced => Duration::ZERO,
            Self::PacedAndWaking => Duration::from_millis(1),
        }
    }
}

/// Packets queued for each socket of a stopped relay: three batches.
const QUEUED: usize = 192;

/// How long a relay has for them; more than it needs.
const BURST: Duration = Duration::from_millis(10);

/// Ticks of 1 ms in which every leg sends once.
const TICKS_PER_FRAME: usize = 20;

/// How often browsers renew consent.
const CHECK_EVERY: Duration = Duration::from_secs(4);

/// How long packets may be under way.
const LAST_PACKETS: Duration = Duration::from_millis(60);

impl Relay {
    /// Ringfence's worker, with every call secured.
    pub fn worker(calls: usize, trunk: SrtpProfile) -> Result<Self> {
        let (mut child, ready) = start("worker")?;
        let process = Process(child.id());
        let clock = Clock::system();
        let identity = Arc::new(DtlsIdentity::generate(clock.unix())?);
        let relay_print = fingerprint(&ready.fingerprint)?;
        std::thread::sleep(Duration::from_millis(300));
        let empty_pss = process.pss()?;
        let before = process.cpu()?;
        let mut browsers = legs(calls, ready.browser, 0x1000)?;
        let mut trunks = legs(calls, ready.trunk, 0x8000)?;
        let mut setup = WorkerSetup { fingerprint: hex(&identity.fingerprint()), calls: vec![] };
        for (index, leg) in trunks.iter_mut().enumerate() {
            let (own, relay) = (SrtpKey::random(trunk)?, SrtpKey::random(trunk)?);
            leg.set_keys(&own, &relay)?;
            setup.calls.push(WorkerCall {
                ice: [ice_of("relay", index), ice_of("load", index)],
                trunk: leg.socket.local_addr(),
                trunk_key: Key::from(&own),
                to_trunk: Key::from(&relay),
            });
        }
        tell(&mut child, &setup)?;
        let mut profile = trunk;
        for (leg, call) in browsers.iter_mut().zip(&setup.calls) {
            let [(ufrag, pwd), (own, _)] = call.ice.clone();
            let ice = (IceCredentials { ufrag, pwd }, own);
            let (own, relay) = leg.handshake(&clock, &identity, relay_print, ice)?;
            profile = own.profile();
            leg.set_keys(&own, &relay)?;
        }
        let spent = process.cpu()?.saturating_sub(before);
        browsers.append(&mut trunks);
        let mut this = Self::new(child, clock, browsers, profile, empty_pss)?;
        this.session_micros = Some(spent.as_secs_f64() * 1e6 / calls as f64);
        Ok(this)
    }

    /// The floor, with keys as the worker's calls have.
    pub fn bare(calls: usize, browser: SrtpProfile, trunk: SrtpProfile) -> Result<Self> {
        let (mut child, ready) = start("bare")?;
        let empty_pss = Process(child.id()).pss()?;
        let mut browsers = legs(calls, ready.browser, 0x1000)?;
        let mut trunks = legs(calls, ready.trunk, 0x8000)?;
        let mut setup = BareSetup { from_browsers: vec![], from_trunks: vec![] };
        for (b, t) in browsers.iter_mut().zip(&mut trunks) {
            let [b_own, b_relay] = [SrtpKey::random(browser)?, SrtpKey::random(browser)?];
            let [t_own, t_relay] = [SrtpKey::random(trunk)?, SrtpKey::random(trunk)?];
            b.set_keys(&b_own, &b_relay)?;
            t.set_keys(&t_own, &t_relay)?;
            let (browser_at, trunk_at) = (b.socket.local_addr(), t.socket.local_addr());
            setup.from_browsers.push(way(browser_at, &b_own, trunk_at, &t_relay));
            setup.from_trunks.push(way(trunk_at, &t_own, browser_at, &b_relay));
        }
        tell(&mut child, &setup)?;
        browsers.append(&mut trunks);
        Self::new(child, Clock::system(), browsers, browser, empty_pss)
    }

    fn new(
        child: Child,
        clock: Clock,
        legs: Vec<Leg>,
        profile: SrtpProfile,
        empty_pss: u64,
    ) -> Result<Self> {
        let poller = Poller::new()?;
        for (token, leg) in legs.iter().enumerate() {
            poller.add(&leg.socket, token)?;
        }
        let nobody = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Ok(Self {
            process: Process(child.id()),
            child,
            checked_at: clock.now(),
            clock,
            legs,
            poller,
            batch: Batch::new(),
            buffers: (vec![PacketBuf::new(); 8], vec![nobody; 8]),
            profile,
            empty_pss,
            tick: 0,
            micros: vec![],
            relayed: 0,
            sent: 0,
            session_micros: None,
        })
    }

    /// What browsers and the relay agreed on.
    pub fn browser_profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Memory per call beyond the empty relay's, bytes.
    pub fn grown(&self) -> Result<f64> {
        let grown = self.process.pss()?.saturating_sub(self.empty_pss);
        Ok(grown as f64 * 2.0 / self.legs.len().max(1) as f64)
    }

    /// CPU per packet of each round of a shape, µs.
    pub fn micros(&self, shape: Shape) -> Vec<f64> {
        let of_shape = self.micros.iter().filter(|(of, _)| *of == shape);
        of_shape.map(|(_, micros)| *micros).collect()
    }

    /// Of what was sent in all rounds.
    pub fn loss_percent(&self) -> f64 {
        self.sent.saturating_sub(self.relayed) as f64 * 100.0 / self.sent.max(1) as f64
    }

    /// Measures one round; the other relay only keeps its calls alive.
    pub fn round(&mut self, shape: Shape, length: Duration, other: &mut Self) -> Result<()> {
        let counts = |legs: &[Leg]| {
            let sum = |count: fn(&Leg) -> u64| legs.iter().map(count).sum::<u64>();
            (sum(|leg| leg.sent), sum(|leg| leg.received))
        };
        let (sent, received) = counts(&self.legs);
        let before = self.process.cpu()?;
        self.run(shape, length, &mut [other])?;
        let spent = self.process.cpu()?.saturating_sub(before).as_secs_f64();
        let (sent_after, received_after) = counts(&self.legs);
        self.sent += sent_after - sent;
        self.relayed += received_after - received;
        let micros = spent * 1e6 / (received_after - received).max(1) as f64;
        self.micros.push((shape, micros));
        Ok(())
    }

    /// Sends in a shape for a while, and counts what comes back.
    pub fn run(&mut self, shape: Shape, length: Duration, others: &mut [&mut Self]) -> Result<()> {
        let end = self.clock.now() + length;
        let mut next_tick = self.clock.now();
        while self.clock.now() < end {
            if shape == Shape::Batches {
                self.burst()?;
            } else if self.clock.now() >= next_tick {
                self.send_tick()?;
                next_tick += Duration::from_millis(1);
            } else {
                self.receive(shape.patience())?;
                continue;
            }
            self.keep_alive();
            others.iter_mut().for_each(|other| other.keep_alive());
        }
        let end = self.clock.now() + LAST_PACKETS;
        while self.clock.now() < end {
            self.receive(Duration::ZERO)?;
        }
        for other in others {
            other.receive(Duration::ZERO)?;
        }
        Ok(())
    }

    /// Fills the sockets of the stopped relay, lets it go, and looks away until it is done.
    fn burst(&mut self) -> Result<()> {
        self.process.pause()?;
        let mut packet = PacketBuf::new();
        let half = self.legs.len() / 2;
        for _ in 0..QUEUED {
            let place = self.tick % half.max(1);
            self.tick += 1;
            for leg in self.legs.iter_mut().skip(place).step_by(half.max(1)) {
                leg.send(&mut self.batch, &mut packet)?;
            }
        }
        self.process.resume()?;
        std::thread::sleep(BURST);
        while self.receive(Duration::ZERO)? > 0 {}
        Ok(())
    }

    /// A twentieth of the packets of 20 ms: each leg sends 50 a second.
    fn send_tick(&mut self) -> Result<()> {
        let turn = self.tick % TICKS_PER_FRAME;
        self.tick += 1;
        let mut packet = PacketBuf::new();
        for leg in self.legs.iter_mut().skip(turn).step_by(TICKS_PER_FRAME) {
            leg.send(&mut self.batch, &mut packet)?;
        }
        Ok(())
    }

    fn keep_alive(&mut self) {
        let now = self.clock.now();
        if now.saturating_duration_since(self.checked_at) >= CHECK_EVERY {
            self.checked_at = now;
            for leg in &mut self.legs {
                leg.check(&mut self.batch);
            }
        }
    }

    /// Takes what has come; gives how many sockets had something.
    fn receive(&mut self, patience: Duration) -> Result<usize> {
        let (packets, sources) = &mut self.buffers;
        let mut ready = 0;
        for token in self.poller.wait(Some(patience))? {
            ready += 1;
            let Some(leg) = self.legs.get_mut(token) else { continue };
            let count = self.batch.receive(&leg.socket, packets, sources).unwrap_or(0);
            for packet in packets.iter_mut().take(count) {
                leg.on_packet(packet)?;
            }
        }
        Ok(ready)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.process.resume();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(kind: &str) -> Result<(Child, Ready)> {
    let mut child = on_measured_core(|| {
        Command::new(std::env::current_exe()?)
            .args(["relay-server", kind])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
    })??;
    let ready = read_line(&mut child).context("the relay did not start")?;
    Ok((child, serde_json::from_str(&ready)?))
}

/// Sends a line, and waits for the answer that it is done.
fn tell(child: &mut Child, what: &impl Serialize) -> Result<()> {
    let stdin = child.stdin.as_mut().context("no standard input")?;
    writeln!(stdin, "{}", serde_json::to_string(what)?)?;
    read_line(child).context("the relay did not take its calls")?;
    Ok(())
}

fn legs(count: usize, destination: SocketAddr, first_ssrc: u32) -> Result<Vec<Leg>> {
    (first_ssrc..).take(count).map(|ssrc| Leg::new(destination, ssrc)).collect()
}

fn way(source: SocketAddr, key: &SrtpKey, destination: SocketAddr, out: &SrtpKey) -> BareWay {
    BareWay { source, key: Key::from(key), destination, out: Key::from(out) }
}

fn ice_of(side: &str, index: usize) -> (String, String) {
    (format!("{side}{index:05}"), format!("{side}-password-{index:012}"))
}
