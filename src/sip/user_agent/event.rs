//! What a [`UserAgent`](super::UserAgent) tells the engine.

use crate::base::{Cause, LegId, Secret};
use crate::sip::uri::{NameAddr, Uri};

/// Something that happened on one flow.
#[derive(Debug)]
pub enum Event {
    /// A call came in. 100 was sent; the engine answers with `Ring`, `Answer` or `Hangup`.
    Invited(Box<IncomingInvite>),
    /// An outgoing call rings (180) or sends early media (183 with SDP).
    Rang {
        /// The outgoing leg.
        leg: LegId,
        /// 180–189.
        status: u16,
        /// The early answer, if it brought one.
        sdp: Option<Vec<u8>>,
    },
    /// An outgoing call was answered; the ACK is already on its way.
    Answered {
        /// The outgoing leg.
        leg: LegId,
        /// The SDP answer of the dialog that won.
        sdp: Vec<u8>,
    },
    /// An outgoing call was refused or timed out. The leg is gone.
    Rejected {
        /// The outgoing leg.
        leg: LegId,
        /// The final status (408 for no answer at all).
        status: u16,
        /// The peer's reason phrase, cleaned of control characters.
        reason: String,
    },
    /// The peer acknowledged our 200.
    Confirmed {
        /// The incoming leg.
        leg: LegId,
        /// The SDP in the ACK, only after an INVITE or re-INVITE that had none.
        sdp: Option<Vec<u8>>,
    },
    /// The peer wants to change the media: hold, resume, ICE restart. Answer with `ReAnswer` or
    /// `ReReject`. Refreshes without a change of SDP version arrive here too.
    ReOffered {
        /// The leg.
        leg: LegId,
        /// The SDP offer; `None` asks us to offer.
        sdp: Option<Vec<u8>>,
    },
    /// The peer answered our re-INVITE.
    ReAnswered {
        /// The leg.
        leg: LegId,
        /// The SDP answer.
        sdp: Vec<u8>,
    },
    /// The peer refused our re-INVITE (after 491 was retried); the call goes on as it was.
    ReRejected {
        /// The leg.
        leg: LegId,
        /// The status.
        status: u16,
    },
    /// A leg ended by BYE, CANCEL, no ACK, 408 or 481 in the dialog. The leg is gone.
    Ended {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: Cause,
    },
    /// A DTMF digit by INFO; already answered 200.
    Dtmf {
        /// The leg.
        leg: LegId,
        /// The digit.
        digit: char,
        /// Its length, milliseconds.
        duration_ms: u32,
    },
    /// A phone wants to register; answer with `AnswerRegister`.
    RegisterReceived(Box<RegisterReceived>),
    /// Our registration at the PBX changed.
    Registration(RegistrationState),
    /// OPTIONS was answered (any answer but 408/503 is a sign of life) or not.
    Pinged {
        /// Whether the PBX is there.
        alive: bool,
    },
}

/// A call that came in on a flow.
#[derive(Debug)]
pub struct IncomingInvite {
    /// Minted here; names the leg from now on.
    pub leg: LegId,
    /// The number dialled: the user part of the Request-URI, unescaped.
    pub number: String,
    /// The caller as told by the peer; the engine trusts it only from a trunk.
    pub from: NameAddr,
    /// The callee as told by the peer.
    pub to: NameAddr,
    /// The Request-URI.
    pub request_uri: Uri,
    /// All other headers by name, for the allow list, and `Max-Forwards`.
    pub headers: Vec<(String, String)>,
    /// The SDP offer; `None` when the peer wants us to offer in the 200.
    pub sdp: Option<Vec<u8>>,
    /// Whether the peer proved itself by digest on this request (trunk listeners).
    pub authenticated: bool,
}

/// A REGISTER from a phone.
#[derive(Debug)]
pub struct RegisterReceived {
    /// For `AnswerRegister`.
    pub key: super::RequestKey,
    /// The address of record, from To.
    pub aor: Uri,
    /// The phone's Contact; `None` for a query or `Contact: *`.
    pub contact: Option<NameAddr>,
    /// `+sip.instance` of the Contact, without brackets.
    pub instance: Option<String>,
    /// Seconds asked for; `None` when the phone did not say; 0 removes.
    pub expires_s: Option<u32>,
    /// The token of `Authorization: Bearer`, if sent.
    pub bearer: Option<Secret>,
    /// `User-Agent`, cleaned, for the list of phones.
    pub user_agent: Option<String>,
}

/// Where our registration at the PBX stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationState {
    /// Registered for this many seconds more.
    Registered {
        /// Seconds granted by the registrar.
        expires_s: u32,
    },
    /// Removed on our request.
    Removed,
    /// Refused or unanswered. Tried again by itself unless `is_final`.
    Failed {
        /// The status, 408 for none.
        status: u16,
        /// The registrar's words, cleaned.
        reason: String,
        /// Whether trying again is pointless (403, wrong password).
        is_final: bool,
    },
}
