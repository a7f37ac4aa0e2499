//! What a leg hears, and the prompts and key tones the server plays to it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::base::limit;
use crate::media::command::Prompt;
use crate::media::format::Codec;
use crate::media::prompt::{FRAME, Frames, Prompts};

/// The one source of what is sent to a leg.
pub(super) enum Hears {
    /// Nothing.
    Silence,
    /// The leg in this slot; itself for an echo.
    Leg(u32),
    /// A prompt, looped.
    Prompt(Prompt, Player),
    /// A tone for each key it presses.
    KeyTones(Player, VecDeque<char>),
}

impl Hears {
    /// The leg heard, if it is one.
    pub(super) fn speaker(&self) -> Option<u32> {
        match self {
            Self::Leg(slot) => Some(*slot),
            Self::Silence | Self::Prompt(..) | Self::KeyTones(..) => None,
        }
    }

    /// When the next frame is due, if anything plays.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Silence | Self::Leg(_) => None,
            Self::Prompt(_, player) => Some(player.due),
            Self::KeyTones(player, keys) => {
                (player.is_playing() || !keys.is_empty()).then_some(player.due)
            }
        }
    }

    /// Queues a key's tone; nothing unless key tones are what the leg hears.
    pub(super) fn press(&mut self, now: Instant, digit: char) {
        if let Self::KeyTones(player, keys) = self
            && keys.len() < limit::KEY_QUEUE_MAX
        {
            if !player.is_playing() && keys.is_empty() {
                player.due = player.due.max(now);
            }
            keys.push_back(digit);
        }
    }

    /// The frame due at `now` and its timestamp, counted in frames.
    pub(super) fn next_frame(
        &mut self,
        now: Instant,
        codec: Codec,
        prompts: &Prompts,
    ) -> Option<Frame> {
        match self {
            Self::Silence | Self::Leg(_) => None,
            Self::Prompt(prompt, player) => {
                if player.codec != Some(codec) || !player.is_playing() {
                    player.load(prompts.frames(*prompt, codec), codec);
                }
                player.next_frame(now)
            }
            Self::KeyTones(player, keys) => {
                while !player.is_playing() {
                    let digit = keys.pop_front()?;
                    if let Some(tone) = prompts.key_tone(digit, codec) {
                        player.load(tone, codec);
                    }
                }
                player.next_frame(now)
            }
        }
    }
}

/// A frame to send.
pub(super) struct Frame {
    pub frames: Frames,
    pub index: usize,
    /// Frames since the player began, pauses between tones included.
    pub at: u32,
}

/// Steps through encoded frames, one per 20 ms.
pub(super) struct Player {
    frames: Option<Frames>,
    codec: Option<Codec>,
    index: usize,
    began: Instant,
    due: Instant,
}

impl Player {
    pub(super) fn new(now: Instant) -> Self {
        Self { frames: None, codec: None, index: 0, began: now, due: now }
    }

    fn is_playing(&self) -> bool {
        self.frames.as_ref().is_some_and(|frames| self.index < frames.len())
    }

    fn load(&mut self, frames: Frames, codec: Codec) {
        (self.frames, self.codec, self.index) = (Some(frames), Some(codec), 0);
    }

    fn next_frame(&mut self, now: Instant) -> Option<Frame> {
        // The leg could not be sent to, or the worker stalled: go on from here, not in a burst.
        if now.saturating_duration_since(self.due) > BEHIND_MAX {
            self.due = now;
        }
        let since = self.due.saturating_duration_since(self.began);
        let at = u32::try_from(since.as_millis() / FRAME.as_millis()).unwrap_or_default();
        self.due += FRAME;
        let frames = self.frames.clone().filter(|_| self.is_playing())?;
        let index = self.index;
        self.index += 1;
        Some(Frame { frames, index, at })
    }
}

/// How far playing may fall behind and still catch up.
const BEHIND_MAX: Duration = Duration::from_millis(80);
