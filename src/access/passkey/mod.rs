//! Passkeys: what WebAuthn Level 3 has a server check, and nothing else.
//!
//! Bytes in, a value or a refusal out: no socket, clock, lock or database. Attestation is not
//! asked for and not looked at: who may sign in is a matter of the account, not of the make of its
//! authenticator. Every length is bounded before anything is read.

mod assertion;
#[cfg(test)]
pub(super) mod authenticator;
mod authenticator_data;
mod client_data;
mod public_key;
mod refusal;
mod registration;
mod site;
#[cfg(test)]
mod tests;

pub use assertion::Assertion;
pub use public_key::ALGORITHMS;
pub use refusal::PasskeyRefusal;
pub use registration::{NewCredential, Registration};
pub use site::Site;

pub(super) use assertion::Known;
