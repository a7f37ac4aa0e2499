//! RTCP compounds (RFC 3550 §6) over `rtc-rtcp`: our reports out, the peer's reports in.
//!
//! Sender reports, receiver reports and goodbyes are read; everything else in a compound is
//! skipped by its length and never parsed: feedback about video, extended reports and application
//! packets mean nothing to this server.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::packet::{Packet, marshal, unmarshal};
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};

/// What one receiver says about one source (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceptionBlock {
    /// The source it is about.
    pub ssrc: u32,
    /// Lost since the report before, 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning.
    pub total_lost: u32,
    /// Highest sequence number with its cycles.
    pub highest_sequence_number: u32,
    /// Interarrival jitter, RTP units.
    pub jitter: u32,
    /// Middle of the NTP timestamp of the last sender report; 0 before any.
    pub last_sender_report: u32,
    /// Time since that report, 1/65536 s.
    pub delay: u32,
}

impl ReceptionBlock {
    /// The round trip this block completes, given the middle of our NTP time at its arrival
    /// (RFC 3550 §6.4.1); `None` without a sender report, or if its figures cannot be right.
    #[must_use]
    pub fn round_trip(&self, ntp_middle: u32) -> Option<Duration> {
        if self.last_sender_report == 0 {
            return None;
        }
        let away = ntp_middle.wrapping_sub(self.last_sender_report).checked_sub(self.delay)?;
        Some(Duration::from_micros(u64::from(away) * 1_000_000 / 65_536))
    }
}

/// What a sender says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Its clock when it sent this: seconds in the upper 32 bits.
    pub ntp: u64,
    /// The same moment in its RTP clock.
    pub rtp_timestamp: u32,
    /// RTP packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

/// The middle 32 bits of an NTP timestamp: 1/65536 s.
#[must_use]
pub fn ntp_middle(ntp: u64) -> u32 {
    u32::try_from((ntp >> 16) & 0xffff_ffff).unwrap_or(0)
}

/// Our NTP time: since `origin`, which is as good as any (RFC 3550 §4 allows elapsed time).
#[must_use]
pub fn ntp_since(origin: Instant, now: Instant) -> u64 {
    let since = now.saturating_duration_since(origin);
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (since.as_secs().wrapping_add(1) << 32) | fraction
}

/// Something a peer reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// It sends, and this is its clock.
    Sender {
        /// Its source.
        ssrc: u32,
        /// Its counts and clock.
        info: SenderInfo,
    },
    /// How it receives one of our sources.
    Reception(ReceptionBlock),
    /// A source of its ended.
    Goodbye {
        /// The source.
        ssrc: u32,
    },
}

/// Reads a plaintext compound; calls `on` for each thing reported. Stops at what is not RTCP.
pub fn read(compound: &[u8], mut on: impl FnMut(Reported)) {
    let mut rest = compound;
    while let Some((packet, after)) = split_packet(rest) {
        rest = after;
        let kind = packet.get(1).copied().unwrap_or(0);
        if !matches!(kind, SENDER_REPORT | RECEIVER_REPORT | GOODBYE) {
            continue;
        }
        let mut packet = packet;
        for packet in unmarshal(&mut packet).unwrap_or_default() {
            read_packet(packet.as_ref(), &mut on);
        }
    }
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const GOODBYE: u8 = 203;

/// Splits the first packet off a compound.
fn split_packet(compound: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, _) = compound.split_first_chunk::<4>()?;
    let [flags, _, hi, lo] = *header;
    let len = 4 + usize::from(u16::from_be_bytes([hi, lo])) * 4;
    if flags >> 6 == 2 { compound.split_at_checked(len) } else { None }
}

fn read_packet(packet: &dyn Packet, on: &mut impl FnMut(Reported)) {
    let any = packet.as_any();
    if let Some(report) = any.downcast_ref::<SenderReport>() {
        let info = SenderInfo {
            ntp: report.ntp_time,
            rtp_timestamp: report.rtp_time,
            packets: report.packet_count,
            octets: report.octet_count,
        };
        on(Reported::Sender { ssrc: report.ssrc, info });
        report.reports.iter().map(block_of).for_each(|block| on(Reported::Reception(block)));
    } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
        report.reports.iter().map(block_of).for_each(|block| on(Reported::Reception(block)));
    } else if let Some(goodbye) = any.downcast_ref::<Goodbye>() {
        goodbye.sources.iter().for_each(|ssrc| on(Reported::Goodbye { ssrc: *ssrc }));
    }
}

/// Writes a report of `ssrc` with its CNAME into `out` (128 bytes are enough for a CNAME of up to
/// 32): a sender report when `sender` is given, else a receiver report, with at most one block.
/// Returns its length, or `None` if `out` is too short.
pub fn write_report(
    out: &mut [u8],
    ssrc: u32,
    cname: &str,
    sender: Option<SenderInfo>,
    block: Option<ReceptionBlock>,
) -> Option<usize> {
    let reports: Vec<_> = block.iter().map(report_of).collect();
    let profile_extensions = Bytes::new();
    let report: Box<dyn Packet> = match sender {
        Some(info) => Box::new(SenderReport {
            ssrc,
            ntp_time: info.ntp,
            rtp_time: info.rtp_timestamp,
            packet_count: info.packets,
            octet_count: info.octets,
            reports,
            profile_extensions,
        }),
        None => Box::new(ReceiverReport { ssrc, reports, profile_extensions }),
    };
    put(out, &[report, Box::new(description(ssrc, cname))])
}

/// Writes the compound that ends `ssrc`. Returns its length, or `None` if `out` is too short.
pub fn write_goodbye(out: &mut [u8], ssrc: u32, cname: &str) -> Option<usize> {
    let report = ReceiverReport { ssrc, reports: Vec::new(), profile_extensions: Bytes::new() };
    let goodbye = Goodbye { sources: vec![ssrc], reason: Bytes::new() };
    put(out, &[Box::new(report), Box::new(description(ssrc, cname)), Box::new(goodbye)])
}

fn put(out: &mut [u8], packets: &[Box<dyn Packet>]) -> Option<usize> {
    let bytes = marshal(packets).ok()?;
    out.get_mut(..bytes.len())?.copy_from_slice(&bytes);
    Some(bytes.len())
}

fn description(ssrc: u32, cname: &str) -> SourceDescription {
    let text = Bytes::copy_from_slice(cname.as_bytes());
    let item = SourceDescriptionItem { sdes_type: SdesType::SdesCname, text };
    SourceDescription { chunks: vec![SourceDescriptionChunk { source: ssrc, items: vec![item] }] }
}

fn block_of(report: &ReceptionReport) -> ReceptionBlock {
    ReceptionBlock {
        ssrc: report.ssrc,
        fraction_lost: report.fraction_lost,
        total_lost: report.total_lost,
        highest_sequence_number: report.last_sequence_number,
        jitter: report.jitter,
        last_sender_report: report.last_sender_report,
        delay: report.delay,
    }
}

fn report_of(block: &ReceptionBlock) -> ReceptionReport {
    ReceptionReport {
        ssrc: block.ssrc,
        fraction_lost: block.fraction_lost,
        total_lost: block.total_lost,
        last_sequence_number: block.highest_sequence_number,
        jitter: block.jitter,
        last_sender_report: block.last_sender_report,
        delay: block.delay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Clock, UnixTime};
    use proptest::prelude::*;

    const BLOCK: ReceptionBlock = ReceptionBlock {
        ssrc: 9,
        fraction_lost: 12,
        total_lost: 345,
        highest_sequence_number: 0x1_0007,
        jitter: 67,
        last_sender_report: 0x0012_8000,
        delay: 0x8000,
    };
    const INFO: SenderInfo =
        SenderInfo { ntp: 0x0000_0012_8000_0000, rtp_timestamp: 5, packets: 6, octets: 7 };

    fn items(compound: &[u8]) -> Vec<Reported> {
        let mut items = Vec::new();
        read(compound, |item| items.push(item));
        items
    }

    #[test]
    fn a_sender_report_reads_back_and_begins_with_the_report() {
        let mut out = [0; 128];
        let len = write_report(&mut out, 7, "cname", Some(INFO), Some(BLOCK)).unwrap();
        assert_eq!((out[1], len % 4), (SENDER_REPORT, 0));
        let expected = [Reported::Sender { ssrc: 7, info: INFO }, Reported::Reception(BLOCK)];
        assert_eq!(items(&out[..len]), expected);
    }

    #[test]
    fn a_receiver_report_without_a_block_carries_our_cname() {
        let mut out = [0; 128];
        let len = write_report(&mut out, 7, "cname", None, None).unwrap();
        assert_eq!(items(&out[..len]), []);
        assert_eq!(out[8..10], [0x81, 202]);
        assert!(out[..len].windows(5).any(|window| window == b"cname"));
        assert_eq!(write_report(&mut [0; 8], 7, "cname", None, None), None);
    }

    #[test]
    fn a_goodbye_is_read_behind_packets_that_are_skipped() {
        let mut out = [0; 128];
        let len = write_goodbye(&mut out, 7, "cname").unwrap();
        let feedback = [&[0x81, 206, 0, 2][..], &[0xff; 8]].concat();
        let compound = [&feedback, &out[..len]].concat();
        assert_eq!(items(&compound), [Reported::Goodbye { ssrc: 7 }]);
    }

    #[test]
    fn the_round_trip_is_what_is_left_of_the_time_away() {
        assert_eq!(BLOCK.round_trip(0x0013_4000), Some(Duration::from_millis(250)));
        assert_eq!(BLOCK.round_trip(0x0012_9000), None);
        assert_eq!(ReceptionBlock { last_sender_report: 0, ..BLOCK }.round_trip(9), None);
    }

    #[test]
    fn our_ntp_time_advances_with_the_clock_and_is_never_zero() {
        let origin = Clock::manual(UnixTime(0)).now();
        let later = ntp_since(origin, origin + Duration::from_millis(2500));
        assert_eq!(later - ntp_since(origin, origin), 0x0000_0002_8000_0000);
        assert_ne!(ntp_middle(ntp_since(origin, origin)), 0);
    }

    proptest! {
        #[test]
        fn m09_any_bytes_are_read_without_panic(
            kind in 200u8..208, mut bytes in proptest::collection::vec(any::<u8>(), 4..120)
        ) {
            items(&bytes);
            let words = u16::try_from(bytes.len() / 4 - 1).unwrap().to_be_bytes();
            bytes[0] = 0x80 | (bytes[0] & 0x3f);
            bytes[1] = kind;
            bytes[2..4].copy_from_slice(&words);
            items(&bytes);
        }
    }
}
