//! Calls between a browser and a PBX in a shard, and the barest relay that does the same
//! cryptography.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what cannot be set up must stop"
)]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence::base::{Clock, MediaId};
use ringfence::media::prompt::Prompts;
use ringfence::media::rtp::RtpHeader;
use ringfence::media::rtp::srtp::{Inbound, Outbound, SrtpKey, SrtpProfile};
use ringfence::media::shard::{PacketBuf, ShardConfig, Socket, Verdict};
use ringfence::media::{
    AudioFormat, Codec, Command, Direction, IceCredentials, Shard, TrunkRemote,
};

/// Payload of 20 ms of G.711.
pub const PAYLOAD_LEN: usize = 160;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    BrowserToTrunk,
    TrunkToBrowser,
}

/// The keys of one call.
pub struct Keys {
    pub browser: SrtpKey,
    pub to_browser: SrtpKey,
    pub trunk: SrtpKey,
    pub to_trunk: SrtpKey,
}

impl Keys {
    pub fn random(browser: SrtpProfile, trunk: SrtpProfile) -> Self {
        let key = |profile| SrtpKey::random(profile).expect("random bytes");
        Self {
            browser: key(browser),
            to_browser: key(browser),
            trunk: key(trunk),
            to_trunk: key(trunk),
        }
    }
}

/// A peer that sends 20 ms packets.
pub struct Sender {
    outbound: Outbound,
    header: RtpHeader,
}

impl Sender {
    pub fn new(key: &SrtpKey, ssrc: u32) -> Self {
        let header = RtpHeader {
            marker: false,
            payload_type: 0,
            sequence_number: 1,
            timestamp: 0,
            ssrc,
            payload_offset: 12,
            padding: 0,
        };
        Self { outbound: Outbound::new(key).expect("context"), header }
    }

    /// Puts the next packet into `packet`.
    pub fn next(&mut self, packet: &mut PacketBuf) {
        let area = packet.receive_area();
        let len = self.header.write(area).expect("room") + PAYLOAD_LEN;
        let sealed = self.outbound.seal_rtp(area, len).expect("seals");
        packet.set_received(sealed);
        self.header.sequence_number = self.header.sequence_number.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(160);
    }
}

/// Bridged calls in one shard, each with a browser and a PBX that send to it.
pub struct ShardRelay {
    pub shard: Shard,
    pub now: Instant,
    calls: Vec<Call>,
    next: usize,
}

struct Call {
    browser: Sender,
    trunk: Sender,
    browser_address: SocketAddr,
    trunk_address: SocketAddr,
}

impl ShardRelay {
    pub fn new(calls: usize, browser: SrtpProfile, trunk: SrtpProfile) -> Self {
        let now = Clock::system().now();
        let prompts = Arc::new(Prompts::render().expect("prompts"));
        let mut shard = Shard::new(ShardConfig { prompts, started: now });
        let calls = (0..calls)
            .map(|index| open(&mut shard, now, index, &Keys::random(browser, trunk)))
            .collect();
        while shard.poll_output().is_some() {}
        Self { shard, now, calls, next: 0 }
    }

    /// Fills `packets` with what the calls' peers send next, in turn.
    pub fn fill(&mut self, way: Way, packets: &mut [PacketBuf], sources: &mut [SocketAddr]) {
        for (packet, source) in packets.iter_mut().zip(sources) {
            let count = self.calls.len();
            let call = &mut self.calls[self.next];
            self.next = (self.next + 1) % count;
            match way {
                Way::BrowserToTrunk => {
                    call.browser.next(packet);
                    *source = call.browser_address;
                }
                Way::TrunkToBrowser => {
                    call.trunk.next(packet);
                    *source = call.trunk_address;
                }
            }
        }
        // One round of the calls is 20 ms of each: nobody is over its rate.
        self.now += Duration::from_millis(20) * u32::try_from(packets.len()).unwrap_or(1)
            / u32::try_from(self.calls.len()).unwrap_or(1);
    }

    /// Relays `packets` in place.
    pub fn relay(&mut self, way: Way, packets: &mut [PacketBuf], sources: &[SocketAddr]) {
        let socket = match way {
            Way::BrowserToTrunk => Socket::Browser,
            Way::TrunkToBrowser => Socket::TrunkRtp(0),
        };
        for (packet, source) in packets.iter_mut().zip(sources) {
            let verdict = self.shard.handle_packet(self.now, socket, *source, packet);
            assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
        }
    }
}

fn open(shard: &mut Shard, now: Instant, index: usize, keys: &Keys) -> Call {
    let port = u16::try_from(index * 2 + 20_000).expect("few calls");
    let browser_address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let trunk_address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), port));
    let (browser, trunk) = (MediaId::next(), MediaId::next());
    let local =
        IceCredentials { ufrag: format!("u{index:07}"), pwd: "0123456789012345678901".to_owned() };
    let remote = TrunkRemote {
        rtp: trunk_address,
        rtcp: SocketAddr::new(trunk_address.ip(), port + 1),
        key: Some(keys.trunk.clone()),
    };
    let format = AudioFormat { codec: Codec::Pcmu, payload_type: 0, dtmf: None };
    let direction = Direction::SendRecv;
    for command in [
        Command::OpenBrowser { id: browser, local, remote: None },
        Command::OpenTrunk { id: trunk, socket: 0, local_key: Some(keys.to_trunk.clone()) },
        Command::SetTrunkRemote { id: trunk, remote, local_key: None },
        Command::SetFormat { id: browser, format, direction },
        Command::SetFormat { id: trunk, format, direction },
        Command::Bridge { a: browser, b: trunk },
    ] {
        shard.handle_command(now, command);
    }
    shard.assume_secured(now, browser, browser_address, &keys.to_browser, &keys.browser);
    Call {
        browser: Sender::new(&keys.browser, 0x1000 + u32::from(port)),
        trunk: Sender::new(&keys.trunk, 0x2000 + u32::from(port)),
        browser_address,
        trunk_address,
    }
}

/// The floor: find the call by its address, open, write a header, seal.
pub struct BareRelay {
    flows: HashMap<SocketAddr, Flow>,
    senders: Vec<(SocketAddr, Sender)>,
    next: usize,
}

/// One direction of one call.
struct Flow {
    inbound: Inbound,
    outbound: Outbound,
    ssrc: u32,
    destination: SocketAddr,
}

impl BareRelay {
    pub fn new(calls: usize, from: SrtpProfile, to: SrtpProfile) -> Self {
        let mut flows = HashMap::new();
        let mut senders = Vec::new();
        for index in 0..calls {
            let keys = Keys::random(from, to);
            let port = u16::try_from(index * 2 + 20_000).expect("few calls");
            let source = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let destination = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), port));
            senders.push((source, Sender::new(&keys.browser, 0x1000 + u32::from(port))));
            let inbound = Inbound::new(&keys.browser).expect("context");
            let outbound = Outbound::new(&keys.to_trunk).expect("context");
            let ssrc = 0x3000 + u32::from(port);
            flows.insert(source, Flow { inbound, outbound, ssrc, destination });
        }
        Self { flows, senders, next: 0 }
    }

    pub fn fill(&mut self, packets: &mut [PacketBuf], sources: &mut [SocketAddr]) {
        for (packet, source) in packets.iter_mut().zip(sources) {
            let count = self.senders.len();
            let (address, sender) = &mut self.senders[self.next];
            self.next = (self.next + 1) % count;
            sender.next(packet);
            *source = *address;
        }
    }

    pub fn relay(&mut self, packets: &mut [PacketBuf], sources: &[SocketAddr]) {
        for (packet, source) in packets.iter_mut().zip(sources) {
            let flow = self.flows.get_mut(source).expect("known");
            std::hint::black_box(flow.relay(packet));
        }
    }
}

impl Flow {
    fn relay(&mut self, packet: &mut PacketBuf) -> SocketAddr {
        let len = self.inbound.open_rtp(packet.as_mut_slice()).expect("opens");
        let area = packet.receive_area();
        let mut header = RtpHeader::parse(&area[..len]).expect("parses");
        header.ssrc = self.ssrc;
        header.write(area).expect("room");
        let sealed = self.outbound.seal_rtp(area, len).expect("seals");
        packet.set_received(sealed);
        self.destination
    }
}
