//! One leg: its transport, its keys, what it may send and hear, and its counts.

use std::net::SocketAddr;
use std::time::Instant;

use super::browser::Browser;
use super::counter::{Counter, Counters};
use super::keys::Keys;
use super::message::{LegKey, Socket};
use super::outbox::Outbox;
use super::packet_buf::PacketBuf;
use super::player::Hears;
use super::rate::RateLimit;
use super::report::Reports;
use super::stream::{Numbers, OutboundStream};
use super::trunk::Trunk;
use crate::base::{MediaId, limit};
use crate::media::command::{Event, Failure, LegCounts};
use crate::media::format::{AudioFormat, Codec, Direction};
use crate::media::rtp::RtpHeader;
use crate::media::rtp::packet::FIXED_HEADER_LEN;
use crate::media::rtp::srtp::{Inbound, Outbound, SrtpError};

/// One leg.
pub(super) struct Leg {
    pub id: MediaId,
    pub key: LegKey,
    pub transport: Transport,
    pub receiving: Receiving,
    pub sending: Sending,
    /// Where to send RTP, once known.
    pub destination: Option<SocketAddr>,
    pub format: Option<AudioFormat>,
    pub direction: Direction,
    /// The transport failed: nothing is taken or sent until it is closed.
    pub is_dead: bool,
    pub hears: Hears,
    /// The leg that hears this one.
    pub heard_by: Option<u32>,
    /// Changes with what the leg hears and in which codec.
    pub codec_epoch: u32,
    /// The codec thread has state for what the leg hears.
    pub is_transcoded: bool,
    pub stream: OutboundStream,
    pub rate: RateLimit,
    pub keys: Keys,
    pub reports: Reports,
    pub answered_at: Option<Instant>,
    /// Last authentic packet, and whether silence since was reported.
    pub heard_at: Option<Instant>,
    pub silence_told: bool,
    pub counts: LegCounts,
    /// When the shard looks at this leg again; kept by the table.
    pub timer: Option<Instant>,
}

/// Which side of a call the leg is on.
pub(super) enum Transport {
    Browser(Box<Browser>),
    Trunk(Box<Trunk>),
}

/// What is taken from the peer.
pub(super) enum Receiving {
    /// No packet: there are no keys.
    Nothing,
    /// Plain RTP, from the signalled address.
    Plain,
    /// SRTP.
    Srtp(Inbound),
}

/// How packets to the peer are protected.
pub(super) enum Sending {
    /// None may be sent: there are no keys.
    Nothing,
    /// Not at all.
    Plain,
    /// SRTP.
    Srtp(Outbound),
}

impl Leg {
    pub(super) fn new(id: MediaId, key: LegKey, transport: Transport, random: [u8; 10]) -> Self {
        Self {
            id,
            key,
            transport,
            receiving: Receiving::Nothing,
            sending: Sending::Nothing,
            destination: None,
            format: None,
            direction: Direction::Inactive,
            is_dead: false,
            hears: Hears::Silence,
            heard_by: None,
            codec_epoch: 0,
            is_transcoded: false,
            stream: OutboundStream::new(random),
            rate: RateLimit::default(),
            keys: Keys::default(),
            reports: Reports::default(),
            answered_at: None,
            heard_at: None,
            silence_told: false,
            counts: LegCounts::default(),
            timer: None,
        }
    }

    /// The codec to send now; `None` while nothing may be sent.
    pub(super) fn speakable(&self) -> Option<Codec> {
        let format = self.format?;
        let ready = self.destination.is_some()
            && self.direction.sends()
            && !matches!(self.sending, Sending::Nothing);
        ready.then_some(format.codec)
    }

    /// What the leg hears changes now: numbers continue, frames on their way are stale.
    pub(super) fn change_source(&mut self) {
        self.stream.change_source();
        self.codec_epoch = self.codec_epoch.wrapping_add(1);
    }

    /// Opens an RTP packet in place; `None`, and counted, if it is not the peer's.
    pub(super) fn open_rtp(
        &mut self,
        packet: &mut PacketBuf,
        counters: &mut Counters,
    ) -> Option<RtpHeader> {
        let opened = match &mut self.receiving {
            Receiving::Nothing => {
                counters.add(Counter::DroppedNoKeys);
                return None;
            }
            Receiving::Plain => Ok(packet.len()),
            Receiving::Srtp(inbound) => inbound.open_rtp(packet.as_mut_slice()),
        };
        packet.truncate(self.count_opened(opened, counters)?);
        let header = RtpHeader::parse(packet.as_slice());
        if header.is_none() {
            counters.add(Counter::DroppedMalformed);
        }
        header
    }

    /// Opens an RTCP compound in place.
    pub(super) fn open_rtcp(&mut self, packet: &mut PacketBuf, counters: &mut Counters) -> bool {
        let opened = match &mut self.receiving {
            Receiving::Nothing => {
                counters.add(Counter::DroppedNoKeys);
                return false;
            }
            Receiving::Plain => Ok(packet.len()),
            Receiving::Srtp(inbound) => inbound.open_rtcp(packet.as_mut_slice()),
        };
        let len = self.count_opened(opened, counters);
        packet.truncate(len.unwrap_or(0));
        len.is_some()
    }

    fn count_opened(
        &mut self,
        opened: Result<usize, SrtpError>,
        counters: &mut Counters,
    ) -> Option<usize> {
        match opened {
            Ok(len) => Some(len),
            Err(SrtpError::Replayed) => {
                self.counts.replayed += 1;
                counters.add(Counter::DroppedReplayed);
                None
            }
            Err(SrtpError::Malformed) => {
                counters.add(Counter::DroppedMalformed);
                None
            }
            Err(_) => {
                self.counts.unauthenticated += 1;
                counters.add(Counter::DroppedUnauthenticated);
                None
            }
        }
    }

    /// An authentic packet arrived.
    pub(super) fn on_heard(&mut self, now: Instant) {
        self.heard_at = Some(now);
        self.silence_told = false;
    }

    /// Writes the header in front of the payload, which stays where it is, and seals the packet.
    /// Gives the way to send it.
    pub(super) fn send_in_place(
        &mut self,
        packet: &mut PacketBuf,
        payload_offset: usize,
        payload_type: u8,
        numbers: Numbers,
        counters: &mut Counters,
    ) -> Option<(Socket, SocketAddr)> {
        packet.advance(payload_offset.checked_sub(FIXED_HEADER_LEN)?);
        let payload_len = packet.len().checked_sub(FIXED_HEADER_LEN)?;
        let header = RtpHeader {
            marker: numbers.marker,
            payload_type,
            sequence_number: numbers.sequence_number,
            timestamp: numbers.timestamp,
            ssrc: self.stream.ssrc(),
            payload_offset: FIXED_HEADER_LEN,
            padding: 0,
        };
        header.write(packet.as_mut_slice())?;
        let destination = self.destination?;
        if let Err(_refused) = self.sending.seal_rtp(packet) {
            counters.add(Counter::DroppedNotSealed);
            return None;
        }
        self.stream.on_sent(payload_len);
        self.counts.sent += 1;
        counters.add(Counter::SentRtp);
        Some((self.rtp_socket(), destination))
    }

    /// Sends a payload of our own.
    pub(super) fn send_payload(
        &mut self,
        outbox: &mut Outbox,
        payload_type: u8,
        numbers: Numbers,
        payload: &[u8],
    ) {
        let Some(mut packet) = outbox.take_packet() else { return };
        let area = packet.receive_area();
        let len = FIXED_HEADER_LEN + payload.len();
        let filled = area.get_mut(FIXED_HEADER_LEN..len).map(|room| room.copy_from_slice(payload));
        packet.set_received(len);
        let way = filled.and_then(|()| {
            self.send_in_place(
                &mut packet,
                FIXED_HEADER_LEN,
                payload_type,
                numbers,
                &mut outbox.counters,
            )
        });
        match way {
            Some((socket, destination)) => outbox.transmit(socket, destination, packet),
            None => outbox.recycle(packet),
        }
    }

    pub(super) fn rtp_socket(&self) -> Socket {
        match &self.transport {
            Transport::Browser(_) => Socket::Browser,
            Transport::Trunk(trunk) => Socket::TrunkRtp(trunk.socket),
        }
    }

    /// Where RTCP goes, and from which socket.
    pub(super) fn rtcp_way(&self) -> Option<(Socket, SocketAddr)> {
        match &self.transport {
            Transport::Browser(_) => Some((Socket::Browser, self.destination?)),
            Transport::Trunk(trunk) if trunk.has_one_port() => {
                Some((Socket::TrunkRtp(trunk.socket), self.destination?))
            }
            Transport::Trunk(trunk) => {
                Some((Socket::TrunkRtcp(trunk.socket), trunk.rtcp_destination()?))
            }
        }
    }

    pub(super) fn browser_mut(&mut self) -> Option<&mut Browser> {
        match &mut self.transport {
            Transport::Browser(browser) => Some(browser),
            Transport::Trunk(_) => None,
        }
    }

    pub(super) fn trunk_mut(&mut self) -> Option<&mut Trunk> {
        match &mut self.transport {
            Transport::Trunk(trunk) => Some(trunk),
            Transport::Browser(_) => None,
        }
    }

    /// The transport is lost: says so once, forgets the keys, takes and sends nothing more.
    pub(super) fn fail(&mut self, failure: Failure, outbox: &mut Outbox) {
        if self.is_dead {
            return;
        }
        self.is_dead = true;
        self.receiving = Receiving::Nothing;
        self.sending = Sending::Nothing;
        self.destination = None;
        outbox.event(self.id, Event::Failed(failure));
    }

    /// When the peer is silent for too long, if it should be heard at all.
    pub(super) fn silence_ends(&self) -> Option<Instant> {
        let answered_at = self.answered_at?;
        let listening = self.direction.receives()
            && self.format.is_some()
            && !self.silence_told
            && !matches!(self.receiving, Receiving::Nothing);
        let since = self.heard_at.map_or(answered_at, |heard_at| heard_at.max(answered_at));
        listening.then(|| since + limit::MEDIA_SILENCE_MAX)
    }

    /// When something is due: the earliest of everything that waits.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.is_dead {
            return None;
        }
        let transport = match &self.transport {
            Transport::Browser(browser) => browser.deadline(self.answered_at),
            Transport::Trunk(_) => None,
        };
        let playing = self.hears.due().filter(|_| self.speakable().is_some());
        [transport, playing, self.silence_ends(), self.keys.deadline(), self.reports.due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Final counts.
    pub(super) fn final_counts(&self) -> LegCounts {
        self.reports.complete(self.counts)
    }
}

impl Sending {
    fn seal_rtp(&mut self, packet: &mut PacketBuf) -> Result<(), SrtpError> {
        match self {
            Self::Nothing => Err(SrtpError::Crypto),
            Self::Plain => Ok(()),
            Self::Srtp(outbound) => {
                let (area, len) = packet.sealing_area();
                let len = outbound.seal_rtp(area, len)?;
                packet.set_sealed(len);
                Ok(())
            }
        }
    }

    pub(super) fn seal_rtcp(&mut self, packet: &mut PacketBuf) -> Result<(), SrtpError> {
        match self {
            Self::Nothing => Err(SrtpError::Crypto),
            Self::Plain => Ok(()),
            Self::Srtp(outbound) => {
                let (area, len) = packet.sealing_area();
                let len = outbound.seal_rtcp(area, len)?;
                packet.set_sealed(len);
                Ok(())
            }
        }
    }
}

/// How long a frame of audio is, for what has no frames of its own.
pub(super) const FRAMES_PER_SECOND: u32 = 50;

/// Whether `at` is set and not after `now`.
pub(super) fn is_due(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}
