//! Hides lost G.711 packets by repeating the last pitch period, as ITU-T G.711 Appendix I does.
//!
//! Owns the history of what was heard. Departs from the appendix in adding no delay: the joint
//! before the loss is not overlapped, only the ones inside and after it.

/// Concealment state of one G.711 source.
pub struct Concealment {
    history: [i16; HISTORY],
    /// The pitch period being repeated; its first `period_len` samples.
    period: [i16; PITCH_MAX],
    period_len: usize,
    /// Samples made up since the last good one; 0 while nothing is missing.
    concealed: usize,
}

impl Concealment {
    /// Nothing heard yet: concealment is silence.
    #[must_use]
    pub fn new() -> Self {
        Self { history: [0; HISTORY], period: [0; PITCH_MAX], period_len: PITCH_MIN, concealed: 0 }
    }

    /// Takes good samples; after a loss it blends their beginning with what was made up.
    pub fn heard(&mut self, pcm: &mut [i16]) {
        if self.concealed > 0 {
            let blended = OVERLAP.min(pcm.len());
            for (at, sample) in pcm.iter_mut().take(blended).enumerate() {
                let made_up = f32::from(self.next_sample());
                let weight = (at + 1) as f32 / (blended + 1) as f32;
                *sample = (made_up + (f32::from(*sample) - made_up) * weight) as i16;
            }
            self.concealed = 0;
        }
        self.remember(pcm);
    }

    /// Fills `pcm` with a continuation of what was heard, fading to silence over 60 ms.
    pub fn conceal(&mut self, pcm: &mut [i16]) {
        if self.concealed == 0 {
            self.find_period();
        }
        for sample in pcm.iter_mut() {
            *sample = self.next_sample();
        }
        self.remember(pcm);
    }

    fn next_sample(&mut self) -> i16 {
        let sample = self.period.get(self.concealed % self.period_len).copied().unwrap_or(0);
        let faded = self.concealed.saturating_sub(FADE_FROM).min(FADE_LENGTH);
        self.concealed += 1;
        (f32::from(sample) * (1.0 - faded as f32 / FADE_LENGTH as f32)) as i16
    }

    fn remember(&mut self, pcm: &[i16]) {
        let newest = pcm.get(pcm.len().saturating_sub(HISTORY)..).unwrap_or_default();
        self.history.rotate_left(newest.len());
        let from = HISTORY - newest.len();
        for (to, sample) in self.history.iter_mut().skip(from).zip(newest) {
            *to = *sample;
        }
    }

    /// Finds the lag at which the last 20 ms look most like what came before, and keeps the last
    /// period so that its end leads smoothly into its beginning.
    fn find_period(&mut self) {
        let recent = self.history.get(HISTORY - WINDOW..).unwrap_or_default();
        let mut best = (f32::MIN, PITCH_MIN);
        for lag in PITCH_MIN..=PITCH_MAX {
            let earlier = self.history.get(HISTORY - WINDOW - lag..).unwrap_or_default();
            let (mut product, mut energy) = (0.0, 1.0);
            for (a, b) in recent.iter().zip(earlier) {
                product += f32::from(*a) * f32::from(*b);
                energy += f32::from(*b) * f32::from(*b);
            }
            let likeness = product / f32::sqrt(energy);
            if likeness > best.0 {
                best = (likeness, lag);
            }
        }
        let lag = best.1;
        self.period_len = lag;
        let last = self.history.get(HISTORY - lag..).unwrap_or_default();
        let one_before = self.history.get(HISTORY - 2 * lag..).unwrap_or_default();
        let blended = lag / 4;
        for (at, (to, (new, old))) in
            self.period.iter_mut().zip(last.iter().zip(one_before)).enumerate()
        {
            let into_blend = (at + blended + 1).saturating_sub(lag) as f32;
            let weight = into_blend / blended as f32;
            *to = (f32::from(*new) + (f32::from(*old) - f32::from(*new)) * weight) as i16;
        }
    }
}

/// Shortest pitch period looked for: 200 Hz at 8 kHz. Higher voices repeat within it.
const PITCH_MIN: usize = 40;

/// Longest pitch period: 66 Hz.
const PITCH_MAX: usize = 120;

/// Samples compared when looking for the pitch: 20 ms.
const WINDOW: usize = 160;

/// Samples remembered: the window and the longest period before it.
const HISTORY: usize = WINDOW + PITCH_MAX;

/// Samples over which made-up audio gives way to good audio: 5 ms.
const OVERLAP: usize = 40;

/// Made-up samples before the fade begins: 10 ms.
const FADE_FROM: usize = 80;

/// Samples of the fade: 50 ms, so that nothing sounds after 60.
const FADE_LENGTH: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(from: usize, len: usize) -> Vec<i16> {
        let step = 2.0 * std::f64::consts::PI * 440.0 / 8000.0;
        (from..from + len).map(|at| ((at as f64 * step).sin() * 8000.0) as i16).collect()
    }

    #[test]
    fn a_lost_frame_of_a_tone_is_continued_almost_in_phase() {
        let mut concealment = Concealment::new();
        for frame in 0..4 {
            concealment.heard(&mut tone(frame * 160, 160));
        }
        let mut made_up = [0; 80];
        concealment.conceal(&mut made_up);
        let worst = tone(640, 80)
            .iter()
            .zip(made_up)
            .map(|(a, b)| (i32::from(*a) - i32::from(b)).abs())
            .max();
        assert!(worst < Some(1200), "{worst:?}");
    }

    #[test]
    fn concealment_fades_to_silence_after_60_ms_and_good_audio_returns_without_a_step() {
        let mut concealment = Concealment::new();
        concealment.heard(&mut tone(0, 480));
        let mut made_up = [0; 800];
        concealment.conceal(&mut made_up);
        assert!(made_up[..400].iter().any(|sample| sample.abs() > 1000));
        assert!(made_up[480..].iter().all(|sample| *sample == 0));
        let mut good = tone(1300, 160);
        concealment.heard(&mut good);
        assert!(good[0].abs() < 1000);
        assert_eq!(good[OVERLAP..], tone(1300, 160)[OVERLAP..]);
    }

    #[test]
    fn losing_the_very_first_packets_is_silence() {
        let mut made_up = [1; 160];
        Concealment::new().conceal(&mut made_up);
        assert_eq!(made_up, [0; 160]);
    }
}
