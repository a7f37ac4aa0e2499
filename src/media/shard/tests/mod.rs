//! Calls through a shard in virtual time, with real SRTP on both ends.

mod attack;
mod browser;
mod keys;
mod play;
mod relay;
mod trunk;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::*;
use crate::base::{Clock, MediaId};
use crate::media::command::{
    BrowserRemote, Command, DtlsRole, Event, Failure, IceCredentials, LegCounts, Prompt,
    TrunkRemote,
};
use crate::media::format::{AudioFormat, Codec, Direction, DtmfFormat};
use crate::media::prompt::Prompts;
use crate::media::rtp::RtpHeader;
use crate::media::rtp::srtp::{Inbound, Outbound, SrtpKey, SrtpProfile};

static PROMPTS: LazyLock<Arc<Prompts>> = LazyLock::new(|| Arc::new(Prompts::render().unwrap()));

const FRAME: Duration = Duration::from_millis(20);

/// The peer of a leg: a browser or a PBX.
struct Peer {
    id: MediaId,
    socket: Socket,
    address: SocketAddr,
    format: AudioFormat,
    seal: Option<Outbound>,
    open: Option<Inbound>,
    ssrc: u32,
    sequence_number: u16,
    timestamp: u32,
    /// Our key towards the shard, and the shard's towards us.
    keys: Option<(SrtpKey, SrtpKey)>,
}

/// A packet as a peer got it.
#[derive(Clone, Debug, PartialEq)]
struct Heard {
    header: RtpHeader,
    payload: Vec<u8>,
}

/// A shard, its time, and everything it said.
struct World {
    shard: Shard,
    now: Instant,
    events: Vec<(MediaId, Event)>,
    sent: Vec<(Socket, SocketAddr, Vec<u8>)>,
    handshakes: Vec<HandshakeRequest>,
    jobs: Vec<CodecJob>,
}

const OPUS: AudioFormat = AudioFormat {
    codec: Codec::Opus,
    payload_type: 111,
    dtmf: Some(DtmfFormat { payload_type: 110, clock_rate: 48_000 }),
};

const PCMU: AudioFormat = AudioFormat {
    codec: Codec::Pcmu,
    payload_type: 0,
    dtmf: Some(DtmfFormat { payload_type: 101, clock_rate: 8_000 }),
};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn key(profile: SrtpProfile) -> SrtpKey {
    SrtpKey::random(profile).unwrap()
}

fn ice(name: &str) -> IceCredentials {
    IceCredentials { ufrag: name.into(), pwd: format!("password-of-{name}-0123456789") }
}

fn browser_remote(name: &str) -> BrowserRemote {
    BrowserRemote { ice: ice(name), fingerprint: [7; 32], role: DtlsRole::Passive }
}

impl World {
    fn new() -> Self {
        let now = Clock::system().now();
        let config = ShardConfig { prompts: Arc::clone(&PROMPTS), started: now };
        Self {
            shard: Shard::new(config),
            now,
            events: Vec::new(),
            sent: Vec::new(),
            handshakes: Vec::new(),
            jobs: Vec::new(),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.shard.poll_output() {
            match output {
                Output::Transmit { socket, destination, packet } => {
                    self.sent.push((socket, destination, packet.as_slice().to_vec()));
                    self.shard.recycle(packet);
                }
                Output::Event(id, event) => self.events.push((id, event)),
                Output::Handshake(request) => self.handshakes.push(request),
            }
        }
        while let Some(job) = self.shard.poll_codec() {
            self.jobs.push(job);
        }
    }

    fn command(&mut self, command: Command) {
        self.shard.handle_command(self.now, command);
        self.drain();
    }

    /// Puts a datagram in; what goes on in place is gathered with what the shard sends itself.
    fn packet(&mut self, socket: Socket, source: SocketAddr, datagram: &[u8]) {
        let mut packet = PacketBuf::from_slice(datagram).unwrap();
        let verdict = self.shard.handle_packet(self.now, socket, source, &mut packet);
        if let Verdict::Forward { socket, destination } = verdict {
            self.sent.push((socket, destination, packet.as_slice().to_vec()));
        }
        self.drain();
    }

    /// Lets time pass, from deadline to deadline.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.shard.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.shard.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn browser(&mut self, name: &str, port: u16, format: AudioFormat) -> Peer {
        let id = MediaId::next();
        let source = address(&format!("192.0.2.7:{port}"));
        let remote = Some(browser_remote(&format!("{name}-remote")));
        self.command(Command::OpenBrowser { id, local: ice(name), remote });
        let profile = SrtpProfile::AeadAes128Gcm;
        let (ours, theirs) = (key(profile), key(profile));
        self.shard.assume_secured(self.now, id, source, &theirs, &ours);
        self.drain();
        assert!(matches!(self.take_events()[..], [(_, Event::Secured { .. })]));
        self.set_format(id, format, Direction::SendRecv);
        Peer::new(id, Socket::Browser, source, format, Some((ours, theirs)))
    }

    fn trunk(&mut self, port: u16, format: AudioFormat, profile: Option<SrtpProfile>) -> Peer {
        let id = MediaId::next();
        let source = address(&format!("198.51.100.1:{port}"));
        let keys = profile.map(|profile| (key(profile), key(profile)));
        let local_key = keys.as_ref().map(|keys| keys.1.clone());
        self.command(Command::OpenTrunk { id, socket: 0, local_key });
        let peer = Peer::new(id, Socket::TrunkRtp(0), source, format, keys);
        self.command(Command::SetTrunkRemote { id, remote: peer.trunk_remote(), local_key: None });
        self.set_format(id, format, Direction::SendRecv);
        peer
    }

    fn set_format(&mut self, id: MediaId, format: AudioFormat, direction: Direction) {
        self.command(Command::SetFormat { id, format, direction });
    }

    fn bridge(&mut self, a: &Peer, b: &Peer) {
        self.command(Command::Bridge { a: a.id, b: b.id });
    }

    /// `peer` says `payload` from its own address.
    fn say(&mut self, peer: &mut Peer, payload: &[u8]) {
        let datagram = peer.packet(peer.format.payload_type, payload);
        self.packet(peer.socket, peer.address, &datagram);
    }

    /// Everything `peer` got so far.
    fn heard(&mut self, peer: &mut Peer) -> Vec<Heard> {
        let (mine, rest) = std::mem::take(&mut self.sent)
            .into_iter()
            .partition(|(socket, to, _)| *to == peer.address && *socket == peer.socket);
        self.sent = rest;
        let mine: Vec<(Socket, SocketAddr, Vec<u8>)> = mine;
        mine.into_iter().filter_map(|(_, _, packet)| peer.hear(packet)).collect()
    }

    fn count(&self, counter: Counter) -> u64 {
        self.shard.counters().count(counter)
    }

    fn take_events(&mut self) -> Vec<(MediaId, Event)> {
        std::mem::take(&mut self.events)
    }

    fn counts(&mut self, peer: &Peer) -> LegCounts {
        self.command(Command::Close { id: peer.id });
        match self.take_events().pop() {
            Some((id, Event::Closed(counts))) if id == peer.id => counts,
            other => panic!("{other:?}"),
        }
    }
}

impl Peer {
    fn new(
        id: MediaId,
        socket: Socket,
        address: SocketAddr,
        format: AudioFormat,
        keys: Option<(SrtpKey, SrtpKey)>,
    ) -> Self {
        let seal = keys.as_ref().map(|(ours, _)| Outbound::new(ours).unwrap());
        let open = keys.as_ref().map(|(_, theirs)| Inbound::new(theirs).unwrap());
        let port = u32::from(address.port());
        let (ssrc, sequence_number) = (0xabcd_0000 | port, address.port());
        Self {
            id,
            socket,
            address,
            format,
            seal,
            open,
            ssrc,
            sequence_number,
            timestamp: port * 7,
            keys,
        }
    }

    fn trunk_remote(&self) -> TrunkRemote {
        TrunkRemote {
            rtp: self.address,
            rtcp: SocketAddr::new(self.address.ip(), self.address.port() + 1),
            key: self.keys.as_ref().map(|keys| keys.0.clone()),
        }
    }

    /// The peer's next packet; its audio clock advances by a frame.
    fn packet(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        self.timestamp = self.timestamp.wrapping_add(self.format.codec.clock_rate() / 50);
        self.packet_at(payload_type, self.timestamp, false, payload)
    }

    fn packet_at(&mut self, kind: u8, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
        self.sequence_number = self.sequence_number.wrapping_add(1);
        let header = RtpHeader {
            marker,
            payload_type: kind,
            sequence_number: self.sequence_number,
            timestamp,
            ssrc: self.ssrc,
            payload_offset: 12,
            padding: 0,
        };
        let mut packet = vec![0; 12];
        header.write(&mut packet).unwrap();
        packet.extend_from_slice(payload);
        self.seal(packet)
    }

    fn seal(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        if let Some(seal) = &mut self.seal {
            let len = packet.len();
            packet.resize(len + 32, 0);
            let sealed = seal.seal_rtp(&mut packet, len).unwrap();
            packet.truncate(sealed);
        }
        packet
    }

    /// Opens what the shard sent; `None` for RTCP and STUN.
    fn hear(&mut self, mut packet: Vec<u8>) -> Option<Heard> {
        if packet[0] < 128 || (192..=223).contains(&packet[1]) {
            return None;
        }
        if let Some(open) = &mut self.open {
            let len = open.open_rtp(&mut packet).expect("authentic and not a replay");
            packet.truncate(len);
        }
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!((header.payload_offset, header.padding), (12, 0));
        Some(Heard { header, payload: packet[12..].to_vec() })
    }
}

/// A connectivity check as a browser sends it.
fn check(local: &IceCredentials, remote: &str, nominates: bool) -> Vec<u8> {
    let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    packet.extend_from_slice(b"transaction!");
    let put = |packet: &mut Vec<u8>, kind: u16, value: &[u8]| {
        packet.extend_from_slice(&kind.to_be_bytes());
        packet.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        packet.extend_from_slice(value);
        packet.resize(packet.len().next_multiple_of(4), 0);
    };
    put(&mut packet, 0x0006, format!("{}:{remote}", local.ufrag).as_bytes());
    put(&mut packet, 0x802a, &[1; 8]);
    if nominates {
        put(&mut packet, 0x0025, &[]);
    }
    packet[3] = u8::try_from(packet.len() - 20 + 24).unwrap();
    let mut hmac = Hmac::<Sha1>::new_from_slice(local.pwd.as_bytes()).unwrap();
    hmac.update(&packet);
    put(&mut packet, 0x0008, &hmac.finalize().into_bytes());
    packet
}

/// Whether sequence numbers are consecutive and all of one source.
fn assert_continuous(heard: &[Heard]) {
    for pair in heard.windows(2) {
        let (a, b) = (pair[0].header, pair[1].header);
        assert_eq!(a.ssrc, b.ssrc);
        assert_eq!(b.sequence_number, a.sequence_number.wrapping_add(1));
        assert!(b.timestamp.wrapping_sub(a.timestamp) < 1 << 31, "time runs backwards");
    }
}
