//! Binding the sockets of one worker.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::start::MediaConfig;
use crate::net::udp::BatchSocket;

/// The sockets of one worker.
pub(super) struct Sockets {
    pub browser: BatchSocket,
    /// RTP and, one port above, RTCP.
    pub trunk: Vec<(BatchSocket, BatchSocket)>,
}

impl Sockets {
    /// Binds worker `index`'s sockets: the browser port counts up from the configured one, the
    /// trunk pairs from theirs.
    pub(super) fn bind(config: &MediaConfig, index: u16) -> io::Result<Self> {
        let browser_port = nth_port(config.browser_port, u32::from(index))?;
        let browser = bind(config.bind, browser_port)?;
        let pairs = config.trunk_sockets.max(1);
        let trunk = (0..pairs)
            .map(|pair| {
                let number = u32::from(index) * u32::from(pairs) + u32::from(pair);
                match nth_port(config.trunk_port, number * 2)? {
                    0 => bind_free_pair(config.trunk_bind),
                    port => bind_pair(config.trunk_bind, port),
                }
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self { browser, trunk })
    }
}

/// The port `by` above `first`; 0 stays 0.
fn nth_port(first: u16, by: u32) -> io::Result<u16> {
    if first == 0 {
        return Ok(0);
    }
    u16::try_from(u32::from(first) + by).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, "the workers' ports go beyond 65535")
    })
}

fn bind(ip: IpAddr, port: u16) -> io::Result<BatchSocket> {
    BatchSocket::bind(SocketAddr::new(ip, port), KERNEL_BUFFER)
}

fn bind_pair(ip: IpAddr, port: u16) -> io::Result<(BatchSocket, BatchSocket)> {
    let above = port.checked_add(1).ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok((bind(ip, port)?, bind(ip, above)?))
}

/// An even free port with a free one above (RFC 3550 §11).
fn bind_free_pair(ip: IpAddr) -> io::Result<(BatchSocket, BatchSocket)> {
    let mut refused = None;
    for _ in 0..TRIES {
        let rtp = bind(ip, 0)?;
        let port = rtp.local_addr().port();
        if !port.is_multiple_of(2) {
            continue;
        }
        match bind(ip, port.saturating_add(1)) {
            Ok(rtcp) => return Ok((rtp, rtcp)),
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

/// Tries for a free pair of ports: half of all ports are odd.
const TRIES: usize = 64;

/// Kernel buffer asked for each way, bytes: about 50 ms of 50,000 packets a second.
const KERNEL_BUFFER: usize = 4 << 20;
