//! Both ends of an SRTP stream: round trips, roll-over, replay, forgery.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::media::rtp::packet::RtpHeader;

const PROFILES: [SrtpProfile; 4] = [
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::AeadAes256Gcm,
    SrtpProfile::Aes128CmSha1_80,
    SrtpProfile::Aes128CmSha1_32,
];

fn pair(profile: SrtpProfile) -> (Outbound, Inbound) {
    let key = SrtpKey::random(profile).unwrap();
    (Outbound::new(&key).unwrap(), Inbound::new(&key).unwrap())
}

fn rtp(ssrc: u32, sequence_number: u16) -> Vec<u8> {
    let header = RtpHeader {
        marker: false,
        payload_type: 111,
        sequence_number,
        timestamp: u32::from(sequence_number).wrapping_mul(960),
        ssrc,
        payload_offset: 12,
        padding: 0,
    };
    let mut packet = vec![0; 12];
    header.write(&mut packet).unwrap();
    packet.extend_from_slice(&[0x5a; 160]);
    packet
}

fn seal(outbound: &mut Outbound, ssrc: u32, sequence_number: u16) -> Vec<u8> {
    let mut packet = rtp(ssrc, sequence_number);
    let len = packet.len();
    packet.resize(len + 16, 0);
    let sealed = outbound.seal_rtp(&mut packet, len).unwrap();
    packet.truncate(sealed);
    packet
}

fn open(inbound: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut packet = packet.to_vec();
    let len = inbound.open_rtp(&mut packet)?;
    packet.truncate(len);
    Ok(packet)
}

#[test]
fn every_profile_opens_what_it_sealed_and_grows_by_its_overhead() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        let sealed = seal(&mut outbound, 7, 1);
        assert_eq!(sealed.len(), 172 + profile.rtp_overhead());
        assert_ne!(sealed[12..172], rtp(7, 1)[12..]);
        assert_eq!(open(&mut inbound, &sealed), Ok(rtp(7, 1)));
    }
}

#[test]
fn every_profile_opens_the_rtcp_it_sealed_once() {
    let report = [&[0x80, 201, 0, 1, 0, 0, 0, 7][..], &[0x81, 202, 0, 1, 0, 0, 0, 7]].concat();
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        for _ in 0..3 {
            let mut packet = report.clone();
            packet.resize(64, 0);
            let sealed = outbound.seal_rtcp(&mut packet, report.len()).unwrap();
            assert_eq!(sealed, report.len() + profile.rtcp_overhead());
            packet.truncate(sealed);
            let again = packet.clone();
            let len = inbound.open_rtcp(&mut packet).unwrap();
            assert_eq!(&packet[..len], &report[..]);
            assert_eq!(inbound.open_rtcp(&mut again.clone()), Err(SrtpError::Replayed));
        }
    }
}

#[test]
fn header_extension_and_csrc_stay_readable_but_are_authenticated() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        let mut packet = rtp(7, 1);
        packet[0] |= 0x10;
        packet.splice(12..12, [0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
        let (plain, len) = (packet.clone(), packet.len());
        packet.resize(len + 16, 0);
        let sealed = outbound.seal_rtp(&mut packet, len).unwrap();
        packet.truncate(sealed);
        assert_eq!(packet[..20], plain[..20]);
        let mut changed = packet.clone();
        changed[17] = 0;
        assert_eq!(open(&mut inbound, &changed), Err(SrtpError::Unauthenticated));
        assert_eq!(open(&mut inbound, &packet), Ok(plain));
    }
}

#[test]
fn m16_one_forged_packet_changes_nothing() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        open(&mut inbound, &seal(&mut outbound, 7, 65_530)).unwrap();
        let mut forged = seal(&mut outbound, 7, 3);
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(open(&mut inbound, &forged), Err(SrtpError::Unauthenticated));
        for ssrc in 0..100_000 {
            forged[8..12].copy_from_slice(&u32::to_be_bytes(ssrc + 100));
            if ssrc < 1000 {
                assert_eq!(open(&mut inbound, &forged), Err(SrtpError::Unauthenticated));
            }
        }
        for sequence_number in [65_531, 65_535, 1, 2, 3] {
            let mut fresh = rtp(7, sequence_number);
            let sealed = if sequence_number == 3 {
                forged[8..12].copy_from_slice(&7u32.to_be_bytes());
                *forged.last_mut().unwrap() ^= 1;
                forged.clone()
            } else {
                seal(&mut outbound, 7, sequence_number)
            };
            fresh.truncate(172);
            assert_eq!(open(&mut inbound, &sealed), Ok(fresh));
        }
    }
}

#[test]
fn m17_a_source_that_starts_at_65530_is_heard_whatever_is_lost_before_the_wrap() {
    for profile in PROFILES {
        for first_heard in 0..12u16 {
            let (mut outbound, mut inbound) = pair(profile);
            for step in 0..40u16 {
                let sequence_number = 65_530u16.wrapping_add(step);
                let sealed = seal(&mut outbound, 7, sequence_number);
                if step >= first_heard {
                    assert_eq!(open(&mut inbound, &sealed), Ok(rtp(7, sequence_number)));
                }
            }
        }
    }
}

#[test]
fn m17_ten_wraps_keep_their_roll_over_counter() {
    let (mut outbound, mut inbound) = pair(SrtpProfile::AeadAes128Gcm);
    for index in (0..10 * 65_536u32).step_by(97) {
        let sequence_number = (index & 0xffff) as u16;
        let sealed = seal(&mut outbound, 7, sequence_number);
        assert_eq!(open(&mut inbound, &sealed), Ok(rtp(7, sequence_number)), "index {index}");
    }
}

#[test]
fn m17_sources_a_b_a_each_keep_their_own_counter() {
    let (mut outbound, mut inbound) = pair(SrtpProfile::Aes128CmSha1_80);
    for (ssrc, sequence_number) in [(1, 65_534), (1, 65_535), (1, 0), (2, 10), (1, 1), (2, 11)] {
        let sealed = seal(&mut outbound, ssrc, sequence_number);
        assert_eq!(open(&mut inbound, &sealed), Ok(rtp(ssrc, sequence_number)));
    }
}

#[test]
fn m18_a_duplicate_is_dropped_and_a_late_packet_taken_once() {
    let (mut outbound, mut inbound) = pair(SrtpProfile::AeadAes128Gcm);
    let late = seal(&mut outbound, 7, 100);
    for sequence_number in 101..1100 {
        open(&mut inbound, &seal(&mut outbound, 7, sequence_number)).unwrap();
    }
    assert!(open(&mut inbound, &late).is_ok());
    assert_eq!(open(&mut inbound, &late), Err(SrtpError::Replayed));
}

#[test]
fn m15_the_same_sequence_number_is_never_sealed_twice() {
    let (mut outbound, _) = pair(SrtpProfile::AeadAes128Gcm);
    seal(&mut outbound, 7, 5);
    seal(&mut outbound, 7, 6);
    let mut packet = rtp(7, 5);
    packet.resize(200, 0);
    assert_eq!(outbound.seal_rtp(&mut packet, 172), Err(SrtpError::Replayed));
}

#[test]
fn c31_a_new_key_starts_at_roll_over_counter_0_and_c33_refuses_what_lingers() {
    let (mut old_outbound, mut old_inbound) = pair(SrtpProfile::Aes128CmSha1_80);
    for sequence_number in [65_534u16, 65_535, 0, 1] {
        open(&mut old_inbound, &seal(&mut old_outbound, 7, sequence_number)).unwrap();
    }
    let lingering = seal(&mut old_outbound, 7, 20_000);
    let (mut outbound, mut inbound) = pair(SrtpProfile::Aes128CmSha1_80);
    assert_eq!(open(&mut inbound, &lingering), Err(SrtpError::Unauthenticated));
    assert!(open(&mut inbound, &seal(&mut outbound, 7, 2)).is_ok());
}

#[test]
fn a_buffer_without_room_for_the_tag_is_refused_and_the_packet_can_be_sealed_later() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        let mut packet = rtp(7, 1);
        assert_eq!(outbound.seal_rtp(&mut packet, 172), Err(SrtpError::NoRoom));
        assert_eq!(open(&mut inbound, &seal(&mut outbound, 7, 1)), Ok(rtp(7, 1)));
    }
}

proptest! {
    #[test]
    fn m17_loss_and_reorder_across_wraps_lose_no_packet_that_arrives_in_the_window(
        start in 0u32..65_536,
        drops in proptest::collection::btree_set(0u32..400, 0..200),
        swaps in proptest::collection::vec((0usize..400, 0usize..60), 0..80),
        gcm: bool,
    ) {
        let profile = if gcm { SrtpProfile::AeadAes128Gcm } else { SrtpProfile::Aes128CmSha1_80 };
        // A source may not start so that its first heard packet lies before and after a wrap.
        let start = if start > 65_000 { start - 1000 } else { start };
        let (mut outbound, mut inbound) = pair(profile);
        let mut wire: Vec<(u32, Vec<u8>)> = (0..400u32)
            .map(|step| {
                let index = start + step * 163;
                (step, seal(&mut outbound, 7, (index & 0xffff) as u16))
            })
            .filter(|(step, _)| *step == 0 || !drops.contains(step))
            .collect();
        for (at, by) in swaps {
            let other = at + by;
            // Within six steps of 163 a packet is still inside the window.
            if at > 0 && other < wire.len() && wire[at].0.abs_diff(wire[other].0) < 6 {
                wire.swap(at, other);
            }
        }
        let mut highest = 0;
        for (step, packet) in wire {
            if step + 6 > highest {
                prop_assert!(open(&mut inbound, &packet).is_ok(), "step {}", step);
            }
            highest = highest.max(step);
        }
    }

    #[test]
    fn m18_each_packet_is_delivered_at_most_once_in_any_order(
        order in proptest::collection::vec(0u16..300, 1..600)
    ) {
        let (mut outbound, mut inbound) = pair(SrtpProfile::Aes128CmSha1_80);
        let wire: Vec<_> = (0..300).map(|number| seal(&mut outbound, 7, number)).collect();
        let mut delivered = BTreeSet::new();
        for number in order {
            let result = open(&mut inbound, &wire[usize::from(number)]);
            prop_assert_eq!(result.is_ok(), delivered.insert(number));
        }
    }

    #[test]
    fn m09_any_bytes_are_refused_without_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200), set_version: bool
    ) {
        if set_version && let Some(first) = bytes.first_mut() {
            *first = 0x80 | (*first & 0x3f);
        }
        for profile in PROFILES {
            let (mut outbound, mut inbound) = pair(profile);
            prop_assert!(inbound.open_rtp(&mut bytes.clone()).is_err());
            prop_assert!(inbound.open_rtcp(&mut bytes.clone()).is_err());
            let len = bytes.len();
            let mut room = bytes.clone();
            room.resize(len + 32, 0);
            let _ = outbound.seal_rtp(&mut room.clone(), len);
            let _ = outbound.seal_rtcp(&mut room, len);
        }
    }
}
