//! All legs of a shard, and the ways to find one: by id, user fragment, address and time.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::leg::{Leg, Transport};
use super::message::LegKey;
use crate::base::{MediaId, limit};

/// The legs and their indexes. An index never holds an entry of a leg that is gone.
#[derive(Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_id: HashMap<MediaId, u32>,
    by_ufrag: HashMap<Box<str>, u32>,
    /// Validated addresses of browsers.
    by_address: HashMap<SocketAddr, u32>,
    /// Where PBX legs' RTP comes from, per trunk socket.
    by_rtp: HashMap<(u8, SocketAddr), u32>,
    /// Where their RTCP comes from.
    by_rtcp: HashMap<(u8, SocketAddr), u32>,
    /// Legs whose source port is not fixed yet.
    unlatched: HashMap<(u8, IpAddr), Vec<u32>>,
    timers: BTreeSet<(Instant, u32)>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    leg: Option<Box<Leg>>,
}

impl Table {
    /// Places a leg; `None` when the table is full or the id is taken.
    pub(super) fn insert(&mut self, id: MediaId, make: impl FnOnce(LegKey) -> Leg) -> Option<u32> {
        if self.by_id.len() >= limit::LEGS_PER_WORKER_MAX || self.by_id.contains_key(&id) {
            return None;
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(Slot::default());
                u32::try_from(self.slots.len() - 1).ok()?
            }
        };
        let place = self.slots.get_mut(index(slot))?;
        place.leg = Some(Box::new(make(LegKey { slot, generation: place.generation })));
        self.by_id.insert(id, slot);
        Some(slot)
    }

    /// Takes a leg out, with everything that led to it.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Box<Leg>> {
        let place = self.slots.get_mut(index(slot))?;
        let leg = place.leg.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(slot);
        self.by_id.remove(&leg.id);
        if let Some(timer) = leg.timer {
            self.timers.remove(&(timer, slot));
        }
        match &leg.transport {
            Transport::Browser(browser) => {
                for ufrag in &browser.ufrags {
                    remove_own(&mut self.by_ufrag, &**ufrag, slot);
                }
                for address in &browser.addresses {
                    remove_own(&mut self.by_address, address, slot);
                }
            }
            Transport::Trunk(trunk) => {
                if let Some(source) = trunk.source {
                    remove_own(&mut self.by_rtp, &(trunk.socket, source), slot);
                }
                if let Some(signalled) = trunk.signalled {
                    remove_own(&mut self.by_rtcp, &(trunk.socket, signalled.rtcp), slot);
                    self.set_latched(trunk.socket, signalled.rtp.ip(), slot);
                }
            }
        }
        Some(leg)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn slot_of(&self, id: MediaId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn leg_mut(&mut self, slot: u32) -> Option<&mut Leg> {
        self.slots.get_mut(index(slot))?.leg.as_deref_mut()
    }

    /// The leg another thread speaks of, if it is still that one.
    pub(super) fn leg_by_key(&mut self, key: LegKey) -> Option<&mut Leg> {
        self.leg_mut(key.slot).filter(|leg| leg.key == key)
    }

    // ── user fragments and validated addresses of browsers ──

    pub(super) fn slot_by_ufrag(&self, ufrag: &str) -> Option<u32> {
        self.by_ufrag.get(ufrag).copied()
    }

    /// Leads a user fragment to a leg; false if another leg has it.
    pub(super) fn add_ufrag(&mut self, ufrag: &str, slot: u32) -> bool {
        *self.by_ufrag.entry(ufrag.into()).or_insert(slot) == slot
    }

    pub(super) fn remove_ufrag(&mut self, ufrag: &str, slot: u32) {
        remove_own(&mut self.by_ufrag, ufrag, slot);
    }

    pub(super) fn slot_by_address(&self, address: SocketAddr) -> Option<u32> {
        self.by_address.get(&address).copied()
    }

    /// Leads a validated address to a leg: the last that validated it has it.
    pub(super) fn set_address(&mut self, address: SocketAddr, slot: u32) {
        self.by_address.insert(address, slot);
    }

    pub(super) fn remove_address(&mut self, address: SocketAddr, slot: u32) {
        remove_own(&mut self.by_address, &address, slot);
    }

    // ── addresses of PBX legs ──

    pub(super) fn slot_by_rtp(&self, socket: u8, source: SocketAddr) -> Option<u32> {
        self.by_rtp.get(&(socket, source)).copied()
    }

    pub(super) fn slot_by_rtcp(&self, socket: u8, source: SocketAddr) -> Option<u32> {
        self.by_rtcp.get(&(socket, source)).copied()
    }

    /// Moves a leg's RTP source; true if another leg had that address and lost it.
    pub(super) fn set_rtp(
        &mut self,
        socket: u8,
        before: Option<SocketAddr>,
        source: SocketAddr,
        slot: u32,
    ) -> bool {
        if let Some(before) = before {
            remove_own(&mut self.by_rtp, &(socket, before), slot);
        }
        self.by_rtp.insert((socket, source), slot).is_some_and(|other| other != slot)
    }

    /// Moves a leg's RTCP source.
    pub(super) fn set_rtcp(
        &mut self,
        socket: u8,
        before: Option<SocketAddr>,
        source: SocketAddr,
        slot: u32,
    ) {
        if let Some(before) = before {
            remove_own(&mut self.by_rtcp, &(socket, before), slot);
        }
        self.by_rtcp.insert((socket, source), slot);
    }

    /// Legs of one IP whose port is not fixed, for a packet from a port nobody signalled; and how
    /// many there are in all.
    pub(super) fn unlatched(
        &self,
        socket: u8,
        ip: IpAddr,
    ) -> ([Option<u32>; limit::LATCH_CANDIDATES_MAX], usize) {
        let mut candidates = [None; limit::LATCH_CANDIDATES_MAX];
        let Some(slots) = self.unlatched.get(&(socket, ip)) else { return (candidates, 0) };
        for (candidate, slot) in candidates.iter_mut().zip(slots) {
            *candidate = Some(*slot);
        }
        (candidates, slots.len())
    }

    pub(super) fn set_unlatched(&mut self, socket: u8, ip: IpAddr, slot: u32) {
        let slots = self.unlatched.entry((socket, ip)).or_default();
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }

    pub(super) fn set_latched(&mut self, socket: u8, ip: IpAddr, slot: u32) {
        if let Some(slots) = self.unlatched.get_mut(&(socket, ip)) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.unlatched.remove(&(socket, ip));
            }
        }
    }

    // ── time ──

    /// Looks at a leg again when its next thing is due. Call after whatever may have changed that
    /// to something earlier.
    pub(super) fn reschedule(&mut self, slot: u32) {
        let Some(leg) = self.leg_mut(slot) else { return };
        let (before, after) = (leg.timer, leg.deadline());
        leg.timer = after;
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.timers.remove(&(before, slot));
        }
        if let Some(after) = after {
            self.timers.insert((after, slot));
        }
    }

    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes a leg whose time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<u32> {
        let (at, slot) = *self.timers.first().filter(|(at, _)| *at <= now)?;
        self.timers.remove(&(at, slot));
        if let Some(leg) = self.leg_mut(slot) {
            leg.timer = None;
        }
        Some(slot)
    }
}

/// Removes an entry only if it still leads to `slot`.
fn remove_own<K, Q>(map: &mut HashMap<K, u32>, key: &Q, slot: u32)
where
    K: std::borrow::Borrow<Q> + std::hash::Hash + Eq,
    Q: std::hash::Hash + Eq + ?Sized,
{
    if map.get(key) == Some(&slot) {
        map.remove(key);
    }
}

fn index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}
