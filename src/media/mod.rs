//! Audio: RTP and what protects it, codecs, and the shard that joins legs packet by packet.
//!
//! Pure: no socket, thread, task or database lives here, and nothing here knows SIP, SDP or agents.
//! The threads that own the sockets are in [`crate::engine`]; they talk in [`command`]'s words.

pub mod codec;
pub mod command;
pub mod dtls;
pub mod dtmf;
pub mod format;
pub mod ice;
pub mod jitter;
pub mod prompt;
pub mod rtp;
pub mod sdes;
pub mod shard;

pub use command::{
    BrowserRemote, Command, DtlsRole, Event, Failure, IceCredentials, LegCounts, Prompt,
    TrunkRemote,
};
pub use format::{AudioFormat, Codec, Direction, DtmfFormat};
pub use shard::Shard;
