//! What the engine counts. Handles are made once; counting is one atomic addition.

use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge, histogram};

use super::media_thread::WorkerHandle;
use crate::base::Cause;
use crate::media::shard::Counter as MediaCounter;
use crate::telemetry::metric;

/// The engine's counters.
pub struct EngineMetrics {
    sip_malformed: Counter,
    calls_active: Gauge,
    registrations: Gauge,
    sockets: Gauge,
}

impl EngineMetrics {
    /// Handles at the installed recorder.
    #[must_use]
    pub fn new() -> Self {
        gauge!(metric::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Self {
            sip_malformed: counter!(metric::SIP_MALFORMED),
            calls_active: gauge!(metric::CALLS_ACTIVE),
            registrations: gauge!(metric::REGISTRATIONS),
            sockets: gauge!(metric::PHONE_SOCKETS),
        }
    }

    /// A message that is not SIP.
    pub fn sip_malformed(&self) {
        self.sip_malformed.increment(1);
    }

    /// A call ended.
    pub fn call_ended(&self, cause: Cause, answered: bool) {
        let outcome = if answered { "answered" } else { cause.as_str() };
        counter!(metric::CALLS, "outcome" => outcome).increment(1);
    }

    /// The record of a call was lost.
    pub fn call_not_recorded(&self) {
        counter!(metric::CALL_RECORDS_LOST).increment(1);
    }

    /// A caller was answered this long after it called.
    pub fn call_answered(&self, after: Duration) {
        histogram!(metric::CALL_SETUP).record(after);
    }

    /// A browser leg has keys this long after its first authenticated check.
    pub fn audio_secured(&self, dtls_version: &'static str, took: Duration) {
        histogram!(metric::DTLS_HANDSHAKE, "version" => dtls_version).record(took);
    }

    /// What the media workers have counted so far.
    pub fn media(&self, workers: &[WorkerHandle]) {
        for which in MediaCounter::ALL {
            let total = workers.iter().map(|worker| worker.counters().count(*which)).sum();
            counter!(metric::MEDIA_EVENTS, "kind" => which.name()).absolute(total);
        }
    }

    /// A link to a PBX came up or went down.
    pub fn trunk(&self, name: &str, is_up: bool) {
        gauge!(metric::TRUNK_UP, "trunk" => name.to_owned()).set(f64::from(u8::from(is_up)));
    }

    /// There is no such link any more. A series cannot be taken back; one that is not a number
    /// alarms nobody.
    pub fn trunk_removed(&self, name: &str) {
        gauge!(metric::TRUNK_UP, "trunk" => name.to_owned()).set(f64::NAN);
    }

    /// What is there now.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn present(&self, calls: usize, phones: usize, sockets: usize) {
        self.calls_active.set(calls as f64);
        self.registrations.set(phones as f64);
        self.sockets.set(sockets as f64);
    }
}

impl Default for EngineMetrics {
    fn default() -> Self {
        Self::new()
    }
}
