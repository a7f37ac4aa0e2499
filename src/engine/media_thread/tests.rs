//! One call over loopback through the real threads: ICE, DTLS with another engine, SRTP, and a
//! plain PBX leg.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use tokio::sync::mpsc;

use super::*;
use crate::base::{Clock, MediaId, UnixTime};
use crate::media::command::{
    BrowserRemote, Command, DtlsRole, Event, Failure, IceCredentials, TrunkRemote,
};
use crate::media::dtls::{DtlsIdentity, DtlsOutput, DtlsPeer};
use crate::media::format::{AudioFormat, Codec, Direction};
use crate::media::rtp::srtp::{Inbound, Outbound};
use crate::media::shard::Counter;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(20);
const PCMU: AudioFormat = AudioFormat { codec: Codec::Pcmu, payload_type: 0, dtmf: None };
const OPUS: AudioFormat = AudioFormat { codec: Codec::Opus, payload_type: 111, dtmf: None };

fn config(workers: usize) -> MediaConfig {
    MediaConfig {
        workers,
        browsers_from: None,
        bind: LOOPBACK,
        browser_port: 0,
        advertise: Vec::new(),
        trunk_bind: LOOPBACK,
        trunk_advertise: None,
        trunk_port: 0,
        trunk_sockets: 2,
    }
}

fn identity() -> Arc<DtlsIdentity> {
    Arc::new(DtlsIdentity::generate(UnixTime(1_800_000_000)).unwrap())
}

struct Server {
    workers: MediaWorkers,
    identity: Arc<DtlsIdentity>,
    clock: Clock,
    events: mpsc::Sender<(MediaId, Event)>,
    told: mpsc::Receiver<(MediaId, Event)>,
}

impl Server {
    fn start(workers: usize) -> Self {
        let (clock, identity) = (Clock::system(), identity());
        let workers = MediaWorkers::start(&config(workers), &identity, &clock).unwrap();
        let (events, told) = mpsc::channel(16);
        Self { workers, identity, clock, events, told }
    }

    fn event(&mut self) -> Event {
        let deadline = self.clock.now() + PATIENCE;
        while self.clock.now() < deadline {
            if let Ok((_, event)) = self.told.try_recv() {
                return event;
            }
            std::thread::yield_now();
        }
        panic!("no event")
    }
}

/// A browser on loopback, with our own engine as DTLS client.
struct Browser {
    socket: UdpSocket,
    id: MediaId,
    local: IceCredentials,
    identity: Arc<DtlsIdentity>,
    keys: Option<(Outbound, Inbound)>,
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn ice(ufrag: &str) -> IceCredentials {
    IceCredentials { ufrag: ufrag.into(), pwd: "a-password-of-some-length".into() }
}

impl Browser {
    fn open(server: &Server, worker: &WorkerHandle, ufrag: &str, format: AudioFormat) -> Self {
        let (identity, id, local) = (identity(), MediaId::next(), ice(ufrag));
        let remote = BrowserRemote {
            ice: ice("them"),
            fingerprint: identity.fingerprint(),
            role: DtlsRole::Passive,
        };
        let command = Command::OpenBrowser { id, local: local.clone(), remote: Some(remote) };
        worker.open(command, server.events.clone()).unwrap();
        worker.send(Command::SetFormat { id, format, direction: Direction::SendRecv }).unwrap();
        let socket = socket();
        socket.connect(worker.browser_addrs()[0]).unwrap();
        Self { socket, id, local, identity, keys: None }
    }

    fn check(&self) {
        let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        packet.extend_from_slice(b"transaction!");
        let put = |packet: &mut Vec<u8>, kind: u16, value: &[u8]| {
            packet.extend_from_slice(&kind.to_be_bytes());
            packet.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            packet.extend_from_slice(value);
            packet.resize(packet.len().next_multiple_of(4), 0);
        };
        put(&mut packet, 0x0006, format!("{}:them", self.local.ufrag).as_bytes());
        put(&mut packet, 0x0025, &[]);
        packet[3] = u8::try_from(packet.len() - 20 + 24).unwrap();
        let mut hmac = Hmac::<Sha1>::new_from_slice(self.local.pwd.as_bytes()).unwrap();
        hmac.update(&packet);
        put(&mut packet, 0x0008, &hmac.finalize().into_bytes());
        self.socket.send(&packet).unwrap();
        let answer = self.receive();
        assert_eq!(answer[..2], [1, 1], "a success response");
    }

    fn receive(&self) -> Vec<u8> {
        self.try_receive().expect("a packet in time")
    }

    fn try_receive(&self) -> Option<Vec<u8>> {
        let mut packet = vec![0; 2048];
        let len = self.socket.recv(&mut packet).ok()?;
        packet.truncate(len);
        Some(packet)
    }

    fn handshake(&mut self, server: &Server, fingerprint: [u8; 32]) {
        let mut now = server.clock.now();
        let mut dtls = DtlsPeer::new(&self.identity, DtlsRole::Active, fingerprint, now);
        let mut out = vec![0; 2048];
        loop {
            match dtls.poll(&mut out) {
                DtlsOutput::Transmit(len) => {
                    self.socket.send(&out[..len]).unwrap();
                }
                DtlsOutput::Secured { outbound, inbound, .. } => {
                    let keys = (Outbound::new(&outbound), Inbound::new(&inbound));
                    self.keys = Some((keys.0.unwrap(), keys.1.unwrap()));
                    self.flush(&mut dtls, &mut out);
                    return;
                }
                DtlsOutput::Wait(_) => {
                    let packet = self.receive();
                    now = server.clock.now();
                    dtls.handle_packet(now, &packet);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn flush(&self, dtls: &mut DtlsPeer, out: &mut [u8]) {
        while let DtlsOutput::Transmit(len) = dtls.poll(out) {
            self.socket.send(&out[..len]).unwrap();
        }
    }

    fn say(&mut self, payload_type: u8, sequence_number: u16, payload: &[u8]) {
        let mut packet = rtp(payload_type, sequence_number, payload);
        let len = packet.len();
        packet.resize(len + 32, 0);
        let sealed = self.keys.as_mut().unwrap().0.seal_rtp(&mut packet, len).unwrap();
        self.socket.send(&packet[..sealed]).unwrap();
    }

    /// The payload of the next RTP packet; other protocols are passed over.
    fn hear(&mut self) -> Vec<u8> {
        self.try_hear().expect("audio in time")
    }

    fn try_hear(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut packet = self.try_receive()?;
            if packet[0] < 128 || (192..=223).contains(&packet[1]) {
                continue;
            }
            let len = self.keys.as_mut()?.1.open_rtp(&mut packet).unwrap();
            return Some(packet[12..len].to_vec());
        }
    }
}

fn rtp(payload_type: u8, sequence_number: u16, payload: &[u8]) -> Vec<u8> {
    let [hi, lo] = sequence_number.to_be_bytes();
    let [t0, t1, t2, t3] = (u32::from(sequence_number) * 160).to_be_bytes();
    let mut packet = vec![0x80, payload_type, hi, lo, t0, t1, t2, t3, 0, 0, 0, 1];
    packet.extend_from_slice(payload);
    packet
}

#[test]
fn a_browser_is_secured_hears_its_echo_and_then_the_pbx() {
    let mut server = Server::start(2);
    let worker = server.workers.pick();
    let mut browser = Browser::open(&server, &worker, "echo", PCMU);
    browser.check();
    let fingerprint = server.identity.fingerprint();
    browser.handshake(&server, fingerprint);
    assert!(matches!(server.event(), Event::Secured { .. }));
    worker.send(Command::Echo { id: browser.id }).unwrap();
    // The command and the first packets race: speak until there is an echo.
    browser.socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut sequence_number = 0;
    let echo = loop {
        sequence_number += 1;
        browser.say(0, sequence_number, &[0x21; 160]);
        if let Some(heard) = browser.try_hear() {
            break heard;
        }
    };
    browser.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(echo, [0x21; 160]);

    let (pbx, id) = (socket(), MediaId::next());
    let number = worker.next_trunk_socket();
    let open = Command::OpenTrunk { id, socket: number, local_key: None };
    worker.open(open, server.events.clone()).unwrap();
    let address = pbx.local_addr().unwrap();
    let remote = TrunkRemote { rtp: address, rtcp: address, key: None };
    worker.send(Command::SetTrunkRemote { id, remote, local_key: None }).unwrap();
    let direction = Direction::SendRecv;
    worker.send(Command::SetFormat { id, format: PCMU, direction }).unwrap();
    worker.send(Command::Bridge { a: browser.id, b: id }).unwrap();
    pbx.connect(worker.trunk_rtp_addr(number, None)).unwrap();
    let mut packet = [0; 2048];
    let heard = loop {
        sequence_number += 1;
        browser.say(0, sequence_number, &[0x42; 160]);
        pbx.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        match pbx.recv(&mut packet) {
            Ok(len) if packet[1] & 0x7f == 0 => break &packet[12..len],
            Ok(_) | Err(_) => {}
        }
    };
    assert_eq!(heard, [0x42; 160]);
    pbx.send(&rtp(0, 7, &[0x63; 160])).unwrap();
    while browser.hear() != [0x63; 160] {}

    assert_eq!(worker.leg_count(), 2);
    worker.send(Command::Close { id: browser.id }).unwrap();
    let Event::Closed(counts) = server.event() else { panic!("not closed") };
    assert!(counts.received >= 2 && counts.sent >= 2 && counts.unauthenticated == 0);
    server.workers.stop();
    assert!(worker.send(Command::Close { id }).is_err(), "the thread is gone");
}

#[test]
fn opus_is_transcoded_for_a_pbx_that_speaks_g711() {
    let mut server = Server::start(1);
    let worker = server.workers.pick();
    let mut browser = Browser::open(&server, &worker, "opus", OPUS);
    browser.check();
    let fingerprint = server.identity.fingerprint();
    browser.handshake(&server, fingerprint);
    assert!(matches!(server.event(), Event::Secured { .. }));
    let (pbx, id) = (socket(), MediaId::next());
    worker
        .open(Command::OpenTrunk { id, socket: 0, local_key: None }, server.events.clone())
        .unwrap();
    let address = pbx.local_addr().unwrap();
    let remote = TrunkRemote { rtp: address, rtcp: address, key: None };
    worker.send(Command::SetTrunkRemote { id, remote, local_key: None }).unwrap();
    let direction = Direction::SendRecv;
    worker.send(Command::SetFormat { id, format: PCMU, direction }).unwrap();
    worker.send(Command::Bridge { a: browser.id, b: id }).unwrap();
    pbx.connect(worker.trunk_rtp_addr(0, None)).unwrap();
    for sequence_number in 0..10 {
        pbx.send(&rtp(0, sequence_number, &[0x10; 160])).unwrap();
    }
    let frame = browser.hear();
    assert!(!frame.is_empty() && frame.len() < 160, "an Opus frame, {} bytes", frame.len());
    server.workers.stop();
}

#[test]
fn m12_a_certificate_other_than_the_promised_one_fails_the_leg() {
    let mut server = Server::start(1);
    let worker = server.workers.pick();
    let mut browser = Browser::open(&server, &worker, "liar", PCMU);
    browser.check();
    browser.identity = identity();
    let now: Instant = server.clock.now();
    let fingerprint = server.identity.fingerprint();
    let mut dtls = DtlsPeer::new(&browser.identity, DtlsRole::Active, fingerprint, now);
    let mut out = vec![0; 2048];
    browser.socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let failure = loop {
        if let Ok((_, event)) = server.told.try_recv() {
            break event;
        }
        browser.flush(&mut dtls, &mut out);
        let mut packet = [0; 2048];
        if let Ok(len) = browser.socket.recv(&mut packet) {
            dtls.handle_packet(server.clock.now(), &packet[..len]);
        }
        dtls.handle_timeout(server.clock.now());
    };
    assert!(matches!(failure, Event::Failed(Failure::FingerprintMismatch)), "{failure:?}");
}

#[test]
fn every_worker_has_its_own_ports_and_the_least_loaded_is_picked() {
    let server = Server::start(3);
    let handles = server.workers.handles();
    let mut addresses: Vec<SocketAddr> = handles
        .iter()
        .flat_map(|handle| {
            let browsers = handle.browser_addrs().iter().copied();
            browsers.chain([0, 1].map(|pair| handle.trunk_rtp_addr(pair, None)))
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 9);
    let loaded = server.workers.pick();
    let command = Command::OpenTrunk { id: MediaId::next(), socket: 0, local_key: None };
    loaded.open(command, server.events.clone()).unwrap();
    assert_eq!(loaded.leg_count(), 1);
    assert_eq!(server.workers.pick().leg_count(), 0);
    assert_eq!([loaded.next_trunk_socket(), loaded.next_trunk_socket()], [0, 1]);
    assert_eq!(loaded.counters().count(Counter::DroppedCommand), 0);
}
