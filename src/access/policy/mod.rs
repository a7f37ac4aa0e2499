//! Who may do what: the one place that compares levels, roles and scopes.
//!
//! [`Permission`] says which levels and which roles may; [`Endpoint`] lists every route of the
//! API with what it needs, [`Message`] every SIP request a phone may send, [`Page`] every entry of
//! the sidebar. The router, the sockets and the pages are built from these tables, so what is in
//! no table does not exist.

mod endpoint;
mod message;
mod page;
mod permission;

pub use endpoint::{Endpoint, Need, RateClass, Rule, Verb};
pub use message::Message;
pub use page::Page;
pub use permission::{Permission, Rights};
