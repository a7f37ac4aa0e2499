//! RTCP of a leg: what was received and sent, told and heard every few seconds (RFC 3550 §6).
//!
//! The peer's reports give loss and round trip for the call's record and change nothing else: a
//! BYE, forged or not, ends no call (SECURITY M-04), and feedback is not answered (M-10).

use std::time::{Duration, Instant};

use super::counter::Counter;
use super::leg::{Leg, Sending};
use super::outbox::Outbox;
use super::packet_buf::PacketBuf;
use crate::base::limit;
use crate::media::command::LegCounts;
use crate::media::rtp::rtcp::{Reported, SenderInfo, ntp_middle, ntp_since, read, write_report};
use crate::media::rtp::{ReceptionStats, RtpHeader};

/// Reception statistics, what the peer says of ours, and the schedule of reports.
#[derive(Default)]
pub(super) struct Reports {
    next: Option<Instant>,
    /// State of the jitter's generator; no secret.
    seed: u32,
    /// The peer's source, once heard.
    ssrc: Option<u32>,
    stats: ReceptionStats,
    /// Packets sent when the last report went out.
    reported_packets: u32,
    round_trip: Option<Duration>,
    lost_by_peer: u32,
}

impl Reports {
    /// Begins to report, once.
    pub(super) fn start(&mut self, now: Instant, seed: u32) {
        if self.next.is_none() {
            self.seed = seed;
            self.schedule(now);
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// The next report after half to one and a half of the interval (RFC 3550 §6.3.1), so that
    /// legs opened together do not report together.
    fn schedule(&mut self, now: Instant) {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let part = self.seed >> 22;
        self.next = Some(now + limit::RTCP_EVERY / 2 + limit::RTCP_EVERY * part / 1024);
    }

    /// Counts an authentic packet.
    pub(super) fn on_rtp(&mut self, now: Instant, header: &RtpHeader, clock_rate: u32) {
        let is_another = self.ssrc.replace(header.ssrc).is_some_and(|ssrc| ssrc != header.ssrc);
        if is_another {
            self.stats.begin_source();
        }
        self.stats.on_rtp(now, header.sequence_number, header.timestamp, clock_rate);
    }

    /// Reads the peer's compound; `own` is the source it may report on.
    pub(super) fn on_rtcp(&mut self, now: Instant, started: Instant, own: u32, compound: &[u8]) {
        read(compound, |reported| match reported {
            Reported::Sender { ssrc, info } => {
                if self.ssrc == Some(ssrc) {
                    self.stats.on_sender_report(now, ntp_middle(info.ntp));
                }
            }
            Reported::Reception(block) => {
                if block.ssrc == own {
                    self.lost_by_peer = block.total_lost;
                    let middle = ntp_middle(ntp_since(started, now));
                    self.round_trip = block.round_trip(middle).or(self.round_trip);
                }
            }
            Reported::Goodbye { .. } => {}
        });
    }

    /// The leg's counts, completed by what is known here.
    pub(super) fn complete(&self, counts: LegCounts) -> LegCounts {
        LegCounts {
            lost: self.stats.lost(),
            jitter: self.stats.jitter(),
            lost_by_peer: self.lost_by_peer,
            round_trip: self.round_trip,
            ..counts
        }
    }
}

impl Leg {
    /// Sends a report if it can, and plans the next one.
    pub(super) fn send_report(&mut self, now: Instant, started: Instant, outbox: &mut Outbox) {
        self.reports.schedule(now);
        let Some((socket, destination)) = self.rtcp_way() else { return };
        if matches!(self.sending, Sending::Nothing) {
            return;
        }
        let Some(mut packet) = outbox.take_packet() else { return };
        if self.write_report(now, started, &mut packet).is_some() {
            outbox.counters.add(Counter::SentRtcp);
            outbox.transmit(socket, destination, packet);
        } else {
            outbox.recycle(packet);
        }
    }

    fn write_report(
        &mut self,
        now: Instant,
        started: Instant,
        packet: &mut PacketBuf,
    ) -> Option<()> {
        let (packets, octets) = self.stream.sent();
        let is_sender = packets != self.reports.reported_packets;
        self.reports.reported_packets = packets;
        let sender = self.format.filter(|_| is_sender).map(|format| SenderInfo {
            ntp: ntp_since(started, now),
            rtp_timestamp: self.stream.timestamp_at(now, format.codec.clock_rate()),
            packets,
            octets,
        });
        let block = self.reports.ssrc.and_then(|ssrc| self.reports.stats.report(now, ssrc));
        let area = packet.receive_area();
        let len = write_report(area, self.stream.ssrc(), CNAME, sender, block)?;
        packet.set_received(len);
        self.sending.seal_rtcp(packet).ok()
    }
}

/// The same for every leg: it tells nothing about the server or the call (RFC 7022 §3).
const CNAME: &str = "ringfence";
