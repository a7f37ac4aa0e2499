//! One peer of a relay: a browser, or a PBX's side of one call, with a socket of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ringfence::base::Clock;
use ringfence::media::dtls::{DtlsIdentity, DtlsOutput, DtlsPeer};
use ringfence::media::rtp::srtp::{Inbound, Outbound, SrtpKey};
use ringfence::media::rtp::{PacketKind, RtpHeader};
use ringfence::media::shard::PacketBuf;
use ringfence::media::{DtlsRole, IceCredentials};
use ringfence::net::udp::{Batch, BatchSocket, Poller};

use crate::stun;

/// 20 ms of G.711.
const PAYLOAD_LEN: usize = 160;

/// A peer that sends and counts.
pub struct Leg {
    /// Its socket.
    pub socket: BatchSocket,
    destination: SocketAddr,
    keys: Option<(Outbound, Inbound)>,
    header: RtpHeader,
    /// RTP packets sent.
    pub sent: u64,
    /// RTP packets received.
    pub received: u64,
    /// The relay's credentials, and our ufrag.
    ice: Option<(IceCredentials, String)>,
    checks: u32,
}

impl Leg {
    /// A peer that will send to `destination`.
    pub fn new(destination: SocketAddr, ssrc: u32) -> Result<Self> {
        let socket = BatchSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 1 << 18)?;
        let header = RtpHeader {
            marker: false,
            payload_type: 0,
            sequence_number: 1,
            timestamp: 0,
            ssrc,
            payload_offset: 12,
            padding: 0,
        };
        Ok(Self {
            socket,
            destination,
            keys: None,
            header,
            sent: 0,
            received: 0,
            ice: None,
            checks: 0,
        })
    }

    /// Uses these keys: ours, then the relay's.
    pub fn set_keys(&mut self, own: &SrtpKey, relay: &SrtpKey) -> Result<()> {
        self.keys = Some((Outbound::new(own)?, Inbound::new(relay)?));
        Ok(())
    }

    /// Sends one packet.
    pub fn send(&mut self, batch: &mut Batch, packet: &mut PacketBuf) -> Result<()> {
        let (outbound, _) = self.keys.as_mut().context("no keys yet")?;
        let area = packet.receive_area();
        let len = self.header.write(area).context("no room")? + PAYLOAD_LEN;
        let sealed = outbound.seal_rtp(area, len)?;
        packet.set_received(sealed);
        batch.send(&self.socket, [(self.destination, packet.as_slice())]);
        self.sent += 1;
        self.header.sequence_number = self.header.sequence_number.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(160);
        Ok(())
    }

    /// Counts a packet that arrived; every so often looks whether it is authentic.
    pub fn on_packet(&mut self, packet: &mut PacketBuf) -> Result<()> {
        if PacketKind::of(packet.as_slice()) != PacketKind::Rtp {
            return Ok(());
        }
        self.received += 1;
        if self.received % VERIFIED_EVERY == 1 {
            let (_, inbound) = self.keys.as_mut().context("audio before keys")?;
            inbound.open_rtp(packet.as_mut_slice()).context("a packet is not authentic")?;
        }
        Ok(())
    }

    /// Sends a connectivity check; it is consent, too.
    pub fn check(&mut self, batch: &mut Batch) {
        let Some((relay, ufrag)) = &self.ice else { return };
        self.checks += 1;
        let mut id = [0; 12];
        if let Some(counter) = id.first_chunk_mut::<4>() {
            *counter = self.checks.to_be_bytes();
        }
        let check = stun::check(&relay.ufrag, &relay.pwd, ufrag, id);
        batch.send(&self.socket, [(self.destination, check.as_slice())]);
    }

    /// ICE, then DTLS as the client; gives our key and the relay's.
    pub fn handshake(
        &mut self,
        clock: &Clock,
        identity: &Arc<DtlsIdentity>,
        fingerprint: [u8; 32],
        ice: (IceCredentials, String),
    ) -> Result<(SrtpKey, SrtpKey)> {
        self.ice = Some(ice);
        let mut io = Io::new(&self.socket)?;
        self.check(&mut io.batch);
        let answer = io.receive(&self.socket)?.context("no answer to a check")?;
        anyhow::ensure!(answer.starts_with(&[1, 1]), "a check failed");
        let mut dtls = DtlsPeer::new(identity, DtlsRole::Active, fingerprint, clock.now());
        let mut out = [0; 2048];
        let mut keys = None;
        let deadline = clock.now() + HANDSHAKE_TIMEOUT;
        while clock.now() < deadline {
            match dtls.poll(&mut out) {
                DtlsOutput::Transmit(len) => {
                    let datagram = out.get(..len).unwrap_or_default();
                    io.batch.send(&self.socket, [(self.destination, datagram)]);
                }
                DtlsOutput::Secured { outbound, inbound, .. } => keys = Some((outbound, inbound)),
                DtlsOutput::Wait(_) => {
                    if let Some(keys) = keys {
                        return Ok(keys);
                    }
                    if let Some(datagram) = io.receive(&self.socket)? {
                        dtls.handle_packet(clock.now(), &datagram);
                    }
                    dtls.handle_timeout(clock.now());
                }
                other => bail!("DTLS: {other:?}"),
            }
        }
        bail!("DTLS: no end")
    }
}

const VERIFIED_EVERY: u64 = 64;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Waiting for single datagrams, while a leg is set up.
struct Io {
    poller: Poller,
    batch: Batch,
    packets: [PacketBuf; 1],
}

impl Io {
    fn new(socket: &BatchSocket) -> Result<Self> {
        let poller = Poller::new()?;
        poller.add(socket, 0)?;
        Ok(Self { poller, batch: Batch::new(), packets: [PacketBuf::new()] })
    }

    /// The next datagram, or none for a while.
    fn receive(&mut self, socket: &BatchSocket) -> Result<Option<Vec<u8>>> {
        let waited = self.poller.wait(Some(Duration::from_millis(50)))?.count();
        if waited == 0 {
            return Ok(None);
        }
        let mut sources = [SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))];
        match self.batch.receive(socket, &mut self.packets, &mut sources) {
            Ok(_) => Ok(self.packets.first().map(|packet| packet.as_slice().to_vec())),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
