//! Opus (RFC 6716) by libopus: one mono channel, at the sample rate the other side of a bridge
//! works at.
//!
//! Owns the codec states and their settings. Buffers are made once; nothing is allocated per
//! packet.

use opusic_c::{Application, Bitrate, Channels, ErrorCode, InbandFec, SampleRate, Signal};

use super::CodecError;

/// Longest packet of one frame (RFC 6716 §3.4 R2), bytes.
pub const PACKET_BYTES_MAX: usize = 1275;

/// The sample rate of the PCM side. The RTP clock of Opus is 48000 whatever this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// 8 kHz: the other leg is G.711.
    Narrowband,
    /// 48 kHz.
    Fullband,
}

impl Rate {
    /// Samples per second.
    #[must_use]
    pub fn hz(self) -> usize {
        match self {
            Self::Narrowband => 8_000,
            Self::Fullband => 48_000,
        }
    }

    /// Samples of the longest packet, 120 ms.
    fn samples_max(self) -> usize {
        self.hz() * 120 / 1000
    }

    fn to_opus(self) -> SampleRate {
        match self {
            Self::Narrowband => SampleRate::Hz8000,
            Self::Fullband => SampleRate::Hz48000,
        }
    }
}

/// What an encoder is tuned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A live talker: in-band FEC for [`EXPECTED_LOSS_PERCENT`], no DTX.
    Speech,
    /// Tones and music rendered ahead.
    Music,
}

/// One mono encoder.
pub struct Encoder {
    inner: opusic_c::Encoder,
    samples: Box<[u16]>,
}

impl Encoder {
    /// An encoder for PCM at `rate`.
    ///
    /// # Errors
    /// `Unavailable` without memory.
    pub fn new(rate: Rate, content: Content) -> Result<Self, CodecError> {
        let application = match content {
            Content::Speech => Application::Voip,
            Content::Music => Application::Audio,
        };
        let mut inner = opusic_c::Encoder::new(Channels::Mono, rate.to_opus(), application)?;
        inner.set_complexity(COMPLEXITY)?;
        inner.set_bitrate(Bitrate::Value(match rate {
            Rate::Narrowband => 24_000,
            Rate::Fullband => 32_000,
        }))?;
        if content == Content::Speech {
            inner.set_signal(Signal::Voice)?;
            inner.set_inband_fec(InbandFec::Mode1)?;
            inner.set_packet_loss(EXPECTED_LOSS_PERCENT)?;
        }
        Ok(Self { inner, samples: vec![0; rate.samples_max()].into_boxed_slice() })
    }

    /// Encodes one frame (2.5 to 60 ms of samples) and returns the packet's length in `packet`.
    ///
    /// # Errors
    /// `Bug` when the number of samples is not a frame's.
    pub fn encode(&mut self, pcm: &[i16], packet: &mut [u8]) -> Result<usize, CodecError> {
        let samples = self.samples.get_mut(..pcm.len()).ok_or(CodecError::Bug)?;
        for (to, from) in samples.iter_mut().zip(pcm) {
            *to = from.cast_unsigned();
        }
        Ok(self.inner.encode_to_slice(samples, packet)?)
    }
}

/// One mono decoder, with concealment of lost packets.
pub struct Decoder {
    inner: opusic_c::Decoder,
    samples: Box<[u16]>,
}

impl Decoder {
    /// A decoder whose PCM comes out at `rate`; stereo packets are mixed down.
    ///
    /// # Errors
    /// `Unavailable` without memory.
    pub fn new(rate: Rate) -> Result<Self, CodecError> {
        let inner = opusic_c::Decoder::new(Channels::Mono, rate.to_opus())?;
        Ok(Self { inner, samples: vec![0; rate.samples_max()].into_boxed_slice() })
    }

    /// Decodes a packet to the beginning of `pcm`, which holds 120 ms, and returns its samples.
    ///
    /// # Errors
    /// `PeerMisbehaved` when the payload is no Opus packet; the decoder's state is unchanged.
    pub fn decode(&mut self, packet: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        if packet.is_empty() {
            return Err(CodecError::PeerMisbehaved);
        }
        let decoded = self.inner.decode_to_slice(packet, &mut self.samples, false)?;
        for (to, from) in pcm.iter_mut().zip(self.samples.iter().take(decoded)) {
            *to = from.cast_signed();
        }
        Ok(decoded.min(pcm.len()))
    }

    /// Fills `pcm`, a multiple of 2.5 ms, with what was lost right before the packet `next`: its
    /// in-band FEC for the last frame if it carries any, concealment for the rest. Without
    /// `next`, concealment alone.
    ///
    /// # Errors
    /// `Bug` for another length; `PeerMisbehaved` when `next` is no Opus packet.
    pub fn conceal(&mut self, next: Option<&[u8]>, pcm: &mut [i16]) -> Result<(), CodecError> {
        let next = next.unwrap_or_default();
        let samples = self.samples.get_mut(..pcm.len()).ok_or(CodecError::Bug)?;
        self.inner.decode_to_slice(next, samples, !next.is_empty())?;
        for (to, from) in pcm.iter_mut().zip(samples.iter()) {
            *to = from.cast_signed();
        }
        Ok(())
    }

    /// How many samples of PCM a packet holds; `None` when it is no Opus packet.
    #[must_use]
    pub fn samples_of(&self, packet: &[u8]) -> Option<usize> {
        if packet.is_empty() { None } else { self.inner.get_nb_samples(packet).ok() }
    }
}

impl From<ErrorCode> for CodecError {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::AllocFail => Self::Unavailable,
            ErrorCode::InvalidPacket => Self::PeerMisbehaved,
            ErrorCode::Ok
            | ErrorCode::BadArg
            | ErrorCode::InvalidState
            | ErrorCode::BufferTooSmall
            | ErrorCode::Internal
            | ErrorCode::Unimplemented
            | ErrorCode::Unknown => Self::Bug,
        }
    }
}

/// 0–10. The budget of a transcoded call counts with 5.
const COMPLEXITY: u8 = 5;

/// The loss the encoder prepares for; above zero it adds in-band FEC to the packets.
pub const EXPECTED_LOSS_PERCENT: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 160;

    /// Silence, then from the 30th frame on a voice.
    fn word(at: usize) -> i16 {
        let step = 2.0 * std::f64::consts::PI * 220.0 / 8000.0;
        let voice = (at as f64 * step).sin() + 0.5 * (at as f64 * step * 2.0).sin();
        if at < 30 * FRAME { 0 } else { (voice * 6000.0) as i16 }
    }

    fn energy(pcm: &[i16]) -> f64 {
        pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum()
    }

    /// A word begins in the lost packet: concealment cannot know it, the next packet's FEC does.
    #[test]
    fn in_band_fec_brings_back_what_concealment_cannot() {
        let mut encoder = Encoder::new(Rate::Narrowband, Content::Speech).unwrap();
        let mut plain = Decoder::new(Rate::Narrowband).unwrap();
        let mut repaired = Decoder::new(Rate::Narrowband).unwrap();
        let mut packet = [0; PACKET_BYTES_MAX];
        let mut pcm = [0; 960];
        for frame in 0..32 {
            let samples: Vec<i16> = (frame * FRAME..(frame + 1) * FRAME).map(word).collect();
            let len = encoder.encode(&samples, &mut packet).unwrap();
            match frame {
                30 => {}
                31 => {
                    let mut lost = [0; 160];
                    plain.conceal(None, &mut lost).unwrap();
                    let without = energy(&lost);
                    repaired.conceal(Some(&packet[..len]), &mut lost).unwrap();
                    assert!(energy(&lost) > 100.0 * without.max(1e6), "{without}");
                }
                _ => {
                    plain.decode(&packet[..len], &mut pcm).unwrap();
                    repaired.decode(&packet[..len], &mut pcm).unwrap();
                }
            }
        }
    }

    #[test]
    fn what_is_no_packet_is_the_peers_fault_and_changes_nothing() {
        let mut decoder = Decoder::new(Rate::Narrowband).unwrap();
        let mut pcm = [0; 960];
        for bad in [&[][..], &[0xff; 1276], &[0x03]] {
            assert_eq!(decoder.decode(bad, &mut pcm), Err(CodecError::PeerMisbehaved));
            assert_eq!(decoder.samples_of(bad).filter(|_| bad.len() != 1276), None);
        }
        assert_eq!(decoder.conceal(None, &mut pcm[..150]), Err(CodecError::Bug));
        assert_eq!(decoder.conceal(None, &mut pcm[..160]), Ok(()));
    }
}
