//! The child that is Ringfence's media worker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use ringfence::base::{Clock, MediaId};
use ringfence::engine::media_thread::{MediaConfig, MediaWorkers, WorkerHandle};
use ringfence::media::dtls::DtlsIdentity;
use ringfence::media::{
    AudioFormat, BrowserRemote, Codec, Command, Direction, DtlsRole, Event, IceCredentials,
    TrunkRemote,
};
use tokio::sync::mpsc;

use super::protocol::{Ready, WorkerCall, WorkerSetup, fingerprint, hex, next_input};
use crate::summary::{complain, say};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Relays the calls it is told of until its input ends.
pub fn serve() -> Result<bool> {
    let clock = Clock::system();
    let identity = Arc::new(DtlsIdentity::generate(clock.unix())?);
    let config = MediaConfig {
        workers: 1,
        browsers_from: None,
        bind: LOOPBACK,
        browser_port: 0,
        advertise: Vec::new(),
        trunk_bind: LOOPBACK,
        trunk_advertise: None,
        trunk_port: 0,
        trunk_sockets: 1,
    };
    let workers = MediaWorkers::start(&config, &identity, &clock)?;
    let worker = workers.pick();
    let ready = Ready {
        browser: *worker.browser_addrs().first().context("no address")?,
        trunk: worker.trunk_rtp_addr(0, None),
        fingerprint: hex(&identity.fingerprint()),
    };
    say(&serde_json::to_string(&ready)?);
    let (events, mut told) = mpsc::channel(1024);
    std::thread::spawn(move || {
        while let Some((id, event)) = told.blocking_recv() {
            if let Event::Failed(failure) = event {
                complain(&format!("leg {id}: {failure:?}"));
            }
        }
    });
    while let Some(setup) = next_input::<WorkerSetup>()? {
        for call in &setup.calls {
            open(&worker, call, fingerprint(&setup.fingerprint)?, &events)?;
        }
        say("{}");
    }
    Ok(true)
}

fn open(
    worker: &WorkerHandle,
    call: &WorkerCall,
    fingerprint: [u8; 32],
    events: &mpsc::Sender<(MediaId, Event)>,
) -> Result<()> {
    let [local, remote] = call.ice.clone().map(|(ufrag, pwd)| IceCredentials { ufrag, pwd });
    let (browser, trunk) = (MediaId::next(), MediaId::next());
    let remote = BrowserRemote { ice: remote, fingerprint, role: DtlsRole::Passive };
    let rtcp = SocketAddr::new(call.trunk.ip(), call.trunk.port() + 1);
    let trunk_remote = TrunkRemote { rtp: call.trunk, rtcp, key: Some(call.trunk_key.to_srtp()?) };
    let local_key = Some(call.to_trunk.to_srtp()?);
    let format = AudioFormat { codec: Codec::Pcmu, payload_type: 0, dtmf: None };
    let direction = Direction::SendRecv;
    let open = Command::OpenBrowser { id: browser, local, remote: Some(remote) };
    worker.open(open, events.clone())?;
    let open = Command::OpenTrunk { id: trunk, socket: 0, local_key };
    worker.open(open, events.clone())?;
    for command in [
        Command::SetTrunkRemote { id: trunk, remote: trunk_remote, local_key: None },
        Command::SetFormat { id: browser, format, direction },
        Command::SetFormat { id: trunk, format, direction },
        Command::Bridge { a: browser, b: trunk },
        Command::Answered { id: browser },
        Command::Answered { id: trunk },
    ] {
        worker.send(command)?;
    }
    // The queue takes some hundred calls at once; the worker needs a moment for more.
    std::thread::sleep(Duration::from_millis(1));
    Ok(())
}
