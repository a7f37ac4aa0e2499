//! From what the calls saw to figures.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;

use super::call::{Outcome, Shared};
use super::tally::Tally;
use crate::chart::Chart;
use crate::figures::Figures;
use crate::process::Process;
use crate::summary::Samples;

/// The server's use and the browsers' frames at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    cpu: Duration,
    pss: u64,
    frames: u64,
    at: Duration,
}

impl Snapshot {
    /// Takes one.
    pub fn take(process: Process, shared: &Shared, at: Duration) -> Result<Self> {
        let frames = shared.frames.load(Ordering::Relaxed);
        Ok(Self { cpu: process.cpu()?, pss: process.pss()?, frames, at })
    }
}

/// A whole run.
pub struct Measured {
    /// Each call.
    pub outcomes: Vec<Outcome>,
    /// Before the first phone.
    pub idle: Snapshot,
    /// When the first calls were up.
    pub warm: Snapshot,
    /// How many they were.
    pub warm_calls: usize,
    /// When all calls were up.
    pub all_up: Snapshot,
    /// When all were talking.
    pub talking: Snapshot,
    /// Before they hung up.
    pub end: Snapshot,
    /// When all were gone.
    pub last: Snapshot,
}

/// More is audible.
pub const LOSS_PERCENT_MAX: f64 = 0.1;

impl Measured {
    /// Adds the figures of the run.
    pub fn report(&self, figures: &mut Figures) {
        let calls = self.outcomes.len() as f64;
        let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
        for cause in self.outcomes.iter().filter_map(|outcome| outcome.failure.as_deref()) {
            *causes.entry(cause).or_default() += 1;
        }
        let failed: usize = causes.values().sum();
        figures.add("calls", calls, "");
        figures.require("calls failed", failed as f64, "", 0.0);
        for (cause, count) in causes {
            figures.add(format!("failed: {cause}"), count as f64, "");
        }
        let sum = |count: fn(&Outcome) -> u64| self.outcomes.iter().map(count).sum::<u64>() as f64;
        let expected = sum(|outcome| outcome.tally.expected());
        let lost = sum(|outcome| outcome.tally.lost());
        figures.add("frames sent", expected, "");
        figures.add("frames lost", lost, "");
        figures.require("loss", self.loss_percent(), "%", LOSS_PERCENT_MAX);
        figures.add("frames heard twice", sum(|outcome| outcome.tally.duplicates()), "");
        figures.add("frames sent before keys", sum(|outcome| outcome.tally.early()), "");
        figures.percentiles("connect", &self.times(|outcome| outcome.connect), "ms");
        figures.percentiles("INVITE to 200", &self.times(|outcome| outcome.answer), "ms");
        figures.percentiles("200 to first echo", &self.times(|outcome| outcome.keys), "ms");
        figures.percentiles("round trip", &self.round_trips(), "ms");
        let jitter = Samples::new(self.outcomes.iter().map(|outcome| outcome.tally.jitter_ms()));
        figures.percentiles("jitter", &jitter, "ms");
        self.report_costs(figures, calls);
    }

    fn report_costs(&self, figures: &mut Figures, calls: f64) {
        let spent = self.end.cpu.saturating_sub(self.talking.cpu).as_secs_f64();
        let seconds = self.end.at.saturating_sub(self.talking.at).as_secs_f64();
        let frames = self.end.frames.saturating_sub(self.talking.frames).max(1) as f64;
        let per_frame = spent / frames;
        figures.add("frames per second", frames / seconds, "1/s");
        figures.add("server CPU while talking", spent * 100.0 / seconds, "% of a core");
        figures.add("server CPU per call", spent * 1e3 / seconds / calls, "ms/s");
        figures.add("server CPU per echoed packet", per_frame * 1e6, "µs");
        let setting_up = self.all_up.cpu.saturating_sub(self.idle.cpu).as_secs_f64();
        figures.add("server CPU per set-up, connect to keys", setting_up * 1e3 / calls, "ms");
        let grown = |since: Snapshot| self.end.pss.saturating_sub(since.pss) as f64 / 1024.0;
        let further = (calls - self.warm_calls as f64).max(1.0);
        figures.add("PSS per further call, socket included", grown(self.warm) / further, "kB");
        figures.add("PSS per call, what is made once included", grown(self.idle) / calls, "kB");
        figures.add("PSS of the server without calls", self.idle.pss as f64 / 1024.0, "kB");
        let kept = self.last.pss.saturating_sub(self.idle.pss) as f64;
        figures.add("PSS kept when all have hung up", kept / 1024.0, "kB");
    }

    /// Adds what a second batch of the same calls failed at, and what memory it left behind
    /// beyond the first.
    pub fn report_growth(&self, first: &Self, figures: &mut Figures) {
        figures.require("calls failed, second batch", self.failed() as f64, "", 0.0);
        let calls = self.outcomes.len().max(1) as f64;
        let grown = self.end.pss as f64 - first.end.pss as f64;
        figures.add("PSS per call, second batch over first", grown / calls / 1024.0, "kB");
    }

    /// Set-up times by percentile.
    pub fn chart(&self) -> Chart {
        let lines = [
            ("connect", self.times(|outcome| outcome.connect)),
            ("INVITE to 200", self.times(|outcome| outcome.answer)),
            ("200 to first echo", self.times(|outcome| outcome.keys)),
            ("round trip of a frame", self.round_trips()),
        ];
        Chart {
            title: format!("{} echo calls: times by percentile", self.outcomes.len()),
            x: "percent of the calls, or frames",
            y: "ms",
            x_max: 100.0,
            lines: lines.map(|(name, samples)| (name.to_owned(), samples.thinned(101))).into(),
        }
    }

    fn times(&self, time: fn(&Outcome) -> Option<Duration>) -> Samples {
        let times = self.outcomes.iter().filter_map(time);
        Samples::new(times.map(|time| time.as_secs_f64() * 1e3))
    }

    /// Calls that failed.
    pub fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.failure.is_some()).count()
    }

    /// Frames that did not come back, percent of those that should.
    pub fn loss_percent(&self) -> f64 {
        let sum = |count: fn(&Tally) -> u64| {
            self.outcomes.iter().map(|outcome| count(&outcome.tally)).sum::<u64>() as f64
        };
        let expected = sum(Tally::expected);
        if expected > 0.0 { sum(Tally::lost) * 100.0 / expected } else { 100.0 }
    }

    /// From sending a frame to hearing it again while all talked, milliseconds.
    pub fn round_trips(&self) -> Samples {
        let (from, to) = (self.talking.at, self.end.at);
        Samples::new(self.outcomes.iter().flat_map(|outcome| outcome.tally.round_trips(from, to)))
    }
}
