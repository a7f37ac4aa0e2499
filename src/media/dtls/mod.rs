//! DTLS-SRTP (RFC 5763, RFC 5764, RFC 9147) with one browser: certificates, the handshake, SRTP keys.
//!
//! The handshake itself is `dimpl`'s; ours is what it lacks: reassembly of fragmented handshake
//! messages under a bound, the fingerprint check before any key is given out, deafness to plaintext
//! once secured.

mod identity;
mod peer;
mod reassembly;

pub use identity::DtlsIdentity;
pub use peer::{DtlsFailure, DtlsOutput, DtlsPeer};
