//! The codec thread of one worker: Opus and G.711 for calls whose sides share no codec.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::queue::WakingSender;
use super::timers::Timers;
use crate::base::{Clock, limit};
use crate::media::codec::{EncodedFrame, SourceFrame, Transcoder};
use crate::media::shard::{CodecFrame, CodecJob, CodecKey, CodecPayload, CodecWork};

/// Works until the worker is gone.
pub(super) fn run(clock: &Clock, jobs: &Receiver<CodecJob>, frames: &WakingSender<CodecFrame>) {
    let mut transcoders = Transcoders::new();
    // A full queue behind us is counted there; the frame is lost.
    let mut out = |frame| {
        frames.send(frame);
    };
    loop {
        let job = match transcoders.poll_timeout() {
            Some(deadline) => jobs.recv_deadline(deadline),
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let now = clock.now();
        match job {
            Ok(job) => transcoders.handle(now, &job, &mut out),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        transcoders.handle_timeout(now, &mut out);
    }
}

/// All transcoded directions of a worker; sans-IO. A direction begins with its first frame and
/// ends when told, or when nothing came for a while.
struct Transcoders {
    directions: HashMap<CodecKey, Direction>,
    timers: Timers<CodecKey>,
}

struct Direction {
    transcoder: Transcoder,
    ssrc: u32,
    used_at: Instant,
    timer: Option<Instant>,
}

impl Transcoders {
    fn new() -> Self {
        Self { directions: HashMap::new(), timers: Timers::new() }
    }

    fn handle(&mut self, now: Instant, job: &CodecJob, out: &mut impl FnMut(CodecFrame)) {
        if job.work == CodecWork::Close {
            self.remove(job.key);
            return;
        }
        let Some(direction) = self.direction(now, job) else { return };
        direction.used_at = now;
        if direction.ssrc != job.ssrc {
            direction.ssrc = job.ssrc;
            direction.transcoder.restart();
        }
        let mut emit = |frame: EncodedFrame<'_>| out_frame(job.key, frame, out);
        if job.work == CodecWork::Skip {
            direction.transcoder.skip(now, job.sequence_number, &mut emit);
        } else {
            let packet = SourceFrame {
                sequence_number: job.sequence_number,
                timestamp: job.timestamp,
                marker: job.marker,
                payload: job.payload.as_slice(),
            };
            direction.transcoder.push(now, packet, &mut emit);
        }
        self.reschedule(now, job.key);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn handle_timeout(&mut self, now: Instant, out: &mut impl FnMut(CodecFrame)) {
        while let Some(key) = self.timers.due(now) {
            let Some(direction) = self.directions.get_mut(&key) else { return };
            if now >= direction.used_at + limit::TRANSCODER_IDLE_MAX {
                self.remove(key);
                continue;
            }
            direction.transcoder.handle_timeout(now, &mut |frame| out_frame(key, frame, out));
            self.reschedule(now, key);
        }
    }

    fn direction(&mut self, now: Instant, job: &CodecJob) -> Option<&mut Direction> {
        let is_new = !self.directions.contains_key(&job.key);
        if is_new {
            if self.directions.len() >= limit::TRANSCODERS_MAX {
                return None;
            }
            let transcoder = Transcoder::new(job.from, job.to).ok()?;
            let direction = Direction { transcoder, ssrc: job.ssrc, used_at: now, timer: None };
            self.directions.insert(job.key, direction);
        }
        self.directions.get_mut(&job.key)
    }

    fn reschedule(&mut self, now: Instant, key: CodecKey) {
        let Some(direction) = self.directions.get_mut(&key) else { return };
        let idle = direction.used_at + limit::TRANSCODER_IDLE_MAX;
        // Never now again: a transcoder that insists must not hold up the others.
        let due = direction.transcoder.poll_timeout().map(|at| at.max(now + SOONEST));
        let deadline = due.map_or(idle, |at| at.min(idle));
        self.timers.set(key, &mut direction.timer, Some(deadline));
    }

    fn remove(&mut self, key: CodecKey) {
        if let Some(mut direction) = self.directions.remove(&key) {
            self.timers.set(key, &mut direction.timer, None);
        }
    }
}

/// Shortest wait between two looks at one direction.
const SOONEST: Duration = Duration::from_millis(1);

fn out_frame(key: CodecKey, frame: EncodedFrame<'_>, out: &mut impl FnMut(CodecFrame)) {
    if let Some(payload) = CodecPayload::from_slice(frame.payload) {
        out(CodecFrame { key, timestamp: frame.timestamp, marker: frame.marker, payload });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::format::Codec;
    use crate::media::shard::LegKey;

    fn job(work: CodecWork, sequence_number: u16) -> CodecJob {
        CodecJob {
            key: CodecKey { listener: LegKey { slot: 1, generation: 0 }, epoch: 3 },
            work,
            from: Codec::Pcmu,
            to: Codec::Opus,
            ssrc: 7,
            sequence_number,
            timestamp: u32::from(sequence_number) * 160,
            marker: false,
            payload: CodecPayload::from_slice(&[0xff; 160]).unwrap(),
        }
    }

    #[test]
    fn a_direction_lives_from_its_first_frame_until_it_is_idle_or_closed() {
        let (mut now, mut transcoders) = (Clock::system().now(), Transcoders::new());
        let mut frames = Vec::new();
        for sequence_number in 0..10 {
            transcoders.handle(now, &job(CodecWork::Frame, sequence_number), &mut |frame| {
                frames.push(frame);
            });
            now += Duration::from_millis(20);
        }
        assert!(frames.len() >= 9, "{} frames", frames.len());
        assert!(frames.iter().all(|frame| frame.key.epoch == 3));
        assert_eq!(frames[1].timestamp, 960);
        while let Some(at) = transcoders.poll_timeout() {
            transcoders.handle_timeout(at, &mut |_| {});
        }
        assert!(transcoders.directions.is_empty());
        transcoders.handle(now, &job(CodecWork::Frame, 0), &mut |_| {});
        transcoders.handle(now, &job(CodecWork::Close, 0), &mut |_| {});
        assert!(transcoders.directions.is_empty());
        assert_eq!(transcoders.poll_timeout(), None);
    }
}
