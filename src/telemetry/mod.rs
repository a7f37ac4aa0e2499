//! Logs, redaction, and the name of every metric.
//!
//! Owns how a log line looks and what may never be in one. Measures nothing itself.

pub mod log;
pub mod metric;
pub mod redact;
