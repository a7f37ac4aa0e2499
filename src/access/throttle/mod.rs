//! Rate limits: layered buckets in bounded memory, asked once per request (X10, C17, A29–A32).
//!
//! A request is counted by every bucket its [`RateClass`] names: address, network, token, session,
//! account, device. One that any of them refuses is counted by none, so that waiting as long as it
//! is told is enough. Load narrows the tokens' buckets only. Signaling has buckets of its own and
//! is never narrowed. Sign-ins of an account are delayed, never locked: its owner's browser has a
//! bucket of its own (SECURITY 4.6).
//!
//! Owns no clock: times are milliseconds of any clock that does not go back. Knows no HTTP.

mod bucket;
mod check;
mod facts;
mod layers;
mod limits;
mod table;
#[cfg(test)]
mod tests;
mod window;

pub use check::Throttle;
pub use facts::{
    AccountKey, Attempt, Caller, Decision, DeviceKey, Load, RateClass, RequestFacts, Scope,
};
pub use limits::{AccountDelay, RateLimit, RateLimits};
