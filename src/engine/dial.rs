//! How a call opens its legs: the caller's, the phones it rings, the PBX it dials.

use super::call_task::CallTask;
use super::directory::PhoneEntry;
use super::leg::{BrowserLeg, Leg, MediaPath, Side, TrunkLeg};
use super::link::{LinkMessage, deliver};
use super::routing::{Caller, CallerSide, TrunkRoute};
use crate::base::{Cause, LegId, MediaId};
use crate::call::Plan;
use crate::sdp::{Refusal, offerable};
use crate::sip::uri::{NameAddr, Uri};
use crate::sip::user_agent::{Command, OutgoingInvite};

impl CallTask {
    /// Opens the caller's media from its offer.
    pub(super) fn open_caller(&mut self, caller: &Caller, path: MediaPath) -> Result<(), Cause> {
        let sdp = caller.invite.sdp.as_deref();
        let side = match &caller.side {
            CallerSide::Phone { .. } => {
                let fingerprint = self.engine.fingerprint();
                sdp.ok_or(Refusal::NoAudio)
                    .and_then(|sdp| BrowserLeg::incoming(path, fingerprint, sdp))
                    .map(|opened| opened.map(Side::Browser))
            }
            CallerSide::Trunk { profile, .. } => {
                TrunkLeg::incoming(path, profile.clone(), sdp).map(|opened| opened.map(Side::Trunk))
            }
        };
        let leg = caller.invite.leg;
        let (side, result) = match side {
            Ok(Ok(side)) => (Some(side), Ok(())),
            Ok(Err(no_room)) => {
                tracing::warn!(call.id = %self.id, %no_room, "call refused");
                (None, Err(Cause::Overloaded))
            }
            Err(refusal) => {
                tracing::info!(call.id = %self.id, %refusal, "offer refused");
                (None, Err(Cause::NotAcceptable))
            }
        };
        match side {
            Some(side) => {
                self.legs.insert(leg, Leg { id: leg, door: caller.door.clone(), side });
            }
            // Without media there is no leg to hang up later: refuse it here.
            None => {
                let cause = result.err().unwrap_or(Cause::Failed);
                let hang_up = LinkMessage::Command(Command::Hangup { leg, cause });
                deliver(&caller.door, hang_up);
            }
        }
        result
    }

    /// Rings every phone in `phones`; those that cannot be reached are left out.
    pub(super) fn dial_phones(&mut self, caller: &Caller, phones: &[PhoneEntry]) -> Vec<LegId> {
        phones.iter().filter_map(|phone| self.dial_phone(caller, phone)).collect()
    }

    fn dial_phone(&mut self, caller: &Caller, phone: &PhoneEntry) -> Option<LegId> {
        let codecs = offerable(self.caller_leg()?.offered(), &super::leg::BROWSER_CODECS);
        let path = self.sibling_path()?;
        let (leg, sdp) = BrowserLeg::outgoing(path, self.engine.fingerprint(), &codecs).ok()?;
        let host = self.engine.sip_host();
        let invite = OutgoingInvite {
            leg: LegId::next(),
            request_uri: phone.contact.clone(),
            to: NameAddr::new(Uri::sip(Some(&phone.line.number), host.clone())),
            from: caller.identity(host),
            headers: onward(caller),
            sdp,
        };
        self.begin(phone.door.clone(), Side::Browser(leg), invite)
    }

    /// Places the call at a PBX.
    pub(super) fn dial_trunk(&mut self, caller: &Caller, route: &TrunkRoute) -> Plan {
        let TrunkRoute { trunk, calling } = route;
        let Some(path) = self.sibling_path() else { return Plan::Refuse(Cause::Failed) };
        let offered = self.caller_leg().map(Leg::offered).unwrap_or_default();
        let profile = trunk.profile();
        let codecs = offerable(offered, &profile.codecs);
        let Ok((leg, sdp)) = TrunkLeg::outgoing(path, profile, &codecs) else {
            return Plan::Refuse(Cause::Overloaded);
        };
        let target = trunk.number_uri(&caller.invite.number);
        let mut from = caller.identity(&trunk.domain);
        if let Some(calling) = calling {
            from.uri.user = Some(calling.number.clone());
        }
        let mut headers = onward(caller);
        // PBXs and carriers tell whose call it is by the user of From; who calls is asserted
        // beside it (RFC 3325).
        if let Some(account) = &trunk.account {
            headers.push(("P-Asserted-Identity".to_owned(), from.to_string()));
            from.uri.user = Some(account.to_string());
        }
        let invite = OutgoingInvite {
            leg: LegId::next(),
            request_uri: target.clone(),
            to: NameAddr::new(target),
            from,
            headers,
            sdp,
        };
        match self.begin(trunk.door.clone(), Side::Trunk(leg), invite) {
            Some(leg) => Plan::Dial(vec![leg]),
            None => Plan::Refuse(Cause::TrunkDown),
        }
    }

    fn begin(
        &mut self,
        door: super::link::LinkDoor,
        side: Side,
        invite: OutgoingInvite,
    ) -> Option<LegId> {
        let id = invite.leg;
        let leg = Leg { id, door, side };
        let message = LinkMessage::Begin {
            leg: id,
            call: self.door.clone(),
            command: Command::Invite(Box::new(invite)),
        };
        if leg.door.try_send(message).is_err() {
            leg.path().close();
            return None;
        }
        self.legs.insert(id, leg);
        Some(id)
    }

    fn caller_leg(&self) -> Option<&Leg> {
        self.legs.get(&self.caller)
    }

    /// A media path for another leg on the caller's worker.
    fn sibling_path(&self) -> Option<MediaPath> {
        let worker = self.caller_leg()?.path().worker.clone();
        Some(MediaPath { worker, id: MediaId::next(), events: self.media_events.clone() })
    }
}

/// The headers that go on to the next leg. Of the caller's own only Max-Forwards does, one less,
/// so that a loop through the PBX ends (SECURITY S-15).
fn onward(caller: &Caller) -> Vec<(String, String)> {
    let name = "Max-Forwards";
    let known = caller.invite.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
    let hops: u32 = known.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(HOPS_MAX);
    vec![(name.to_owned(), hops.min(HOPS_MAX).saturating_sub(1).to_string())]
}

/// RFC 3261 §8.1.1.6.
const HOPS_MAX: u32 = 70;
