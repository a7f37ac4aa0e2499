//! What the engine's commands change.

use std::time::Instant;

use super::browser::Browser;
use super::leg::{Leg, Sending, Transport};
use super::machine::Shard;
use super::message::{CodecJob, CodecKey, CodecPayload, CodecWork, HandshakeRequest};
use super::player::{Hears, Player};
use super::trunk::Trunk;
use crate::base::MediaId;
use crate::media::command::{
    BrowserRemote, Command, DtlsRole, Event, Failure, IceCredentials, TrunkRemote,
};
use crate::media::dtmf::KeyPress;
use crate::media::format::{AudioFormat, Codec, Direction};
use crate::media::rtp::srtp::SrtpKey;

impl Shard {
    /// Does what the engine asks. A command for a leg that is not open is ignored.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::OpenBrowser { id, local, remote } => {
                self.open_browser(now, id, &local, remote.as_ref());
            }
            Command::OpenTrunk { id, socket, local_key } => {
                self.open_trunk(now, id, socket, local_key);
            }
            Command::SetBrowserRemote { id, local, remote } => {
                self.with(id, |shard, slot| {
                    shard.set_browser_remote(now, slot, local.as_ref(), &remote);
                });
            }
            Command::SetTrunkRemote { id, remote, local_key } => {
                self.with(id, |shard, slot| shard.set_trunk_remote(slot, remote, local_key));
            }
            Command::SetFormat { id, format, direction } => {
                self.with(id, |shard, slot| shard.set_format(slot, format, direction));
            }
            Command::Answered { id } => self.with(id, |shard, slot| {
                if let Some(leg) = shard.table.leg_mut(slot) {
                    leg.answered_at.get_or_insert(now);
                }
            }),
            Command::Bridge { a, b } => self.bridge(a, b),
            Command::Echo { id } => {
                self.with(id, |shard, slot| shard.set_hears(slot, Hears::Leg(slot)));
            }
            Command::Play { id, prompt } => self.with(id, |shard, slot| {
                shard.set_hears(slot, Hears::Prompt(prompt, Player::new(now)));
            }),
            Command::ReadBack { id } => self.with(id, |shard, slot| {
                shard.set_hears(slot, Hears::KeyTones(Player::new(now), Default::default()));
            }),
            Command::Silence { id } => {
                self.with(id, |shard, slot| shard.set_hears(slot, Hears::Silence));
            }
            Command::KeyPressed { id, digit, duration } => self.with(id, |shard, slot| {
                shard.press(now, slot, KeyPress { digit, duration });
            }),
            Command::Close { id } => {
                if let Some(slot) = self.table.slot_of(id) {
                    self.close(slot);
                }
            }
        }
    }

    /// Does something to an open leg and looks at its timers again.
    fn with(&mut self, id: MediaId, act: impl FnOnce(&mut Self, u32)) {
        if let Some(slot) = self.table.slot_of(id) {
            act(self, slot);
            self.table.reschedule(slot);
        }
    }

    fn open_browser(
        &mut self,
        now: Instant,
        id: MediaId,
        local: &IceCredentials,
        remote: Option<&BrowserRemote>,
    ) {
        let transport = Transport::Browser(Box::new(Browser::new(local, remote)));
        let Some(slot) = self.open(id, transport) else { return };
        if !self.table.add_ufrag(&local.ufrag, slot) {
            self.fail(slot, Failure::Full);
        }
        self.begin_handshake(now, slot);
    }

    fn open_trunk(&mut self, now: Instant, id: MediaId, socket: u8, key: Option<SrtpKey>) {
        let mut trunk = Box::new(Trunk::new(socket));
        let sending = match key {
            Some(key) => trunk.set_local_key(key).unwrap_or(Sending::Nothing),
            None => Sending::Plain,
        };
        let Some(slot) = self.open(id, Transport::Trunk(trunk)) else { return };
        if let Some(leg) = self.table.leg_mut(slot) {
            leg.sending = sending;
            leg.reports.start(now, leg.stream.ssrc());
        }
        self.table.reschedule(slot);
    }

    /// Places a leg; says so when there is no room for it.
    fn open(&mut self, id: MediaId, transport: Transport) -> Option<u32> {
        let mut random = [0; 10];
        let filled = aws_lc_rs::rand::fill(&mut random).is_ok();
        let slot = filled
            .then(|| self.table.insert(id, |key| Leg::new(id, key, transport, random)))
            .flatten();
        if slot.is_none() {
            self.outbox.event(id, Event::Failed(Failure::Full));
        }
        slot
    }

    fn set_browser_remote(
        &mut self,
        now: Instant,
        slot: u32,
        local: Option<&IceCredentials>,
        remote: &BrowserRemote,
    ) {
        if let Some(local) = local
            && !self.table.add_ufrag(&local.ufrag, slot)
        {
            return;
        }
        let Some(browser) = self.table.leg_mut(slot).and_then(Leg::browser_mut) else { return };
        if let Some(superseded) = browser.set_remote(local, remote) {
            self.table.remove_ufrag(&superseded, slot);
        }
        self.begin_handshake(now, slot);
    }

    /// Begins the handshake as soon as an address is validated and the peer's SDP is known.
    pub(super) fn begin_handshake(&mut self, now: Instant, slot: u32) {
        let Some(leg) = self.table.leg_mut(slot) else { return };
        let key = leg.key;
        let Some((terms, early)) = leg.browser_mut().and_then(|it| it.begin_handshake(now)) else {
            return;
        };
        if terms.role == DtlsRole::Active {
            self.outbox.handshake(HandshakeRequest::Start { key, terms });
        }
        for datagram in early {
            self.outbox.handshake(HandshakeRequest::Packet { key, terms, datagram });
        }
        self.table.reschedule(slot);
    }

    fn set_trunk_remote(&mut self, slot: u32, remote: TrunkRemote, local_key: Option<SrtpKey>) {
        let Some(leg) = self.table.leg_mut(slot) else { return };
        let Some(trunk) = leg.trunk_mut() else { return };
        let (socket, before, source_before) = (trunk.socket, trunk.signalled, trunk.source);
        let sending = local_key.and_then(|key| trunk.set_local_key(key));
        let receiving = trunk.set_remote(remote);
        let (after, source, latched) = (trunk.signalled, trunk.source, trunk.is_latched());
        leg.destination = source;
        if let Some(sending) = sending {
            leg.sending = sending;
        }
        if let Some(receiving) = receiving {
            leg.receiving = receiving;
        }
        let Some(after) = after else { return };
        if let Some(source) = source
            && self.table.set_rtp(socket, source_before, source, slot)
        {
            self.outbox.counters.add(super::Counter::AddressConflicts);
        }
        self.table.set_rtcp(socket, before.map(|before| before.rtcp), after.rtcp, slot);
        if let Some(before) = before {
            self.table.set_latched(socket, before.rtp.ip(), slot);
        }
        if !latched {
            self.table.set_unlatched(socket, after.rtp.ip(), slot);
        }
    }

    fn set_format(&mut self, slot: u32, format: AudioFormat, direction: Direction) {
        let Some(leg) = self.table.leg_mut(slot) else { return };
        let codec_before = leg.format.map(|format| format.codec);
        leg.format = Some(format);
        leg.direction = direction;
        leg.keys.set_format(format.dtmf);
        let listener = leg.heard_by;
        if codec_before != Some(format.codec) {
            self.change_source(slot);
            if let Some(listener) = listener {
                self.change_source(listener);
            }
        }
    }

    /// What the leg hears begins anew: frames on their way from the codec thread are stale.
    fn change_source(&mut self, slot: u32) {
        let Some(leg) = self.table.leg_mut(slot) else { return };
        if std::mem::take(&mut leg.is_transcoded) {
            self.outbox.job(CodecJob {
                key: CodecKey { listener: leg.key, epoch: leg.codec_epoch },
                work: CodecWork::Close,
                from: Codec::Opus,
                to: Codec::Opus,
                ssrc: 0,
                sequence_number: 0,
                timestamp: 0,
                marker: false,
                payload: CodecPayload::empty(),
            });
        }
        leg.change_source();
    }

    fn bridge(&mut self, a: MediaId, b: MediaId) {
        let (Some(a), Some(b)) = (self.table.slot_of(a), self.table.slot_of(b)) else { return };
        self.set_hears(a, Hears::Leg(b));
        self.set_hears(b, Hears::Leg(a));
        self.table.reschedule(a);
        self.table.reschedule(b);
    }

    /// Sets what a leg hears, and unlinks what it and the new speaker were linked to.
    fn set_hears(&mut self, slot: u32, hears: Hears) {
        let Some(leg) = self.table.leg_mut(slot) else { return };
        let speaker = hears.speaker();
        let speaker_before = leg.hears.speaker();
        if speaker.is_some() && speaker == speaker_before {
            return;
        }
        leg.hears = hears;
        self.change_source(slot);
        if let Some(before) = speaker_before.and_then(|before| self.table.leg_mut(before)) {
            before.heard_by = None;
        }
        let Some(speaker) = speaker.and_then(|speaker| self.table.leg_mut(speaker)) else {
            return;
        };
        let listener_before = speaker.heard_by.replace(slot).filter(|other| *other != slot);
        if let Some(listener) = listener_before {
            if let Some(other) = self.table.leg_mut(listener) {
                other.hears = Hears::Silence;
            }
            self.change_source(listener);
        }
    }

    fn close(&mut self, slot: u32) {
        let listener = self.table.leg_mut(slot).and_then(|leg| leg.heard_by);
        self.set_hears(slot, Hears::Silence);
        if let Some(listener) = listener {
            self.set_hears(listener, Hears::Silence);
        }
        self.retire_handshake(slot);
        if let Some(leg) = self.table.remove(slot) {
            self.outbox.event(leg.id, Event::Closed(leg.final_counts()));
        }
    }
}
