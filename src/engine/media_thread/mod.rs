//! The media workers: one thread per core that owns sockets and a [`crate::media::Shard`], with a
//! codec thread each and a handshake thread for every two, so that neither Opus nor DTLS ever
//! delays a packet.
//!
//! Threads talk through bounded queues and an eventfd. What is full drops and counts; nothing
//! blocks but the wait for work. [`MediaWorkers`] starts and stops them, a [`WorkerHandle`] is how
//! a call reaches its worker.

mod codec;
mod handle;
mod handshake;
mod queue;
mod sockets;
mod start;
mod timers;
mod worker;

#[cfg(test)]
mod tests;

pub use handle::{WorkerFull, WorkerHandle};
pub use start::{MediaConfig, MediaStartError, MediaWorkers};
