//! The child that is the floor: two sockets, `recvmmsg`, open, write a header, seal, `sendmmsg`.
//! It looks packets up by source address, and at nothing else.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use ringfence::media::rtp::srtp::{Inbound, Outbound};
use ringfence::media::rtp::{PacketKind, RtpHeader};
use ringfence::media::shard::PacketBuf;
use ringfence::net::udp::{BATCH, Batch, BatchSocket, Poller};

use super::protocol::{BareSetup, BareWay, Ready, next_input};
use crate::summary::say;

/// As the worker asks for.
const KERNEL_BUFFER: usize = 4 << 20;

/// One direction of one call.
struct Flow {
    inbound: Inbound,
    outbound: Outbound,
    ssrc: u32,
    destination: SocketAddr,
}

/// A socket, and the flows that come in on it.
struct Side {
    socket: BatchSocket,
    flows: HashMap<SocketAddr, Flow>,
}

/// Relays the calls it is told of until it is killed.
pub fn serve() -> Result<bool> {
    let bind = || BatchSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), KERNEL_BUFFER);
    let (browser, trunk) = (bind()?, bind()?);
    let (browser_at, trunk_at) = (browser.local_addr(), trunk.local_addr());
    let ready = Ready { browser: browser_at, trunk: trunk_at, fingerprint: String::new() };
    say(&serde_json::to_string(&ready)?);
    let setup: BareSetup = next_input()?.context("no calls")?;
    let mut sides = [
        Side { socket: browser, flows: flows(&setup.from_browsers)? },
        Side { socket: trunk, flows: flows(&setup.from_trunks)? },
    ];
    say("{}");
    relay(&mut sides)
}

fn flows(ways: &[BareWay]) -> Result<HashMap<SocketAddr, Flow>> {
    ways.iter()
        .zip(1..)
        .map(|(way, ssrc)| {
            let flow = Flow {
                inbound: Inbound::new(&way.key.to_srtp()?)?,
                outbound: Outbound::new(&way.out.to_srtp()?)?,
                ssrc,
                destination: way.destination,
            };
            Ok((way.source, flow))
        })
        .collect()
}

fn relay(sides: &mut [Side; 2]) -> Result<bool> {
    let mut poller = Poller::new()?;
    for (token, side) in sides.iter().enumerate() {
        poller.add(&side.socket, token)?;
    }
    let mut batch = Batch::new();
    let mut packets = vec![PacketBuf::new(); BATCH];
    let mut sources = vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)); BATCH];
    let mut forwards: Vec<(usize, SocketAddr)> = Vec::with_capacity(BATCH);
    let mut readable = Vec::with_capacity(2);
    loop {
        readable.extend(poller.wait(None)?);
        for token in readable.drain(..) {
            let [browser, trunk] = &mut *sides;
            let (from, to) = if token == 0 { (browser, trunk) } else { (trunk, browser) };
            let Ok(count) = batch.receive(&from.socket, &mut packets, &mut sources) else {
                continue;
            };
            forwards.clear();
            for (index, (packet, source)) in
                packets.iter_mut().zip(&sources).take(count).enumerate()
            {
                if let Some(destination) = from.flows.get_mut(source).and_then(|f| f.relay(packet))
                {
                    forwards.push((index, destination));
                }
            }
            let messages = forwards.iter().filter_map(|(index, destination)| {
                Some((*destination, packets.get(*index)?.as_slice()))
            });
            batch.send(&to.socket, messages);
        }
    }
}

impl Flow {
    fn relay(&mut self, packet: &mut PacketBuf) -> Option<SocketAddr> {
        if PacketKind::of(packet.as_slice()) != PacketKind::Rtp {
            return None;
        }
        let len = self.inbound.open_rtp(packet.as_mut_slice()).ok()?;
        let area = packet.receive_area();
        let mut header = RtpHeader::parse(area.get(..len)?)?;
        header.ssrc = self.ssrc;
        header.write(area)?;
        let sealed = self.outbound.seal_rtp(area, len).ok()?;
        packet.set_received(sealed);
        Some(self.destination)
    }
}
