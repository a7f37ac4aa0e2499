//! Who may come in, as whom, and what they may do.
//!
//! Owns passwords, sessions, tokens, tickets and the one table of rights. Knows no HTTP and no
//! SIP: edges bring texts in and get a [`Principal`] or a reason.

mod account;
pub mod api_key;
pub mod audit;
pub mod client_ip;
pub mod connection;
mod desk;
mod desks;
mod dev;
mod device;
mod email_code;
mod ending;
mod error;
mod factor_admin;
mod factor_asked;
mod factor_set_up;
mod guess;
mod history;
mod identity;
mod letter;
mod live;
pub mod organisation;
pub mod passkey;
mod passkey_set_up;
mod passkey_shown;
mod password;
pub mod password_policy;
pub mod pin;
pub mod policy;
mod principal;
mod random;
mod recovery_code;
mod revocation;
mod rights;
mod second_factor;
mod session;
mod set_up;
pub mod settings;
mod shared;
mod sign_in;
mod sign_up;
mod start_link;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod throttle;
mod ticket;
mod token;
mod totp;
pub mod trail;
pub mod user_agent;

pub use account::Account;
pub use client_ip::TrustedProxies;
pub use connection::Connections;
pub use desk::{Access, AccessParts};
pub use dev::DevAgent;
pub use device::DEVICE_COOKIE_LIFE;
pub use error::AccessError;
pub use factor_admin::FactorOf;
pub use factor_set_up::NewTotp;
pub use history::History;
pub use identity::Identity;
pub use letter::{Letter, Mailbox};
pub use organisation::{AssignedNumber, CallingNumber, NumberError, Organisation};
pub use passkey_set_up::{MadePasskey, NewPasskey, PasskeyToMake};
pub use passkey_shown::{KnownPasskey, PasskeyToShow};
pub use password::{PasswordError, Passwords};
pub use password_policy::PasswordRefusal;
pub use principal::{Actor, Level, Principal, Proof, Role, SessionId, UserId, WorkspaceId};
pub use revocation::{Revocations, SessionEnded};
pub use rights::RightsChanged;
pub use second_factor::{FactorStatus, Method, SecondFactor};
pub use session::{Checked, Client, Of, SessionDesk, SessionError, SignedIn};
pub use set_up::{SetUp, SetUpRequest};
pub use sign_in::{SignIn, SignInStep};
pub use sign_up::SignUpRequest;
pub use start_link::StartLinks;
pub use ticket::{TicketError, Tickets};
pub use token::{Minted, TokenError, Tokens};
