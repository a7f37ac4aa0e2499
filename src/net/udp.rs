//! Batched UDP and thread wake-ups on Linux: the only file with `unsafe`.
//!
//! Thin safe wrappers over `recvmmsg`, `sendmmsg`, `epoll`, `eventfd` and `sched_setaffinity`
//! (`recvmmsg(2)`, `sendmmsg(2)`, `epoll(7)`, `eventfd(2)`). Knows datagrams and addresses, not
//! what is in them. Each `unsafe` block passes pointers into borrows that outlive the call.
#![expect(unsafe_code, reason = "std has no recvmmsg, sendmmsg, epoll, eventfd or affinity")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::media::shard::PacketBuf;

/// Datagrams moved by one system call at most. 64 is where the gain of batching levels off.
pub const BATCH: usize = 64;

/// A non-blocking UDP socket.
#[derive(Debug)]
pub struct BatchSocket {
    socket: UdpSocket,
    local: SocketAddr,
}

impl BatchSocket {
    /// Binds `address` (port 0: any) and asks for `buffer_bytes` of kernel buffer each way; the
    /// kernel may give less (`net.core.rmem_max`), which is not an error.
    ///
    /// # Errors
    /// Whatever `bind` reports.
    pub fn bind(address: SocketAddr, buffer_bytes: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let bytes = libc::c_int::try_from(buffer_bytes).unwrap_or(libc::c_int::MAX);
        set_option(&socket, libc::SO_RCVBUF, bytes);
        set_option(&socket, libc::SO_SNDBUF, bytes);
        let local = socket.local_addr()?;
        Ok(Self { socket, local })
    }

    /// The bound address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsRawFd for BatchSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd()
    }
}

fn set_option(socket: &UdpSocket, option: libc::c_int, value: libc::c_int) {
    // SAFETY: the pointer and length describe `value`, which lives through the call.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw const value).cast(),
            socklen::<libc::c_int>(),
        );
    }
}

/// Headers, vectors and addresses of one batch, allocated once and reused both ways.
pub struct Batch {
    headers: Box<[libc::mmsghdr; BATCH]>,
    vectors: Box<[libc::iovec; BATCH]>,
    addresses: Box<[libc::sockaddr_storage; BATCH]>,
}

/// What became of the datagrams given to [`Batch::send`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Taken by the kernel.
    pub sent: usize,
    /// Refused: no buffer space, or an address that cannot be reached.
    pub refused: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// Allocates the batch.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: all three are plain C structs for which all-zero bytes are valid.
        let (header, vector, address) = unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        Self {
            headers: Box::new([header; BATCH]),
            vectors: Box::new([vector; BATCH]),
            addresses: Box::new([address; BATCH]),
        }
    }

    /// Receives up to [`BATCH`] datagrams into `packets` and their sources into `sources`; both
    /// are filled from the front. A datagram longer than a [`PacketBuf`] arrives empty.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when there is none; anything else from `recvmmsg`.
    pub fn receive(
        &mut self,
        socket: &BatchSocket,
        packets: &mut [PacketBuf],
        sources: &mut [SocketAddr],
    ) -> io::Result<usize> {
        let wanted = packets.len().min(sources.len()).min(BATCH);
        for (((header, vector), address), packet) in self
            .headers
            .iter_mut()
            .zip(self.vectors.iter_mut())
            .zip(self.addresses.iter_mut())
            .zip(packets.iter_mut())
        {
            let area = packet.receive_area();
            vector.iov_base = area.as_mut_ptr().cast();
            vector.iov_len = area.len();
            header.msg_hdr.msg_name = (&raw mut *address).cast();
            header.msg_hdr.msg_namelen = socklen::<libc::sockaddr_storage>();
            header.msg_hdr.msg_iov = &raw mut *vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_flags = 0;
        }
        // SAFETY: the first `wanted` headers point at `wanted` distinct vectors, addresses and
        // packet areas, all borrowed mutably for the whole call.
        let received = unsafe {
            libc::recvmmsg(
                socket.fd(),
                self.headers.as_mut_ptr(),
                count(wanted),
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        for (((header, address), packet), source) in self
            .headers
            .iter()
            .zip(self.addresses.iter())
            .zip(packets.iter_mut())
            .zip(sources.iter_mut())
            .take(received)
        {
            let whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            let known = read_address(address);
            packet.set_received(match known {
                Some(_) if whole => usize::try_from(header.msg_len).unwrap_or(0),
                Some(_) | None => 0,
            });
            *source = known.unwrap_or(NOBODY);
        }
        Ok(received)
    }

    /// Sends `messages`, as many system calls as that takes. What the kernel has no room for is
    /// dropped, not queued: late audio is worth nothing.
    pub fn send<'a>(
        &mut self,
        socket: &BatchSocket,
        messages: impl IntoIterator<Item = (SocketAddr, &'a [u8])>,
    ) -> Sent {
        let mapped = socket.local.is_ipv6();
        let mut messages = messages.into_iter();
        let mut total = Sent::default();
        loop {
            let mut filled = 0;
            for ((header, vector), (address, (destination, bytes))) in self
                .headers
                .iter_mut()
                .zip(self.vectors.iter_mut())
                .zip(self.addresses.iter_mut().zip(messages.by_ref().take(BATCH)))
            {
                vector.iov_base = bytes.as_ptr().cast_mut().cast();
                vector.iov_len = bytes.len();
                header.msg_hdr.msg_name = (&raw mut *address).cast();
                header.msg_hdr.msg_namelen = write_address(destination, mapped, address);
                header.msg_hdr.msg_iov = &raw mut *vector;
                header.msg_hdr.msg_iovlen = 1;
                filled += 1;
            }
            if filled == 0 {
                return total;
            }
            let sent = self.send_filled(socket, filled);
            total.sent += sent;
            total.refused += filled - sent;
        }
    }

    /// Sends the first `filled` headers and returns how many the kernel took. The headers point
    /// into the messages of [`Batch::send`], whose lifetime covers this call.
    fn send_filled(&mut self, socket: &BatchSocket, filled: usize) -> usize {
        let (mut next, mut sent) = (0, 0);
        while let Some(rest) = self.headers.get_mut(next..filled).filter(|rest| !rest.is_empty()) {
            // SAFETY: `rest` holds initialised headers whose vectors point at live byte slices
            // that the kernel only reads.
            let taken = unsafe {
                libc::sendmmsg(
                    socket.fd(),
                    rest.as_mut_ptr(),
                    count(rest.len()),
                    libc::MSG_DONTWAIT,
                )
            };
            if let Ok(taken @ 1..) = usize::try_from(taken) {
                next += taken;
                sent += taken;
            } else if io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock {
                break;
            } else {
                // This one destination is refused (unreachable, not permitted): go on behind it.
                next += 1;
            }
        }
        sent
    }
}

const NOBODY: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

fn read_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says this is a `sockaddr_in`, and storage is large enough.
            let v4 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(v4.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says this is a `sockaddr_in6`, and storage is large enough.
            let v6 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let (ip, port) = (Ipv6Addr::from(v6.sin6_addr.s6_addr), u16::from_be(v6.sin6_port));
            // A dual-stack socket reports IPv4 sources as mapped: one peer, one spelling.
            Some(match ip.to_ipv4_mapped() {
                Some(ip) => SocketAddr::V4(SocketAddrV4::new(ip, port)),
                None => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, v6.sin6_scope_id)),
            })
        }
        _ => None,
    }
}

/// Writes `address` for a socket of the family `mapped` tells (IPv6 or not); returns its length.
fn write_address(
    address: SocketAddr,
    mapped: bool,
    storage: &mut libc::sockaddr_storage,
) -> libc::socklen_t {
    let (ip, scope) = match address {
        SocketAddr::V4(v4) if !mapped => {
            let out = libc::sockaddr_in {
                sin_family: family(libc::AF_INET),
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: storage is larger than and aligned for every socket address.
            unsafe { (&raw mut *storage).cast::<libc::sockaddr_in>().write(out) };
            return socklen::<libc::sockaddr_in>();
        }
        SocketAddr::V4(v4) => (v4.ip().to_ipv6_mapped(), 0),
        SocketAddr::V6(v6) => (*v6.ip(), v6.scope_id()),
    };
    let out = libc::sockaddr_in6 {
        sin6_family: family(libc::AF_INET6),
        sin6_port: address.port().to_be(),
        sin6_flowinfo: 0,
        sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
        sin6_scope_id: scope,
    };
    // SAFETY: as above.
    unsafe { (&raw mut *storage).cast::<libc::sockaddr_in6>().write(out) };
    socklen::<libc::sockaddr_in6>()
}

fn family(family: libc::c_int) -> libc::sa_family_t {
    libc::sa_family_t::try_from(family).unwrap_or_default()
}

fn socklen<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or_default()
}

fn count(len: usize) -> libc::c_uint {
    libc::c_uint::try_from(len).unwrap_or_default()
}

/// Waits for several descriptors at once.
pub struct Poller {
    epoll: OwnedFd,
    events: Box<[libc::epoll_event; 16]>,
}

impl Poller {
    /// Opens an epoll instance.
    ///
    /// # Errors
    /// Whatever `epoll_create1` reports.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; a negative result is checked before it is owned.
        let epoll = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        Ok(Self { epoll, events: Box::new([libc::epoll_event { events: 0, u64: 0 }; 16]) })
    }

    /// Reports `token` from [`Poller::wait`] while `source` is readable.
    ///
    /// # Errors
    /// Whatever `epoll_ctl` reports.
    pub fn add(&self, source: &impl AsRawFd, token: usize) -> io::Result<()> {
        let token = u64::try_from(token).unwrap_or(u64::MAX);
        let mut event = libc::epoll_event { events: libc::EPOLLIN.cast_unsigned(), u64: token };
        // SAFETY: `event` lives through the call; the kernel copies it.
        let done = unsafe {
            libc::epoll_ctl(
                self.epoll.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                source.as_raw_fd(),
                &raw mut event,
            )
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Waits until something is readable or `timeout` has passed (rounded up to a millisecond),
    /// and gives the tokens that are.
    ///
    /// # Errors
    /// Whatever `epoll_wait` reports; an interruption counts as nothing readable.
    pub fn wait(
        &mut self,
        timeout: Option<Duration>,
    ) -> io::Result<impl Iterator<Item = usize> + use<'_>> {
        let timeout_ms = timeout.map_or(-1, |timeout| {
            libc::c_int::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(libc::c_int::MAX)
        });
        let room = libc::c_int::try_from(self.events.len()).unwrap_or(1);
        // SAFETY: pointer and length describe `self.events`.
        let ready = unsafe {
            libc::epoll_wait(self.epoll.as_raw_fd(), self.events.as_mut_ptr(), room, timeout_ms)
        };
        let ready = match usize::try_from(ready) {
            Ok(ready) => ready,
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => 0,
                error => return Err(error),
            },
        };
        Ok(self.events.iter().take(ready).map(|event| {
            let token = event.u64;
            usize::try_from(token).unwrap_or(usize::MAX)
        }))
    }
}

/// Wakes a thread that sleeps in [`Poller::wait`]; clones wake the same one.
#[derive(Clone, Debug)]
pub struct Waker(Arc<WakerInner>);

#[derive(Debug)]
struct WakerInner {
    event: File,
    /// Set while a wake-up is under way, so that a burst costs one system call.
    pending: AtomicBool,
}

impl Waker {
    /// Opens an eventfd.
    ///
    /// # Errors
    /// Whatever `eventfd` reports.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; a negative result is checked before it is owned.
        let event = owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let inner = WakerInner { event: File::from(event), pending: AtomicBool::new(false) };
        Ok(Self(Arc::new(inner)))
    }

    /// Wakes the thread, now or at its next wait.
    pub fn wake(&self) {
        if !self.0.pending.swap(true, Ordering::AcqRel) {
            // Only fails when the counter is at its end, and then the thread is awake anyway.
            let _ = (&self.0.event).write(&1_u64.to_ne_bytes());
        }
    }

    /// Forgets the wake-ups so far. Call before looking into the queues, never after.
    pub fn clear(&self) {
        let mut counter = [0; 8];
        let _ = (&self.0.event).read(&mut counter);
        self.0.pending.swap(false, Ordering::AcqRel);
    }
}

impl AsRawFd for Waker {
    fn as_raw_fd(&self) -> RawFd {
        self.0.event.as_raw_fd()
    }
}

fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just created by the kernel for us and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Keeps the calling thread on one core. A kernel that refuses (container limits) is no error:
/// pinning is for speed only.
pub fn pin_current_thread(core: usize) {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: an all-zero `cpu_set_t` is the empty set; CPU_SET ignores cores beyond its size.
    unsafe {
        libc::CPU_SET(core % (size_of::<libc::cpu_set_t>() * 8), set.assume_init_mut());
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), set.as_ptr());
    }
}
