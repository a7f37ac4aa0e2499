//! Who may come in, as whom, and what they may do.
//!
//! Owns passwords, sessions, tokens, tickets and the one table of rights. Knows no HTTP and no
//! SIP: edges bring texts in and get a [`Principal`] or a reason.

mod desk;
mod password;
pub mod policy;
mod principal;
mod random;
mod revocation;
mod session;
mod start_link;
mod ticket;
mod token;

pub use desk::{Access, AccessError, DevAgent, NewPerson, PersonError};
pub use password::{PasswordError, Passwords};
pub use principal::{Level, Principal, SessionId, UserId};
pub use revocation::{Revocations, SessionEnded};
pub use session::{Client, SessionError, SignedIn};
pub use start_link::StartLinks;
pub use ticket::Tickets;
pub use token::{Minted, TokenError, Tokens};
