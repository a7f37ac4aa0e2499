//! Turns one direction of a call from one codec's packets into another's 20 ms frames.
//!
//! Owns order, concealment, re-framing and the target's timestamps. Everything between the codecs
//! is 8 kHz mono PCM. The source's timestamps are the truth about time: what they skip without a
//! loss is silence and stays a gap; what a loss skips is concealed up to
//! [`limit::CONCEALMENT_MAX`]. Positions count in 1/48000 s, exact in both clocks, so that
//! nothing drifts. Does not own RTP headers: the caller numbers frames and adds its offset.

use std::time::{Duration, Instant};

use super::CodecError;
use super::endpoint::{FRAME_SAMPLES, PACKET_SAMPLES_MAX, Source, Target};
use crate::base::limit;
use crate::media::format::Codec;
use crate::media::jitter::{Ordered, ReorderBuffer};

/// One RTP packet of the leg that speaks, decrypted.
#[derive(Clone, Copy, Debug)]
pub struct SourceFrame<'a> {
    /// RTP sequence number.
    pub sequence_number: u16,
    /// RTP timestamp in the source codec's clock.
    pub timestamp: u32,
    /// RTP marker bit; not needed, since the timestamps tell where a talk spurt begins.
    pub marker: bool,
    /// RTP payload, without padding.
    pub payload: &'a [u8],
}

/// One 20 ms frame for the leg that listens; the caller numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodedFrame<'a> {
    /// RTP timestamp in the target codec's clock, counted from 0 at the first frame.
    pub timestamp: u32,
    /// Set on the first frame and after every gap in the timestamps.
    pub marker: bool,
    /// RTP payload.
    pub payload: &'a [u8],
}

/// One direction of a transcoded call. Sans-IO: frames come out through the callback.
pub struct Transcoder {
    reorder: ReorderBuffer,
    line: Line,
}

impl Transcoder {
    /// A transcoder from `from`'s packets to `to`'s frames; equal codecs are re-framed to 20 ms.
    ///
    /// # Errors
    /// `Unavailable` when libopus gets no memory.
    pub fn new(from: Codec, to: Codec) -> Result<Self, CodecError> {
        let line = Line {
            ticks_per_unit: TICKS_PER_SECOND / from.clock_rate(),
            source: Source::new(from)?,
            expected: None,
            last_arrival: None,
            lost: 0,
            concealed: 0,
            decoded: Box::new([0; PACKET_SAMPLES_MAX]),
            framer: Framer::new(to)?,
        };
        Ok(Self { reorder: ReorderBuffer::default(), line })
    }

    /// Takes a packet and hands every frame that is ready to `out`.
    pub fn push(
        &mut self,
        now: Instant,
        packet: SourceFrame<'_>,
        out: &mut impl FnMut(EncodedFrame<'_>),
    ) {
        let payload = Some(packet.payload);
        self.reorder.insert(now, packet.sequence_number, packet.timestamp, payload);
        self.handle_timeout(now, out);
    }

    /// Tells that a sequence number carried no audio (telephone-event, comfort noise), so that it
    /// is not taken for a loss.
    pub fn skip(
        &mut self,
        now: Instant,
        sequence_number: u16,
        out: &mut impl FnMut(EncodedFrame<'_>),
    ) {
        self.reorder.insert(now, sequence_number, 0, None);
        self.handle_timeout(now, out);
    }

    /// Tells that the source starts anew (another SSRC): the next packet follows the last frame
    /// sent by the time that passed, whatever its numbers, with the marker set.
    pub fn restart(&mut self) {
        self.reorder.restart();
    }

    /// When [`Self::handle_timeout`] is due: a missing packet is then given up.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.reorder.poll_timeout()
    }

    /// Gives up packets that did not come in time and hands out what waited behind them.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl FnMut(EncodedFrame<'_>)) {
        while let Some(packet) = self.reorder.pop(now) {
            self.line.handle(&packet, out);
        }
    }

    /// The target timestamp that a source timestamp corresponds to, for telephone-events between
    /// audio frames; `None` before the first audio packet.
    #[must_use]
    pub fn target_timestamp(&self, source: u32) -> Option<u32> {
        let from_end = i64::from(source.wrapping_sub(self.line.expected?).cast_signed());
        let ticks = from_end.saturating_mul(i64::from(self.line.ticks_per_unit));
        let end = self.line.framer.end();
        Some(self.line.framer.timestamp(end.saturating_add_signed(ticks)))
    }
}

impl std::fmt::Debug for Transcoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transcoder")
            .field("position", &self.line.framer.head)
            .finish_non_exhaustive()
    }
}

/// Everything behind the reordering: packets come here in order.
struct Line {
    source: Source,
    /// Ticks of one unit of the source's RTP clock.
    ticks_per_unit: u32,
    /// The source timestamp that continues what was produced.
    expected: Option<u32>,
    last_arrival: Option<Instant>,
    /// Packets lost or unreadable since the last good one.
    lost: u32,
    /// Samples made up since the last good packet.
    concealed: usize,
    decoded: Box<[i16; PACKET_SAMPLES_MAX]>,
    framer: Framer,
}

impl Line {
    fn handle(&mut self, packet: &Ordered<'_>, out: &mut impl FnMut(EncodedFrame<'_>)) {
        self.lost = self.lost.saturating_add(u32::from(packet.lost));
        let Some(payload) = packet.payload else { return };
        let idle = self.last_arrival.map(|last| packet.arrived.saturating_duration_since(last));
        self.last_arrival = Some(packet.arrived);
        if packet.is_restart {
            self.expected = None;
            self.lost = 0;
        }
        if self.source.samples_of(payload).is_none() {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        match self.expected.map(|expected| self.gap(expected, packet.timestamp)) {
            Some(Some(gap)) => self.fill(gap, payload, out),
            // The first packet, a new start, or timestamps that make no sense: time tells.
            Some(None) | None => {
                self.expected = Some(packet.timestamp);
                self.framer.after_gap = true;
                let silent = idle.unwrap_or_default().saturating_sub(FRAME);
                if silent >= IDLE_MIN {
                    self.framer.skip(samples(silent), &mut self.source, out);
                }
            }
        }
        match self.source.decode(payload, self.decoded.as_mut_slice()) {
            Ok(decoded) => {
                self.produced(decoded);
                self.framer.push(self.decoded.get(..decoded).unwrap_or_default(), out);
                (self.lost, self.concealed) = (0, 0);
            }
            Err(_) => self.lost = self.lost.saturating_add(1),
        }
    }

    /// How many samples the timestamps skip; `None` when they jump in a way that is no silence.
    fn gap(&self, expected: u32, timestamp: u32) -> Option<usize> {
        let units = i64::from(timestamp.wrapping_sub(expected).cast_signed());
        let gap = units * i64::from(self.ticks_per_unit) / i64::from(TICKS_PER_SAMPLE);
        // A sender may be a little behind its own audio; the difference is carried, not lost.
        if (-(FRAME_SAMPLES as i64)..0).contains(&gap) {
            return Some(0);
        }
        usize::try_from(gap).ok().filter(|gap| *gap <= samples(SILENCE_TRUSTED_MAX))
    }

    /// Bridges `gap` samples before a good packet: concealment after a loss or for less than a
    /// frame, and a gap in the target's timestamps for the rest.
    fn fill(&mut self, gap: usize, next: &[u8], out: &mut impl FnMut(EncodedFrame<'_>)) {
        let budget = samples(limit::CONCEALMENT_MAX).saturating_sub(self.concealed);
        let concealable = match gap {
            0 => 0,
            _ if self.lost > 0 => gap.min(budget),
            _ if gap < FRAME_SAMPLES => gap,
            _ => 0,
        };
        let mut rest = gap - concealable;
        let mut concealable = concealable;
        if rest < FRAME_SAMPLES {
            (concealable, rest) = (gap, 0);
        }
        let concealable = self.source.concealable(concealable);
        if let Some(pcm) = self.decoded.get_mut(..concealable).filter(|pcm| !pcm.is_empty()) {
            // In-band FEC sits in the packet right behind the loss.
            let carrier = if rest == 0 && self.lost > 0 { Some(next) } else { None };
            self.source.conceal(carrier, pcm);
            self.framer.push(pcm, out);
            self.concealed += concealable;
            self.produced(concealable);
        }
        if rest > 0 {
            self.produced(rest);
            self.framer.skip(rest, &mut self.source, out);
        }
    }

    fn produced(&mut self, samples: usize) {
        let units = samples as u32 * TICKS_PER_SAMPLE / self.ticks_per_unit;
        self.expected = self.expected.map(|expected| expected.wrapping_add(units));
    }
}

/// Cuts PCM into 20 ms, encodes it, and knows where on the target's timeline it stands.
struct Framer {
    target: Target,
    ticks_per_unit: u32,
    pcm: [i16; FRAME_SAMPLES],
    filled: usize,
    /// Where `pcm` begins, in ticks since the first frame.
    head: u64,
    after_gap: bool,
    payload: [u8; PAYLOAD_BYTES_MAX],
}

impl Framer {
    fn new(to: Codec) -> Result<Self, CodecError> {
        Ok(Self {
            target: Target::new(to)?,
            ticks_per_unit: TICKS_PER_SECOND / to.clock_rate(),
            pcm: [0; FRAME_SAMPLES],
            filled: 0,
            head: 0,
            after_gap: true,
            payload: [0; PAYLOAD_BYTES_MAX],
        })
    }

    fn push(&mut self, mut pcm: &[i16], out: &mut impl FnMut(EncodedFrame<'_>)) {
        while !pcm.is_empty() {
            let free = self.pcm.get_mut(self.filled..).unwrap_or_default();
            let (now, later) = pcm.split_at(free.len().min(pcm.len()));
            for (to, from) in free.iter_mut().zip(now) {
                *to = *from;
            }
            self.filled += now.len();
            pcm = later;
            if self.filled == FRAME_SAMPLES {
                self.send(out);
            }
        }
    }

    /// Moves on by `gap` samples without audio; a frame begun is completed with concealment.
    fn skip(&mut self, gap: usize, source: &mut Source, out: &mut impl FnMut(EncodedFrame<'_>)) {
        let mut gap = gap;
        if self.filled > 0 {
            let mut padding = [0; FRAME_SAMPLES];
            let missing = FRAME_SAMPLES - self.filled;
            let padding = padding.get_mut(..missing).unwrap_or_default();
            if source.concealable(missing) == missing {
                source.conceal(None, padding);
            }
            self.push(padding, out);
            gap = gap.saturating_sub(missing);
        }
        self.head += gap as u64 * u64::from(TICKS_PER_SAMPLE);
        self.after_gap = true;
    }

    fn send(&mut self, out: &mut impl FnMut(EncodedFrame<'_>)) {
        let timestamp = self.timestamp(self.head);
        self.head += FRAME_SAMPLES as u64 * u64::from(TICKS_PER_SAMPLE);
        self.filled = 0;
        // A frame that cannot be encoded (a bug of ours) becomes a lost one.
        if let Ok(len) = self.target.encode(&self.pcm, &mut self.payload) {
            let payload = self.payload.get(..len).unwrap_or_default();
            let marker = std::mem::take(&mut self.after_gap);
            out(EncodedFrame { timestamp, marker, payload });
        }
    }

    /// The position behind everything pushed, in ticks.
    fn end(&self) -> u64 {
        self.head + self.filled as u64 * u64::from(TICKS_PER_SAMPLE)
    }

    fn timestamp(&self, ticks: u64) -> u32 {
        (ticks / u64::from(self.ticks_per_unit)) as u32
    }
}

/// Samples of a duration at 8 kHz.
const fn samples(duration: Duration) -> usize {
    (duration.as_micros() / 125) as usize
}

/// What one output frame holds.
const FRAME: Duration = Duration::from_millis(20);

/// The unit of positions: divides both RTP clocks.
const TICKS_PER_SECOND: u32 = 48_000;

const TICKS_PER_SAMPLE: u32 = TICKS_PER_SECOND / 8_000;

/// Room for an encoded frame: 160 bytes of G.711, or Opus up to 160 kb/s.
const PAYLOAD_BYTES_MAX: usize = 400;

/// Longest silence that timestamps alone are believed for; beyond it the clock tells.
const SILENCE_TRUSTED_MAX: Duration = Duration::from_secs(10);

/// Least pause, beyond a frame, that counts as one when timestamps cannot tell: above jitter.
const IDLE_MIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::super::g711::Law;
    use super::super::opus::{self, Content, Rate};
    use super::*;
    use crate::base::Clock;

    const PATHS: [(Codec, Codec); 6] = [
        (Codec::Opus, Codec::Pcmu),
        (Codec::Opus, Codec::Pcma),
        (Codec::Pcmu, Codec::Opus),
        (Codec::Pcma, Codec::Opus),
        (Codec::Pcmu, Codec::Pcma),
        (Codec::Pcma, Codec::Pcmu),
    ];

    #[test]
    fn a_tone_keeps_frequency_and_level_on_every_path_and_every_packet_time() {
        for (from, to) in PATHS {
            for ptime_ms in [10, 20, 30, 40, 60] {
                if from == Codec::Opus && ptime_ms == 30 {
                    continue;
                }
                let mut path = Path::new(from, to);
                path.talk(&Tone::packets(from, ptime_ms, 3000), |_| false);
                let heard = path.heard();
                assert_tone(&heard[1600..20_800], 1.0, &format!("{from:?} {to:?} {ptime_ms} ms"));
                assert!(path.gaps().is_empty());
            }
        }
    }

    #[test]
    fn a_tone_survives_five_percent_loss_without_a_long_gap() {
        for (from, to) in PATHS {
            let mut path = Path::new(from, to);
            let mut seed = 7_u32;
            path.talk(&Tone::packets(from, 20, 20_000), |_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 16) % 100 < 5
            });
            let heard = path.heard();
            assert_tone(&heard[1600..150_000], 1.0, &format!("{from:?} {to:?}"));
            assert!(path.gaps().is_empty());
            let longest = longest_silence_ms(&heard[1600..150_000]);
            assert!(longest <= 60, "{from:?} {to:?}: {longest} ms");
        }
    }

    #[test]
    fn sequence_number_and_timestamp_wrap_without_a_seam() {
        for (from, to) in PATHS {
            let mut packets = Tone::packets(from, 20, 2000);
            for packet in &mut packets {
                packet.sequence_number = packet.sequence_number.wrapping_sub(50);
                packet.timestamp = packet.timestamp.wrapping_sub(25 * from.clock_rate() / 50);
            }
            let mut path = Path::new(from, to);
            path.talk(&packets, |at| at == 49);
            assert_eq!(path.frames.len(), 100);
            assert!(path.gaps().is_empty());
            assert_tone(&path.heard()[1600..14_400], 1.0, &format!("{from:?} {to:?}"));
        }
    }

    #[test]
    fn nothing_drifts_over_an_hour_of_odd_packet_times() {
        let mut path = Path::new(Codec::Pcma, Codec::Pcmu);
        let packets = Tone::packets(Codec::Pcma, 30, 3_600);
        let mut sent = 0_u32;
        for round in 0..1000_u32 {
            for packet in &packets {
                let mut packet = packet.clone();
                packet.sequence_number = sent as u16;
                packet.timestamp = sent.wrapping_mul(240);
                sent += 1;
                path.receive(&packet);
            }
            path.frames.drain(..path.frames.len() - 1);
            let produced = (round + 1) * 3600 / 20;
            assert_eq!(path.frames[0].0, (produced - 1) * 160);
        }
    }

    #[test]
    fn a_long_loss_is_concealed_for_five_frames_and_then_a_gap_in_the_timestamps() {
        for (from, to) in PATHS {
            let mut path = Path::new(from, to);
            path.talk(&Tone::packets(from, 20, 2000), |at| (20..70).contains(&at));
            let frame = to.clock_rate() / 50;
            assert_eq!(path.gaps(), [(25 * frame, 45 * frame)], "{from:?} {to:?}");
            assert_eq!(path.frames.len(), 100 - 45);
            let markers: Vec<u32> =
                path.frames.iter().filter(|(_, marker, _)| *marker).map(|frame| frame.0).collect();
            assert_eq!(markers, [0, 70 * frame]);
        }
    }

    #[test]
    fn silence_of_the_talker_is_a_gap_of_the_same_length() {
        for (from, to) in PATHS {
            let mut packets = Tone::packets(from, 20, 1000);
            for packet in packets.iter_mut().skip(30) {
                packet.timestamp = packet.timestamp.wrapping_add(2 * from.clock_rate());
                packet.at_ms += 2000;
            }
            let mut path = Path::new(from, to);
            path.talk(&packets, |_| false);
            assert_eq!(path.gaps(), [(30 * to.clock_rate() / 50, 2 * to.clock_rate())]);
            assert_eq!(path.frames.len(), 50);
        }
    }

    #[test]
    fn sequence_numbers_of_key_presses_are_no_loss() {
        let mut path = Path::new(Codec::Pcmu, Codec::Opus);
        let packets = Tone::packets(Codec::Pcmu, 20, 1000);
        for (at, packet) in packets.iter().enumerate() {
            if (20..30).contains(&at) {
                let now = path.started + Duration::from_millis(packet.at_ms);
                path.transcoder.skip(now, packet.sequence_number, &mut |_| panic!("no audio"));
            } else {
                path.receive(packet);
            }
        }
        assert_eq!(path.gaps(), [(20 * 960, 10 * 960)]);
        let next = packets.last().map(|packet| packet.timestamp + 160);
        assert_eq!(path.transcoder.target_timestamp(next.unwrap()), Some(50 * 960));
    }

    #[test]
    fn a_new_source_continues_the_timeline_by_the_time_that_passed() {
        for (from, to) in PATHS {
            let mut path = Path::new(from, to);
            let mut packets = Tone::packets(from, 20, 1000);
            path.talk(&packets, |_| false);
            path.transcoder.restart();
            for packet in &mut packets {
                packet.sequence_number = packet.sequence_number.wrapping_add(30_000);
                packet.timestamp = packet.timestamp.wrapping_add(0x8765_4321);
                packet.at_ms += 5000;
            }
            path.talk(&packets, |_| false);
            let frame = to.clock_rate() / 50;
            assert_eq!(path.gaps(), [(50 * frame, 200 * frame)], "{from:?} {to:?}");
        }
    }

    #[test]
    fn timestamps_that_jump_without_reason_do_not_open_a_gap() {
        for jump in [0x4000_0000_u32, 0x9000_0000, 48_000 * 60] {
            let mut packets = Tone::packets(Codec::Opus, 20, 1000);
            for packet in packets.iter_mut().skip(25) {
                packet.timestamp = packet.timestamp.wrapping_add(jump);
            }
            let mut path = Path::new(Codec::Opus, Codec::Pcmu);
            path.talk(&packets, |_| false);
            assert!(path.gaps().is_empty());
            assert_eq!(path.frames.len(), 50);
        }
    }

    #[test]
    fn m11_unreadable_payloads_never_panic_and_are_concealed_like_losses() {
        for (from, to) in PATHS {
            let mut path = Path::new(from, to);
            let mut packets = Tone::packets(from, 20, 3000);
            for (at, packet) in packets.iter_mut().enumerate() {
                match at % 20 {
                    9 => packet.payload.clear(),
                    19 => packet.payload = vec![0xff; 1276],
                    _ => {}
                }
            }
            path.talk(&packets, |_| false);
            assert!(path.gaps().is_empty(), "{from:?} {to:?}");
            assert_eq!(path.frames.len(), 149, "the last is unreadable");
            assert_tone(&path.heard()[1600..22_000], 1.0, &format!("{from:?} {to:?}"));
        }
    }

    #[test]
    fn m11_random_payloads_numbers_and_times_never_panic() {
        let mut seed = 99_u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            (seed >> 33) as u32
        };
        for (from, to) in PATHS {
            let mut path = Path::new(from, to);
            for at in 0..3000_u64 {
                let len = if random() % 4 == 0 { random() % 1500 } else { random() % 200 };
                let wild = random() % 10 == 0;
                path.receive(&Packet {
                    at_ms: at * 20,
                    sequence_number: if wild { random() as u16 } else { at as u16 },
                    timestamp: if random() % 10 == 0 { random() } else { at as u32 * 160 },
                    payload: (0..len).map(|_| random() as u8).collect(),
                });
            }
        }
    }

    #[test]
    fn a_transcoder_can_be_moved_to_another_thread() {
        fn assert_send<T: Send>() {}
        assert_send::<Transcoder>();
    }

    #[derive(Clone)]
    struct Packet {
        at_ms: u64,
        sequence_number: u16,
        timestamp: u32,
        payload: Vec<u8>,
    }

    struct Tone;

    impl Tone {
        const HZ: f64 = 440.0;
        const AMPLITUDE: f64 = 8000.0;

        fn pcm(rate: usize, len: usize) -> Vec<i16> {
            let step = 2.0 * std::f64::consts::PI * Self::HZ / rate as f64;
            (0..len).map(|at| ((at as f64 * step).sin() * Self::AMPLITUDE) as i16).collect()
        }

        fn packets(codec: Codec, ptime_ms: usize, total_ms: usize) -> Vec<Packet> {
            let mut encoder = opus::Encoder::new(Rate::Fullband, Content::Speech).unwrap();
            let rate = codec.clock_rate() as usize;
            let len = rate * ptime_ms / 1000;
            let pcm = Self::pcm(rate, rate * total_ms / 1000);
            let encode = |(at, chunk): (usize, &[i16])| {
                let mut payload = vec![0; 1275];
                let len = match codec {
                    Codec::Opus => encoder.encode(chunk, &mut payload).unwrap(),
                    Codec::Pcmu => Law::Mu.encode(chunk, &mut payload),
                    Codec::Pcma => Law::A.encode(chunk, &mut payload),
                };
                payload.truncate(len);
                Packet {
                    at_ms: (at * ptime_ms) as u64,
                    sequence_number: at as u16,
                    timestamp: (at * chunk.len()) as u32,
                    payload,
                }
            };
            pcm.chunks_exact(len).enumerate().map(encode).collect()
        }
    }

    /// A transcoder and everything that came out of it.
    struct Path {
        to: Codec,
        started: Instant,
        transcoder: Transcoder,
        frames: Vec<(u32, bool, Vec<u8>)>,
    }

    impl Path {
        fn new(from: Codec, to: Codec) -> Self {
            let transcoder = Transcoder::new(from, to).unwrap();
            Self { to, started: Clock::system().now(), transcoder, frames: Vec::new() }
        }

        /// Sends the packets at their times, except those that `is_lost`; then lets time pass.
        fn talk(&mut self, packets: &[Packet], mut is_lost: impl FnMut(usize) -> bool) {
            for (at, packet) in packets.iter().enumerate() {
                if !is_lost(at) {
                    self.receive(packet);
                }
            }
            self.wait_until(Duration::from_secs(100_000));
        }

        fn receive(&mut self, packet: &Packet) {
            self.wait_until(Duration::from_millis(packet.at_ms));
            let frames = &mut self.frames;
            let source = SourceFrame {
                sequence_number: packet.sequence_number,
                timestamp: packet.timestamp,
                marker: false,
                payload: &packet.payload,
            };
            let now = self.started + Duration::from_millis(packet.at_ms);
            self.transcoder.push(now, source, &mut |frame| {
                frames.push((frame.timestamp, frame.marker, frame.payload.to_vec()));
            });
        }

        fn wait_until(&mut self, since_start: Duration) {
            while let Some(deadline) = self.transcoder.poll_timeout() {
                if deadline > self.started + since_start {
                    break;
                }
                let frames = &mut self.frames;
                self.transcoder.handle_timeout(deadline, &mut |frame| {
                    frames.push((frame.timestamp, frame.marker, frame.payload.to_vec()));
                });
            }
        }

        /// What the listener's decoder makes of the frames, at 8 kHz.
        fn heard(&self) -> Vec<i16> {
            let mut decoder = opus::Decoder::new(Rate::Narrowband).unwrap();
            let mut heard = Vec::new();
            for (_, _, payload) in &self.frames {
                let mut pcm = [0; PACKET_SAMPLES_MAX];
                let len = match self.to {
                    Codec::Opus => decoder.decode(payload, &mut pcm).unwrap(),
                    Codec::Pcmu => Law::Mu.decode(payload, &mut pcm),
                    Codec::Pcma => Law::A.decode(payload, &mut pcm),
                };
                assert_eq!(len, FRAME_SAMPLES);
                heard.extend_from_slice(&pcm[..len]);
            }
            heard
        }

        /// Where the timestamps skip, and by how much.
        fn gaps(&self) -> Vec<(u32, u32)> {
            let frame = self.to.clock_rate() / 50;
            let expected = |timestamp: u32| timestamp.wrapping_add(frame);
            let pairs = self.frames.windows(2).map(|pair| (expected(pair[0].0), pair[1].0));
            pairs.filter(|(a, b)| a != b).map(|(a, b)| (a, b.wrapping_sub(a))).collect()
        }
    }

    /// The strongest frequency is the tone's, within `percent`, and the level within 2 dB.
    fn assert_tone(pcm: &[i16], percent: f64, what: &str) {
        let peak = (380..=500).max_by_key(|hz| power_at(pcm, f64::from(*hz)) as u64);
        let off = (f64::from(peak.unwrap()) / Tone::HZ - 1.0).abs() * 100.0;
        assert!(off <= percent, "{what}: {peak:?} Hz");
        let mean = pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
        let rms = (mean / pcm.len() as f64).sqrt();
        let db = 20.0 * (rms / (Tone::AMPLITUDE / 2_f64.sqrt())).log10();
        assert!(db.abs() <= 2.0, "{what}: {db} dB");
    }

    /// Goertzel over one second at most.
    fn power_at(pcm: &[i16], hz: f64) -> f64 {
        let turn = 2.0 * (2.0 * std::f64::consts::PI * hz / 8000.0).cos();
        let (mut last, mut before) = (0.0, 0.0);
        let pcm = &pcm[..pcm.len().min(8000)];
        for sample in pcm {
            (last, before) = (f64::from(*sample) + turn * last - before, last);
        }
        last * last + before * before - turn * last * before
    }

    fn longest_silence_ms(pcm: &[i16]) -> usize {
        let loud = |chunk: &[i16]| chunk.iter().any(|sample| sample.abs() > 800);
        pcm.chunks(40)
            .map(loud)
            .collect::<Vec<_>>()
            .split(|is_loud| *is_loud)
            .map(<[_]>::len)
            .max()
            .unwrap_or(0)
            * 5
    }
}
