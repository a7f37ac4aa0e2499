//! What a shard has to say, the buffers it says it in, and its counts.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::counter::{Counter, Counters};
use super::message::{CodecJob, HandshakeRequest, Output, Socket};
use super::packet_buf::PacketBuf;
use crate::base::{MediaId, limit};
use crate::media::command::Event;

/// Everything on its way out. Buffers come from a bounded pool and return to it.
#[derive(Default)]
pub(super) struct Outbox {
    outputs: VecDeque<Output>,
    jobs: VecDeque<CodecJob>,
    #[expect(clippy::vec_box, reason = "a buffer travels by its box; moving it would copy it")]
    free: Vec<Box<PacketBuf>>,
    lent: usize,
    pub counters: Counters,
}

impl Outbox {
    /// A buffer for a packet of our own; `None`, and counted, when too many are under way.
    pub(super) fn take_packet(&mut self) -> Option<Box<PacketBuf>> {
        if self.lent >= limit::SHARD_PACKETS_MAX {
            self.counters.add(Counter::DroppedNoBuffer);
            return None;
        }
        self.lent += 1;
        Some(self.free.pop().unwrap_or_default())
    }

    /// Takes a buffer back.
    pub(super) fn recycle(&mut self, packet: Box<PacketBuf>) {
        self.lent = self.lent.saturating_sub(1);
        if self.free.len() < KEPT_MAX {
            self.free.push(packet);
        }
    }

    pub(super) fn transmit(
        &mut self,
        socket: Socket,
        destination: SocketAddr,
        packet: Box<PacketBuf>,
    ) {
        self.outputs.push_back(Output::Transmit { socket, destination, packet });
    }

    pub(super) fn event(&mut self, id: MediaId, event: Event) {
        self.outputs.push_back(Output::Event(id, event));
    }

    pub(super) fn handshake(&mut self, request: HandshakeRequest) {
        self.outputs.push_back(Output::Handshake(request));
    }

    /// Queues a frame for the codec thread; dropped and counted when the owner does not drain.
    pub(super) fn job(&mut self, job: CodecJob) {
        if self.jobs.len() < limit::CODEC_QUEUE_MAX {
            self.jobs.push_back(job);
        } else {
            self.counters.add(Counter::DroppedCodecFull);
        }
    }

    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn poll_job(&mut self) -> Option<CodecJob> {
        self.jobs.pop_front()
    }
}

/// Free buffers kept for reuse; a burst's worth.
const KEPT_MAX: usize = 256;
