//! How far long work is: one line that is written over, on a terminal only.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use crate::base::Clock;

/// How often the line changes.
const EVERY: Duration = Duration::from_millis(100);

/// A line on a terminal; nothing elsewhere.
pub(super) struct Progress<'a> {
    err: &'a mut dyn Write,
    clock: Clock,
    what: &'static str,
    /// When it was last written; `None` where nobody looks.
    written: Option<Instant>,
    is_there: bool,
}

impl<'a> Progress<'a> {
    /// A line that begins with `what`.
    pub(super) fn new(err: &'a mut dyn Write, clock: &Clock, what: &'static str) -> Self {
        Self::on(err, clock, what, stderr().is_terminal())
    }

    fn on(err: &'a mut dyn Write, clock: &Clock, what: &'static str, is_terminal: bool) -> Self {
        let written = is_terminal.then(|| clock.now());
        Self { err, clock: clock.clone(), what, written, is_there: false }
    }

    /// So many rows are done, of so many where that is known.
    pub(super) fn rows(&mut self, done: u64, total: Option<u64>) {
        let now = self.clock.now();
        if self.written.is_none_or(|at| now.duration_since(at) < EVERY) {
            return;
        }
        self.written = Some(now);
        self.is_there = true;
        // A terminal that went away is no reason to stop.
        let _ = match total {
            Some(total) => {
                let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
                write!(self.err, "\r{}: {done} of {total} rows, {percent} %", self.what)
            }
            None => write!(self.err, "\r{}: {done} rows", self.what),
        };
        let _ = self.err.flush();
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.is_there {
            // Takes the line away again.
            let _ = write!(self.err, "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixTime;

    #[test]
    fn the_line_changes_ten_times_a_second_on_a_terminal_and_is_taken_away() {
        let clock = Clock::manual(UnixTime(1));
        let mut out = Vec::new();
        let mut progress = Progress::on(&mut out, &clock, "checking", true);
        for row in 1..=4 {
            clock.advance(Duration::from_millis(50));
            progress.rows(row, Some(8));
        }
        drop(progress);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "\rchecking: 2 of 8 rows, 25 %\rchecking: 4 of 8 rows, 50 %\r\u{1b}[K");
    }

    #[test]
    fn nothing_is_written_where_nobody_looks() {
        let clock = Clock::manual(UnixTime(1));
        let mut out = Vec::new();
        let mut progress = Progress::on(&mut out, &clock, "checking", false);
        clock.advance(Duration::from_secs(1));
        progress.rows(1, None);
        drop(progress);
        assert!(out.is_empty());
    }
}
