//! How a message finds its transaction. RFC 3261 §17.1.3 and §17.2.3.
//!
//! The sent-by of the top Via is left out of the key on purpose: one flow has one peer, its branch
//! is unique by definition, and NAT makes some peers send a CANCEL with another sent-by than the
//! INVITE's (INTEROP case 4).

use crate::sip::message::{Headers, Method, Request};

/// How every branch of RFC 3261 begins.
pub(super) const MAGIC_COOKIE: &str = "z9hG4bK";

/// What tells the transactions of one flow apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// By branch, as in RFC 3261.
    Branch(String, Method),
    /// By the fields an RFC 2543 peer has instead.
    Legacy { via: String, call_id: String, from_tag: String, cseq: u32, method: Method },
}

impl Key {
    /// The key of the transaction that a request opens, or that an ACK belongs to.
    pub(super) fn of_request(request: &Request) -> Option<Self> {
        Self::with_method(&request.headers, transaction_method(&request.method))
    }

    /// The key of the INVITE a CANCEL is about.
    pub(super) fn of_cancelled(cancel: &Request) -> Option<Self> {
        Self::with_method(&cancel.headers, Method::Invite)
    }

    fn with_method(headers: &Headers, method: Method) -> Option<Self> {
        let via = headers.via()?;
        if let Some(branch) = via.branch()
            && branch.starts_with(MAGIC_COOKIE)
        {
            return Some(Self::Branch(branch.to_owned(), method));
        }
        Some(Self::Legacy {
            via: headers.get("Via")?.to_owned(),
            call_id: headers.call_id()?.to_owned(),
            from_tag: headers.from_()?.tag().unwrap_or_default().to_owned(),
            cseq: headers.cseq()?.number,
            method,
        })
    }
}

/// What two copies of one request that came by different ways have in common. RFC 3261 §8.2.2.2.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct MergeKey {
    call_id: String,
    from_tag: String,
    cseq: u32,
    method: Method,
}

impl MergeKey {
    /// The key of a request outside a dialog; `None` inside one.
    pub(super) fn of_request(request: &Request) -> Option<Self> {
        if request.headers.to()?.tag().is_some() || request.method == Method::Cancel {
            return None;
        }
        Some(Self {
            call_id: request.headers.call_id()?.to_owned(),
            from_tag: request.headers.from_()?.tag()?.to_owned(),
            cseq: request.headers.cseq()?.number,
            method: request.method.clone(),
        })
    }
}

/// ACK belongs to the INVITE's transaction.
fn transaction_method(method: &Method) -> Method {
    if *method == Method::Ack { Method::Invite } else { method.clone() }
}
