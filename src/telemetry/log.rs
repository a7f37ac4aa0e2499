//! Where log lines go and how they look: for people on a terminal, one JSON object a line elsewhere.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
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
    let registry = tracing_subscriber::registry().with(filter);
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
