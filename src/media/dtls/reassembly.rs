//! Plaintext handshake records made whole before the engine sees them (RFC 6347 §4.2.3, RFC 9147
//! §5.5), under a bound.
//!
//! Browsers fragment every ClientHello since they offer X25519MLKEM768, and Firefox moves the cut
//! on its fourth try, so fragments overlap. The engine keeps fragments by their offset, can be
//! stuck between two different cuts, and gives up when its queue is full; here any mix of
//! duplicate, overlapping, interleaved and reordered fragments comes out as whole messages in
//! order. Protected records pass untouched. Plaintext alerts, acknowledgements and application
//! data are dropped: anybody who can send from the peer's address can forge them.

use crate::base::limit::{
    DTLS_REASSEMBLY_BYTES_MAX, DTLS_REASSEMBLY_MESSAGES_MAX, DTLS_REASSEMBLY_PIECES_MAX,
};
use crate::media::command::DtlsRole;

const RECORD_HEADER_LEN: usize = 13;
const MESSAGE_HEADER_LEN: usize = 12;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;

const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_VERIFY: u8 = 15;

/// The unfinished messages of one peer.
#[derive(Debug)]
pub(super) struct Reassembly {
    role: DtlsRole,
    /// `message_seq` of the next message to hand out.
    next: u16,
    /// The one touched longest ago first; whole ones wait for those before them.
    unfinished: Vec<Message>,
    /// A ChangeCipherSpec may be believed: the flight before it is whole.
    expects_change_cipher_spec: bool,
    /// No new plaintext message is taken any more, only repetitions.
    is_sealed: bool,
}

/// A handshake message and which of its bytes are there.
#[derive(Debug)]
struct Message {
    kind: u8,
    sequence: u16,
    len: usize,
    /// Up to the last byte received.
    body: Vec<u8>,
    /// Received ranges, in order, none touching another.
    pieces: Vec<(usize, usize)>,
}

/// Fields of a fragment.
struct Fragment<'a> {
    kind: u8,
    sequence: u16,
    len: usize,
    offset: usize,
    body: &'a [u8],
}

impl Reassembly {
    pub(super) fn new(role: DtlsRole) -> Self {
        Self {
            role,
            next: 0,
            unfinished: Vec::new(),
            expects_change_cipher_spec: false,
            is_sealed: false,
        }
    }

    /// From now on only repetitions of messages already handed out are taken (they make the engine
    /// repeat its last flight).
    pub(super) fn seal(&mut self) {
        self.is_sealed = true;
        self.unfinished = Vec::new();
    }

    /// Takes a datagram; returns what the engine shall get, one datagram each.
    pub(super) fn push(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let mut rest = Vec::new();
        let mut remaining = datagram;
        while let Some((record, after)) = split_record(remaining) {
            remaining = after;
            match record {
                Record::Plaintext { kind: HANDSHAKE, header, body } => {
                    self.push_fragments(header, body, &mut out);
                }
                Record::Plaintext { kind: CHANGE_CIPHER_SPEC, header, body }
                    if self.expects_change_cipher_spec && !self.is_sealed =>
                {
                    rest.extend_from_slice(header);
                    rest.extend_from_slice(body);
                }
                Record::Plaintext { .. } => {}
                Record::Protected(bytes) => rest.extend_from_slice(bytes),
            }
        }
        // Before the first message the engine does not know its version: for it these are noise.
        if self.next > 0 && !rest.is_empty() {
            out.push(rest);
        }
        out
    }

    /// Takes the fragments of one record, which may be of several messages.
    fn push_fragments(&mut self, header: &[u8], mut body: &[u8], out: &mut Vec<Vec<u8>>) {
        while let Some((fragment, after)) = split_fragment(body) {
            body = after;
            self.push_fragment(&fragment);
            self.hand_out(header, out);
        }
    }

    fn push_fragment(&mut self, fragment: &Fragment<'_>) {
        if fragment.len > DTLS_REASSEMBLY_BYTES_MAX
            || (self.is_sealed && fragment.sequence >= self.next)
        {
            return;
        }
        let known = self.unfinished.iter().position(|message| message.is_of(fragment));
        let mut message = match known {
            Some(at) => self.unfinished.remove(at),
            None => Message::new(fragment),
        };
        message.add(fragment);
        self.make_room(message.body.len());
        self.unfinished.push(message);
    }

    /// Drops what was touched longest ago until a message of `len` bytes fits.
    fn make_room(&mut self, len: usize) {
        let bytes = |messages: &[Message]| messages.iter().map(|one| one.body.len()).sum::<usize>();
        while !self.unfinished.is_empty()
            && (self.unfinished.len() >= DTLS_REASSEMBLY_MESSAGES_MAX
                || bytes(&self.unfinished) + len > DTLS_REASSEMBLY_BYTES_MAX)
        {
            self.unfinished.remove(0);
        }
    }

    /// Hands out whole messages: repetitions at once, new ones in order.
    fn hand_out(&mut self, header: &[u8], out: &mut Vec<Vec<u8>>) {
        while let Some(at) = self
            .unfinished
            .iter()
            .position(|message| message.sequence <= self.next && message.is_whole())
        {
            let message = self.unfinished.remove(at);
            if message.sequence == self.next {
                self.next = self.next.saturating_add(1);
                let last_of_flight = match self.role {
                    DtlsRole::Passive => CERTIFICATE_VERIFY,
                    DtlsRole::Active => SERVER_HELLO_DONE,
                };
                self.expects_change_cipher_spec |= message.kind == last_of_flight;
            }
            out.push(message.into_record(header));
        }
    }
}

impl Message {
    fn new(fragment: &Fragment<'_>) -> Self {
        Self {
            kind: fragment.kind,
            sequence: fragment.sequence,
            len: fragment.len,
            body: Vec::new(),
            pieces: Vec::new(),
        }
    }

    fn is_of(&self, fragment: &Fragment<'_>) -> bool {
        (self.kind, self.sequence, self.len) == (fragment.kind, fragment.sequence, fragment.len)
    }

    fn is_whole(&self) -> bool {
        self.len == 0 || self.pieces == [(0, self.len)]
    }

    /// Adds a fragment. Where it overlaps, its bytes win, so that a repetition repairs what came
    /// damaged or forged.
    fn add(&mut self, fragment: &Fragment<'_>) {
        let (start, end) = (fragment.offset, fragment.offset + fragment.body.len());
        let touches = |piece: &(usize, usize)| piece.0 <= end && start <= piece.1;
        let grows = self.pieces.iter().any(touches);
        if start == end || (!grows && self.pieces.len() >= DTLS_REASSEMBLY_PIECES_MAX) {
            return;
        }
        if self.body.len() < end {
            self.body.resize(end, 0);
        }
        if let Some(place) = self.body.get_mut(start..end) {
            place.copy_from_slice(fragment.body);
        }
        let joined = self
            .pieces
            .iter()
            .filter(|piece| touches(piece))
            .fold((start, end), |all, piece| (all.0.min(piece.0), all.1.max(piece.1)));
        self.pieces.retain(|piece| !touches(piece));
        let at = self.pieces.partition_point(|piece| piece.0 < joined.0);
        self.pieces.insert(at, joined);
    }

    /// As one record: the received record's header, one unfragmented message.
    fn into_record(self, header: &[u8]) -> Vec<u8> {
        let mut record = Vec::with_capacity(RECORD_HEADER_LEN + MESSAGE_HEADER_LEN + self.len);
        let [_, len @ ..] = u32::try_from(self.len).unwrap_or(0).to_be_bytes();
        let record_len = u16::try_from(MESSAGE_HEADER_LEN + self.len).unwrap_or(u16::MAX);
        record.extend_from_slice(header.get(..11).unwrap_or_default());
        record.extend_from_slice(&record_len.to_be_bytes());
        record.push(self.kind);
        record.extend_from_slice(&len);
        record.extend_from_slice(&self.sequence.to_be_bytes());
        record.extend_from_slice(&[0; 3]);
        record.extend_from_slice(&len);
        record.extend_from_slice(&self.body);
        record
    }
}

/// A record of a datagram.
enum Record<'a> {
    /// Epoch 0.
    Plaintext { kind: u8, header: &'a [u8], body: &'a [u8] },
    /// Anything encrypted, header included.
    Protected(&'a [u8]),
}

/// Splits the first record off; `None` at the end or at anything that is not a record.
fn split_record(datagram: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let first = *datagram.first()?;
    if first >> 5 == 0b001 {
        let (record, rest) = datagram.split_at_checked(unified_record_len(first, datagram)?)?;
        return Some((Record::Protected(record), rest));
    }
    let (header, rest) = datagram.split_first_chunk::<RECORD_HEADER_LEN>()?;
    let [kind, _, _, epoch_high, epoch_low, _, _, _, _, _, _, len_high, len_low] = *header;
    let (body, rest) = rest.split_at_checked(u16::from_be_bytes([len_high, len_low]).into())?;
    if (epoch_high, epoch_low) == (0, 0) {
        return Some((Record::Plaintext { kind, header, body }, rest));
    }
    let (record, _) = datagram.split_at_checked(RECORD_HEADER_LEN + body.len())?;
    Some((Record::Protected(record), rest))
}

/// Length of a record with the unified header of DTLS 1.3 (RFC 9147 §4); `None` with a connection
/// id, which was never negotiated.
fn unified_record_len(flags: u8, datagram: &[u8]) -> Option<usize> {
    let (has_cid, has_long_sequence, has_len) =
        (flags & 0x10 != 0, flags & 0x08 != 0, flags & 0x04 != 0);
    let len_at = if has_long_sequence { 3 } else { 2 };
    match (has_cid, has_len) {
        (true, _) => None,
        (false, false) => Some(datagram.len()),
        (false, true) => {
            let (len, _) = datagram.get(len_at..)?.split_first_chunk::<2>()?;
            Some(len_at + 2 + usize::from(u16::from_be_bytes(*len)))
        }
    }
}

/// Splits the first fragment off a handshake record; `None` at the end or at nonsense.
fn split_fragment(body: &[u8]) -> Option<(Fragment<'_>, &[u8])> {
    let (header, rest) = body.split_first_chunk::<MESSAGE_HEADER_LEN>()?;
    let [kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2] = *header;
    let u24 = |a, b, c| usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
    let (len, offset) = (u24(l0, l1, l2), u24(o0, o1, o2));
    let (body, rest) = rest.split_at_checked(u24(f0, f1, f2))?;
    if offset + body.len() > len {
        return None;
    }
    Some((Fragment { kind, sequence: u16::from_be_bytes([s0, s1]), len, offset, body }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLIENT_HELLO: u8 = 1;

    fn record(kind: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0xfe, 0xfd];
        record.extend_from_slice(&epoch.to_be_bytes());
        record.extend_from_slice(&[0, 0, 0, 0, 0, 9]);
        record.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        record.extend_from_slice(body);
        record
    }

    fn fragment_of(kind: u8, sequence: u16, message: &[u8], start: usize, end: usize) -> Vec<u8> {
        let u24 = |value: usize| u32::try_from(value).unwrap().to_be_bytes()[1..].to_vec();
        let mut out = vec![kind];
        out.extend(u24(message.len()));
        out.extend(sequence.to_be_bytes());
        out.extend(u24(start));
        out.extend(u24(end - start));
        out.extend(&message[start..end]);
        out
    }

    fn hello(sequence: u16, message: &[u8], start: usize, end: usize) -> Vec<u8> {
        record(HANDSHAKE, 0, &fragment_of(CLIENT_HELLO, sequence, message, start, end))
    }

    fn message(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 7 % 251) as u8).collect()
    }

    fn whole(sequence: u16, message: &[u8]) -> Vec<Vec<u8>> {
        vec![hello(sequence, message, 0, message.len())]
    }

    #[test]
    fn a_chromium_hello_of_1200_and_263_bytes_comes_out_whole_in_either_order() {
        let message = message(1463);
        for order in [[(0, 1200), (1200, 1463)], [(1200, 1463), (0, 1200)]] {
            let mut reassembly = Reassembly::new(DtlsRole::Passive);
            let [first, second] = order;
            assert!(reassembly.push(&hello(0, &message, first.0, first.1)).is_empty());
            assert_eq!(
                reassembly.push(&hello(0, &message, second.0, second.1)),
                whole(0, &message)
            );
        }
    }

    #[test]
    fn a_firefox_hello_cut_anew_on_the_fourth_try_fits_what_came_before() {
        let message = message(1511);
        for (first, second) in [
            ((0, 1408), (1188, 1511)),
            ((0, 1188), (1408, 1511)),
            ((1408, 1511), (0, 1188)),
            ((1188, 1511), (0, 1408)),
        ] {
            let mut reassembly = Reassembly::new(DtlsRole::Passive);
            assert!(reassembly.push(&hello(0, &message, first.0, first.1)).is_empty());
            let out = reassembly.push(&hello(0, &message, second.0, second.1));
            if first.1.max(second.1) == 1511 && first.0.max(second.0) <= first.1.min(second.1) {
                assert_eq!(out, whole(0, &message));
            } else {
                assert!(out.is_empty());
                assert_eq!(reassembly.push(&hello(0, &message, 1188, 1511)), whole(0, &message));
            }
        }
    }

    #[test]
    fn a_repeated_message_is_handed_out_again_so_that_the_engine_repeats_its_flight() {
        let message = message(100);
        let mut reassembly = Reassembly::new(DtlsRole::Passive);
        assert_eq!(reassembly.push(&hello(0, &message, 0, 100)), whole(0, &message));
        reassembly.seal();
        assert_eq!(reassembly.push(&hello(0, &message, 0, 100)), whole(0, &message));
        assert!(reassembly.push(&hello(1, &message, 0, 100)).is_empty());
    }

    #[test]
    fn messages_come_out_in_order_whatever_order_they_arrive_in() {
        let mut reassembly = Reassembly::new(DtlsRole::Passive);
        let (a, b, c) = (message(10), message(20), message(30));
        assert!(reassembly.push(&hello(2, &c, 0, 30)).is_empty());
        assert!(reassembly.push(&hello(1, &b, 0, 20)).is_empty());
        let out = reassembly.push(&hello(0, &a, 0, 10));
        assert_eq!(out, [whole(0, &a), whole(1, &b), whole(2, &c)].concat());
    }

    #[test]
    fn two_messages_in_one_record_and_an_empty_one_are_told_apart() {
        let mut reassembly = Reassembly::new(DtlsRole::Active);
        let body =
            [fragment_of(2, 0, &message(50), 0, 50), fragment_of(SERVER_HELLO_DONE, 1, &[], 0, 0)]
                .concat();
        let out = reassembly.push(&record(HANDSHAKE, 0, &body));
        assert_eq!(out.len(), 2);
        assert_eq!(out[1][13..], fragment_of(SERVER_HELLO_DONE, 1, &[], 0, 0));
    }

    #[test]
    fn m13_plaintext_alerts_and_application_data_never_reach_the_engine() {
        let mut reassembly = Reassembly::new(DtlsRole::Passive);
        reassembly.push(&hello(0, &message(10), 0, 10));
        for kind in [20, 21, 23, 26, 0, 255] {
            assert!(reassembly.push(&record(kind, 0, &[2, 40])).is_empty());
        }
    }

    #[test]
    fn a_change_cipher_spec_passes_with_what_follows_once_its_flight_is_whole() {
        let mut reassembly = Reassembly::new(DtlsRole::Passive);
        reassembly.push(&hello(0, &message(10), 0, 10));
        let last = [record(CHANGE_CIPHER_SPEC, 0, &[1]), record(HANDSHAKE, 1, &[7; 40])].concat();
        assert_eq!(reassembly.push(&last), vec![record(HANDSHAKE, 1, &[7; 40])]);
        let verify = fragment_of(CERTIFICATE_VERIFY, 1, &message(70), 0, 70);
        reassembly.push(&record(HANDSHAKE, 0, &verify));
        assert_eq!(reassembly.push(&last), vec![last.clone()]);
        reassembly.seal();
        assert_eq!(reassembly.push(&last), vec![record(HANDSHAKE, 1, &[7; 40])]);
    }

    #[test]
    fn protected_records_before_the_first_message_are_dropped() {
        let mut reassembly = Reassembly::new(DtlsRole::Active);
        assert!(reassembly.push(&[0x2e, 0, 1, 0, 2, 9, 9]).is_empty());
        reassembly.push(&record(HANDSHAKE, 0, &fragment_of(2, 0, &message(50), 0, 50)));
        let two = [0x2e, 0, 1, 0, 2, 9, 9, 0x22, 5, 6, 7];
        assert_eq!(reassembly.push(&two), vec![two.to_vec()]);
    }

    #[test]
    fn m14_memory_stays_bounded_whatever_is_sent() {
        let mut reassembly = Reassembly::new(DtlsRole::Passive);
        let long = vec![1; 16_000];
        for round in 0..2_000u16 {
            for offset in 0..20 {
                let start = usize::from(round % 7) * 2_000 + offset * 3;
                reassembly.push(&hello(round % 50 + 1, &long, start, start + 1));
            }
            let bytes: usize = reassembly.unfinished.iter().map(|one| one.body.len()).sum();
            let pieces = reassembly.unfinished.iter().map(|one| one.pieces.len()).max();
            assert!(bytes <= DTLS_REASSEMBLY_BYTES_MAX);
            assert!(reassembly.unfinished.len() <= DTLS_REASSEMBLY_MESSAGES_MAX);
            assert!(pieces.unwrap_or(0) <= DTLS_REASSEMBLY_PIECES_MAX);
        }
    }

    #[test]
    fn interleaved_hellos_of_two_lengths_do_not_mix() {
        let (short, long) = (message(1000), message(1400));
        let mut reassembly = Reassembly::new(DtlsRole::Passive);
        assert!(reassembly.push(&hello(0, &short, 0, 600)).is_empty());
        assert!(reassembly.push(&hello(0, &long, 0, 600)).is_empty());
        assert_eq!(reassembly.push(&hello(0, &long, 600, 1400)), whole(0, &long));
    }

    proptest! {
        #[test]
        fn any_cover_of_a_message_yields_exactly_that_message(
            len in 1usize..3000,
            cuts in proptest::collection::vec((0usize..3000, 1usize..1300), 0..24),
        ) {
            let message = message(len);
            let mut reassembly = Reassembly::new(DtlsRole::Passive);
            let mut covered = vec![false; len];
            for (start, size) in cuts {
                let start = start % len;
                let end = (start + size).min(len);
                covered[start..end].fill(true);
                let out = reassembly.push(&hello(0, &message, start, end));
                if covered.iter().all(|there| *there) {
                    prop_assert_eq!(out, whole(0, &message));
                    return Ok(());
                }
                prop_assert!(out.is_empty());
            }
        }

        #[test]
        fn m09_any_datagram_is_taken_without_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 20u8..64
        ) {
            let mut reassembly = Reassembly::new(DtlsRole::Passive);
            reassembly.push(&bytes);
            reassembly.push(&record(kind, 0, &bytes));
            reassembly.push(&record(HANDSHAKE, 0, &bytes));
        }
    }
}
