//! The shard: every audio leg of one worker, as a sans-IO machine.
//!
//! Owns the demultiplexing of the worker's sockets (RFC 7983), SRTP of both sides of a call, the
//! renumbering from leg to leg, key presses, prompts, RTCP, consent and silence. Owns no socket,
//! clock or thread: packets, time and the results of the handshake and codec threads come in,
//! packets, events and requests to those threads go out. Drain [`Shard::poll_output`] and
//! [`Shard::poll_codec`] after every call, and call [`Shard::handle_timeout`] at
//! [`Shard::poll_timeout`].
//!
//! A relayed packet is opened, renumbered and sealed in the buffer it was received in: no lock, no
//! allocation, no copy of its payload.

mod browser;
mod control;
mod counter;
mod keys;
mod leg;
mod machine;
mod message;
mod outbox;
mod packet_buf;
mod player;
mod rate;
mod receive;
mod relay;
mod report;
mod stream;
mod table;
mod timeout;
mod trunk;

#[cfg(test)]
mod tests;

pub use counter::{Counter, Counters};
pub use machine::{Shard, ShardConfig};
pub use message::{
    CODEC_PAYLOAD_MAX, CodecFrame, CodecJob, CodecKey, CodecPayload, CodecWork, HandshakeOutcome,
    HandshakeReport, HandshakeRequest, HandshakeTerms, LegKey, Output, Socket, Verdict,
};
pub use packet_buf::PacketBuf;
