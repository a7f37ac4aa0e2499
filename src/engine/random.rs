//! Random values for ICE, SDP and identifiers, from the crypto library's generator.

use aws_lc_rs::rand;

use crate::media::command::IceCredentials;

/// The 64 characters that ICE allows everywhere (RFC 8839 §5.4 `ice-char`).
const ICE_CHARACTERS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `N` random bytes. The generator cannot fail after start-up on the platforms we run on; should
/// it ever, the zero bytes it leaves only make an identifier repeat, and DTLS, which draws its own,
/// refuses to start.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if rand::fill(&mut bytes).is_err() {
        tracing::error!("the system gave no random bytes");
    }
    bytes
}

/// A random number.
#[must_use]
pub fn number() -> u64 {
    u64::from_ne_bytes(bytes())
}

/// ICE credentials: 48 bits of ufrag, 144 of password (RFC 8445 §5.3 asks for 24 and 128).
#[must_use]
pub fn ice_credentials() -> IceCredentials {
    IceCredentials { ufrag: ice_text(bytes::<8>()), pwd: ice_text(bytes::<24>()) }
}

fn ice_text<const N: usize>(bytes: [u8; N]) -> String {
    bytes
        .into_iter()
        .filter_map(|byte| ICE_CHARACTERS.get(usize::from(byte & 63)))
        .map(|character| char::from(*character))
        .collect()
}
