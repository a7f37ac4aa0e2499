//! What a call wants done.

use crate::base::{Cause, LegId};

/// An order to the engine. Carried out in sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Tell the caller that the callee rings.
    Ring {
        /// The leg whose early audio the caller should hear, if any.
        early_media_of: Option<LegId>,
    },
    /// Answer the caller.
    Answer {
        /// The leg to bridge with; `None` for a built-in number.
        with: Option<LegId>,
    },
    /// End this leg, whatever state it is in.
    HangUp {
        /// The leg.
        leg: LegId,
        /// Why, told to its peer.
        cause: Cause,
    },
    /// The call is over; every leg was hung up or is gone. Always the last output, exactly once.
    Ended {
        /// Why.
        cause: Cause,
        /// Whether it was answered.
        answered: bool,
    },
}
