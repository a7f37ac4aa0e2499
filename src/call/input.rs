//! What can happen to a call.

use crate::base::{Cause, LegId};

/// How a call is to be carried out, decided by routing before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The server itself answers at once: echo, tone, read-back.
    BuiltIn,
    /// Call all of these legs at once; the first to answer wins.
    Dial(Vec<LegId>),
    /// Nobody can be called, for this reason.
    Refuse(Cause),
}

/// An event of one call, in the order the call's one queue delivers them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The call begins.
    Placed(Plan),
    /// A called leg rings.
    Rang {
        /// The leg.
        leg: LegId,
        /// Whether it already sends audio.
        early_media: bool,
    },
    /// A called leg answered.
    Answered {
        /// The leg.
        leg: LegId,
    },
    /// A called leg refused, timed out, or could not be reached. It is gone.
    Rejected {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: Cause,
    },
    /// A leg hung up: CANCEL or BYE, or its signalling broke. It is gone.
    HungUp {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: Cause,
    },
    /// A leg cannot carry audio, though its signalling still stands.
    MediaLost {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: Cause,
    },
    /// The server or an administrator ends the call.
    Stop(Cause),
}
