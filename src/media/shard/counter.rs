//! What a worker counts: plain numbers, one per kind, published by its thread.

macro_rules! counters {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Something counted per worker since it started.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum Counter {
            $($(#[$doc])* $variant,)*
        }

        impl Counter {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// A stable word for metrics; those of dropped packets begin with `dropped_`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

counters! {
    /// Authentic RTP packets.
    ReceivedRtp = "received_rtp",
    /// Authentic RTCP packets.
    ReceivedRtcp = "received_rtcp",
    /// STUN packets answered.
    ReceivedStun = "received_stun",
    /// DTLS datagrams from validated addresses.
    ReceivedDtls = "received_dtls",
    /// RTP packets sent, relayed ones included.
    SentRtp = "sent_rtp",
    /// RTCP packets sent.
    SentRtcp = "sent_rtcp",
    /// STUN answers sent.
    SentStun = "sent_stun",
    /// DTLS datagrams sent.
    SentDtls = "sent_dtls",
    /// Packets relayed from leg to leg in place.
    Relayed = "relayed",
    /// Frames handed to the codec thread.
    Transcoded = "transcoded",
    /// Not STUN, DTLS, RTP or RTCP, cut short, or too long.
    DroppedMalformed = "dropped_malformed",
    /// STUN for no ufrag of ours.
    DroppedUnknownUfrag = "dropped_unknown_ufrag",
    /// STUN that the leg's ICE agent refused without an answer.
    DroppedStun = "dropped_stun",
    /// From an address no leg has validated or signalled (M-01, M-02, M-05).
    DroppedUnknownSource = "dropped_unknown_source",
    /// For a leg that has no keys (yet, or any more).
    DroppedNoKeys = "dropped_no_keys",
    /// The SRTP tag is wrong (M-03, M-04, M-07, M-08, M-16).
    DroppedUnauthenticated = "dropped_unauthenticated",
    /// Development mode: from another machine.
    DroppedForeign = "dropped_foreign",
    /// Seen before (M-18).
    DroppedReplayed = "dropped_replayed",
    /// Beyond the leg's rate (M-20).
    DroppedRate = "dropped_rate",
    /// A payload type the leg did not negotiate, or no payload.
    DroppedPayloadType = "dropped_payload_type",
    /// On hold: the leg may not send, or its listener may not hear.
    DroppedHeld = "dropped_held",
    /// Nobody listens to the leg.
    DroppedUnheard = "dropped_unheard",
    /// Too late or twice for the stream it goes to.
    DroppedLate = "dropped_late",
    /// The codec thread does not keep up.
    DroppedCodecFull = "dropped_codec_full",
    /// The handshake thread does not keep up; browsers send again.
    DroppedHandshakeFull = "dropped_handshake_full",
    /// No free buffer for a packet of our own.
    DroppedNoBuffer = "dropped_no_buffer",
    /// The SRTP context refused to seal.
    DroppedNotSealed = "dropped_not_sealed",
    /// The kernel had no room for it.
    DroppedSend = "dropped_send",
    /// An event the engine did not take in time.
    DroppedEvent = "dropped_event",
    /// A command that found the queue full.
    DroppedCommand = "dropped_command",
    /// Two PBX legs were given the same address on one socket; the newer one has it.
    AddressConflicts = "address_conflicts",
}

const LEN: usize = Counter::ALL.len();

/// The counts of one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters([u64; LEN]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; LEN])
    }
}

impl Counters {
    /// One more.
    pub fn add(&mut self, counter: Counter) {
        self.add_many(counter, 1);
    }

    /// `count` more.
    pub fn add_many(&mut self, counter: Counter, count: u64) {
        if let Some(slot) = self.0.get_mut(counter as usize) {
            *slot = slot.wrapping_add(count);
        }
    }

    /// How many so far.
    #[must_use]
    pub fn count(&self, counter: Counter) -> u64 {
        self.0.get(counter as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_counts_for_itself() {
        let mut counters = Counters::default();
        for (index, counter) in Counter::ALL.iter().enumerate() {
            counters.add_many(*counter, index as u64);
        }
        for (index, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(counters.count(*counter), index as u64, "{}", counter.name());
        }
    }
}
