//! Audio the server itself speaks: the test tone with music, ringback, and key tones; encoded
//! once per codec at start.
//!
//! Owns the samples and the encoded frames. Does not own timing: the caller sends one frame per
//! [`FRAME`], advances the timestamp by [`timestamp_step`], and starts again at the end of a
//! prompt, which all loop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::codec::CodecError;
use super::codec::g711::Law;
use super::codec::opus::{Content, Encoder, PACKET_BYTES_MAX, Rate};
use super::command::Prompt;
use super::format::Codec;

/// How much audio one frame holds.
pub const FRAME: Duration = Duration::from_millis(20);

/// Encoded 20 ms frames, one RTP payload each, to be sent [`FRAME`] apart.
pub type Frames = Arc<[Box<[u8]>]>;

/// RTP timestamp units of one frame.
#[must_use]
pub fn timestamp_step(codec: Codec) -> u32 {
    codec.clock_rate() / 50
}

/// Everything the server can play, encoded for every codec; shared by all workers.
pub struct Prompts {
    prompts: HashMap<(Prompt, Codec), Frames>,
    key_tones: HashMap<(char, Codec), Frames>,
}

impl Prompts {
    /// Synthesises and encodes all of it (under 0.3 s of CPU in a release build).
    ///
    /// # Errors
    /// `Unavailable` when libopus gets no memory.
    pub fn render() -> Result<Self, CodecError> {
        let mut prompts = HashMap::new();
        for (prompt, pcm) in
            [(Prompt::ToneThenMusic, tone_then_music()), (Prompt::Ringback, ringback())]
        {
            for codec in CODECS {
                prompts.insert((prompt, codec), encode(&pcm, codec)?);
            }
        }
        let mut key_tones = HashMap::new();
        for (digit, low, high) in KEYS {
            let pcm = key_tone(low, high);
            for codec in CODECS {
                key_tones.insert((digit, codec), encode(&pcm, codec)?);
            }
        }
        Ok(Self { prompts, key_tones })
    }

    /// The frames of a prompt; looped without a seam by starting over.
    #[must_use]
    pub fn frames(&self, prompt: Prompt, codec: Codec) -> Frames {
        self.prompts.get(&(prompt, codec)).cloned().unwrap_or_default()
    }

    /// A key's dual tone, 200 ms, then 100 ms of silence; `None` if `digit` is no key.
    #[must_use]
    pub fn key_tone(&self, digit: char, codec: Codec) -> Option<Frames> {
        self.key_tones.get(&(digit.to_ascii_uppercase(), codec)).cloned()
    }
}

impl std::fmt::Debug for Prompts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prompts").field("prompts", &self.prompts.len()).finish_non_exhaustive()
    }
}

/// Encodes PCM at 48 kHz, whole frames of it. Nothing rendered here reaches 4 kHz, so that every
/// sixth sample is the same sound at 8 kHz.
fn encode(pcm: &[i16], codec: Codec) -> Result<Frames, CodecError> {
    let law = match codec {
        Codec::Opus => return encode_opus(pcm),
        Codec::Pcmu => Law::Mu,
        Codec::Pcma => Law::A,
    };
    let narrow: Vec<i16> = pcm.iter().step_by(RATE / 8000).copied().collect();
    let compress = |frame: &[i16]| {
        let mut payload = vec![0; frame.len()].into_boxed_slice();
        law.encode(frame, &mut payload);
        payload
    };
    Ok(narrow.chunks_exact(8000 / 50).map(compress).collect())
}

fn encode_opus(pcm: &[i16]) -> Result<Frames, CodecError> {
    let mut encoder = Encoder::new(Rate::Fullband, Content::Music)?;
    let mut packet = [0; PACKET_BYTES_MAX];
    pcm.chunks_exact(RATE / 50)
        .map(|frame| {
            let len = encoder.encode(frame, &mut packet)?;
            Ok(packet.get(..len).unwrap_or_default().into())
        })
        .collect()
}

/// 440 Hz for five seconds, then ten seconds of broken chords of our own, with silence at the
/// seam of the loop.
fn tone_then_music() -> Vec<i16> {
    let mut sound = Sound::silence(15_000);
    sound.add_tone(0, 4_980, 440.0, 0.25);
    for (bar, root) in CHORDS.iter().enumerate() {
        for (step, semitones) in FIGURE.iter().enumerate() {
            let hz = root * 2_f32.powf(semitones / 12.0);
            sound.add_pluck(5_200 + (bar * FIGURE.len() + step) * 280, hz);
        }
    }
    sound.finish()
}

/// The cadence of most of Europe: 425 Hz, one second on, four off.
fn ringback() -> Vec<i16> {
    let mut sound = Sound::silence(5_000);
    sound.add_tone(0, 1_000, 425.0, 0.2);
    sound.finish()
}

/// ITU-T Q.23.
fn key_tone(low: f32, high: f32) -> Vec<i16> {
    let mut sound = Sound::silence(300);
    sound.add_tone(0, 200, low, 0.2);
    sound.add_tone(0, 200, high, 0.2);
    sound.finish()
}

/// Samples at 48 kHz, 1.0 at full scale.
struct Sound(Vec<f32>);

impl Sound {
    fn silence(ms: usize) -> Self {
        Self(vec![0.0; ms * RATE / 1000])
    }

    /// Adds a sine with edges of 5 ms, so that it begins and ends without a click.
    fn add_tone(&mut self, from_ms: usize, len_ms: usize, hz: f32, amplitude: f32) {
        let len = len_ms * RATE / 1000;
        let edge = 5 * RATE / 1000;
        let oscillator = Oscillator::new(hz);
        let samples = self.0.iter_mut().skip(from_ms * RATE / 1000).take(len);
        for (at, (sample, wave)) in samples.zip(oscillator).enumerate() {
            let from_edge = (at + 1).min(len - at).min(edge);
            *sample += wave * amplitude * from_edge as f32 / edge as f32;
        }
    }

    /// Adds a note like a plucked string: three partials that die away, the higher the sooner.
    fn add_pluck(&mut self, from_ms: usize, hz: f32) {
        for (partial, amplitude) in [(1.0, 0.16), (2.0, 0.06), (3.0, 0.03)] {
            let decay = (-partial * 3.0 / RATE as f32).exp();
            let attack = (RATE / 200) as f32;
            let samples = self.0.iter_mut().skip(from_ms * RATE / 1000).take(RATE * 9 / 10);
            let mut level = amplitude;
            for (at, (sample, wave)) in samples.zip(Oscillator::new(hz * partial)).enumerate() {
                let release = 1.0 - at as f32 / (RATE * 9 / 10) as f32;
                *sample += wave * level * release * (at as f32 / attack).min(1.0);
                level *= decay;
            }
        }
    }

    fn finish(self) -> Vec<i16> {
        self.0.into_iter().map(|sample| (sample * 32_767.0) as i16).collect()
    }
}

/// A sine by rotation of a unit vector: two multiplications per sample instead of a `sin`.
struct Oscillator {
    vector: (f64, f64),
    turn: (f64, f64),
}

impl Oscillator {
    fn new(hz: f32) -> Self {
        let (sin, cos) = (std::f64::consts::TAU * f64::from(hz) / RATE as f64).sin_cos();
        Self { vector: (0.0, 1.0), turn: (sin, cos) }
    }
}

impl Iterator for Oscillator {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        let ((y, x), (sin, cos)) = (self.vector, self.turn);
        self.vector = (y * cos + x * sin, x * cos - y * sin);
        Some(y as f32)
    }
}

const CODECS: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];

/// Samples per second of everything rendered.
const RATE: usize = 48_000;

/// Roots of the four bars, Hz: C, A, F, G below middle C.
const CHORDS: [f32; 4] = [261.63, 220.0, 174.61, 196.0];

/// Semitones above the root of the eight notes of a bar.
const FIGURE: [f32; 8] = [0.0, 7.0, 12.0, 16.0, 19.0, 16.0, 12.0, 7.0];

/// Keys and their two frequencies (ITU-T Q.23), Hz.
const KEYS: [(char, f32, f32); 16] = [
    ('1', 697.0, 1209.0),
    ('2', 697.0, 1336.0),
    ('3', 697.0, 1477.0),
    ('A', 697.0, 1633.0),
    ('4', 770.0, 1209.0),
    ('5', 770.0, 1336.0),
    ('6', 770.0, 1477.0),
    ('B', 770.0, 1633.0),
    ('7', 852.0, 1209.0),
    ('8', 852.0, 1336.0),
    ('9', 852.0, 1477.0),
    ('C', 852.0, 1633.0),
    ('*', 941.0, 1209.0),
    ('0', 941.0, 1336.0),
    ('#', 941.0, 1477.0),
    ('D', 941.0, 1633.0),
];

#[cfg(test)]
mod tests {
    use super::super::codec::opus::Decoder;
    use super::*;

    /// What a listener hears at 8 kHz when the frames are played twice over.
    fn heard_twice(frames: &Frames, codec: Codec) -> Vec<i16> {
        let mut decoder = Decoder::new(Rate::Narrowband).unwrap();
        let mut heard = Vec::new();
        for payload in frames.iter().chain(frames.iter()) {
            let mut pcm = [0; 960];
            let len = match codec {
                Codec::Opus => decoder.decode(payload, &mut pcm).unwrap(),
                Codec::Pcmu => Law::Mu.decode(payload, &mut pcm),
                Codec::Pcma => Law::A.decode(payload, &mut pcm),
            };
            assert_eq!(len, 160);
            heard.extend_from_slice(&pcm[..len]);
        }
        heard
    }

    /// Share of the power of `pcm` that lies at `hz`.
    fn share_at(pcm: &[i16], hz: f32) -> f64 {
        let step = std::f64::consts::TAU * f64::from(hz) / 8000.0;
        let (mut sin, mut cos, mut power) = (0.0, 0.0, 1e-9);
        for (at, sample) in pcm.iter().enumerate() {
            let value = f64::from(*sample);
            sin += value * (at as f64 * step).sin();
            cos += value * (at as f64 * step).cos();
            power += value * value;
        }
        2.0 * (sin * sin + cos * cos) / (power * pcm.len() as f64)
    }

    fn loudest(pcm: &[i16]) -> u16 {
        pcm.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0)
    }

    #[test]
    fn the_tone_is_440_hz_for_five_seconds_then_music_and_both_again() {
        let prompts = Prompts::render().unwrap();
        for codec in CODECS {
            let frames = prompts.frames(Prompt::ToneThenMusic, codec);
            assert_eq!(frames.len(), 15 * 50);
            let heard = heard_twice(&frames, codec);
            for start in [0, 15 * 8000] {
                let tone = &heard[start + 800..start + 39_000];
                assert!(share_at(tone, 440.0) > 0.99, "{codec:?} {}", share_at(tone, 440.0));
                let music = &heard[start + 42_000..start + 118_000];
                assert!(share_at(music, 440.0) < 0.3 && loudest(music) > 3000, "{codec:?}");
                assert!(loudest(music) < 20_000);
            }
            assert!(loudest(&heard[15 * 8000 - 80..15 * 8000]) < 100, "quiet at the seam");
        }
    }

    #[test]
    fn ringback_is_425_hz_for_one_second_in_five() {
        let prompts = Prompts::render().unwrap();
        for codec in CODECS {
            let heard = heard_twice(&prompts.frames(Prompt::Ringback, codec), codec);
            assert_eq!(heard.len(), 2 * 40_000);
            for start in [0, 40_000] {
                assert!(share_at(&heard[start + 400..start + 8000], 425.0) > 0.98);
                assert!(loudest(&heard[start + 8800..start + 39_900]) < 100);
            }
        }
    }

    #[test]
    fn every_key_has_its_two_frequencies_in_every_codec() {
        let prompts = Prompts::render().unwrap();
        for codec in CODECS {
            for (digit, low, high) in KEYS {
                let frames = prompts.key_tone(digit, codec).unwrap();
                assert_eq!(frames.len(), 15);
                let heard = heard_twice(&frames, codec);
                let tone = &heard[160..1600];
                let shares = (share_at(tone, low), share_at(tone, high));
                assert!(shares.0 > 0.4 && shares.1 > 0.4, "{codec:?} {digit} {shares:?}");
            }
            assert!(prompts.key_tone('x', codec).is_none());
            assert!(prompts.key_tone('a', codec).is_some());
        }
    }
}
