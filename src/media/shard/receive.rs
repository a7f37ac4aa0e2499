//! Which leg a packet belongs to, and whether it is that leg's (RFC 7983, RFC 8445, RFC 3711).
//!
//! Nothing changes for a packet that did not prove itself: STUN by its integrity, RTP and RTCP by
//! their tags or, on plain PBX legs, by coming from the signalled address (SECURITY M-01 to M-05,
//! M-16).

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::browser::Handshake;
use super::counter::Counter;
use super::leg::{Leg, Receiving};
use super::machine::Shard;
use super::message::{HandshakeRequest, Socket, Verdict};
use super::packet_buf::PacketBuf;
use crate::base::limit;
use crate::media::ice::{self, Outcome};
use crate::media::rtp::{PacketKind, RtpHeader};

impl Shard {
    /// Takes one packet, and sends it on in place if the verdict says so.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        socket: Socket,
        source: SocketAddr,
        packet: &mut PacketBuf,
    ) -> Verdict {
        match socket {
            Socket::Browser => self.handle_browser(now, source, packet),
            Socket::TrunkRtp(socket) => self.handle_trunk_rtp(now, socket, source, packet),
            Socket::TrunkRtcp(socket) => self.handle_trunk_rtcp(now, socket, source, packet),
        }
    }

    pub(super) fn drop_packet(&mut self, reason: Counter) -> Verdict {
        self.outbox.counters.add(reason);
        Verdict::Consumed
    }

    fn handle_browser(
        &mut self,
        now: Instant,
        source: SocketAddr,
        packet: &mut PacketBuf,
    ) -> Verdict {
        let is_own = |own: &[IpAddr]| source.ip().is_loopback() || own.contains(&source.ip());
        if !self.browsers_from.as_deref().is_none_or(is_own) {
            return self.drop_packet(Counter::DroppedForeign);
        }
        let kind = PacketKind::of(packet.as_slice());
        if kind == PacketKind::Stun {
            return self.handle_stun(now, source, packet);
        }
        let Some(slot) = self.table.slot_by_address(source) else {
            return self.drop_packet(Counter::DroppedUnknownSource);
        };
        match kind {
            PacketKind::Rtp => {
                let counters = &mut self.outbox.counters;
                let header =
                    self.table.leg_mut(slot).and_then(|leg| leg.open_rtp(packet, counters));
                let Some(header) = header else { return Verdict::Consumed };
                self.receive_rtp(now, slot, &header, packet)
            }
            PacketKind::Rtcp => self.receive_rtcp(now, slot, packet),
            PacketKind::Dtls => self.receive_dtls(slot, packet),
            PacketKind::Stun | PacketKind::Unknown => self.drop_packet(Counter::DroppedMalformed),
        }
    }

    fn handle_stun(&mut self, now: Instant, source: SocketAddr, packet: &mut PacketBuf) -> Verdict {
        let Some(slot) =
            ice::ufrag_of(packet.as_slice()).and_then(|ufrag| self.table.slot_by_ufrag(ufrag))
        else {
            return self.drop_packet(Counter::DroppedUnknownUfrag);
        };
        let Some(leg) = self.table.leg_mut(slot).filter(|leg| !leg.is_dead) else {
            return self.drop_packet(Counter::DroppedUnknownUfrag);
        };
        let Some(browser) = leg.browser_mut() else { return Verdict::Consumed };
        let mut answer = [0; STUN_ANSWER_MAX];
        let len = match browser.ice.handle(now, source, packet.as_slice(), &mut answer) {
            Outcome::Reply(len) | Outcome::Validated(len) | Outcome::Nominated(len) => len,
            Outcome::Drop(_) => return self.drop_packet(Counter::DroppedStun),
        };
        // A reply may be an error, which validates nothing; the agent knows.
        if browser.ice.is_validated(source) {
            self.on_validated(now, slot, source);
        }
        self.outbox.counters.add(Counter::ReceivedStun);
        if !answer.get(..len).is_some_and(|answer| packet.fill(answer)) {
            return Verdict::Consumed;
        }
        self.outbox.counters.add(Counter::SentStun);
        Verdict::Forward { socket: Socket::Browser, destination: source }
    }

    /// A check from `source` carried the right integrity: packets are taken from there, and sent
    /// to whatever ICE has selected now.
    fn on_validated(&mut self, now: Instant, slot: u32, source: SocketAddr) {
        let Some(leg) = self.table.leg_mut(slot) else { return };
        let Some(browser) = leg.browser_mut() else { return };
        browser.validated_at.get_or_insert(now);
        let forgotten = browser.add_address(source);
        let retired = browser.ice.take_retired_ufrag();
        if let Some(retired) = &retired {
            browser.ufrags.retain(|ufrag| ufrag != retired);
        }
        let selected = browser.ice.selected();
        leg.destination = selected;
        self.table.set_address(source, slot);
        if let Some(forgotten) = forgotten {
            self.table.remove_address(forgotten, slot);
        }
        if let Some(retired) = retired {
            self.table.remove_ufrag(&retired, slot);
        }
        self.begin_handshake(now, slot);
        self.table.reschedule(slot);
    }

    /// Hands a datagram from a validated address to the handshake thread (M-05).
    fn receive_dtls(&mut self, slot: u32, packet: &PacketBuf) -> Verdict {
        self.outbox.counters.add(Counter::ReceivedDtls);
        let Some(leg) = self.table.leg_mut(slot) else { return Verdict::Consumed };
        let key = leg.key;
        let Some(browser) = leg.browser_mut() else { return Verdict::Consumed };
        let datagram: Box<[u8]> = packet.as_slice().into();
        match (&mut browser.handshake, browser.terms) {
            (Handshake::Waiting { early }, _) => {
                if early.len() < limit::DTLS_EARLY_MAX {
                    early.push(datagram);
                }
            }
            (Handshake::Running { .. } | Handshake::Secured { .. }, Some(terms)) => {
                self.outbox.handshake(HandshakeRequest::Packet { key, terms, datagram });
            }
            (Handshake::Running { .. } | Handshake::Secured { .. }, None)
            | (Handshake::Retired, _) => {}
        }
        Verdict::Consumed
    }

    fn handle_trunk_rtp(
        &mut self,
        now: Instant,
        socket: u8,
        source: SocketAddr,
        packet: &mut PacketBuf,
    ) -> Verdict {
        let kind = PacketKind::of(packet.as_slice());
        let known = self.table.slot_by_rtp(socket, source);
        let slot = match (kind, known) {
            (PacketKind::Rtp, Some(slot)) => slot,
            (PacketKind::Rtp, None) => return self.latch(now, socket, source, packet),
            // RTCP on the RTP port (RFC 5761), by agreement or not.
            (PacketKind::Rtcp, Some(slot)) => return self.receive_rtcp(now, slot, packet),
            (PacketKind::Rtcp, None) => return self.drop_packet(Counter::DroppedUnknownSource),
            (PacketKind::Stun | PacketKind::Dtls | PacketKind::Unknown, _) => {
                return self.drop_packet(Counter::DroppedMalformed);
            }
        };
        let Some(leg) = self.table.leg_mut(slot) else { return Verdict::Consumed };
        let Some(header) = leg.open_rtp(packet, &mut self.outbox.counters) else {
            return Verdict::Consumed;
        };
        self.on_trunk_packet(socket, source, slot);
        self.receive_rtp(now, slot, &header, packet)
    }

    /// An authentic packet of a PBX leg: after a few its port is fixed.
    fn on_trunk_packet(&mut self, socket: u8, source: SocketAddr, slot: u32) {
        let fixed = self
            .table
            .leg_mut(slot)
            .and_then(Leg::trunk_mut)
            .is_some_and(|trunk| trunk.on_packet());
        if fixed {
            self.table.set_latched(socket, source.ip(), slot);
        }
    }

    /// A packet from a port nobody signalled: some leg's of that IP whose port is not fixed yet,
    /// if it authenticates under its key; or, unencrypted, if there is only one such leg.
    fn latch(
        &mut self,
        now: Instant,
        socket: u8,
        source: SocketAddr,
        packet: &mut PacketBuf,
    ) -> Verdict {
        let (candidates, in_all) = self.table.unlatched(socket, source.ip());
        for slot in candidates.into_iter().flatten() {
            let Some(header) = self.try_leg(slot, in_all == 1, packet) else { continue };
            let Some(leg) = self.table.leg_mut(slot) else { continue };
            leg.destination = Some(source);
            let Some(trunk) = leg.trunk_mut() else { continue };
            let before = trunk.source.replace(source);
            self.table.set_rtp(socket, before, source, slot);
            self.on_trunk_packet(socket, source, slot);
            return self.receive_rtp(now, slot, &header, packet);
        }
        self.drop_packet(Counter::DroppedUnknownSource)
    }

    /// Opens `packet` as the leg's; leaves it as it was if it is not.
    fn try_leg(&mut self, slot: u32, is_only: bool, packet: &mut PacketBuf) -> Option<RtpHeader> {
        let leg = self.table.leg_mut(slot)?;
        match &mut leg.receiving {
            Receiving::Nothing => None,
            Receiving::Plain => {
                let header = RtpHeader::parse(packet.as_slice()).filter(|_| is_only)?;
                let is_audio = leg.format?.payload_type == header.payload_type;
                is_audio.then_some(header)
            }
            Receiving::Srtp(inbound) => {
                if !self.scratch.fill(packet.as_slice()) {
                    return None;
                }
                let len = inbound.open_rtp(self.scratch.as_mut_slice()).ok()?;
                self.scratch.truncate(len);
                let header = RtpHeader::parse(self.scratch.as_slice())?;
                packet.fill(self.scratch.as_slice()).then_some(header)
            }
        }
    }

    fn handle_trunk_rtcp(
        &mut self,
        now: Instant,
        socket: u8,
        source: SocketAddr,
        packet: &mut PacketBuf,
    ) -> Verdict {
        if PacketKind::of(packet.as_slice()) != PacketKind::Rtcp {
            return self.drop_packet(Counter::DroppedMalformed);
        }
        // A peer whose RTP was learned from another port sends RTCP from the one above it.
        let rtp_source = SocketAddr::new(source.ip(), source.port().saturating_sub(1));
        let slot = self
            .table
            .slot_by_rtcp(socket, source)
            .or_else(|| self.table.slot_by_rtp(socket, rtp_source));
        match slot {
            Some(slot) => self.receive_rtcp(now, slot, packet),
            None => self.drop_packet(Counter::DroppedUnknownSource),
        }
    }

    /// Opens and reads a peer's reports. Never relayed; BYE and feedback change nothing (M-04,
    /// M-10).
    fn receive_rtcp(&mut self, now: Instant, slot: u32, packet: &mut PacketBuf) -> Verdict {
        let Some(leg) = self.table.leg_mut(slot) else { return Verdict::Consumed };
        if !leg.open_rtcp(packet, &mut self.outbox.counters) {
            return Verdict::Consumed;
        }
        if !leg.rate.take(now) {
            return self.drop_packet(Counter::DroppedRate);
        }
        leg.on_heard(now);
        let ssrc = leg.stream.ssrc();
        leg.reports.on_rtcp(now, self.config.started, ssrc, packet.as_slice());
        self.outbox.counters.add(Counter::ReceivedRtcp);
        Verdict::Consumed
    }
}

/// Longest answer of the ICE agent, bytes.
const STUN_ANSWER_MAX: usize = 128;
