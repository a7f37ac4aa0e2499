//! Pages of people who are signed in and ask all the time.

use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

use anyhow::Result;
use ringfence::base::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at};

use super::https::{Https, SignIn};
use crate::client::Dialer;
use crate::summary::Samples;

/// Pages that are open.
pub struct Pages {
    open: Vec<Https>,
    clock: Clock,
}

/// How often each asks.
const EVERY: Duration = Duration::from_millis(100);

impl Pages {
    /// Signs everybody in, one after the other.
    pub async fn open(
        dialer: &Dialer,
        names: &[String],
        password: &str,
        clock: &Clock,
    ) -> Result<Self> {
        let mut open = Vec::with_capacity(names.len());
        for (index, name) in (0u8..=u8::MAX).zip(names) {
            let mut page = Https::open(dialer, Ipv4Addr::new(127, 1, index, 1)).await?;
            let came = page.sign_in(name, password).await?;
            anyhow::ensure!(came == SignIn::Done, "{name} cannot sign in: {came:?}");
            open.push(page);
        }
        Ok(Self { open, clock: clock.clone() })
    }

    /// All ask until `work` is done; gives what it gave and how long they waited, milliseconds.
    pub async fn ask_while<T>(&mut self, work: impl Future<Output = T>) -> Result<(T, Samples)> {
        let (over, is_over) = watch::channel(false);
        let mut pages = JoinSet::new();
        let count = self.open.len().max(1) as f64;
        for (index, page) in self.open.drain(..).enumerate() {
            let first = Instant::now() + EVERY.mul_f64(index as f64 / count);
            pages.spawn(ask(page, first, is_over.clone(), self.clock.clone()));
        }
        let done = pin!(work).await;
        over.send_replace(true);
        let mut all = Vec::new();
        while let Some(asked) = pages.join_next().await {
            let (page, waited) = asked??;
            self.open.push(page);
            all.extend(waited);
        }
        Ok((done, Samples::new(all)))
    }
}

async fn ask(
    mut page: Https,
    first: Instant,
    is_over: watch::Receiver<bool>,
    clock: Clock,
) -> Result<(Https, Vec<f64>)> {
    let mut ticks = interval_at(first, EVERY);
    let mut waited = Vec::new();
    while !*is_over.borrow() {
        ticks.tick().await;
        let start = clock.now();
        page.look().await?;
        waited.push(clock.now().saturating_duration_since(start).as_secs_f64() * 1e3);
    }
    Ok((page, waited))
}
