//! Logs, redaction, and the name of every metric.
//!
//! Owns how a log line looks and what may never be in one. Measures nothing itself.

pub mod log;
pub mod metric;
mod outage;
pub mod redact;

pub use outage::Outage;
