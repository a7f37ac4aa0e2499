//! `loadtest media`: what a media worker spends on relaying a packet between a browser
//! (DTLS-SRTP) and a PBX (SDES), against the barest relay with the same sockets, batches and
//! cryptography.
//!
//! Both relays are processes of their own, children of this one, on the measured core. The
//! worker's is [`ringfence::engine::media_thread::MediaWorkers`] as the server runs it, with its
//! handshake and codec threads, real ICE and DTLS, RTCP and consent, but without the signalling
//! around it; so packets are compared with nothing else in the figure. The same load goes to each
//! in turns, in each of the shapes of [`Shape`]; the goal holds for all of them.

mod bare_relay;
mod leg;
mod protocol;
mod traffic;
mod worker_relay;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use ringfence::media::rtp::srtp::SrtpProfile;

use crate::chart::Chart;
use crate::figures::Figures;
use crate::pinning::keep_load_off;
use crate::process::raise_descriptor_limit;
use crate::summary::Samples;
pub use protocol::read_line;
use traffic::{Relay, Shape};

/// What to do.
#[derive(Args, Debug)]
pub struct MediaArgs {
    /// Calls; each sends 50 packets a second both ways
    #[arg(long, default_value_t = 200)]
    calls: usize,
    /// Rounds; each has both relays
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seconds of a round, for each relay and each shape of load
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// This shape of load alone
    #[arg(long, value_enum)]
    shape: Option<Shape>,
    /// What the PBX encrypts with
    #[arg(long, value_enum, default_value_t = Suite::Cm80)]
    suite: Suite,
    /// Write the figures here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the rounds here
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl MediaArgs {
    fn shapes(&self) -> impl Iterator<Item = Shape> + use<> {
        let only = self.shape;
        Shape::ALL.into_iter().filter(move |shape| only.is_none_or(|only| only == *shape))
    }
}

/// SDES suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`
    Cm80,
    /// `AEAD_AES_128_GCM`
    Gcm128,
    /// `AEAD_AES_256_GCM`
    Gcm256,
}

impl Suite {
    fn profile(self) -> SrtpProfile {
        match self {
            Self::Cm80 => SrtpProfile::Aes128CmSha1_80,
            Self::Gcm128 => SrtpProfile::AeadAes128Gcm,
            Self::Gcm256 => SrtpProfile::AeadAes256Gcm,
        }
    }
}

/// Which relay a child is.
#[derive(Args, Debug)]
pub struct RelayServerArgs {
    #[arg(value_enum)]
    kind: Kind,
}

/// The two relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Ringfence's media worker.
    Worker,
    /// The floor.
    Bare,
}

/// The child: relays until its input ends.
pub fn serve(args: &RelayServerArgs) -> Result<bool> {
    match args.kind {
        Kind::Worker => worker_relay::serve(),
        Kind::Bare => bare_relay::serve(),
    }
}

/// The ratio this version must show, and the one to reach (P6).
const RATIO_MAX: f64 = 1.3;
const RATIO_LATER: f64 = 1.15;

/// Memory of a relayed call beyond its sockets, kB; a worker's calls have no sockets of their own.
const PSS_MAX: f64 = 24.0;

/// Runs it; true if the ratio and the memory are small enough.
pub fn run(args: MediaArgs) -> Result<bool> {
    raise_descriptor_limit();
    keep_load_off();
    let mut figures = Figures::begin();
    let mut worker = Relay::worker(args.calls, args.suite.profile())?;
    let mut bare = Relay::bare(args.calls, worker.browser_profile(), args.suite.profile())?;
    let length = Duration::from_secs(args.seconds);
    let bar = ProgressBar::new(args.rounds as u64).with_message("rounds");
    // Long enough for the handshakes' memory to be given back.
    worker.run(Shape::PacedAndWaking, WARM_UP, &mut [])?;
    bare.run(Shape::PacedAndWaking, Duration::from_secs(1), &mut [])?;
    let grown = worker.grown()?;
    for round in 0..args.rounds {
        for shape in args.shapes() {
            let mut turns = [&mut worker, &mut bare];
            if round % 2 == 1 {
                turns.reverse();
            }
            let [first, second] = turns;
            first.round(shape, length, second)?;
            second.round(shape, length, first)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    report(&args, &mut figures, &worker, &bare, grown);
    if let Some(path) = &args.svg {
        chart(&worker, &bare).write(path)?;
    }
    figures.finish(args.json.as_deref())
}

const WARM_UP: Duration = Duration::from_secs(12);

fn report(args: &MediaArgs, figures: &mut Figures, worker: &Relay, bare: &Relay, grown: f64) {
    for shape in args.shapes() {
        let (ours, floor) = (worker.micros(shape), bare.micros(shape));
        let name = shape.name();
        let median = |micros: &[f64]| Samples::new(micros.iter().copied()).median();
        figures.add(format!("{name}: worker, CPU per packet"), median(&ours), "µs");
        figures.add(format!("{name}: bare relay, CPU per packet"), median(&floor), "µs");
        let ratios = Samples::new(ours.iter().zip(&floor).map(|(ours, floor)| ours / floor));
        let ratio = ratios.median();
        figures.require(&format!("{name}: ratio"), ratio, "", RATIO_MAX);
        figures.aim(&format!("{name}: ratio, for P6"), ratio, "", RATIO_LATER);
        figures.add(format!("{name}: ratio, best round"), ratios.percentile(0.0), "");
        figures.add(format!("{name}: ratio, worst round"), ratios.max(), "");
    }
    for (name, relay) in [("worker", worker), ("bare relay", bare)] {
        figures.add(format!("{name}: packets relayed"), relay.relayed as f64, "");
        figures.require(&format!("{name}: loss"), relay.loss_percent(), "%", 0.1);
    }
    figures.require("PSS per relayed call", grown / 1024.0, "kB", PSS_MAX);
    if let Some(micros) = worker.session_micros {
        figures.add("CPU per session, ICE and DTLS to keys", micros, "µs");
    }
    figures.note(format!(
        "{} calls, paced {} packets/s in all; browser {}, PBX {}; {} rounds of {} s for each relay and shape in turns, medians of rounds; a ratio depends on how many packets share a wake-up, so it is given for three shapes of load; both relays children of this process on one core, MediaWorkers in-process there, without signalling",
        args.calls,
        args.calls * 100,
        worker.browser_profile().as_str(),
        args.suite.profile().as_str(),
        args.rounds,
        args.seconds
    ));
}

fn chart(worker: &Relay, bare: &Relay) -> Chart {
    let shapes = [Shape::Batches, Shape::Paced];
    let lines = shapes.into_iter().flat_map(|shape| {
        let name = |relay: &str| format!("{relay}, {}", shape.name());
        [(name("worker"), worker.micros(shape)), (name("bare relay"), bare.micros(shape))]
    });
    let lines: Vec<_> = lines.collect();
    let rounds = lines.first().map_or(0, |(_, points)| points.len());
    Chart {
        title: "CPU per relayed packet, by round".into(),
        x: "round",
        y: "µs",
        x_max: rounds.saturating_sub(1) as f64,
        lines,
    }
}
