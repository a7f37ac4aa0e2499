//! Ringfence: the secure edge and control room in front of a call centre's PBX.
//!
//! Browser softphones connect over WSS with a short-lived token; Ringfence terminates their
//! DTLS-SRTP and bridges every call by SIP over TLS to the PBX, with credentials that no browser
//! ever sees. `ARCHITECTURE.md` walks through the tree.
//!
//! The modules are layers: each imports only from those above it.

// Words and formats: pure, no socket, clock, task or lock.
pub mod base;
pub mod config;
pub mod telemetry;

pub mod call;
pub mod media;
pub mod sdp;
pub mod sip;

// Services: they know the database, not the network.
pub mod access;
pub mod store;
pub mod vault;

// Shells: they own sockets, tasks and threads.
pub mod engine;
pub mod mail;
pub mod net;
pub mod oidc;

// Edges.
pub mod cli;
pub mod http;
pub mod run;
pub mod server;
