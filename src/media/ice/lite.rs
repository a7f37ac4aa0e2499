//! The responder of one leg.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use super::stun::{Answer, Check, Key, NoCheck, key_of};
use crate::base::limit::{ICE_ADDRESSES_MAX, STUN_ERROR_EVERY};
use crate::media::command::IceCredentials;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send `out[..n]` to the source; the selected address is as before (an error reply, or a
    /// check on a pair already known).
    Reply(usize),
    /// Send `out[..n]`; the source is authenticated for the first time: DTLS and SRTP may be taken
    /// from it. Not nominated.
    Validated(usize),
    /// Send `out[..n]`; the source is now the selected address: send media there.
    Nominated(usize),
    /// Nothing to send, nothing changed.
    Drop(DropReason),
}

/// Why a packet was dropped without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Not STUN, cut short, or damaged.
    Malformed,
    /// A response, an indication or another method.
    NotARequest,
    /// The USERNAME is not this leg's.
    WrongUfrag,
    /// An error reply would be the second within a second, or larger than the request.
    ErrorWithheld,
    /// `out` is too short.
    NoRoom,
}

/// ICE-lite responder of one leg.
pub struct IceLite {
    current: Generation,
    /// After a restart: credentials told but not yet used.
    next: Option<Generation>,
    /// Addresses that passed a check, the one validated first in front.
    validated: Vec<SocketAddr>,
    nominated: Option<SocketAddr>,
    last_check: Option<Instant>,
    last_error: Option<Instant>,
    retired_ufrag: Option<Box<str>>,
}

/// One pair of credentials (RFC 8445 §9 calls what a restart begins a new generation).
struct Generation {
    ufrag: Box<str>,
    key: Key,
    remote_ufrag: Option<Box<str>>,
}

impl Generation {
    fn new(local: &IceCredentials, remote: Option<&IceCredentials>) -> Self {
        Self {
            ufrag: local.ufrag.as_str().into(),
            key: key_of(&local.pwd),
            remote_ufrag: remote.map(|remote| remote.ufrag.as_str().into()),
        }
    }

    fn is_addressed_by(&self, local: &[u8], remote: &[u8]) -> bool {
        self.ufrag.as_bytes() == local
            && self.remote_ufrag.as_ref().is_none_or(|expected| expected.as_bytes() == remote)
    }
}

impl IceLite {
    /// Starts answering checks for `local`. Until `remote` is known the peer's half of USERNAME is
    /// not compared; integrity is always checked.
    #[must_use]
    pub fn new(local: &IceCredentials, remote: Option<&IceCredentials>) -> Self {
        Self {
            current: Generation::new(local, remote),
            next: None,
            validated: Vec::new(),
            nominated: None,
            last_check: None,
            last_error: None,
            retired_ufrag: None,
        }
    }

    /// Tells the peer's credentials.
    pub fn set_remote(&mut self, remote: &IceCredentials) {
        self.current.remote_ufrag = Some(remote.ufrag.as_str().into());
    }

    /// ICE restart (RFC 8445 §9): `local` is accepted from now on; the old credentials work until
    /// the new ones are first used. The selected address stays until a new nomination.
    pub fn restart(&mut self, local: &IceCredentials, remote: &IceCredentials) {
        self.next = Some(Generation::new(local, Some(remote)));
    }

    /// The old ufrag once the new one has been used: returned once, so that the owner forgets it.
    pub fn take_retired_ufrag(&mut self) -> Option<Box<str>> {
        self.retired_ufrag.take()
    }

    /// Answers `packet` into `out` (at least 128 bytes). Nothing changes unless its integrity is
    /// right.
    pub fn handle(
        &mut self,
        now: Instant,
        source: SocketAddr,
        packet: &[u8],
        out: &mut [u8],
    ) -> Outcome {
        let check = match Check::parse(packet) {
            Ok(check) => check,
            Err(NoCheck::Malformed) => return Outcome::Drop(DropReason::Malformed),
            Err(NoCheck::OtherMessage) => return Outcome::Drop(DropReason::NotARequest),
        };
        // RFC 8489 §9.1.3, but silent for a USERNAME that is not ours.
        let Some((local, remote)) = check.username.filter(|_| check.has_integrity()) else {
            return self.refuse(now, packet, 400, out);
        };
        let is_next = self.next.as_ref().is_some_and(|next| next.is_addressed_by(local, remote));
        let generation = match &self.next {
            Some(next) if is_next => next,
            _ if self.current.is_addressed_by(local, remote) => &self.current,
            _ => return Outcome::Drop(DropReason::WrongUfrag),
        };
        if !check.is_authentic(packet, &generation.key) {
            return self.refuse(now, packet, 401, out);
        }
        let key = &generation.key;
        let len = if check.unknown.is_some() {
            return reply(Answer::error(packet, 420, check.unknown, Some(key), out));
        } else if check.claims_controlled {
            // A lite agent is always the controlled one here, so the peer must switch.
            return reply(Answer::error(packet, 487, None, Some(key), out));
        } else {
            Answer::success(packet, source, key, out)
        };
        let Some(len) = len else { return Outcome::Drop(DropReason::NoRoom) };
        if is_next {
            self.promote();
        }
        self.last_check = Some(now);
        self.note(source, check.nominates, len)
    }

    /// Where to send: the nominated address, else the one validated first.
    #[must_use]
    pub fn selected(&self) -> Option<SocketAddr> {
        self.nominated.or_else(|| self.validated.first().copied())
    }

    /// Whether a check from `address` has been authenticated.
    #[must_use]
    pub fn is_validated(&self, address: SocketAddr) -> bool {
        self.validated.contains(&address)
    }

    /// When the last authenticated check arrived; consent ends 30 s later (RFC 7675 §5.1).
    #[must_use]
    pub fn last_check(&self) -> Option<Instant> {
        self.last_check
    }

    /// The new credentials were used: the old ones end.
    fn promote(&mut self) {
        if let Some(next) = self.next.take() {
            let old = std::mem::replace(&mut self.current, next);
            self.retired_ufrag = Some(old.ufrag);
        }
    }

    /// Takes note of an authenticated check. The latest nomination wins: Chromium names its best
    /// pair anew with every check to a lite agent, and so moves when its network does.
    fn note(&mut self, source: SocketAddr, nominates: bool, len: usize) -> Outcome {
        let is_new = !self.validated.contains(&source);
        if is_new {
            if self.validated.len() >= ICE_ADDRESSES_MAX {
                let spared = self.nominated;
                let oldest = self.validated.iter().position(|address| Some(*address) != spared);
                self.validated.remove(oldest.unwrap_or(0));
            }
            self.validated.push(source);
        }
        if nominates && self.nominated != Some(source) {
            self.nominated = Some(source);
            Outcome::Nominated(len)
        } else if is_new {
            Outcome::Validated(len)
        } else {
            Outcome::Reply(len)
        }
    }

    /// An error reply to somebody who did not authenticate: at most one a second, never larger than
    /// the request, so that it cannot be used to hit a third party.
    fn refuse(&mut self, now: Instant, packet: &[u8], code: u16, out: &mut [u8]) -> Outcome {
        let is_recent = self
            .last_error
            .is_some_and(|last| now.saturating_duration_since(last) < STUN_ERROR_EVERY);
        let Some(len) = Answer::error(packet, code, None, None, out) else {
            return Outcome::Drop(DropReason::NoRoom);
        };
        if is_recent || len > packet.len() {
            return Outcome::Drop(DropReason::ErrorWithheld);
        }
        self.last_error = Some(now);
        Outcome::Reply(len)
    }
}

impl fmt::Debug for IceLite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceLite")
            .field("ufrag", &self.current.ufrag)
            .field("selected", &self.selected())
            .finish_non_exhaustive()
    }
}

fn reply(len: Option<usize>) -> Outcome {
    len.map_or(Outcome::Drop(DropReason::NoRoom), Outcome::Reply)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hmac::Mac;

    use super::super::crc32::crc32;
    use super::*;
    use crate::base::{Clock, UnixTime};

    const NOMINATE: (u16, &[u8]) = (0x0025, &[]);
    const CONTROLLING: (u16, &[u8]) = (0x802a, &[1, 2, 3, 4, 5, 6, 7, 8]);
    const CONTROLLED: (u16, &[u8]) = (0x8029, &[1, 2, 3, 4, 5, 6, 7, 8]);

    fn credentials(name: &str) -> IceCredentials {
        IceCredentials { ufrag: name.into(), pwd: format!("password-of-{name}-0123456789") }
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// A check as a browser sends it.
    fn check(username: &str, password: &str, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        packet.extend_from_slice(b"transaction!");
        let put = |packet: &mut Vec<u8>, kind: u16, value: &[u8]| {
            packet.extend_from_slice(&kind.to_be_bytes());
            packet.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            packet.extend_from_slice(value);
            packet.resize(packet.len().next_multiple_of(4), 0);
        };
        put(&mut packet, 0x0006, username.as_bytes());
        put(&mut packet, 0x0024, &[0x6e, 0, 1, 0xff]);
        for (kind, value) in attributes {
            put(&mut packet, *kind, value);
        }
        packet[3] = u8::try_from(packet.len() - 20 + 24).unwrap();
        let mut hmac = key_of(password);
        hmac.update(&packet);
        put(&mut packet, 0x0008, &hmac.finalize().into_bytes());
        packet[3] = u8::try_from(packet.len() - 20 + 8).unwrap();
        let fingerprint = crc32(&packet) ^ 0x5354_554e;
        put(&mut packet, 0x8028, &fingerprint.to_be_bytes());
        packet
    }

    struct Leg {
        ice: IceLite,
        now: Instant,
        out: [u8; 128],
    }

    impl Leg {
        fn new() -> Self {
            let ice = IceLite::new(&credentials("ours"), Some(&credentials("theirs")));
            Self { ice, now: Clock::manual(UnixTime(0)).now(), out: [0; 128] }
        }

        fn take(&mut self, source: SocketAddr, packet: &[u8]) -> Outcome {
            self.ice.handle(self.now, source, packet, &mut self.out)
        }

        fn code(&self) -> u16 {
            assert_eq!(self.out[..2], [1, 0x11]);
            u16::from(self.out[26]) * 100 + u16::from(self.out[27])
        }
    }

    fn good(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        check("ours:theirs", &credentials("ours").pwd, attributes)
    }

    #[test]
    fn a_check_validates_and_use_candidate_nominates() {
        let mut leg = Leg::new();
        assert_eq!(leg.take(address(1), &good(&[CONTROLLING])), Outcome::Validated(64));
        assert_eq!(leg.ice.selected(), Some(address(1)));
        assert_eq!(leg.take(address(2), &good(&[CONTROLLING])), Outcome::Validated(64));
        assert_eq!(leg.ice.selected(), Some(address(1)));
        assert_eq!(leg.take(address(2), &good(&[CONTROLLING, NOMINATE])), Outcome::Nominated(64));
        assert_eq!(leg.take(address(2), &good(&[CONTROLLING, NOMINATE])), Outcome::Reply(64));
        assert_eq!(leg.ice.selected(), Some(address(2)));
        assert_eq!(leg.ice.last_check(), Some(leg.now));
        assert_eq!(leg.out[..2], [1, 1]);
    }

    #[test]
    fn m06_a_forged_check_changes_nothing_and_gets_one_error() {
        let mut leg = Leg::new();
        leg.take(address(1), &good(&[CONTROLLING, NOMINATE]));
        let mut forged = check("ours:theirs", "guess", &[CONTROLLING, NOMINATE]);
        for round in 0..100 {
            let outcome = leg.take(address(9), &forged);
            if round == 0 {
                let Outcome::Reply(len) = outcome else { panic!("{outcome:?}") };
                assert!(len <= forged.len());
                assert_eq!(leg.code(), 401);
            } else {
                assert_eq!(outcome, Outcome::Drop(DropReason::ErrorWithheld));
            }
        }
        forged.truncate(forged.len() - 32);
        forged[3] = u8::try_from(forged.len() - 20).unwrap();
        leg.now += Duration::from_secs(1);
        assert!(matches!(leg.take(address(9), &forged), Outcome::Reply(_)));
        assert_eq!(leg.code(), 400);
        assert_eq!(leg.ice.selected(), Some(address(1)));
        assert!(!leg.ice.is_validated(address(9)));
        assert_eq!(leg.ice.last_check(), Some(leg.now - Duration::from_secs(1)));
    }

    #[test]
    fn m06_a_username_that_is_not_ours_is_not_answered() {
        let mut leg = Leg::new();
        for username in ["other:theirs", "ours:other", "ours", "", "ourstheirs", ":"] {
            let packet = check(username, &credentials("ours").pwd, &[CONTROLLING]);
            let outcome = leg.take(address(1), &packet);
            if username.contains(':') {
                assert_eq!(outcome, Outcome::Drop(DropReason::WrongUfrag));
            } else {
                assert!(!leg.ice.is_validated(address(1)));
            }
        }
    }

    #[test]
    fn an_error_is_never_larger_than_the_request() {
        let mut leg = Leg::new();
        let mut bare = good(&[])[..20].to_vec();
        bare[3] = 0;
        assert_eq!(leg.take(address(1), &bare), Outcome::Drop(DropReason::ErrorWithheld));
    }

    #[test]
    fn a_peer_that_thinks_us_controlling_is_told_to_switch() {
        let mut leg = Leg::new();
        assert!(matches!(leg.take(address(1), &good(&[CONTROLLED, NOMINATE])), Outcome::Reply(_)));
        assert_eq!(leg.code(), 487);
        assert_eq!(leg.ice.selected(), None);
    }

    #[test]
    fn an_attribute_that_must_be_understood_is_named_in_a_420() {
        let mut leg = Leg::new();
        assert!(matches!(leg.take(address(1), &good(&[(0x7777, &[1])])), Outcome::Reply(_)));
        assert_eq!(leg.code(), 420);
        assert_eq!(leg.out[28..34], [0, 0x0a, 0, 4, 0x77, 0x77]);
        assert_eq!(leg.ice.selected(), None);
    }

    #[test]
    fn before_the_answer_any_remote_ufrag_is_taken_and_after_it_only_the_right_one() {
        let mut leg = Leg::new();
        leg.ice = IceLite::new(&credentials("ours"), None);
        let early = check("ours:anyone", &credentials("ours").pwd, &[CONTROLLING]);
        assert!(matches!(leg.take(address(1), &early), Outcome::Validated(_)));
        leg.ice.set_remote(&credentials("theirs"));
        assert_eq!(leg.take(address(2), &early), Outcome::Drop(DropReason::WrongUfrag));
    }

    #[test]
    fn c30_after_a_restart_old_credentials_work_until_the_new_are_used() {
        let mut leg = Leg::new();
        leg.take(address(1), &good(&[CONTROLLING, NOMINATE]));
        leg.ice.restart(&credentials("ours2"), &credentials("theirs2"));
        assert_eq!(leg.take(address(1), &good(&[CONTROLLING])), Outcome::Reply(64));
        assert_eq!(leg.ice.take_retired_ufrag(), None);
        let mixed = check("ours2:theirs", &credentials("ours2").pwd, &[CONTROLLING]);
        assert_eq!(leg.take(address(2), &mixed), Outcome::Drop(DropReason::WrongUfrag));
        let forged = check("ours2:theirs2", &credentials("ours").pwd, &[CONTROLLING]);
        leg.take(address(2), &forged);
        assert_eq!(leg.ice.take_retired_ufrag(), None);
        let new = check("ours2:theirs2", &credentials("ours2").pwd, &[CONTROLLING]);
        assert_eq!(leg.take(address(2), &new), Outcome::Validated(64));
        assert_eq!(leg.ice.take_retired_ufrag().as_deref(), Some("ours"));
        assert_eq!(leg.ice.selected(), Some(address(1)));
        assert_eq!(
            leg.take(address(1), &good(&[CONTROLLING])),
            Outcome::Drop(DropReason::WrongUfrag)
        );
    }

    #[test]
    fn addresses_are_bounded_and_the_selected_one_is_kept() {
        let mut leg = Leg::new();
        leg.take(address(1), &good(&[CONTROLLING, NOMINATE]));
        for port in 2..100 {
            leg.take(address(port), &good(&[CONTROLLING]));
        }
        assert_eq!(leg.ice.validated.len(), ICE_ADDRESSES_MAX);
        assert!(leg.ice.is_validated(address(1)) && leg.ice.is_validated(address(99)));
    }

    #[test]
    fn responses_indications_and_noise_are_dropped() {
        let mut leg = Leg::new();
        let mut packet = good(&[]);
        packet[0] = 1;
        packet[1] = 1;
        assert_eq!(leg.take(address(1), &packet), Outcome::Drop(DropReason::NotARequest));
        assert_eq!(leg.take(address(1), &[0; 3]), Outcome::Drop(DropReason::Malformed));
    }

    #[test]
    fn printing_shows_no_password() {
        let text = format!("{:?}", Leg::new().ice);
        assert!(!text.contains("password"), "{text}");
    }
}
