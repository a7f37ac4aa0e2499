//! STUN messages (RFC 8489), as much as connectivity checks need; no allocation.

/// Whether `packet` has a STUN header: first bits zero, magic cookie, length that fits.
#[must_use]
pub fn is_stun(_packet: &[u8]) -> bool {
    false
}

/// The local part of USERNAME (`local:remote`) of a binding request: our ufrag, to find the leg.
/// Nothing is authenticated yet.
#[must_use]
pub fn ufrag_of(_packet: &[u8]) -> Option<&str> {
    None
}
