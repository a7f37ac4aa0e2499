//! One call: its legs, its state table, and the one queue that orders everything that happens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::Engine;
use super::call_record::CallRecord;
use super::leg::{Leg, MediaEvents, MediaPath, Side};
use super::link::{CallDoor, CallInput, LinkMessage, deliver};
use super::routing::{BuiltIn, Caller, Route};
use crate::base::{CallId, Cause, LegId, MediaId, UnixTime, limit};
use crate::call::{Input, Machine, Output, Plan};
use crate::media::command::{Command as MediaCommand, Event as MediaEvent, Failure, Prompt};
use crate::sip::user_agent::{Command, Event};

/// How many media events may wait for the call; a worker drops what does not fit.
const MEDIA_EVENTS_MAX: usize = 32;

/// A running call. Owned by its task.
pub struct CallTask {
    pub(super) engine: Arc<Engine>,
    pub(super) id: CallId,
    pub(super) door: CallDoor,
    pub(super) media_events: MediaEvents,
    pub(super) caller: LegId,
    pub(super) legs: HashMap<LegId, Leg>,
    machine: Machine,
    built_in: Option<BuiltIn>,
    started: Instant,
    answered: Option<Instant>,
    record: Option<CallRecord>,
}

impl CallTask {
    /// Starts the task of a call that `caller` places; returns the door its link forwards to.
    pub fn spawn(engine: Arc<Engine>, caller: Caller, room: super::CallRoom) -> CallDoor {
        let (door, inbox) = mpsc::channel(limit::CALL_QUEUE_MAX);
        let (media_events, media_inbox) = mpsc::channel(MEDIA_EVENTS_MAX);
        let now = engine.clock().now();
        let leg = caller.invite.leg;
        let task = Self {
            id: CallId::random(),
            door: door.clone(),
            media_events,
            caller: leg,
            legs: HashMap::new(),
            machine: Machine::new(leg, limit::RING_TIMEOUT),
            built_in: None,
            started: now,
            answered: None,
            record: None,
            engine,
        };
        tokio::spawn(Box::pin(async move {
            let _room = room;
            task.run(caller, inbox, media_inbox).await;
        }));
        door
    }

    async fn run(
        mut self,
        caller: Caller,
        mut inbox: mpsc::Receiver<CallInput>,
        mut media_inbox: mpsc::Receiver<(MediaId, MediaEvent)>,
    ) {
        let _listed = self.engine.directory().call_began(self.id, self.door.clone());
        self.place(caller).await;
        while !self.machine.is_ended() {
            let deadline = self.machine.poll_timeout();
            tokio::select! {
                Some(input) = inbox.recv() => self.input(input),
                Some((media, event)) = media_inbox.recv() => self.media_event(media, event),
                () = wait_until(deadline) => {
                    let now = self.engine.clock().now();
                    self.machine.handle_timeout(now);
                    self.drain();
                }
            }
        }
    }

    /// Sets the caller's leg up, finds the route, and begins to ring.
    async fn place(&mut self, caller: Caller) {
        let route = self.engine.route(&caller).await;
        self.record = Some(CallRecord::begin(&caller, &route, self.engine.clock().unix()));
        tracing::info!(call.id = %self.id, from = caller.kind(), route = route.kind(), "call placed");
        let path = MediaPath {
            worker: self.engine.workers().pick(),
            id: MediaId::next(),
            events: self.media_events.clone(),
        };
        let plan = match self.open_caller(&caller, path) {
            Err(cause) => Plan::Refuse(cause),
            Ok(()) => match route {
                Route::BuiltIn(built_in) => {
                    self.built_in = Some(built_in);
                    Plan::BuiltIn
                }
                Route::Phones(phones) => Plan::Dial(self.dial_phones(&caller, &phones)),
                Route::Trunk(route) => self.dial_trunk(&caller, &route),
                Route::Refuse(cause) => Plan::Refuse(cause),
            },
        };
        self.step(Input::Placed(plan));
    }

    fn input(&mut self, input: CallInput) {
        match input {
            CallInput::Sip(event) => self.sip_event(event),
            CallInput::LinkLost { leg, cause } => {
                self.forget(leg);
                let input = if leg == self.caller {
                    Input::HungUp { leg, cause }
                } else {
                    Input::Rejected { leg, cause }
                };
                self.step(input);
            }
            CallInput::Stop(cause) => self.step(Input::Stop(cause)),
        }
    }

    fn sip_event(&mut self, event: Event) {
        match event {
            Event::Rang { leg, sdp, .. } => {
                let early_media = sdp.is_some_and(|sdp| self.accept(leg, &sdp));
                self.step(Input::Rang { leg, early_media });
            }
            Event::Answered { leg, sdp } => {
                if self.accept(leg, &sdp) {
                    self.step(Input::Answered { leg });
                } else {
                    self.step(Input::MediaLost { leg, cause: Cause::NotAcceptable });
                }
            }
            Event::Rejected { leg, status, .. } => {
                self.forget(leg);
                self.step(Input::Rejected { leg, cause: Cause::from_status(status) });
            }
            Event::Ended { leg, cause } => {
                self.forget(leg);
                self.step(Input::HungUp { leg, cause });
            }
            Event::Confirmed { leg, sdp: Some(sdp) } => {
                if !self.accept(leg, &sdp) {
                    self.step(Input::MediaLost { leg, cause: Cause::NotAcceptable });
                }
            }
            Event::ReOffered { leg, sdp } => self.reoffered(leg, sdp.as_deref()),
            Event::Dtmf { leg, digit, duration_ms } => self.key_pressed(leg, digit, duration_ms),
            Event::Confirmed { sdp: None, .. }
            | Event::ReAnswered { .. }
            | Event::ReRejected { .. }
            | Event::Invited(_)
            | Event::RegisterReceived(_)
            | Event::Registration(_)
            | Event::Pinged { .. } => {}
        }
    }

    /// Takes a called leg's SDP answer; `false` (and a log line) when it breaks a rule.
    fn accept(&mut self, leg: LegId, sdp: &[u8]) -> bool {
        let Some(found) = self.legs.get_mut(&leg) else { return false };
        match found.accept_answer(sdp) {
            Ok(()) => true,
            Err(refusal) => {
                tracing::warn!(call.id = %self.id, leg = %leg, %refusal, "answer not usable");
                false
            }
        }
    }

    fn reoffered(&mut self, leg: LegId, sdp: Option<&[u8]>) {
        let Some(found) = self.legs.get_mut(&leg) else { return };
        let command = match found.reanswer(sdp) {
            Ok(sdp) => Command::ReAnswer { leg, sdp },
            Err(refusal) => {
                tracing::info!(call.id = %self.id, leg = %leg, %refusal, "re-offer refused");
                Command::ReReject { leg, status: 488 }
            }
        };
        if !found.command(command) {
            self.lost(leg);
        }
    }

    /// A key press by INFO becomes RFC 4733 at the other leg, or INFO where it has none.
    fn key_pressed(&mut self, leg: LegId, digit: char, duration_ms: u32) {
        let Some(found) = self.legs.get(&leg) else { return };
        let duration = std::time::Duration::from_millis(u64::from(duration_ms));
        let id = found.path().id;
        found.path().send(MediaCommand::KeyPressed { id, digit, duration });
        self.key_to_far_leg(leg, digit, duration_ms);
    }

    fn key_to_far_leg(&self, leg: LegId, digit: char, duration_ms: u32) {
        let far = self.legs.values().find(|other| other.id != leg && other.format().is_some());
        let Some(far) = far.filter(|far| far.format().is_some_and(|f| f.dtmf.is_none())) else {
            return;
        };
        if matches!(far.side, Side::Trunk(_)) {
            let _ = far.command(Command::SendDtmf { leg: far.id, digit, duration_ms });
        }
    }

    fn media_event(&mut self, media: MediaId, event: MediaEvent) {
        let found = self.legs.values().find(|leg| leg.path().id == media).map(|leg| leg.id);
        let Some(leg) = found else { return };
        match event {
            MediaEvent::Secured { dtls_version, profile, took } => {
                self.engine.metrics().audio_secured(dtls_version, took);
                let took_ms = took.as_millis();
                tracing::info!(
                    call.id = %self.id, leg = %leg, dtls_version, srtp = profile.as_str(), took_ms,
                    "audio secured"
                );
            }
            MediaEvent::Failed(failure) => {
                tracing::warn!(call.id = %self.id, leg = %leg, ?failure, "audio failed");
                if failure == Failure::FingerprintMismatch
                    && let Some(record) = &self.record
                {
                    let now = self.engine.clock().unix();
                    self.engine.record(record.fingerprint_mismatch(self.id, now));
                }
                let cause = match failure {
                    Failure::Full => Cause::Overloaded,
                    Failure::ConsentExpired => Cause::MediaTimeout,
                    Failure::ClosedByPeer => Cause::Normal,
                    Failure::IceTimeout
                    | Failure::DtlsTimeout
                    | Failure::FingerprintMismatch
                    | Failure::DtlsFailed => Cause::MediaFailed,
                };
                self.step(Input::MediaLost { leg, cause });
            }
            MediaEvent::KeyPressed { digit, duration } => {
                let duration_ms = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
                self.key_to_far_leg(leg, digit, duration_ms);
            }
            MediaEvent::Silent => {
                self.step(Input::MediaLost { leg, cause: Cause::MediaTimeout });
            }
            MediaEvent::Closed(counts) => {
                tracing::debug!(call.id = %self.id, leg = %leg, ?counts, "audio closed");
            }
        }
    }

    fn step(&mut self, input: Input) {
        let now = self.engine.clock().now();
        self.machine.handle(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Ring { early_media_of } => self.ring_caller(early_media_of),
                Output::Answer { with } => self.answer_caller(with),
                Output::HangUp { leg, cause } => self.hang_up(leg, cause),
                Output::Ended { cause, answered } => self.ended(cause, answered),
            }
        }
    }

    fn ring_caller(&mut self, early_media_of: Option<LegId>) {
        let sdp = early_media_of.and_then(|callee| self.join(callee));
        let leg = self.caller;
        if !self.legs.get(&leg).is_some_and(|found| found.command(Command::Ring { leg, sdp })) {
            self.lost(leg);
        }
    }

    fn answer_caller(&mut self, with: Option<LegId>) {
        let now = self.engine.clock().now();
        self.answered = Some(now);
        self.engine.metrics().call_answered(now - self.started);
        let sdp = match with {
            Some(callee) => self.join(callee),
            None => self.start_built_in(),
        };
        let leg = self.caller;
        let Some(sdp) = sdp else {
            self.step(Input::MediaLost { leg, cause: Cause::NotAcceptable });
            return;
        };
        for joined in [Some(leg), with].into_iter().flatten() {
            if let Some(found) = self.legs.get(&joined) {
                let id = found.path().id;
                found.path().send(MediaCommand::Answered { id });
            }
        }
        if !self.legs.get(&leg).is_some_and(|found| found.command(Command::Answer { leg, sdp })) {
            self.lost(leg);
        }
    }

    /// Bridges the caller with `callee` and gives the caller's SDP answer.
    fn join(&mut self, callee: LegId) -> Option<Vec<u8>> {
        let far = self.legs.get(&callee)?;
        let (far_codec, far_media) = (far.format().map(|format| format.codec), far.path().id);
        let caller = self.legs.get_mut(&self.caller)?;
        let sdp = match caller.answer(far_codec) {
            Ok(sdp) => sdp,
            Err(refusal) => {
                tracing::warn!(call.id = %self.id, %refusal, "caller cannot be answered");
                return None;
            }
        };
        let path = caller.path();
        path.send(MediaCommand::Bridge { a: path.id, b: far_media });
        Some(sdp)
    }

    fn start_built_in(&mut self) -> Option<Vec<u8>> {
        let built_in = self.built_in?;
        let caller = self.legs.get_mut(&self.caller)?;
        let sdp = caller.answer(None).ok()?;
        let id = caller.path().id;
        caller.path().send(match built_in {
            BuiltIn::Echo => MediaCommand::Echo { id },
            BuiltIn::Tone => MediaCommand::Play { id, prompt: Prompt::ToneThenMusic },
            BuiltIn::ReadBack => MediaCommand::ReadBack { id },
        });
        Some(sdp)
    }

    fn hang_up(&mut self, leg: LegId, cause: Cause) {
        if let Some(found) = self.legs.remove(&leg) {
            deliver(&found.door, LinkMessage::Command(Command::Hangup { leg, cause }));
            found.path().close();
        }
    }

    /// Drops a leg whose signalling is gone already.
    fn forget(&mut self, leg: LegId) {
        if let Some(found) = self.legs.remove(&leg) {
            found.path().close();
        }
    }

    /// A leg whose link takes no more commands.
    fn lost(&mut self, leg: LegId) {
        self.forget(leg);
        self.step(Input::HungUp { leg, cause: Cause::SignalingLost });
    }

    fn ended(&mut self, cause: Cause, answered: bool) {
        let now = self.engine.clock().now();
        let talked_ms = self.answered.map_or(0, |at| (now - at).as_millis());
        let total_ms = (now - self.started).as_millis();
        tracing::info!(
            call.id = %self.id, cause = cause.as_str(), answered, talked_ms, total_ms, "call ended"
        );
        self.engine.metrics().call_ended(cause, answered);
        if let Some(record) = self.record.take() {
            let ended_at = self.engine.clock().unix();
            let before = |at: Instant| UnixTime(ended_at.0.saturating_sub((now - at).as_secs()));
            self.engine.record(record.end(self.answered.map(before), ended_at, cause));
        }
    }
}

async fn wait_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
