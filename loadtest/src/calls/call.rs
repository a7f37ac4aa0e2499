//! One call from connecting to hanging up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ringfence::base::Clock;
use tokio::sync::watch;
use tokio::time::{Instant as Tick, interval_at, sleep};

use super::browser::{Browser, Codec};
use super::tally::Tally;
use crate::client::Dialer;
use crate::people::Agent;
use crate::sip::Phone;

/// What all calls have in common.
#[derive(Clone)]
pub struct Plan {
    /// How to reach the server.
    pub dialer: Dialer,
    /// What to send.
    pub codec: Codec,
    /// Time.
    pub clock: Clock,
    /// When the run began.
    pub began: Instant,
    /// How many calls there are.
    pub calls: usize,
    /// How far the run is.
    pub phase: watch::Receiver<Phase>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Calls come up, and are silent once they hear themselves.
    SetUp,
    /// All talk.
    Talk,
    /// All hang up.
    HangUp,
}

/// What all calls add up to while they run.
#[derive(Default)]
pub struct Shared {
    /// Calls whose first frame came back.
    pub up: AtomicU64,
    /// Calls that ended before they should.
    pub failed: AtomicU64,
    /// Frames sent by calls that are up or coming up.
    pub frames: AtomicU64,
}

impl Shared {
    /// Calls that are up or never will be.
    pub fn settled(&self) -> u64 {
        self.up.load(Ordering::Relaxed) + self.failed.load(Ordering::Relaxed)
    }
}

/// What became of a call.
pub struct Outcome {
    /// TCP, TLS and upgrade.
    pub connect: Option<Duration>,
    /// INVITE to 200.
    pub answer: Option<Duration>,
    /// 200 to the first frame heard again: keys at both ends.
    pub keys: Option<Duration>,
    /// What was heard.
    pub tally: Tally,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// Runs one call.
pub async fn run(plan: Plan, shared: Arc<Shared>, index: usize, agent: Agent) -> Outcome {
    let mut outcome =
        Outcome { connect: None, answer: None, keys: None, tally: Tally::default(), failure: None };
    if let Err(error) = attempt(&plan, &shared, index, &agent, &mut outcome).await {
        if outcome.keys.is_some() {
            shared.up.fetch_sub(1, Ordering::Relaxed);
        }
        shared.failed.fetch_add(1, Ordering::Relaxed);
        outcome.failure = Some(format!("{error:#}"));
    }
    outcome
}

async fn attempt(
    plan: &Plan,
    shared: &Shared,
    index: usize,
    agent: &Agent,
    outcome: &mut Outcome,
) -> Result<()> {
    let since = |start: Instant| plan.clock.now().saturating_duration_since(start);
    let start = plan.clock.now();
    let socket = plan.dialer.connect(None).await.context("connect")?;
    outcome.connect = Some(since(start));
    let mut phone = Phone::new(socket, &agent.number, &agent.token, &format!("p{index:06}"));
    phone.register().await?;
    let (mut browser, offer) = Browser::offer(plan.codec, &plan.clock, plan.began).await?;
    let start = plan.clock.now();
    let answer = phone.invite("*43", &offer).await?;
    outcome.answer = Some(since(start));
    let answered = plan.clock.now();
    let talk = async {
        browser.connect(answer).await?;
        be_heard(plan, shared, &mut browser, answered, &mut outcome.keys).await?;
        talk(plan, shared, &mut browser, index).await
    };
    let ended = tokio::select! {
        ended = talk => ended,
        lost = phone.attend() => lost,
    };
    outcome.tally = browser.tally();
    browser.close().await;
    ended?;
    phone.bye().await?;
    phone.close().await;
    Ok(())
}

/// Sends frames until the first comes back, then waits until all calls are that far.
async fn be_heard(
    plan: &Plan,
    shared: &Shared,
    browser: &mut Browser,
    answered: Instant,
    keys: &mut Option<Duration>,
) -> Result<()> {
    let mut ticks = interval_at(Tick::now(), FRAME);
    while keys.is_none() {
        ticks.tick().await;
        *keys = browser.first_echo().map(|at| at.saturating_duration_since(answered));
        let waited = plan.clock.now().saturating_duration_since(answered);
        anyhow::ensure!(keys.is_some() || waited < FIRST_ECHO_TIMEOUT, "nothing is heard");
        if keys.is_none() {
            browser.send().await?;
            shared.frames.fetch_add(1, Ordering::Relaxed);
        }
    }
    shared.up.fetch_add(1, Ordering::Relaxed);
    plan.phase.clone().wait_for(|phase| *phase != Phase::SetUp).await?;
    Ok(())
}

/// Sends a frame every 20 ms until it is time to hang up, then waits for the last echoes. The
/// calls' frames are spread over the 20 ms.
async fn talk(plan: &Plan, shared: &Shared, browser: &mut Browser, index: usize) -> Result<()> {
    let offset = FRAME.mul_f64(index as f64 / plan.calls.max(1) as f64);
    let mut ticks = interval_at(Tick::now() + offset, FRAME);
    while *plan.phase.borrow() == Phase::Talk {
        ticks.tick().await;
        browser.send().await?;
        shared.frames.fetch_add(1, Ordering::Relaxed);
    }
    sleep(LAST_ECHOES).await;
    Ok(())
}

/// How often a microphone gives a frame.
const FRAME: Duration = Duration::from_millis(20);

/// How long after the answer the first echo may take.
const FIRST_ECHO_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the last echoes are waited for.
const LAST_ECHOES: Duration = Duration::from_millis(500);
