//! `loadtest logins`: many people sign in at once, while others call and ask.
//!
//! First some calls talk and some pages ask, and nothing else happens; then the same while
//! everybody signs in, each from an address of their own, trying again when told to. What the
//! storm adds to the others' times is what it costs them.

mod https;
mod pages;
mod storm;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use ringfence::base::{Clock, priority};
use tokio::runtime::{Builder, Handle};

use crate::calls::{Codec, LOSS_PERCENT_MAX, Measured, Run};
use crate::chart::Chart;
use crate::client::{Dialer, TlsChoice};
use crate::figures::Figures;
use crate::people::People;
use crate::pinning::load_runtime;
use crate::process::raise_descriptor_limit;
use crate::server::{Server, ServerArgs};
use crate::summary::Samples;
use pages::Pages;
use storm::{Storm, Stormed};

/// What to do.
#[derive(Args, Debug)]
pub struct LoginsArgs {
    /// People who sign in at once
    #[arg(long, default_value_t = 200)]
    logins: usize,
    /// Echo calls meanwhile
    #[arg(long, default_value_t = 20)]
    calls: usize,
    /// Pages that ask ten times a second meanwhile
    #[arg(long, default_value_t = 16)]
    pages: usize,
    /// How long to look before the storm
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Write the figures here
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the others' times here
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// What everybody signs in with.
const PASSWORD: &str = "a storm of people at the door";

/// What a storm may add to anything else, milliseconds.
const DELAY_MS_MAX: f64 = 20.0;

/// One password's memory.
const HASH_MIB: f64 = 19.0;

/// What a storm may take besides the hasher's memory.
const ROOM_MIB: f64 = 20.0;

/// One stretch of time: what the calls heard, what the pages waited.
struct Stretch {
    calls: Measured,
    pages: Samples,
}

/// Runs it; true if nobody else was kept waiting and everybody came in.
pub fn run(args: LoginsArgs) -> Result<bool> {
    raise_descriptor_limit();
    let server = Server::start(&args.server)?;
    let runtime = load_runtime()?;
    let crowd = Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(priority::after_others)
        .enable_all()
        .build()?;
    let passed = runtime.block_on(measure(&args, &server, crowd.handle()));
    for runtime in [runtime, crowd] {
        runtime.shutdown_timeout(Duration::from_secs(1));
    }
    passed
}

async fn measure(args: &LoginsArgs, server: &Server, crowd: &Handle) -> Result<bool> {
    let mut figures = Figures::begin();
    let people = People::of(server).await?;
    let agents = people.add(args.calls).await?;
    let names = people.add_with_password(args.logins + args.pages, PASSWORD).await?;
    let (visitors, names) = names.split_at(args.pages);
    let dialer =
        Dialer::new(server.tls_address()?, &server.ca(), TlsChoice { post_quantum: true })?;
    let clock = Clock::system();
    let mut pages = Pages::open(&dialer, visitors, PASSWORD, &clock).await?;
    let run = Run::new(server, agents, Codec::Opus, 20.0)?;
    let process = server.process();

    let seconds = Duration::from_secs(args.seconds);
    let (calls, asked) = run.batch(|_| pages.ask_while(tokio::time::sleep(seconds))).await?;
    let ((), asked) = asked?;
    let calm = Stretch { calls, pages: asked };

    let before = process.peak()?;
    process.forget_peak()?;
    let settled = process.peak()?;
    let storm = Storm { dialer: &dialer, password: PASSWORD, clock: &clock, runtime: crowd };
    let (calls, asked) = run.batch(|_| pages.ask_while(storm.blow(names))).await?;
    let (stormed, asked) = asked?;
    let stormed = stormed?;
    let peak = process.peak()?;
    let storm = Stretch { calls, pages: asked };

    report(&mut figures, &calm, &storm, &stormed);
    let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
    let bound = HASH_MIB + ROOM_MIB;
    figures.require("RSS added by the storm", mib(peak) - mib(settled), "MiB", bound);
    figures.add("RSS before it, highest", mib(before), "MiB");
    figures.note(format!(
        "{} people sign in at once, each over a new TLS connection from an address of their own, while {} echo calls talk and {} pages ask ten times a second; the server with one password at a time on one core, the load on the rest; compared with {} s without the storm",
        args.logins, args.calls, args.pages, args.seconds
    ));
    for trouble in server.troubles().iter().take(5) {
        figures.note(format!("server log: {trouble}"));
    }
    if let Some(path) = &args.svg {
        chart(&calm, &storm).write(path)?;
    }
    figures.finish(args.json.as_deref())
}

fn report(figures: &mut Figures, calm: &Stretch, storm: &Stretch, stormed: &Stormed) {
    let failed = calm.calls.failed() + storm.calls.failed();
    figures.require("calls failed", failed as f64, "", 0.0);
    figures.require("loss in the storm", storm.calls.loss_percent(), "%", LOSS_PERCENT_MAX);
    figures.add("people", stormed.people as f64, "");
    figures.require("people who did not come in", stormed.left_out as f64, "", 0.0);
    figures.add("told to come again (503)", stormed.busy as f64, "");
    figures.percentiles("signed in after", &stormed.took, "ms");
    let stretches = |of: fn(&Stretch) -> Samples| (of(calm), of(storm));
    for (name, (calm, storm)) in [
        ("round trip of a call", stretches(|one| one.calls.round_trips())),
        ("answer to a page", stretches(|one| one.pages.clone())),
    ] {
        figures.percentiles(&format!("{name}, calm"), &calm, "ms");
        figures.percentiles(&format!("{name}, storm"), &storm, "ms");
        let added = |percent| storm.percentile(percent) - calm.percentile(percent);
        figures.require(&format!("{name}: added at p99"), added(99.0), "ms", DELAY_MS_MAX);
        let most = storm.max() - calm.median();
        figures.require(&format!("{name}: added at most"), most, "ms", DELAY_MS_MAX);
    }
}

fn chart(calm: &Stretch, storm: &Stretch) -> Chart {
    let lines = [
        ("round trip of a call, calm", calm.calls.round_trips()),
        ("round trip of a call, storm", storm.calls.round_trips()),
        ("answer to a page, calm", calm.pages.clone()),
        ("answer to a page, storm", storm.pages.clone()),
    ];
    Chart {
        title: "what a storm of sign-ins adds: times by percentile".into(),
        x: "percent of the frames, or requests",
        y: "ms",
        x_max: 100.0,
        lines: lines.map(|(name, samples)| (name.to_owned(), samples.thinned(101))).into(),
    }
}
