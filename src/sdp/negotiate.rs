//! Which codec a leg uses: the same end to end when both sides have it, so that audio is relayed
//! and not transcoded.

use super::description::{Audio, OfferedCodec};
use crate::media::format::{AudioFormat, Codec, DtmfFormat};

/// Chooses the format of a leg from what its peer offers.
///
/// `far` is the codec of the other leg when it is already known: it wins if the peer has it.
/// Otherwise the peer's first codec that is in `allowed` is taken.
#[must_use]
pub fn choose(peer: &Audio, far: Option<Codec>, allowed: &[Codec]) -> Option<AudioFormat> {
    let usable = |offered: &&OfferedCodec| allowed.contains(&offered.codec);
    let same = peer.codecs.iter().filter(usable).find(|offered| Some(offered.codec) == far);
    let chosen = same.or_else(|| peer.codecs.iter().find(usable))?;
    Some(AudioFormat {
        codec: chosen.codec,
        payload_type: chosen.payload_type,
        dtmf: dtmf_for(&peer.dtmf, chosen.codec),
    })
}

/// The `telephone-event` format with the clock of `codec`, or any (INTEROP case 35).
fn dtmf_for(formats: &[DtmfFormat], codec: Codec) -> Option<DtmfFormat> {
    let same_clock = formats.iter().find(|format| format.clock_rate == codec.clock_rate());
    same_clock.or_else(|| formats.first()).copied()
}

/// The codecs to offer to the second leg: those the first leg has, in its order, then the rest we
/// could transcode to, all within `allowed`.
#[must_use]
pub fn offerable(first: &[OfferedCodec], allowed: &[Codec]) -> Vec<Codec> {
    let mut codecs: Vec<Codec> =
        first.iter().map(|offered| offered.codec).filter(|codec| allowed.contains(codec)).collect();
    for codec in allowed {
        if !codecs.contains(codec) {
            codecs.push(*codec);
        }
    }
    codecs
}
