//! SRTP and SRTCP in place (RFC 3711, RFC 7714): one [`Outbound`] and one [`Inbound`] per leg.
//!
//! Nothing is believed before it is authenticated: no roll-over counter, replay window or SSRC
//! changes for a packet whose tag is wrong. No allocation per packet. Master keys come from DTLS
//! ([`crate::media::dtls`]) or SDES ([`crate::media::sdes`]); neither lives here.

mod cipher;
mod inbound;
mod kdf;
mod key;
mod outbound;
mod replay;

pub use inbound::Inbound;
pub use key::{SrtpKey, SrtpProfile};
pub use outbound::Outbound;

/// Why a packet was not opened or sealed. The packet's bytes are unspecified afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// Not RTP or RTCP, or too short to carry a tag.
    #[error("not an SRTP packet")]
    Malformed,
    /// The tag is wrong: forged, damaged, or under another key. Nothing changed.
    #[error("authentication failed")]
    Unauthenticated,
    /// Seen before, or older than the window.
    #[error("replayed or too old")]
    Replayed,
    /// Authentic, but this context is at its bound of SSRCs.
    #[error("too many sources")]
    TooManySources,
    /// The buffer has no room for the tag.
    #[error("buffer too short for the tag")]
    NoRoom,
    /// The key may protect no more packets (RFC 3711 §9.2): re-key.
    #[error("key used up")]
    KeyExhausted,
    /// The crypto library refused a key or gave no random bytes.
    #[error("crypto library failure")]
    Crypto,
}

/// The sender SSRC of an RTCP packet, which is also that of its SRTCP context.
fn rtcp_ssrc(packet: &[u8]) -> Result<u32, SrtpError> {
    match packet {
        [flags, _, _, _, a, b, c, d, ..] if flags >> 6 == 2 => {
            Ok(u32::from_be_bytes([*a, *b, *c, *d]))
        }
        _ => Err(SrtpError::Malformed),
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
