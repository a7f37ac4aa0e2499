//! Digest authentication, client and server: MD5 and SHA-256, `qop=auth` or none, never
//! `auth-int`. RFC 7616, RFC 8760, RFC 3261 §22.
//!
//! Owns no header list and no transaction: challenges and answers are header values. Whether a
//! request may be sent again, and which user has which password, is decided by the caller.

mod algorithm;
mod auth_params;
mod challenge;
mod client;
mod nonce;
mod server;

pub use algorithm::Algorithm;
pub use challenge::{Challenge, ChallengedBy, challenges, choose};
pub use client::{Credentials, DigestClient};
pub use server::{DigestError, DigestSecret, DigestServer};
