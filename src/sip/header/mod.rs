//! Header fields: the ordered list with its names, and the values this program reads.
//!
//! Values stay text until asked for; a typed accessor of [`Headers`] parses on each call.

mod cseq;
mod fields;
mod name;
mod name_addr;
mod typed;
mod via;

pub(in crate::sip) use name::is_content_length;

pub use cseq::CSeq;
pub use fields::{Headers, InvalidHeader};
pub use name_addr::NameAddr;
pub use via::Via;
