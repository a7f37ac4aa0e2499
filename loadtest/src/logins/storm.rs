//! Everybody signs in at once.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::ProgressBar;
use ringfence::base::Clock;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::https::{Https, SignIn};
use crate::client::Dialer;
use crate::summary::Samples;

/// How they come.
pub struct Storm<'a> {
    /// To which server.
    pub dialer: &'a Dialer,
    /// With which password.
    pub password: &'static str,
    /// Time.
    pub clock: &'a Clock,
    /// Where they run: apart from those who are watched, whose times would else be those of this
    /// process.
    pub runtime: &'a Handle,
}

/// What became of them.
pub struct Stormed {
    /// How many they were.
    pub people: usize,
    /// Who never came in.
    pub left_out: usize,
    /// How often somebody was told to come again.
    pub busy: usize,
    /// From the beginning to being in, milliseconds.
    pub took: Samples,
}

/// Who is told to come again so often gives up.
const TRIES_MAX: usize = 20;

impl Storm<'_> {
    /// All sign in, from as many addresses; each tries again when told to.
    pub async fn blow(&self, names: &[String]) -> Result<Stormed> {
        let bar = ProgressBar::new(names.len() as u64).with_message("signing in");
        let began = self.clock.now();
        let mut people = JoinSet::new();
        for (index, name) in (0u16..).zip(names) {
            let [high, low] = index.to_be_bytes();
            let source = Ipv4Addr::new(127, 2 + high, low, 1);
            let (dialer, clock) = (self.dialer.clone(), self.clock.clone());
            let coming = come(dialer, source, name.clone(), self.password, clock, began);
            people.spawn_on(coming, self.runtime);
        }
        let (mut busy, mut took, mut left_out) = (0, Vec::new(), 0);
        while let Some(came) = people.join_next().await {
            let (tries, time) = came??;
            busy += tries;
            took.extend(time.map(|time| time.as_secs_f64() * 1e3));
            left_out += usize::from(time.is_none());
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(Stormed { people: names.len(), left_out, busy, took: Samples::new(took) })
    }
}

/// How often one was told to come again, and when one was in.
async fn come(
    dialer: Dialer,
    source: Ipv4Addr,
    name: String,
    password: &'static str,
    clock: Clock,
    began: Instant,
) -> Result<(usize, Option<Duration>)> {
    let mut page = Https::open(&dialer, source).await?;
    for busy in 0..TRIES_MAX {
        match page.sign_in(&name, password).await? {
            SignIn::Done => return Ok((busy, Some(clock.now().saturating_duration_since(began)))),
            SignIn::Busy(wait) => sleep(wait).await,
            SignIn::Refused(_) => return Ok((busy, None)),
        }
    }
    Ok((TRIES_MAX, None))
}
