//! REGISTER from a phone. RFC 3261 §10.3, RFC 8898 (Bearer).
//!
//! The engine decides; this file reads the request and writes the answer.

use super::RequestKey;
use super::command::RegisterAnswer;
use super::core::Core;
use super::event::{Event, RegisterReceived};
use super::reply::Reply;
use crate::base::{Secret, limit};
use crate::sip::message::{Headers, Request, StatusCode};
use crate::sip::text;
use crate::sip::transaction::TransactionId;
use crate::sip::uri::NameAddr;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The window of [`limit::REGISTERS_PER_MINUTE_MAX`].
const MINUTE: Duration = Duration::from_secs(60);

/// The REGISTERs of one phone that wait for the engine, and how many came lately.
#[derive(Debug)]
pub(super) struct Registers {
    waiting: HashMap<RequestKey, Request>,
    minute_began: Option<Instant>,
    count: u32,
}

impl Registers {
    pub(super) fn new() -> Self {
        Self { waiting: HashMap::new(), minute_began: None, count: 0 }
    }

    /// Takes a REGISTER.
    pub(super) fn receive(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: TransactionId,
        request: Request,
    ) {
        if self.is_too_often(now) {
            return core.refuse(now, id, &request, StatusCode::SERVICE_UNAVAILABLE);
        }
        let key = RequestKey(id);
        match read(key, &request) {
            Some(event) => {
                self.waiting.insert(key, request);
                core.emit(Event::RegisterReceived(Box::new(event)));
            }
            None => core.refuse(now, id, &request, StatusCode::BAD_REQUEST),
        }
    }

    /// Sends the engine's answer; one for a REGISTER that does not wait is ignored.
    pub(super) fn answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        key: RequestKey,
        answer: RegisterAnswer,
    ) {
        let Some(request) = self.waiting.remove(&key) else { return };
        let tag = core.random().tag();
        let (reply, reason) = write(&request, answer);
        let mut response = core.reply(&request, reply.status, &tag);
        if let Some(reason) = reason {
            response.reason = text::clean(&reason).into_owned();
        }
        for (name, value) in reply.headers {
            response.headers.insert(name, value);
        }
        core.respond(now, key.0, &response);
    }

    /// SIP.js registers in a tight loop when it dislikes an answer (INTEROP finding 6).
    fn is_too_often(&mut self, now: Instant) -> bool {
        if self.minute_began.is_none_or(|began| now >= began + MINUTE) {
            self.minute_began = Some(now);
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.count > limit::REGISTERS_PER_MINUTE_MAX
    }
}

fn read(key: RequestKey, request: &Request) -> Option<RegisterReceived> {
    let headers = &request.headers;
    let expires_s = headers.expires();
    if headers.contact_star() && expires_s != Some(0) {
        return None;
    }
    let contact = headers.contacts().ok()?.into_iter().next();
    Some(RegisterReceived {
        key,
        aor: headers.to()?.uri,
        instance: contact.as_ref().and_then(instance),
        expires_s: contact.as_ref().and_then(NameAddr::expires).or(expires_s),
        contact,
        bearer: bearer(headers),
        user_agent: headers.get("User-Agent").map(|product| text::clean(product).into_owned()),
    })
}

fn write(request: &Request, answer: RegisterAnswer) -> (Reply, Option<String>) {
    match answer {
        RegisterAnswer::Granted { expires_s } => (granted(&request.headers, expires_s), None),
        RegisterAnswer::TooBrief { min_expires_s } => {
            let status = StatusCode::INTERVAL_TOO_BRIEF;
            (Reply::with(status, "Min-Expires", min_expires_s.to_string()), None)
        }
        RegisterAnswer::Unauthorized { reason } => {
            let bearer = "Bearer realm=\"ringfence\", error=\"invalid_token\"".to_owned();
            let reply = Reply::with(StatusCode::UNAUTHORIZED, "WWW-Authenticate", bearer);
            (reply, Some(reason))
        }
        RegisterAnswer::Forbidden { reason } => (StatusCode::FORBIDDEN.into(), Some(reason)),
        RegisterAnswer::Unavailable { retry_after_s } => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            (Reply::with(status, "Retry-After", retry_after_s.to_string()), None)
        }
    }
}

/// The phone's own Contact with `expires` as its parameter: without that SIP.js registers again
/// at once, without the Contact both libraries ignore the answer (INTEROP finding 6).
fn granted(headers: &Headers, expires_s: u32) -> Reply {
    let mut reply = Reply::from(StatusCode::OK);
    if expires_s == 0 {
        return reply;
    }
    let contact = headers.contacts().ok().and_then(|contacts| contacts.into_iter().next());
    if let Some(mut contact) = contact {
        contact.params.set("expires", &expires_s.to_string());
        reply.headers.push(("Contact", contact.to_string()));
    }
    reply
}

fn instance(contact: &NameAddr) -> Option<String> {
    let value = contact.params.get("+sip.instance")?;
    Some(value.trim_matches(['<', '>']).to_owned())
}

fn bearer(headers: &Headers) -> Option<Secret> {
    headers.get_all("Authorization").find_map(|value| {
        let (scheme, token) = value.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then(|| Secret::new(token.trim()))
    })
}
