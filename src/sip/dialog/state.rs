//! One dialog, early or confirmed.

use crate::sip::message::{Headers, Method, Request, Response};
use crate::sip::uri::{NameAddr, Uri};

/// What finds a dialog before the peer's tag is looked at: a fork has one of these for all branches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DialogId {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
}

impl DialogId {
    /// The dialog an incoming request says it belongs to; `None` without a To tag.
    #[must_use]
    pub fn of_request(headers: &Headers) -> Option<Self> {
        let local_tag = headers.to()?.tag()?.to_owned();
        Some(Self { call_id: headers.call_id()?.to_owned(), local_tag })
    }
}

/// Why a message makes no dialog or does not fit one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// A header a dialog is made of is missing or malformed.
    #[error("peer sent no usable {0}")]
    PeerMisbehaved(&'static str),
    /// The CSeq is not above the last one.
    #[error("request is out of order or a replay")]
    OutOfOrder,
}

/// A dialog seen from our side.
#[derive(Clone, Debug)]
pub struct Dialog {
    call_id: String,
    local: NameAddr,
    remote: NameAddr,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    route_set: Vec<NameAddr>,
    remote_target: Uri,
}

impl Dialog {
    /// The dialog a response to our INVITE makes. RFC 3261 §12.1.2.
    ///
    /// A 2xx without a To tag, as RFC 2543 callees send it, makes one with an empty tag.
    ///
    /// # Errors
    /// When From or To is missing.
    pub fn of_caller(invite: &Request, response: &Response) -> Result<Self, DialogError> {
        let remote = response.headers.to().ok_or(DialogError::PeerMisbehaved("To"))?;
        let local = invite.headers.from_().ok_or(DialogError::PeerMisbehaved("From"))?;
        let mut route_set = response.headers.record_route();
        route_set.reverse();
        Ok(Self {
            call_id: invite.headers.call_id().unwrap_or_default().to_owned(),
            local,
            remote,
            local_cseq: invite.headers.cseq().map_or(1, |cseq| cseq.number),
            remote_cseq: None,
            route_set,
            // Some gateways leave Contact out of 1xx; then the callee's address has to do.
            remote_target: contact_uri(&response.headers).unwrap_or_else(|| invite.uri.clone()),
        })
    }

    /// The dialog our answer to an INVITE makes. RFC 3261 §12.1.1.
    ///
    /// # Errors
    /// When From, To, CSeq or Contact is missing.
    pub fn of_callee(invite: &Request, local_tag: &str) -> Result<Self, DialogError> {
        let headers = &invite.headers;
        let mut local = headers.to().ok_or(DialogError::PeerMisbehaved("To"))?;
        local.set_tag(local_tag);
        Ok(Self {
            call_id: headers.call_id().ok_or(DialogError::PeerMisbehaved("Call-ID"))?.to_owned(),
            local,
            remote: headers.from_().ok_or(DialogError::PeerMisbehaved("From"))?,
            local_cseq: 0,
            remote_cseq: Some(headers.cseq().ok_or(DialogError::PeerMisbehaved("CSeq"))?.number),
            route_set: headers.record_route(),
            remote_target: contact_uri(headers).ok_or(DialogError::PeerMisbehaved("Contact"))?,
        })
    }

    /// What finds this dialog.
    #[must_use]
    pub fn id(&self) -> DialogId {
        let local_tag = self.local.tag().unwrap_or_default().to_owned();
        DialogId { call_id: self.call_id.clone(), local_tag }
    }

    /// The peer's tag, empty for a peer of RFC 2543.
    #[must_use]
    pub fn remote_tag(&self) -> &str {
        self.remote.tag().unwrap_or_default()
    }

    /// Whether a request found by [`DialogId`] carries the peer's tag too.
    #[must_use]
    pub fn is_from_peer(&self, headers: &Headers) -> bool {
        headers.from_().is_some_and(|from| from.tag().unwrap_or_default() == self.remote_tag())
    }

    /// The last CSeq number we used.
    #[must_use]
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// Goes on from at least `number`: an early dialog that already sent PRACK (INTEROP case 13).
    pub fn raise_local_cseq(&mut self, number: u32) {
        self.local_cseq = self.local_cseq.max(number);
    }

    /// Takes the CSeq of a request other than ACK and CANCEL. RFC 3261 §12.2.2.
    ///
    /// # Errors
    /// When it is not above the last one: late, or a copy the transaction layer has forgotten.
    pub fn accept_cseq(&mut self, number: u32) -> Result<(), DialogError> {
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return Err(DialogError::OutOfOrder);
        }
        self.remote_cseq = Some(number);
        Ok(())
    }

    /// Follows a target refresh (INVITE, UPDATE and their 2xx). The route set stays as it is.
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Some(uri) = contact_uri(headers) {
            self.remote_target = uri;
        }
    }

    /// A new request with the next CSeq number, which is thereby used up. RFC 3261 §12.2.1.1.
    #[must_use]
    pub fn request(&mut self, method: Method, via: &str) -> Request {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.build(method, self.local_cseq, via)
    }

    /// The ACK of a 2xx to the INVITE numbered `cseq`. RFC 3261 §13.2.2.4.
    #[must_use]
    pub fn ack(&self, cseq: u32, via: &str) -> Request {
        self.build(Method::Ack, cseq, via)
    }

    fn build(&self, method: Method, cseq: u32, via: &str) -> Request {
        let (uri, routes) = self.target();
        let cseq = format!("{cseq} {method}");
        let mut request = Request::new(method, uri);
        let headers = &mut request.headers;
        headers.push("Via", via);
        headers.push("Max-Forwards", "70");
        for route in routes {
            headers.push("Route", route.to_string());
        }
        headers.push("From", self.local.to_string());
        headers.push("To", self.remote.to_string());
        headers.push("Call-ID", self.call_id.as_str());
        headers.push("CSeq", cseq);
        request
    }

    /// Request-URI and Route: with a strict router first (no `lr`), the two change places.
    fn target(&self) -> (Uri, Vec<NameAddr>) {
        let Some((first, rest)) = self.route_set.split_first() else {
            return (self.remote_target.clone(), Vec::new());
        };
        if first.uri.params.contains("lr") {
            return (self.remote_target.clone(), self.route_set.clone());
        }
        let mut routes = rest.to_vec();
        routes.push(NameAddr::new(self.remote_target.clone()));
        (first.uri.clone(), routes)
    }
}

fn contact_uri(headers: &Headers) -> Option<Uri> {
    let mut uri = headers.contacts().ok()?.into_iter().next()?.uri;
    // Not allowed in a Request-URI (RFC 3261 table 1).
    uri.headers.clear();
    Some(uri)
}
