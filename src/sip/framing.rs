//! Cuts messages from a TLS or TCP stream. RFC 3261 §7.5, §18.3; RFC 5626 §3.5.1.
