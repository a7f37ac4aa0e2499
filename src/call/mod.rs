//! The call: who rings, who answers first, who hears why it ended.
//!
//! [`Machine`] is the back-to-back user agent's decision table. It knows neither SIP nor WebRTC
//! nor the media path: the engine turns their events into [`Input`]s and its [`Output`]s into
//! commands. It owns no socket, clock, task or lock.

mod input;
mod machine;
mod output;

pub use input::{Input, Plan};
pub use machine::Machine;
pub use output::Output;
