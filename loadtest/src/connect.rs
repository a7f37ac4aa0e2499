//! `loadtest connect`: agents connecting, against the barest server that could take them.
//!
//! One connect is TCP, TLS 1.3 with an ECDSA P-256 certificate, the WebSocket upgrade with a
//! session token, and the abrupt end of it. Both servers run on the same core in turns.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use indicatif::ProgressBar;
use ringfence::base::Clock;
use tokio::task::JoinSet;

use crate::bare_server::BareServer;
use crate::chart::Chart;
use crate::client::{Dialer, TlsChoice};
use crate::figures::Figures;
use crate::people::{Agent, People};
use crate::pinning::load_runtime;
use crate::process::{Process, raise_descriptor_limit};
use crate::server::{Server, ServerArgs};
use crate::summary::Samples;

/// What to do.
#[derive(Args, Debug)]
pub struct ConnectArgs {
    /// Connects per round to each server
    #[arg(long, default_value_t = 2000)]
    connects: usize,
    /// Rounds; each has both servers
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Connects under way at once
    #[arg(long, default_value_t = 8)]
    parallel: usize,
    /// Offer X25519MLKEM768 as browsers do, instead of X25519 alone
    #[arg(long)]
    post_quantum: bool,
    /// Write the figures here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the rounds here
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// The ratio this version must show, and the one to reach (P1).
/// Agents that take turns: a session may open 600 sockets a minute.
const SESSIONS: usize = 200;
const RATIO_MAX: f64 = 1.3;
const RATIO_LATER: f64 = 1.15;

/// One of the two servers.
struct Side {
    process: Process,
    dialer: Dialer,
    tokens: Arc<Vec<Agent>>,
    micros: Vec<f64>,
    latencies: Vec<f64>,
    rates: Vec<f64>,
}

/// Runs it; true if the ratio is small enough.
pub fn run(args: ConnectArgs) -> Result<bool> {
    raise_descriptor_limit();
    let server = Server::start(&args.server)?;
    let bare = BareServer::start()?;
    load_runtime()?.block_on(measure(&args, &server, &bare))
}

async fn measure(args: &ConnectArgs, server: &Server, bare: &BareServer) -> Result<bool> {
    let mut figures = Figures::begin();
    let tokens = Arc::new(People::of(server).await?.add(SESSIONS).await?);
    let choice = TlsChoice { post_quantum: args.post_quantum };
    let mut ours = Side::new(
        server.process(),
        Dialer::new(server.tls_address()?, &server.ca(), choice)?,
        &tokens,
    );
    let mut floor =
        Side::new(bare.process(), Dialer::new(bare.address, &bare.ca(), choice)?, &tokens);
    let bar = ProgressBar::new(2 * args.rounds as u64).with_message("rounds");
    ours.flood(args.connects.min(200), args.parallel).await?;
    floor.flood(args.connects.min(200), args.parallel).await?;
    for round in 0..args.rounds {
        let mut turns = [&mut ours, &mut floor];
        if round % 2 == 1 {
            turns.reverse();
        }
        for side in turns {
            side.round(args.connects, args.parallel).await?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    report(args, &mut figures, &ours, &floor);
    if let Some(path) = &args.svg {
        chart(&ours, &floor).write(path)?;
    }
    figures.finish(args.json.as_deref())
}

impl Side {
    fn new(process: Process, dialer: Dialer, tokens: &Arc<Vec<Agent>>) -> Self {
        let tokens = Arc::clone(tokens);
        Self { process, dialer, tokens, micros: vec![], latencies: vec![], rates: vec![] }
    }

    /// Measures one round.
    async fn round(&mut self, connects: usize, parallel: usize) -> Result<()> {
        let clock = Clock::system();
        let (start, before) = (clock.now(), self.process.cpu()?);
        let latencies = self.flood(connects, parallel).await?;
        let took = clock.now().saturating_duration_since(start).as_secs_f64();
        // What the last ends of connections cost belongs to the round.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let spent = self.process.cpu()?.saturating_sub(before).as_secs_f64();
        self.micros.push(spent * 1e6 / connects as f64);
        self.rates.push(connects as f64 / took);
        self.latencies.extend(latencies);
        Ok(())
    }

    /// Connects and ends `connects` times, `parallel` at once; milliseconds of each.
    async fn flood(&self, connects: usize, parallel: usize) -> Result<Vec<f64>> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut lanes = JoinSet::new();
        for _ in 0..parallel {
            let (dialer, tokens) = (self.dialer.clone(), Arc::clone(&self.tokens));
            let next = Arc::clone(&next);
            lanes.spawn(async move {
                let clock = Clock::system();
                let mut latencies = Vec::new();
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= connects {
                        return anyhow::Ok(latencies);
                    }
                    let agent = tokens.get(turn % tokens.len().max(1));
                    let start = clock.now();
                    let socket = dialer.connect(agent.map(|agent| agent.token.as_str())).await?;
                    let took = clock.now().saturating_duration_since(start);
                    latencies.push(took.as_secs_f64() * 1e3);
                    drop(socket);
                }
            });
        }
        let mut all = Vec::with_capacity(connects);
        while let Some(latencies) = lanes.join_next().await {
            all.extend(latencies??);
        }
        Ok(all)
    }
}

fn report(args: &ConnectArgs, figures: &mut Figures, ours: &Side, floor: &Side) {
    let ratios = ours.micros.iter().zip(&floor.micros).map(|(ours, floor)| ours / floor);
    let ratios = Samples::new(ratios);
    let ratio = ratios.median();
    for (name, side) in [("ringfence", ours), ("bare server", floor)] {
        let micros = Samples::new(side.micros.iter().copied()).median();
        figures.add(format!("{name}: CPU per connect"), micros, "µs");
        let rate = Samples::new(side.rates.iter().copied()).median();
        figures.add(format!("{name}: connects per second"), rate, "1/s");
        let latencies = Samples::new(side.latencies.iter().copied());
        figures.percentiles(&format!("{name}: connect"), &latencies, "ms");
    }
    figures.require("CPU per connect, ratio", ratio, "", RATIO_MAX);
    figures.aim("CPU per connect, ratio, for P1", ratio, "", RATIO_LATER);
    figures.add("ratio of the best round", ratios.percentile(0.0), "");
    figures.add("ratio of the worst round", ratios.max(), "");
    let groups = if args.post_quantum { "X25519MLKEM768 offered" } else { "X25519" };
    figures.note(format!(
        "{} rounds of {} connects, {} at once, both servers in turns on one core; TLS 1.3, ECDSA P-256, {groups}, no resumption; medians of rounds",
        args.rounds, args.connects, args.parallel
    ));
}

fn chart(ours: &Side, floor: &Side) -> Chart {
    Chart {
        title: "server CPU per agent connect, by round".into(),
        x: "round",
        y: "µs",
        x_max: ours.micros.len().saturating_sub(1) as f64,
        lines: vec![
            ("ringfence".into(), ours.micros.clone()),
            ("bare tokio-tungstenite + rustls".into(), floor.micros.clone()),
        ],
    }
}
