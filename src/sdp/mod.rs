//! Session descriptions (RFC 8866) as Ringfence uses them: one audio stream per leg.
//!
//! [`Description`] is a typed, bounded view over what `rtc-sdp` parses. [`browser`] and [`trunk`]
//! hold the rules of each side: which offers are acceptable and what we write. Pure: no socket,
//! clock or task.

pub mod browser;
mod description;
mod negotiate;
#[cfg(test)]
mod tests;
pub mod trunk;
mod write;

pub use description::{Audio, Description, OfferedCodec, Refusal, Transport};
pub use negotiate::{choose, offerable};
pub use write::Origin;
