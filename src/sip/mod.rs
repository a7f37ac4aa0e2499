//! SIP: wire format, transactions, dialogs, user agent. Pure: no socket, clock, task or lock.
//!
//! Bytes become a [`Message`] by [`Message::parse`] (one datagram or WebSocket frame) after a
//! [`framing::StreamFramer`] cut them from a TLS or TCP stream, and become bytes again by
//! [`Message::write`]. Bodies are bytes here; SDP is `crate::sdp`'s.
//!
//! Our own wire layer because measured alternatives get a third of RFC 4475 wrong; `rsip` stays as
//! vocabulary and as a differential check in `tests/torture.rs`.
//! RFC 3261 §7, §19, §20, §25; RFC 4475; RFC 5118; RFC 7118.

pub mod digest;
pub mod framing;
pub mod header;
pub mod message;
pub mod text;
pub mod uri;

mod host;
mod lex;
mod method;
mod params;
mod parse;
mod parse_error;
#[cfg(test)]
mod properties;
mod status;
mod write;

pub mod dialog;
pub mod registration;
pub mod transaction;
pub mod user_agent;

pub use header::{CSeq, Headers, Via};
pub use message::{Message, Method, ParseError, Request, Response, StatusCode};
pub use uri::{Host, Malformed, NameAddr, Params, Scheme, Uri};
