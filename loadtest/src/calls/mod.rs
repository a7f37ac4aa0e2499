//! `loadtest calls`: N browsers in echo calls at once.
//!
//! Each has its own agent, socket, registration, ICE, DTLS and microphone. Calls are set up at a
//! steady rate, each until it hears itself; once all are up they talk and everything is measured
//! for a while; then all hang up.

mod browser;
mod call;
mod result;
mod tally;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ringfence::base::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::{Dialer, TlsChoice};
use crate::figures::Figures;
use crate::people::{Agent, People};
use crate::pinning::load_runtime;
use crate::process::{Process, raise_descriptor_limit};
use crate::server::{Server, ServerArgs};
use call::{Outcome, Phase, Plan};
use result::Snapshot;

pub use browser::Codec;
pub use call::Shared;
pub use result::{LOSS_PERCENT_MAX, Measured};

/// What to do.
#[derive(Args, Debug)]
pub struct CallsArgs {
    /// Calls at once
    #[arg(long, default_value_t = 200)]
    calls: usize,
    /// How long all of them stay up together
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// New calls per second while they are set up
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// What is sent
    #[arg(long, value_enum, default_value_t = Codec::Opus)]
    codec: Codec,
    /// Write the figures here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw set-up times and round trips here
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs it; true if no call failed and hardly a packet was lost.
pub fn run(args: CallsArgs) -> Result<bool> {
    raise_descriptor_limit();
    let server = Server::start(&args.server)?;
    let runtime = load_runtime()?;
    let passed = runtime.block_on(measure(&args, &server));
    // Drivers of connections that are gone have nothing left to say.
    runtime.shutdown_timeout(Duration::from_secs(1));
    passed
}

async fn measure(args: &CallsArgs, server: &Server) -> Result<bool> {
    let mut figures = Figures::begin();
    let agents = People::of(server).await?.add(args.calls).await?;
    let run = Run::new(server, agents, args.codec, args.rate)?;
    let (measured, ()) = run.batch(|shared| wait(args.seconds, shared)).await?;
    measured.report(&mut figures);
    let (again, ()) = run.batch(|shared| wait(AGAIN_SECONDS, shared)).await?;
    again.report_growth(&measured, &mut figures);
    figures.note(format!(
        "{} echo calls ({:?}, DTLS-SRTP both ways), set up at {}/s, all up for {} s; the server on one core, the browsers on the rest",
        args.calls, args.codec, args.rate, args.seconds
    ));
    for trouble in server.troubles().iter().take(5) {
        figures.note(format!("server log: {trouble}"));
    }
    if let Some(path) = &args.svg {
        measured.chart().write(path)?;
    }
    figures.finish(args.json.as_deref())
}

/// How long the second batch talks, of which only failures and memory count.
const AGAIN_SECONDS: u64 = 2;

/// Batches of calls to one server.
pub struct Run {
    process: Process,
    agents: Vec<Agent>,
    dialer: Dialer,
    codec: Codec,
    rate: f64,
    clock: Clock,
    began: Instant,
}

impl Run {
    /// One call for each of the agents, set up at `rate` a second.
    pub fn new(server: &Server, agents: Vec<Agent>, codec: Codec, rate: f64) -> Result<Self> {
        let choice = TlsChoice { post_quantum: true };
        let dialer = Dialer::new(server.tls_address()?, &server.ca(), choice)?;
        let clock = Clock::system();
        let began = clock.now();
        Ok(Self { process: server.process(), agents, dialer, codec, rate, clock, began })
    }

    /// All calls once, from connecting to hanging up. They talk while what `meanwhile` gives
    /// runs.
    pub async fn batch<F: Future>(
        &self,
        meanwhile: impl FnOnce(Arc<Shared>) -> F,
    ) -> Result<(Measured, F::Output)> {
        let (phases, phase) = watch::channel(Phase::SetUp);
        let plan = Plan {
            dialer: self.dialer.clone(),
            codec: self.codec,
            clock: self.clock.clone(),
            began: self.began,
            calls: self.agents.len(),
            phase,
        };
        let shared = Arc::new(Shared::default());
        let since = || self.clock.now().saturating_duration_since(self.began);
        let take = || Snapshot::take(self.process, &shared, since());
        let idle = take()?;
        let mut calls = JoinSet::new();
        let (first, rest) = self.agents.split_at(WARM.min(self.agents.len()));
        self.set_up(&mut calls, &plan, &shared, first).await;
        let warm = take()?;
        self.set_up(&mut calls, &plan, &shared, rest).await;
        let all_up = take()?;
        phases.send_replace(Phase::Talk);
        sleep(Duration::from_secs(1)).await;
        let talking = take()?;
        let done = meanwhile(Arc::clone(&shared)).await;
        let end = take()?;
        phases.send_replace(Phase::HangUp);
        let mut outcomes = Vec::with_capacity(self.agents.len());
        while let Some(outcome) = calls.join_next().await {
            outcomes.push(outcome?);
        }
        sleep(LAST_GOODBYES).await;
        let measured = Measured {
            outcomes,
            idle,
            warm,
            warm_calls: first.len(),
            all_up,
            talking,
            end,
            last: take()?,
        };
        Ok((measured, done))
    }

    /// Starts the calls of `agents` one by one and waits until each is up or has failed.
    async fn set_up(
        &self,
        calls: &mut JoinSet<Outcome>,
        plan: &Plan,
        shared: &Arc<Shared>,
        agents: &[Agent],
    ) {
        let bar = progress(self.agents.len() as u64, "setting up");
        for agent in agents {
            let index = calls.len();
            calls.spawn(call::run(plan.clone(), Arc::clone(shared), index, agent.clone()));
            sleep(Duration::from_secs_f64(1.0 / self.rate.max(0.1))).await;
            bar.set_position(shared.settled());
        }
        while shared.settled() < calls.len() as u64 {
            sleep(Duration::from_millis(50)).await;
            bar.set_position(shared.settled());
        }
        bar.finish_and_clear();
    }
}

/// The first calls, which stay up but pay for what is made once: code touched for the first time,
/// threads' stacks and arenas, the engines of handshakes under way at this rate. `register` does
/// the same.
const WARM: usize = 20;

/// How long the server has to forget calls that are over.
const LAST_GOODBYES: Duration = Duration::from_secs(2);

async fn wait(seconds: u64, shared: Arc<Shared>) {
    let bar = progress(seconds, "talking");
    for _ in 0..seconds {
        sleep(Duration::from_secs(1)).await;
        bar.inc(1);
        let (up, failed) =
            (shared.up.load(Ordering::Relaxed), shared.failed.load(Ordering::Relaxed));
        bar.set_message(format!("talking: {up} up, {failed} failed"));
    }
    bar.finish_and_clear();
}

fn progress(len: u64, message: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(len).with_message(message);
    let style = ProgressStyle::with_template("{msg:32} {bar:40} {pos}/{len} {elapsed}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
