//! What one call sent and got back. Frames carry their number and time of sending in the payload,
//! which an echo gives back as it is, so nothing has to be guessed from renumbered headers.

use std::time::Duration;

use bytes::Bytes;

/// The beginning of a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which frame of the call.
    pub index: u32,
    /// When it was sent, since the run began.
    pub sent_at: Duration,
}

const MAGIC: [u8; 4] = *b"rflt";

impl Stamp {
    /// A payload of `len` bytes (at least 16) with the stamp in front.
    pub fn payload(self, len: usize) -> Bytes {
        let micros = u64::try_from(self.sent_at.as_micros()).unwrap_or(u64::MAX);
        let mut payload = Vec::with_capacity(len);
        payload.extend_from_slice(&MAGIC);
        payload.extend_from_slice(&self.index.to_be_bytes());
        payload.extend_from_slice(&micros.to_be_bytes());
        payload.resize(len, 0xff);
        payload.into()
    }

    /// The stamp of a payload, if it has one.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let rest = payload.strip_prefix(&MAGIC)?;
        let (index, rest) = rest.split_first_chunk::<4>()?;
        let (micros, _) = rest.split_first_chunk::<8>()?;
        let sent_at = Duration::from_micros(u64::from_be_bytes(*micros));
        Some(Self { index: u32::from_be_bytes(*index), sent_at })
    }
}

/// The counts of one call.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    sent: u32,
    first_echo: Option<(u32, Duration)>,
    /// Whether each frame came back.
    echoed: Vec<bool>,
    duplicates: u32,
    round_trips: Vec<(Duration, f32)>,
    last_trip: Option<Duration>,
    jitter: f64,
}

impl Tally {
    /// A frame goes out.
    pub fn on_sent(&mut self) {
        self.sent += 1;
    }

    /// A frame came back at `now`.
    pub fn on_echo(&mut self, stamp: Stamp, now: Duration) {
        let Ok(index) = usize::try_from(stamp.index) else { return };
        if stamp.index >= self.sent {
            return;
        }
        if self.echoed.len() <= index {
            self.echoed.resize(index + 1, false);
        }
        let Some(seen) = self.echoed.get_mut(index) else { return };
        if std::mem::replace(seen, true) {
            self.duplicates += 1;
            return;
        }
        self.first_echo.get_or_insert((stamp.index, now));
        let trip = now.saturating_sub(stamp.sent_at);
        self.round_trips.push((stamp.sent_at, trip.as_secs_f32() * 1e3));
        if let Some(last) = self.last_trip.replace(trip) {
            // RFC 3550 §6.4.1, with the time of sending itself for the RTP time stamp.
            let difference = trip.as_secs_f64() - last.as_secs_f64();
            self.jitter += (difference.abs() - self.jitter) / 16.0;
        }
    }

    /// When the first one came back: keys exist at both ends.
    pub fn first_echo(&self) -> Option<Duration> {
        self.first_echo.map(|(_, at)| at)
    }

    /// Frames sent since the first one that came back, itself included.
    pub fn expected(&self) -> u64 {
        self.first_echo.map_or(0, |(first, _)| u64::from(self.sent.saturating_sub(first)))
    }

    /// Frames sent before that: the server had no keys yet.
    pub fn early(&self) -> u64 {
        u64::from(self.sent) - self.expected()
    }

    /// Of the expected ones, those that did not come back.
    pub fn lost(&self) -> u64 {
        let Some((first, _)) = self.first_echo else { return 0 };
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let back = self.echoed.iter().skip(first).filter(|seen| **seen).count();
        self.expected().saturating_sub(back as u64)
    }

    /// Frames that came back twice.
    pub fn duplicates(&self) -> u64 {
        u64::from(self.duplicates)
    }

    /// Round trips of frames sent in a stretch of time, milliseconds.
    pub fn round_trips(&self, from: Duration, to: Duration) -> impl Iterator<Item = f64> + '_ {
        let within = move |(at, _): &&(Duration, f32)| (from..to).contains(at);
        self.round_trips.iter().filter(within).map(|(_, trip)| f64::from(*trip))
    }

    /// Interarrival jitter at the end, milliseconds.
    pub fn jitter_ms(&self) -> f64 {
        self.jitter * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_stamp_survives_its_payload() {
        let stamp = Stamp { index: 77, sent_at: Duration::from_micros(123_456_789) };
        let payload = stamp.payload(80);
        assert_eq!(payload.len(), 80);
        assert_eq!(Stamp::read(&payload), Some(stamp));
        assert_eq!(Stamp::read(&[0; 80]), None);
    }

    #[test]
    fn loss_counts_from_the_first_echo_and_copies_are_not_arrivals() {
        let mut tally = Tally::default();
        (0..10).for_each(|_| tally.on_sent());
        for index in [2, 3, 3, 5, 6, 7, 8] {
            tally.on_echo(
                Stamp { index, sent_at: at(20 * u64::from(index)) },
                at(20 * u64::from(index) + 5),
            );
        }
        assert_eq!((tally.early(), tally.expected()), (2, 8));
        assert_eq!((tally.lost(), tally.duplicates()), (2, 1));
        assert_eq!(tally.round_trips(at(100), at(150)).count(), 3);
        assert!(tally.jitter_ms() < 1e-6);
    }
}
