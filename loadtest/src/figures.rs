//! Results: a table to read, JSON to keep, goals that pass or fail.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::machine::Machine;
use crate::process::load_average;
use crate::summary::{Samples, say};

/// One result.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<Goal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passed: Option<bool>,
}

/// What a figure must not exceed.
#[derive(Clone, Copy, Debug, Serialize)]
struct Goal {
    at_most: f64,
    /// Whether missing it fails the run; if not, it is a goal for later.
    binding: bool,
}

/// All results of a run.
#[derive(Debug, Serialize)]
pub struct Figures {
    command: String,
    machine: Machine,
    load_average_before: f64,
    load_average_after: f64,
    notes: Vec<String>,
    figures: Vec<Figure>,
}

impl Figures {
    /// Begins a run: notes the command line, the machine and how busy it is.
    pub fn begin() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Self {
            command: format!("cargo run --release -p loadtest -- {}", arguments.join(" ")),
            machine: Machine::here(),
            load_average_before: load_average(),
            load_average_after: 0.0,
            notes: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// Says how something was measured.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Adds a figure without a goal.
    pub fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), value, unit, goal: None, passed: None });
    }

    /// Adds a figure that fails the run above `at_most`.
    pub fn require(&mut self, name: &str, value: f64, unit: &'static str, at_most: f64) {
        self.judge(name, value, unit, Goal { at_most, binding: true });
    }

    /// Adds a figure with a goal that a later version must reach.
    pub fn aim(&mut self, name: &str, value: f64, unit: &'static str, at_most: f64) {
        self.judge(name, value, unit, Goal { at_most, binding: false });
    }

    fn judge(&mut self, name: &str, value: f64, unit: &'static str, goal: Goal) {
        let passed = Some(value <= goal.at_most);
        self.figures.push(Figure { name: name.into(), value, unit, goal: Some(goal), passed });
    }

    /// Adds the usual percentiles of samples.
    pub fn percentiles(&mut self, name: &str, samples: &Samples, unit: &'static str) {
        for percent in [50.0, 95.0, 99.0] {
            self.add(format!("{name} p{percent:.0}"), samples.percentile(percent), unit);
        }
        self.add(format!("{name} max"), samples.max(), unit);
    }

    /// Prints everything, writes the JSON if asked to, and says whether all binding goals were
    /// reached.
    pub fn finish(mut self, json: Option<&Path>) -> Result<bool> {
        self.load_average_after = load_average();
        self.print();
        if let Some(path) = json {
            let text = serde_json::to_string_pretty(&self)? + "\n";
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
            say(&format!("written: {}", path.display()));
        }
        let is_missed = |figure: &&Figure| {
            figure.passed == Some(false) && figure.goal.is_some_and(|g| g.binding)
        };
        let missed: Vec<&str> =
            self.figures.iter().filter(is_missed).map(|figure| figure.name.as_str()).collect();
        if missed.is_empty() {
            say("PASS");
        } else {
            say(&format!("FAIL: {}", missed.join(", ")));
        }
        Ok(missed.is_empty())
    }

    fn print(&self) {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["figure", "value", "unit", "goal", ""]);
        for figure in &self.figures {
            let goal = match figure.goal {
                Some(goal) if goal.binding => format!("≤ {}", number(goal.at_most)),
                Some(goal) => format!("(≤ {})", number(goal.at_most)),
                None => String::new(),
            };
            let verdict = match figure.passed {
                Some(true) => "ok",
                Some(false) => "missed",
                None => "",
            };
            let value = number(figure.value);
            table.add_row([figure.name.as_str(), &value, figure.unit, &goal, verdict]);
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let Machine { processor, cores, kernel, system, date } = &self.machine;
        say(&format!("{date}, {processor}, {cores} cores, {system}, Linux {kernel}"));
        say(&format!(
            "load average {:.2} before, {:.2} after",
            self.load_average_before, self.load_average_after
        ));
        for note in &self.notes {
            say(note);
        }
        say(&table.to_string());
    }
}

/// Four significant digits or so.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size.fract() == 0.0 && size < 1e9 => 0,
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}
