//! The machine itself: its state, its face, and the answers of the other two threads.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::browser::Handshake;
use super::counter::{Counter, Counters};
use super::leg::{Receiving, Sending};
use super::message::{
    CodecFrame, CodecJob, HandshakeOutcome, HandshakeReport, HandshakeRequest, Output, Socket,
};
use super::outbox::Outbox;
use super::packet_buf::PacketBuf;
use super::table::Table;
use crate::base::MediaId;
use crate::media::command::{Event, Failure};
use crate::media::dtls::DtlsFailure;
use crate::media::prompt::Prompts;
use crate::media::rtp::srtp::{Inbound, Outbound, SrtpKey, SrtpProfile};

/// What a shard is made of.
#[derive(Clone)]
pub struct ShardConfig {
    /// What it can play.
    pub prompts: Arc<Prompts>,
    /// Where its RTCP clock begins; any instant not after the first call.
    pub started: Instant,
}

/// The legs of one worker. See the module.
pub struct Shard {
    pub(super) table: Table,
    pub(super) outbox: Outbox,
    pub(super) config: ShardConfig,
    /// A copy of a packet that is tried under several keys.
    pub(super) scratch: Box<PacketBuf>,
    /// The only addresses browsers may come from, when not any.
    pub(super) browsers_from: Option<Box<[IpAddr]>>,
}

impl Shard {
    /// From now on takes browsers' packets only from loopback and `addresses`: development mode,
    /// whose socket must be bound wider than this machine because Firefox shuns loopback.
    pub fn restrict_browsers(&mut self, addresses: Vec<IpAddr>) {
        self.browsers_from = Some(addresses.into_boxed_slice());
    }

    /// One without legs.
    #[must_use]
    pub fn new(config: ShardConfig) -> Self {
        Self {
            table: Table::default(),
            outbox: Outbox::default(),
            config,
            scratch: Box::default(),
            browsers_from: None,
        }
    }

    /// The next thing to do. Drain after every call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.poll_output()
    }

    /// The next frame for the codec thread. Drain after every call.
    pub fn poll_codec(&mut self) -> Option<CodecJob> {
        self.outbox.poll_job()
    }

    /// Takes back the buffer of an [`Output::Transmit`].
    pub fn recycle(&mut self, packet: Box<PacketBuf>) {
        self.outbox.recycle(packet);
    }

    /// When [`Shard::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.table.next_timer()
    }

    /// The counts so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.outbox.counters
    }

    /// For what the owner counts: the kernel's and the queues' refusals.
    pub fn count(&mut self, counter: Counter, count: u64) {
        self.outbox.counters.add_many(counter, count);
    }

    /// How many legs are open.
    #[must_use]
    pub fn leg_count(&self) -> usize {
        self.table.len()
    }

    /// Takes what the handshake thread has to say.
    pub fn handle_handshake(&mut self, now: Instant, report: HandshakeReport) {
        let slot = report.key.slot;
        let Some(leg) = self.table.leg_by_key(report.key).filter(|leg| !leg.is_dead) else {
            return;
        };
        match report.outcome {
            HandshakeOutcome::Transmit(datagram) => {
                let Some(destination) = leg.destination else { return };
                let Some(mut packet) = self.outbox.take_packet() else { return };
                if packet.fill(&datagram) {
                    self.outbox.counters.add(Counter::SentDtls);
                    self.outbox.transmit(Socket::Browser, destination, packet);
                } else {
                    self.outbox.recycle(packet);
                }
            }
            HandshakeOutcome::Secured { outbound, inbound, profile, version } => {
                self.secure(now, slot, &outbound, &inbound, profile, version);
            }
            HandshakeOutcome::Failed(failure) => {
                if !matches!(leg.sending, Sending::Srtp(_)) {
                    self.fail(slot, failure_of(failure));
                }
            }
            HandshakeOutcome::Closed => self.fail(slot, Failure::ClosedByPeer),
        }
    }

    fn secure(
        &mut self,
        now: Instant,
        slot: u32,
        outbound: &SrtpKey,
        inbound: &SrtpKey,
        profile: SrtpProfile,
        version: &'static str,
    ) {
        let Some(leg) = self.table.leg_mut(slot) else { return };
        let id = leg.id;
        let Some(browser) = leg.browser_mut() else { return };
        if !matches!(browser.handshake, Handshake::Running { .. }) {
            return;
        }
        browser.handshake = Handshake::secured(now);
        let began = browser.validated_at.unwrap_or(now);
        let (Ok(outbound), Ok(inbound)) = (Outbound::new(outbound), Inbound::new(inbound)) else {
            self.fail(slot, Failure::DtlsFailed);
            return;
        };
        leg.sending = Sending::Srtp(outbound);
        leg.receiving = Receiving::Srtp(inbound);
        leg.reports.start(now, leg.stream.ssrc());
        let took = now.saturating_duration_since(began);
        self.outbox.event(id, Event::Secured { dtls_version: version, profile, took });
        self.table.reschedule(slot);
    }

    /// Takes a frame the codec thread made.
    pub fn handle_frame(&mut self, now: Instant, frame: &CodecFrame) {
        let Some(leg) = self.table.leg_by_key(frame.key.listener) else { return };
        let Some((format, codec)) = leg.format.zip(leg.speakable()) else { return };
        if leg.codec_epoch != frame.key.epoch || leg.keys.is_sending() {
            return;
        }
        let mut numbers = leg.stream.local(now, frame.timestamp, codec.clock_rate());
        numbers.marker |= frame.marker;
        let payload = frame.payload.as_slice();
        leg.send_payload(&mut self.outbox, format.payload_type, numbers, payload);
    }

    /// The leg's transport is lost.
    pub(super) fn fail(&mut self, slot: u32, failure: Failure) {
        let Some(leg) = self.table.leg_mut(slot) else { return };
        leg.fail(failure, &mut self.outbox);
        self.retire_handshake(slot);
        self.table.reschedule(slot);
    }

    /// Tells the handshake thread that it may forget the leg.
    pub(super) fn retire_handshake(&mut self, slot: u32) {
        let Some(leg) = self.table.leg_mut(slot) else { return };
        let key = leg.key;
        let Some(browser) = leg.browser_mut() else { return };
        if browser.handshake.takes_datagrams() {
            self.outbox.handshake(HandshakeRequest::Retire(key));
        }
        browser.handshake = Handshake::Retired;
    }

    /// Makes a browser leg ready as if ICE had nominated `source` and DTLS had given these keys:
    /// for benches and tests of the packet path. Nothing in the server calls it.
    #[doc(hidden)]
    pub fn assume_secured(
        &mut self,
        now: Instant,
        id: MediaId,
        source: SocketAddr,
        outbound: &SrtpKey,
        inbound: &SrtpKey,
    ) {
        let Some(slot) = self.table.slot_of(id) else { return };
        let Some(leg) = self.table.leg_mut(slot) else { return };
        leg.destination = Some(source);
        let Some(browser) = leg.browser_mut() else { return };
        browser.validated_at = Some(now);
        let _none = browser.add_address(source);
        browser.handshake = Handshake::Running { deadline: now };
        self.table.set_address(source, slot);
        self.secure(now, slot, outbound, inbound, outbound.profile(), "1.3");
    }
}

fn failure_of(failure: DtlsFailure) -> Failure {
    match failure {
        DtlsFailure::FingerprintMismatch => Failure::FingerprintMismatch,
        DtlsFailure::Timeout => Failure::DtlsTimeout,
        DtlsFailure::Handshake => Failure::DtlsFailed,
    }
}
