//! `loadtest calls`: N browsers in echo calls at once.
//!
//! Each has its own agent, socket, registration, ICE, DTLS and microphone. Calls are set up at a
//! steady rate; once all are up everything is measured for a while; then all hang up.

mod browser;
mod call;
mod result;
mod tally;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ringfence::base::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::{Dialer, TlsChoice};
use crate::figures::Figures;
use crate::people::People;
use crate::pinning::load_runtime;
use crate::process::raise_descriptor_limit;
use crate::server::{Server, ServerArgs};
use browser::Codec;
use call::{Plan, Shared};
use result::{Measured, Snapshot};

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
    let dialer =
        Dialer::new(server.tls_address()?, &server.ca(), TlsChoice { post_quantum: true })?;
    let clock = Clock::system();
    let began = clock.now();
    let (stop, stopped) = watch::channel(false);
    let plan = Plan { dialer, codec: args.codec, clock: clock.clone(), began, stopped };
    let shared = Arc::new(Shared::default());
    let process = server.process();
    let take = || Snapshot::take(process, &shared, clock.now().saturating_duration_since(began));
    let idle = take()?;

    let bar = progress(args.calls as u64, "setting up");
    let mut calls = JoinSet::new();
    for (index, agent) in agents.into_iter().enumerate() {
        calls.spawn(call::run(plan.clone(), Arc::clone(&shared), index, agent));
        sleep(Duration::from_secs_f64(1.0 / args.rate.max(0.1))).await;
        bar.set_position(shared.settled());
    }
    while shared.settled() < args.calls as u64 {
        sleep(Duration::from_millis(50)).await;
        bar.set_position(shared.settled());
    }
    bar.finish_and_clear();
    let all_up = take()?;

    let bar = progress(args.seconds, "talking");
    for _ in 0..args.seconds {
        sleep(Duration::from_secs(1)).await;
        bar.inc(1);
        let (up, failed) =
            (shared.up.load(Ordering::Relaxed), shared.failed.load(Ordering::Relaxed));
        bar.set_message(format!("talking: {up} up, {failed} failed"));
    }
    bar.finish_and_clear();
    let end = take()?;

    stop.send_replace(true);
    let mut outcomes = Vec::with_capacity(args.calls);
    while let Some(outcome) = calls.join_next().await {
        outcomes.push(outcome?);
    }
    let measured = Measured { outcomes, idle, all_up, end, last: take()? };
    measured.report(&mut figures);
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

fn progress(len: u64, message: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(len).with_message(message);
    let style = ProgressStyle::with_template("{msg:32} {bar:40} {pos}/{len} {elapsed}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
