//! What a process has used, from `/proc` (proc(5)).

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// A process that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// User and system time of all its threads, ended ones included.
    pub fn cpu(self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.0);
        let stat = fs::read_to_string(&path).with_context(|| format!("{path}: is it gone?"))?;
        // The name in parentheses may hold anything; fields count from behind it.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let field = |index: usize| fields.split(' ').nth(index).and_then(|text| text.parse().ok());
        let ticks: u64 = field(11)
            .zip(field(12))
            .map(|(user, system): (u64, u64)| user + system)
            .context(path)?;
        Ok(Duration::from_secs(ticks) / ticks_per_second())
    }

    /// Stops it until [`Process::resume`], and waits until it stands.
    pub fn pause(self) -> Result<()> {
        self.signal(rustix::process::Signal::STOP)?;
        while !self.is_stopped()? {
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Lets it go on.
    pub fn resume(self) -> Result<()> {
        self.signal(rustix::process::Signal::CONT)
    }

    fn signal(self, signal: rustix::process::Signal) -> Result<()> {
        let pid = rustix::process::Pid::from_raw(self.0.cast_signed()).context("no process")?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// Whether all its threads stand still.
    fn is_stopped(self) -> Result<bool> {
        for task in fs::read_dir(format!("/proc/{}/task", self.0))? {
            let stat = fs::read_to_string(task?.path().join("stat"))?;
            let state = stat.rsplit_once(") ").and_then(|(_, fields)| fields.chars().next());
            if state != Some('T') {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Proportional set size: its own memory and its share of what it shares, bytes.
    pub fn pss(self) -> Result<u64> {
        let path = format!("/proc/{}/smaps_rollup", self.0);
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        let kilobytes = text
            .lines()
            .find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse().ok());
        kilobytes.map(|kilobytes: u64| kilobytes * 1024).context(path)
    }

    /// Begins to count its peak anew.
    pub fn forget_peak(self) -> Result<()> {
        let path = format!("/proc/{}/clear_refs", self.0);
        fs::write(&path, "5").context(path)
    }

    /// The most memory it has had in RAM since [`Process::forget_peak`], bytes.
    pub fn peak(self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.0);
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        let kilobytes = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        kilobytes.map(|kilobytes: u64| kilobytes * 1024).context(path)
    }
}

fn ticks_per_second() -> u32 {
    u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100).max(1)
}

/// Processes ready to run, averaged over the last minute.
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

/// Lets this process and its children have as many descriptors as the system allows.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Refused: large runs then say "too many open files" themselves.
    let _ = setrlimit(Resource::Nofile, limit);
}
