//! ICE-lite (RFC 8445 §2.5, §7.3): answers a browser's connectivity checks and learns its address.
//!
//! Reads no clock and owns no socket. An address means nothing until a check from it carried the
//! right MESSAGE-INTEGRITY. Consent (RFC 7675) is data here: [`IceLite::last_check`].

mod crc32;
mod lite;
mod stun;

pub use lite::{DropReason, IceLite, Outcome};
pub use stun::{is_stun, ufrag_of};
