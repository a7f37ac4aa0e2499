//! From the leg that speaks to the leg that listens.

use std::time::Instant;

use super::counter::Counter;
use super::leg::Leg;
use super::machine::Shard;
use super::message::{CodecJob, CodecKey, CodecPayload, CodecWork, Verdict};
use super::outbox::Outbox;
use super::packet_buf::PacketBuf;
use super::stream::Numbers;
use crate::media::command::Event;
use crate::media::dtmf::KeyPress;
use crate::media::format::Codec;
use crate::media::rtp::RtpHeader;

impl Shard {
    /// Takes an authentic RTP packet of a leg.
    pub(super) fn receive_rtp(
        &mut self,
        now: Instant,
        slot: u32,
        header: &RtpHeader,
        packet: &mut PacketBuf,
    ) -> Verdict {
        let Some(leg) = self.table.leg_mut(slot) else { return Verdict::Consumed };
        if !leg.rate.take(now) {
            return self.drop_packet(Counter::DroppedRate);
        }
        leg.on_heard(now);
        leg.counts.received += 1;
        self.outbox.counters.add(Counter::ReceivedRtp);
        let Some(format) = leg.format else {
            return self.drop_packet(Counter::DroppedPayloadType);
        };
        leg.reports.on_rtp(now, header, format.codec.clock_rate());
        packet.truncate(packet.len().saturating_sub(header.padding));
        let listener = leg.heard_by;
        let payload = packet.as_slice().get(header.payload_offset..).unwrap_or_default();
        let is_key = format.dtmf.is_some_and(|dtmf| dtmf.payload_type == header.payload_type);
        let reason = if !leg.direction.receives() {
            Counter::DroppedHeld
        } else if is_key {
            leg.keys.handle_packet(now, header.timestamp, header.marker, payload);
            self.drain_keys(now, slot);
            self.table.reschedule(slot);
            self.skip(listener, format.codec, header);
            return Verdict::Consumed;
        } else if header.payload_type != format.payload_type || payload.is_empty() {
            Counter::DroppedPayloadType
        } else {
            match listener {
                Some(listener) => return self.relay(now, listener, format.codec, header, packet),
                None => Counter::DroppedUnheard,
            }
        };
        self.skip(listener, format.codec, header);
        self.drop_packet(reason)
    }

    /// Sends audio on to the leg that listens: in place if it has the same codec.
    fn relay(
        &mut self,
        now: Instant,
        listener: u32,
        codec: Codec,
        header: &RtpHeader,
        packet: &mut PacketBuf,
    ) -> Verdict {
        let Some(leg) = self.table.leg_mut(listener) else { return Verdict::Consumed };
        let (Some(target), Some(format)) = (leg.speakable(), leg.format) else {
            leg.stream.skip(header.ssrc, header.sequence_number);
            return self.drop_packet(Counter::DroppedHeld);
        };
        if leg.keys.is_sending() {
            self.skip(Some(listener), codec, header);
            return self.drop_packet(Counter::DroppedHeld);
        }
        if target != codec {
            let payload = packet.as_slice().get(header.payload_offset..).unwrap_or_default();
            transcode(leg, &mut self.outbox, codec, target, header, payload);
            return Verdict::Consumed;
        }
        let Some(numbers) = leg.stream.relay(now, header, codec.clock_rate()) else {
            return self.drop_packet(Counter::DroppedLate);
        };
        let counters = &mut self.outbox.counters;
        let offset = header.payload_offset;
        let way = leg.send_in_place(packet, offset, format.payload_type, numbers, counters);
        let Some((socket, destination)) = way else { return Verdict::Consumed };
        counters.add(Counter::Relayed);
        Verdict::Forward { socket, destination }
    }

    /// A packet that is not sent on is no loss to the listener.
    fn skip(&mut self, listener: Option<u32>, codec: Codec, header: &RtpHeader) {
        let Some(leg) = listener.and_then(|listener| self.table.leg_mut(listener)) else { return };
        match leg.speakable() {
            Some(target) if target != codec => {
                if leg.is_transcoded {
                    let job = job(leg, CodecWork::Skip, codec, target, header);
                    self.outbox.job(job);
                }
            }
            Some(_) | None => leg.stream.skip(header.ssrc, header.sequence_number),
        }
    }

    // ── key presses ──

    /// Reports and passes on every press the leg's peer has ended.
    pub(super) fn drain_keys(&mut self, now: Instant, slot: u32) {
        loop {
            let Some(leg) = self.table.leg_mut(slot) else { return };
            let Some(press) = leg.keys.poll_pressed() else { return };
            let KeyPress { digit, duration } = press;
            self.outbox.event(leg.id, Event::KeyPressed { digit, duration });
            self.press(now, slot, press);
        }
    }

    /// The leg's peer pressed a key: its tone, or an event for the leg that listens.
    pub(super) fn press(&mut self, now: Instant, slot: u32, press: KeyPress) {
        let Some(leg) = self.table.leg_mut(slot) else { return };
        leg.hears.press(now, press.digit);
        let listener = leg.heard_by.filter(|listener| *listener != slot);
        self.table.reschedule(slot);
        let Some(listener) = listener else { return };
        let Some(leg) = self.table.leg_mut(listener) else { return };
        let Some(codec) = leg.speakable() else { return };
        let timestamp = leg.stream.timestamp_at(now, codec.clock_rate());
        if leg.keys.press(now, timestamp, press) {
            leg.send_keys(&mut self.outbox);
            self.table.reschedule(listener);
        }
    }
}

impl Leg {
    /// Sends the event packets that are due.
    pub(super) fn send_keys(&mut self, outbox: &mut Outbox) {
        while let Some((payload_type, event)) = self.keys.poll_packet() {
            if self.speakable().is_none() {
                continue;
            }
            let numbers = Numbers {
                sequence_number: self.stream.insert(),
                timestamp: event.timestamp,
                marker: event.marker,
            };
            self.send_payload(outbox, payload_type, numbers, &event.payload);
        }
    }
}

fn transcode(
    leg: &mut Leg,
    outbox: &mut Outbox,
    from: Codec,
    to: Codec,
    header: &RtpHeader,
    payload: &[u8],
) {
    let Some(payload) = CodecPayload::from_slice(payload) else {
        outbox.counters.add(Counter::DroppedMalformed);
        return;
    };
    leg.is_transcoded = true;
    let job = CodecJob { payload, ..job(leg, CodecWork::Frame, from, to, header) };
    outbox.counters.add(Counter::Transcoded);
    outbox.job(job);
}

fn job(leg: &Leg, work: CodecWork, from: Codec, to: Codec, header: &RtpHeader) -> CodecJob {
    CodecJob {
        key: CodecKey { listener: leg.key, epoch: leg.codec_epoch },
        work,
        from,
        to,
        ssrc: header.ssrc,
        sequence_number: header.sequence_number,
        timestamp: header.timestamp,
        marker: header.marker,
        payload: CodecPayload::empty(),
    }
}
