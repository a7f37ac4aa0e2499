//! Our REGISTER at a PBX, and OPTIONS to see whether it is there. RFC 3261 §10.2, §11.

use super::auth::AuthAttempts;
use super::command::Registration;
use super::core::{ALLOW, Core, Owner};
use super::event::{Event, RegistrationState};
use crate::base::limit;
use crate::sip::message::{Headers, Method, Request, Response};
use crate::sip::registration::{RegisterOutcome, Registrar, RegistrationStep};
use crate::sip::text;
use crate::sip::uri::{NameAddr, Uri};
use std::time::Instant;

/// The account of one link.
#[derive(Debug)]
pub(super) struct Account {
    aor: Uri,
    registrar: Registrar,
    attempts: AuthAttempts,
    call_id: String,
    cseq: u32,
}

impl Account {
    /// Begins to register, or to remove the registration. The Call-ID stays the same for the life
    /// of the link, as RFC 3261 §10.2.4 wants.
    pub(super) fn start(
        core: &mut Core,
        now: Instant,
        wanted: Registration,
        before: Option<Self>,
    ) -> Self {
        let (registrar, step) = Registrar::start(wanted.expires_s);
        let (call_id, cseq) = match before {
            Some(before) => (before.call_id, before.cseq),
            None => (core.random().call_id(), 0),
        };
        let attempts = AuthAttempts::default();
        let mut account = Self { aor: wanted.aor, registrar, attempts, call_id, cseq };
        account.follow(core, now, Some(step));
        account
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.registrar.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, core: &mut Core, now: Instant) {
        let step = self.registrar.handle_timeout(now);
        self.follow(core, now, step);
    }

    pub(super) fn handle_new_flow(&mut self, core: &mut Core, now: Instant) {
        let step = self.registrar.handle_new_flow();
        self.follow(core, now, step);
    }

    /// A response to our REGISTER; `request` comes with a final one that was received.
    pub(super) fn handle_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        response: &Response,
        request: Option<Request>,
    ) {
        let status = response.status.get();
        if status < 200 {
            return;
        }
        let is_current =
            |request: &Request| request.headers.cseq().is_some_and(|cseq| cseq.number == self.cseq);
        if request.as_ref().is_some_and(|request| !is_current(request)) {
            return;
        }
        if let Some(mut request) = request
            && core.authorize(&mut self.attempts, &mut request, response).is_some()
        {
            self.cseq = self.cseq.saturating_add(1);
            if core.send(now, request, Owner::Register).is_ok() {
                return;
            }
        }
        if (200..300).contains(&status)
            && let Some(auth) = &mut core.auth
        {
            auth.note_success(&self.attempts);
        }
        let outcome = outcome(response, &core.config.contact);
        self.finish(core, now, outcome, status, &response.reason);
    }

    fn finish(
        &mut self,
        core: &mut Core,
        now: Instant,
        outcome: RegisterOutcome,
        status: u16,
        words: &str,
    ) {
        let random = core.random().bits();
        let step = self.registrar.handle_outcome(now, outcome, random);
        if let RegistrationStep::Failed { is_final } = step {
            let reason = text::clean(words).into_owned();
            let state = RegistrationState::Failed { status, reason, is_final };
            core.emit(Event::Registration(state));
        }
        self.follow(core, now, Some(step));
    }

    fn follow(&mut self, core: &mut Core, now: Instant, step: Option<RegistrationStep>) {
        match step {
            Some(RegistrationStep::Send { expires_s }) => self.send(core, now, expires_s),
            Some(RegistrationStep::Registered { expires_s }) => {
                core.emit(Event::Registration(RegistrationState::Registered { expires_s }));
            }
            Some(RegistrationStep::Removed) => {
                core.emit(Event::Registration(RegistrationState::Removed));
            }
            Some(RegistrationStep::Failed { .. }) | None => {}
        }
    }

    fn send(&mut self, core: &mut Core, now: Instant, expires_s: u32) {
        self.cseq = self.cseq.saturating_add(1);
        self.attempts = AuthAttempts::default();
        let via = core.via();
        let tag = core.random().tag();
        let registrar = Uri { port: self.aor.port, ..Uri::sip(None, self.aor.host.clone()) };
        let mut register = Request::new(Method::Register, registrar);
        let headers = &mut register.headers;
        headers.push("Via", via);
        headers.push("Max-Forwards", "70");
        headers.push("From", format!("<{}>;tag={tag}", self.aor));
        headers.push("To", format!("<{}>", self.aor));
        headers.push("Call-ID", &self.call_id);
        headers.push("CSeq", format!("{} REGISTER", self.cseq));
        headers.push("Contact", format!("<{}>", core.config.contact));
        headers.push("Expires", expires_s.to_string());
        headers.push("Allow", ALLOW);
        core.sign(headers);
        if core.send(now, register, Owner::Register).is_err() {
            let outcome = RegisterOutcome::Refused { retry_after_s: None, is_final: false };
            self.finish(core, now, outcome, 503, "Too many transactions");
        }
    }

    /// Sends OPTIONS with what a PBX wants to see (INTEROP case 57).
    pub(super) fn ping(core: &mut Core, now: Instant) {
        let Some(uri) = core.config.peer_uri.clone().filter(|_| core.is_connected) else {
            return core.emit(Event::Pinged { alive: false });
        };
        let via = core.via();
        let (tag, call_id) = (core.random().tag(), core.random().call_id());
        let mut options = Request::new(Method::Options, uri.clone());
        let headers = &mut options.headers;
        headers.push("Via", via);
        headers.push("Max-Forwards", "70");
        headers.push("From", format!("<{}>;tag={tag}", core.config.contact));
        headers.push("To", format!("<{uri}>"));
        headers.push("Call-ID", call_id);
        headers.push("CSeq", "1 OPTIONS");
        core.introduce(headers);
        core.sign(headers);
        headers.push("Accept", super::body::SDP);
        if core.send(now, options, Owner::Ping).is_err() {
            // A link with that many transactions is alive.
            core.emit(Event::Pinged { alive: true });
        }
    }

    /// Any final answer but 408 and 503 shows that the PBX works.
    pub(super) fn handle_pong(core: &mut Core, response: &Response) {
        let status = response.status.get();
        if status >= 200 {
            core.emit(Event::Pinged { alive: !matches!(status, 408 | 503) });
        }
    }
}

fn outcome(response: &Response, contact: &Uri) -> RegisterOutcome {
    let headers = &response.headers;
    match response.status.get() {
        200..=299 => RegisterOutcome::Granted { expires_s: granted(headers, contact) },
        423 => RegisterOutcome::TooBrief {
            min_expires_s: headers.seconds("Min-Expires").unwrap_or(u32::MAX),
        },
        status => RegisterOutcome::Refused {
            retry_after_s: headers.seconds("Retry-After"),
            // Challenges that could be answered have been.
            is_final: matches!(status, 401 | 403 | 404 | 407),
        },
    }
}

/// The seconds granted to our Contact among all that the registrar lists (INTEROP case 48).
fn granted(headers: &Headers, contact: &Uri) -> u32 {
    let contacts = headers.contacts().unwrap_or_default();
    let is_ours = |one: &&NameAddr| {
        one.uri.user == contact.user
            && one.uri.host.is_same(&contact.host)
            && one.uri.port == contact.port
    };
    let ours = contacts.iter().find(is_ours).and_then(NameAddr::expires);
    ours.or_else(|| headers.expires()).unwrap_or(limit::REGISTER_EXPIRES_S)
}
