//! Why a call ended, once for both sides: SIP status, `Reason` header, words for a person.
//!
//! RFC 3261 §21 (status codes), RFC 3326 (`Reason`), RFC 6432 (Q.850 in `Reason`).

/// Why a leg or a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Somebody hung up an answered call.
    Normal,
    /// The caller gave up before an answer.
    Cancelled,
    /// Another phone of the callee answered first.
    AnsweredElsewhere,
    /// The callee is on another call (486, 600).
    Busy,
    /// Nobody answered in time (408, 480 after ringing).
    NoAnswer,
    /// The callee refused the call (603 and other refusals).
    Declined,
    /// The number does not exist (404, 410, 484, 604).
    NotFound,
    /// The callee has no phone connected (480).
    Unavailable,
    /// The two sides share no usable media (415, 488, 606).
    NotAcceptable,
    /// The caller may not place this call (401, 403, 407).
    Forbidden,
    /// The caller may not call from the number it asked for, or has none to call from (403).
    ForbiddenNumber,
    /// The link to the PBX is down.
    TrunkDown,
    /// The PBX is there and cannot take the call (502, 503, 504).
    Congestion,
    /// ICE, DTLS or SRTP could not be set up.
    MediaFailed,
    /// No packet arrived for too long in an answered call.
    MediaTimeout,
    /// This server is at one of its bounds.
    Overloaded,
    /// This server is stopping.
    Stopping,
    /// The peer's signalling went away or broke the protocol.
    SignalingLost,
    /// Anything else (5xx, 6xx, bugs).
    Failed,
}

impl Cause {
    /// The SIP status that rejects an unanswered INVITE for this cause.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Normal | Self::Cancelled | Self::AnsweredElsewhere => 487,
            Self::Busy => 486,
            Self::NoAnswer | Self::Unavailable => 480,
            Self::Declined => 603,
            Self::NotFound => 404,
            Self::NotAcceptable => 488,
            Self::Forbidden | Self::ForbiddenNumber => 403,
            Self::TrunkDown | Self::Congestion | Self::Overloaded | Self::Stopping => 503,
            Self::MediaTimeout | Self::SignalingLost | Self::MediaFailed | Self::Failed => 500,
        }
    }

    /// One sentence for a person; also the reason phrase and the `Reason` text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Normal => "Call ended",
            Self::Cancelled => "Caller hung up before an answer",
            Self::AnsweredElsewhere => "Call completed elsewhere",
            Self::Busy => "Busy",
            Self::NoAnswer => "No answer",
            Self::Declined => "Call declined",
            Self::NotFound => "Number not found",
            Self::Unavailable => "No phone connected at this number",
            Self::NotAcceptable => "No common audio format",
            Self::Forbidden => "Not allowed to call this number",
            Self::ForbiddenNumber => "You may not call from this number",
            Self::TrunkDown => "The PBX cannot be reached",
            Self::Congestion => "The PBX has no free line",
            Self::MediaFailed => "Secure audio could not be set up",
            Self::MediaTimeout => "No audio arrived for too long",
            Self::Overloaded => "Too many calls at the moment",
            Self::Stopping => "The server is restarting",
            Self::SignalingLost => "Connection lost",
            Self::Failed => "The call failed",
        }
    }

    /// The Q.850 cause value put beside the SIP one in `Reason`.
    #[must_use]
    pub fn q850(self) -> u8 {
        match self {
            Self::Normal | Self::Cancelled => 16,
            Self::AnsweredElsewhere => 26,
            Self::Busy => 17,
            Self::NoAnswer => 19,
            Self::Declined | Self::Forbidden | Self::ForbiddenNumber => 21,
            Self::NotFound => 1,
            Self::Unavailable => 20,
            Self::NotAcceptable => 88,
            Self::TrunkDown => 38,
            Self::Congestion => 34,
            Self::Overloaded | Self::Stopping => 42,
            Self::MediaFailed | Self::MediaTimeout | Self::SignalingLost | Self::Failed => 41,
        }
    }

    /// The cause a rejected INVITE stands for.
    #[must_use]
    pub fn from_status(status: u16) -> Self {
        match status {
            401 | 403 | 407 => Self::Forbidden,
            404 | 410 | 484 | 604 => Self::NotFound,
            408 | 480 => Self::NoAnswer,
            415 | 488 | 606 => Self::NotAcceptable,
            486 | 600 => Self::Busy,
            487 => Self::Cancelled,
            502..=504 => Self::Congestion,
            603 | 607 => Self::Declined,
            _ => Self::Failed,
        }
    }

    /// A stable word for logs, metrics and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Cancelled => "cancelled",
            Self::AnsweredElsewhere => "answered_elsewhere",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Declined => "declined",
            Self::NotFound => "not_found",
            Self::Unavailable => "unavailable",
            Self::NotAcceptable => "not_acceptable",
            Self::Forbidden => "forbidden",
            Self::ForbiddenNumber => "forbidden_number",
            Self::TrunkDown => "trunk_down",
            Self::Congestion => "congestion",
            Self::MediaFailed => "media_failed",
            Self::MediaTimeout => "media_timeout",
            Self::Overloaded => "overloaded",
            Self::Stopping => "stopping",
            Self::SignalingLost => "signaling_lost",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cause;

    #[test]
    fn a_status_survives_the_round_trip_through_its_cause() {
        for status in [403, 404, 486, 487, 488, 503, 603] {
            assert_eq!(Cause::from_status(status).status(), status);
        }
    }
}
