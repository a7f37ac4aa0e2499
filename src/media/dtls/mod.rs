//! DTLS-SRTP (RFC 5763, RFC 5764, RFC 9147) with one browser: certificate, handshake, SRTP keys.
//!
//! The handshake itself is `dimpl`'s; ours is what it lacks: whole handshake messages under a bound
//! (`reassembly`), the fingerprint check before any key is given out, deafness to plaintext once
//! secured, and giving its memory back while the call goes on.

mod identity;
mod peer;
mod reassembly;

pub use identity::{DtlsIdentity, IdentityError};
pub use peer::{DtlsFailure, DtlsOutput, DtlsPeer};

#[cfg(test)]
mod interop;
#[cfg(test)]
mod tests;
