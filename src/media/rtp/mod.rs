//! RTP and what protects and reports on it: headers (RFC 3550), SRTP (RFC 3711, RFC 7714), RTCP,
//! reception statistics.
//!
//! Owns no socket and no clock; works in place on packets the caller holds.

pub mod packet;
pub mod reception;
pub mod rtcp;
pub mod srtp;

pub use packet::{PacketKind, RtpHeader};
pub use reception::ReceptionStats;
