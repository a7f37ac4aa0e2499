//! Dialogs: who talks to whom, in which order, by which route. RFC 3261 §12.
//!
//! Owns identifiers, sequence numbers, route set and remote target. Knows no offer, no answer and
//! no timer: those are the leg's, in `user_agent`.

mod state;

pub use state::{Dialog, DialogError, DialogId};
