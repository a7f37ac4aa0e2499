//! Where log lines go and how they look: for people on a terminal, one JSON object a line elsewhere.
//!
//! Libraries are heard from `info` up, whatever the filter says: below that some of them write
//! whole messages down, with the tokens in them (A20).

use std::io::{IsTerminal, stderr};

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("the log filter is not understood; write `info` or `info,ringfence::engine=debug`")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// It was set up before.
    #[error("the log was set up already")]
    Twice,
}

/// Sets the process's log up, once, on standard error.
///
/// # Errors
/// The filter cannot be parsed, or this was done before.
pub fn init(log: &Log) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&log.filter).map_err(LogError::Filter)?;
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_written));
    let is_pretty = match log.format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let done = if is_pretty {
        registry.with(fmt::layer().with_writer(stderr).with_target(false)).try_init()
    } else {
        let json = fmt::layer().json().flatten_event(true).with_writer(stderr);
        registry.with(json).try_init()
    };
    done.map_err(|_| LogError::Twice)
}

/// Our own lines at every level, others' from `info` up.
fn may_be_written(line: &Metadata<'_>) -> bool {
    let target = line.target();
    let is_ours = target == OURS || target.strip_prefix(OURS).is_some_and(|t| t.starts_with("::"));
    is_ours || *line.level() <= Level::INFO
}

const OURS: &str = "ringfence";

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a20_sec_o01_a_library_is_not_heard_below_info_whatever_the_filter_says() {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::registry()
            .with(EnvFilter::try_new("trace,tungstenite=trace").unwrap())
            .with(filter_fn(may_be_written))
            .with(fmt::layer().with_writer(move || writer.clone()));
        tracing::subscriber::with_default(log, || {
            tracing::trace!(target: "tungstenite::protocol", "Received message canary-1");
            tracing::debug!(target: "ringfence_of_another", "canary-2");
            tracing::info!(target: "tungstenite::protocol", "kept-1");
            tracing::trace!(target: "ringfence::engine", "kept-2");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains("kept-1") && text.contains("kept-2"), "{text}");
    }
}
