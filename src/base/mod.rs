//! The words every module uses: time, identities, secrets, reasons a call ended, bounds.
//!
//! Owns no socket, task, or lock. Everything else may import it; it imports nothing of ours.

pub mod cause;
pub mod clock;
pub mod id;
pub mod limit;
pub mod priority;
mod rfc3339;
pub mod secret;

pub use cause::Cause;
pub use clock::{Clock, UnixTime};
pub use id::{CallId, LegId, MediaId};
pub use secret::Secret;
