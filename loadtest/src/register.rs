//! `loadtest register`: what an agent costs who is signed in, registered, and waits.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::StreamExt as _;
use futures_util::stream;
use indicatif::ProgressBar;
use ringfence::base::Clock;
use tokio::time::sleep;

use crate::client::{Dialer, TlsChoice};
use crate::figures::Figures;
use crate::people::{Agent, People};
use crate::pinning::load_runtime;
use crate::process::raise_descriptor_limit;
use crate::server::{Server, ServerArgs};
use crate::sip::Phone;
use crate::summary::Samples;

/// What to do.
#[derive(Args, Debug)]
pub struct RegisterArgs {
    /// Agents, each with a socket and a registration
    #[arg(long, default_value_t = 1000)]
    agents: usize,
    /// How often each refreshes its registration
    #[arg(long, default_value_t = 10)]
    refreshes: usize,
    /// Sockets opening, or refreshing, at once
    #[arg(long, default_value_t = 8)]
    parallel: usize,
    /// Write the figures here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Memory of an idle registered agent this version must show, and the one to reach (P3), kB.
const PSS_MAX: f64 = 32.0;
const PSS_LATER: f64 = 24.0;

/// CPU of a refresh to reach (P2), µs.
const REFRESH_LATER: f64 = 25.0;

/// Runs it; true if an agent is small enough.
pub fn run(args: RegisterArgs) -> Result<bool> {
    raise_descriptor_limit();
    let server = Server::start(&args.server)?;
    load_runtime()?.block_on(measure(&args, &server))
}

async fn measure(args: &RegisterArgs, server: &Server) -> Result<bool> {
    let mut figures = Figures::begin();
    let process = server.process();
    let agents = People::of(server).await?.add(args.agents).await?;
    let dialer =
        Dialer::new(server.tls_address()?, &server.ca(), TlsChoice { post_quantum: true })?;
    // The first few pay for what is made once.
    let mut warm =
        register_all(args, &dialer, agents.get(..WARM.min(agents.len())).unwrap_or_default(), 0)
            .await?;
    sleep(SETTLE).await;

    let rest = agents.get(WARM..).unwrap_or_default();
    let (before, spent) = (process.pss()?, process.cpu()?);
    let mut phones = register_all(args, &dialer, rest, WARM).await?;
    let registering = process.cpu()?.saturating_sub(spent);
    sleep(SETTLE).await;
    let grown = process.pss()?.saturating_sub(before);
    let count = rest.len().max(1) as f64;
    let per_agent = grown as f64 / count / 1024.0;
    phones.append(&mut warm);

    let clock = Clock::system();
    let (idle_from, idle_spent) = (clock.now(), process.cpu()?);
    sleep(IDLE).await;
    let idle_spent = process.cpu()?.saturating_sub(idle_spent).as_secs_f64();
    let idle_for = clock.now().saturating_duration_since(idle_from).as_secs_f64();

    let (refresh, latencies) = refresh_all(args, phones, server).await?;
    figures.require("PSS per idle registered agent", per_agent, "kB", PSS_MAX);
    figures.aim("PSS per idle registered agent, for P3", per_agent, "kB", PSS_LATER);
    figures.add("PSS of the server with them", process.pss()? as f64 / 1024.0, "kB");
    figures.add("CPU to connect and register", registering.as_secs_f64() * 1e6 / count, "µs");
    let idle = idle_spent * 1e6 / idle_for / args.agents as f64;
    figures.add("CPU per idle agent", idle, "µs/s");
    figures.aim("CPU per REGISTER refresh, for P2", refresh, "µs", REFRESH_LATER);
    figures.percentiles("REGISTER to 200", &latencies, "ms");
    figures.note(format!(
        "{} agents with a TLS 1.3 socket and a registration each; {} refreshes of each; the server on one core",
        args.agents, args.refreshes
    ));
    figures.finish(args.json.as_deref())
}

/// Agents registered before memory is looked at.
const WARM: usize = 20;

/// How long freed memory may take to go back.
const SETTLE: Duration = Duration::from_secs(2);

/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(25);

async fn register_all(
    args: &RegisterArgs,
    dialer: &Dialer,
    agents: &[Agent],
    first: usize,
) -> Result<Vec<Phone>> {
    let bar = ProgressBar::new(agents.len() as u64).with_message("registering");
    let registered = stream::iter(agents.iter().enumerate())
        .map(|(index, agent)| {
            let bar = &bar;
            async move {
                let tag = format!("p{:06}", first + index);
                let socket = dialer.connect(None).await?;
                let mut phone = Phone::new(socket, &agent.number, &agent.token, &tag);
                phone.register().await?;
                bar.inc(1);
                anyhow::Ok(phone)
            }
        })
        .buffer_unordered(args.parallel)
        .collect::<Vec<_>>()
        .await;
    bar.finish_and_clear();
    registered.into_iter().collect()
}

/// Refreshes all registrations some times; CPU of each in µs, and how long each took in ms.
async fn refresh_all(
    args: &RegisterArgs,
    mut phones: Vec<Phone>,
    server: &Server,
) -> Result<(f64, Samples)> {
    let clock = Clock::system();
    let bar = ProgressBar::new(args.refreshes as u64).with_message("refreshing");
    let before = server.process().cpu()?;
    let mut latencies = Vec::with_capacity(args.refreshes * phones.len());
    for _ in 0..args.refreshes {
        let refreshed = stream::iter(phones.iter_mut())
            .map(|phone| {
                let clock = &clock;
                async move {
                    let start = clock.now();
                    phone.register().await?;
                    anyhow::Ok(clock.now().saturating_duration_since(start).as_secs_f64() * 1e3)
                }
            })
            .buffer_unordered(args.parallel)
            .collect::<Vec<_>>()
            .await;
        for latency in refreshed {
            latencies.push(latency?);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let spent = server.process().cpu()?.saturating_sub(before).as_secs_f64();
    let per_refresh = spent * 1e6 / (latencies.len().max(1)) as f64;
    Ok((per_refresh, Samples::new(latencies)))
}
