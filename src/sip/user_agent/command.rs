//! What the engine asks of a [`UserAgent`](super::UserAgent).

use crate::base::{Cause, LegId};
use crate::sip::uri::{NameAddr, Uri};

/// A request the engine makes of one flow's user agent.
#[derive(Debug)]
pub enum Command {
    /// Places a call on this flow; answered by `Rang`, `Answered` or `Rejected`.
    Invite(Box<OutgoingInvite>),
    /// Tells the caller its call is being placed: 180, or 183 when early media has an answer.
    Ring {
        /// The incoming leg.
        leg: LegId,
        /// The one SDP answer of this leg, when audio already flows (INTEROP section 2).
        sdp: Option<Vec<u8>>,
    },
    /// Answers an incoming call with 200. Sends the SDP given at `Ring` again when one was.
    Answer {
        /// The incoming leg.
        leg: LegId,
        /// The SDP answer.
        sdp: Vec<u8>,
    },
    /// Ends a leg in whatever state it is: final response, CANCEL, or BYE, each with `Reason`.
    Hangup {
        /// The leg.
        leg: LegId,
        /// Why, told to the peer.
        cause: Cause,
    },
    /// Sends a re-INVITE with a new offer; answered by `ReAnswered` or `ReRejected`.
    ReOffer {
        /// The leg.
        leg: LegId,
        /// The SDP offer.
        sdp: Vec<u8>,
    },
    /// Answers a `ReOffered` with 200.
    ReAnswer {
        /// The leg.
        leg: LegId,
        /// The SDP answer (or the offer, when the re-INVITE had none).
        sdp: Vec<u8>,
    },
    /// Refuses a `ReOffered`; the call goes on as it was.
    ReReject {
        /// The leg.
        leg: LegId,
        /// 4xx, 488 as a rule.
        status: u16,
    },
    /// Sends one DTMF digit by INFO `application/dtmf-relay`.
    SendDtmf {
        /// The leg.
        leg: LegId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// Length of the key press, milliseconds.
        duration_ms: u32,
    },
    /// Registers (or with `expires_s` 0 removes) the account of a PBX link. Refreshes follow by
    /// themselves; each change of state is a `Registration` event.
    Register(Box<Registration>),
    /// Sends OPTIONS outside a dialog to see whether the PBX is there; answered by `Pinged`.
    Ping,
    /// Answers a `RegisterReceived`.
    AnswerRegister {
        /// From the event.
        key: super::RequestKey,
        /// What to answer.
        answer: RegisterAnswer,
    },
}

/// A call to place.
#[derive(Debug)]
pub struct OutgoingInvite {
    /// Names the leg in every later command and event.
    pub leg: LegId,
    /// Where to: `sip:600@pbx.example.com` on a trunk, the registered Contact on a phone.
    pub request_uri: Uri,
    /// The To header without tag.
    pub to: NameAddr,
    /// The From header without tag.
    pub from: NameAddr,
    /// Extra headers, already on the allow list; values hold no CR, LF or NUL. `Max-Forwards`
    /// among them is what the caller's leg had, less one: it stops loops through the PBX.
    pub headers: Vec<(String, String)>,
    /// The SDP offer.
    pub sdp: Vec<u8>,
}

/// The account a PBX link registers.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The address of record, `sip:ringfence@pbx.example.com`; its host is the registrar.
    pub aor: Uri,
    /// Seconds asked for; 0 removes the registration.
    pub expires_s: u32,
}

/// The answer to a phone's REGISTER.
#[derive(Debug)]
pub enum RegisterAnswer {
    /// 200 with the phone's own Contact and `expires` as a parameter of it (INTEROP finding 6).
    Granted {
        /// Seconds granted; 0 for a removal.
        expires_s: u32,
    },
    /// 423 with `Min-Expires`.
    TooBrief {
        /// The shortest registration granted.
        min_expires_s: u32,
    },
    /// 401 with one `WWW-Authenticate: Bearer` challenge.
    Unauthorized {
        /// The reason, for the phrase.
        reason: String,
    },
    /// 403.
    Forbidden {
        /// The reason, for the phrase.
        reason: String,
    },
    /// 503 with `Retry-After`.
    Unavailable {
        /// Seconds to wait.
        retry_after_s: u32,
    },
}
