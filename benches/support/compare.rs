//! One thing against another in one run, in turns, so that a noisy machine is noisy for both.

use std::time::Duration;

use ringfence::base::Clock;

/// Adds up the time spent in some of the calls of a longer run.
pub struct Stopwatch {
    clock: Clock,
    spent: Duration,
}

impl Stopwatch {
    pub fn new() -> Self {
        Self { clock: Clock::system(), spent: Duration::ZERO }
    }

    /// Runs `work` on the watch.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = self.clock.now();
        let result = work();
        self.spent += self.clock.now().saturating_duration_since(start);
        result
    }

    pub fn spent(&self) -> Duration {
        self.spent
    }
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self::new()
    }
}

/// Medians of both, and the ratio of each round's pair at its median.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    pub ours: Duration,
    pub floor: Duration,
    pub ratio: f64,
}

/// Runs both `rounds` times, beginning with the other one each time. Each gives the time one unit
/// of its work took.
pub fn compare(
    rounds: usize,
    mut ours: impl FnMut() -> Duration,
    mut floor: impl FnMut() -> Duration,
) -> Comparison {
    let mut pairs: Vec<(Duration, Duration)> = Vec::with_capacity(rounds);
    for round in 0..rounds {
        pairs.push(if round % 2 == 0 {
            let first = ours();
            (first, floor())
        } else {
            let first = floor();
            (ours(), first)
        });
    }
    let ratios = pairs.iter().map(|(ours, floor)| ours.as_secs_f64() / floor.as_secs_f64());
    Comparison {
        ours: median(pairs.iter().map(|pair| pair.0)),
        floor: median(pairs.iter().map(|pair| pair.1)),
        ratio: median(ratios.map(Duration::from_secs_f64)).as_secs_f64(),
    }
}

impl Comparison {
    /// One line: both times, the ratio, the goal, the load average.
    #[expect(clippy::print_stdout, reason = "the result of a bench")]
    pub fn print(&self, name: &str, goal: f64) {
        let verdict = if self.ratio <= goal { "ok" } else { "MISSED" };
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or("?").to_owned();
        println!(
            "ratio {name}: {:.3} µs / {:.3} µs = {:.2} (goal {goal:.2}: {verdict}; load {load})",
            micros(self.ours),
            micros(self.floor),
            self.ratio
        );
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn median(values: impl Iterator<Item = Duration>) -> Duration {
    let mut values: Vec<Duration> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
