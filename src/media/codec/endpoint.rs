//! The two ends of a transcoder: packets to 8 kHz mono PCM, and PCM to packets, of any codec.
//!
//! Owns codec state. Does not know sequence numbers, timestamps or losses before it is told.

use super::CodecError;
use super::concealment::Concealment;
use super::g711::Law;
use super::opus::{self, Content, Rate};
use crate::media::format::Codec;

/// What turns the talking leg's packets into PCM.
pub(super) enum Source {
    G711(Law, Box<Concealment>),
    Opus(opus::Decoder),
}

impl Source {
    pub(super) fn new(codec: Codec) -> Result<Self, CodecError> {
        Ok(match codec {
            Codec::Pcmu => Self::G711(Law::Mu, Box::new(Concealment::new())),
            Codec::Pcma => Self::G711(Law::A, Box::new(Concealment::new())),
            Codec::Opus => Self::Opus(opus::Decoder::new(Rate::Narrowband)?),
        })
    }

    /// How many samples a payload holds; `None` when it is no packet of the codec.
    pub(super) fn samples_of(&self, payload: &[u8]) -> Option<usize> {
        match self {
            Self::G711(..) => Some(payload.len()),
            Self::Opus(decoder) => decoder.samples_of(payload),
        }
        .filter(|samples| (1..=PACKET_SAMPLES_MAX).contains(samples))
    }

    /// Decodes to the beginning of `pcm`, which holds [`PACKET_SAMPLES_MAX`].
    pub(super) fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        match self {
            Self::G711(law, concealment) => {
                let decoded = law.decode(payload, pcm);
                concealment.heard(pcm.get_mut(..decoded).unwrap_or_default());
                Ok(decoded)
            }
            Self::Opus(decoder) => decoder.decode(payload, pcm),
        }
    }

    /// How many of `samples` can be made up: libopus does it in steps of 2.5 ms.
    pub(super) fn concealable(&self, samples: usize) -> usize {
        match self {
            Self::G711(..) => samples,
            Self::Opus(_) => samples - samples % (FRAME_SAMPLES / 8),
        }
    }

    /// Fills `pcm` with what may have been lost; silence if that fails.
    pub(super) fn conceal(&mut self, next: Option<&[u8]>, pcm: &mut [i16]) {
        match self {
            Self::G711(_, concealment) => concealment.conceal(pcm),
            Self::Opus(decoder) => {
                if decoder.conceal(next, pcm).is_err() {
                    pcm.fill(0);
                }
            }
        }
    }
}

/// What turns PCM into the listening leg's packets.
pub(super) enum Target {
    G711(Law),
    Opus(opus::Encoder),
}

impl Target {
    pub(super) fn new(codec: Codec) -> Result<Self, CodecError> {
        Ok(match codec {
            Codec::Pcmu => Self::G711(Law::Mu),
            Codec::Pcma => Self::G711(Law::A),
            Codec::Opus => Self::Opus(opus::Encoder::new(Rate::Narrowband, Content::Speech)?),
        })
    }

    /// Encodes one frame and returns the length of its payload.
    pub(super) fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        match self {
            Self::G711(law) => Ok(law.encode(pcm, payload)),
            Self::Opus(encoder) => encoder.encode(pcm, payload),
        }
    }
}

/// Samples of one output frame: 20 ms at 8 kHz.
pub(super) const FRAME_SAMPLES: usize = 160;

/// Samples of the longest packet taken, 120 ms: the most that Opus allows.
pub(super) const PACKET_SAMPLES_MAX: usize = 6 * FRAME_SAMPLES;
