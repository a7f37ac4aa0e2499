//! Sockets: what reaches the network and nothing that understands what is sent over it.

pub mod dev_certificate;
pub mod fetch;
pub mod tls;
pub mod udp;
