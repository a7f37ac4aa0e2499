//! When to register at a PBX: refresh, back-off, giving up. RFC 3261 §10.2, RFC 5626 §4.5.
//!
//! Owns time and state only. The user agent writes the REGISTER, answers its challenge and tells
//! what came of it.

use std::time::{Duration, Instant};

/// The first wait after a failure; doubles with each further one.
const RETRY_FIRST: Duration = Duration::from_secs(2);
/// The longest wait between attempts, and the longest `Retry-After` obeyed.
const RETRY_MAX: Duration = Duration::from_secs(120);
/// The longest `Min-Expires` obeyed, seconds; a registrar asking for more is refused.
const EXPIRES_MAX_S: u32 = 24 * 3600;
/// The shortest refresh, however briefly the registrar grants: no tight loop.
const REFRESH_MIN: Duration = Duration::from_secs(5);

/// What came of one REGISTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterOutcome {
    /// 2xx; the seconds granted to our Contact.
    Granted {
        /// Seconds.
        expires_s: u32,
    },
    /// 423 with this `Min-Expires`.
    TooBrief {
        /// Seconds.
        min_expires_s: u32,
    },
    /// Any other refusal, or 408 for no answer.
    Refused {
        /// `Retry-After`, seconds.
        retry_after_s: Option<u32>,
        /// The registrar refused our credentials for good.
        is_final: bool,
    },
}

/// What to tell, and whether to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationStep {
    /// Send a REGISTER that asks for this many seconds.
    Send {
        /// Seconds; 0 removes.
        expires_s: u32,
    },
    /// We are registered.
    Registered {
        /// Seconds.
        expires_s: u32,
    },
    /// We are not registered any more, as asked.
    Removed,
    /// We are not registered.
    Failed {
        /// Whether no further attempt follows.
        is_final: bool,
    },
}

/// The registration of one account over one link.
#[derive(Debug)]
pub struct Registrar {
    wanted_s: u32,
    asked_s: u32,
    failures: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// A REGISTER is under way.
    Waiting,
    /// Registered until refreshed.
    Registered { refresh_at: Instant },
    /// The next attempt.
    BackingOff { retry_at: Instant },
    /// Nothing to do until the engine asks again.
    Idle,
}

impl Registrar {
    /// Starts to register for `wanted_s` seconds; 0 removes.
    #[must_use]
    pub fn start(wanted_s: u32) -> (Self, RegistrationStep) {
        let registrar = Self { wanted_s, asked_s: wanted_s, failures: 0, state: State::Waiting };
        (registrar, RegistrationStep::Send { expires_s: wanted_s })
    }

    /// Takes the outcome of the REGISTER under way. `random` spreads the waits.
    pub fn handle_outcome(
        &mut self,
        now: Instant,
        outcome: RegisterOutcome,
        random: u64,
    ) -> RegistrationStep {
        match outcome {
            RegisterOutcome::Granted { .. } if self.wanted_s == 0 => {
                self.state = State::Idle;
                RegistrationStep::Removed
            }
            RegisterOutcome::Granted { expires_s } => {
                self.failures = 0;
                self.asked_s = self.wanted_s;
                let refresh_at = now + refresh_after(expires_s, random);
                self.state = State::Registered { refresh_at };
                RegistrationStep::Registered { expires_s }
            }
            RegisterOutcome::TooBrief { min_expires_s }
                if min_expires_s > self.asked_s && min_expires_s <= EXPIRES_MAX_S =>
            {
                self.asked_s = min_expires_s;
                self.state = State::Waiting;
                RegistrationStep::Send { expires_s: min_expires_s }
            }
            RegisterOutcome::TooBrief { .. } => self.back_off(now, None, random),
            RegisterOutcome::Refused { is_final: true, .. } => {
                self.state = State::Idle;
                RegistrationStep::Failed { is_final: true }
            }
            // A removal nobody answers is as good as done: the registration expires by itself.
            RegisterOutcome::Refused { .. } if self.wanted_s == 0 => {
                self.state = State::Idle;
                RegistrationStep::Failed { is_final: true }
            }
            RegisterOutcome::Refused { retry_after_s, .. } => {
                self.back_off(now, retry_after_s, random)
            }
        }
    }

    /// The link has a new connection: registers at once, because the registrar may have bound the
    /// old one. Not while a REGISTER is under way, which is sent again by its transaction.
    pub fn handle_new_flow(&mut self) -> Option<RegistrationStep> {
        match self.state {
            State::Registered { .. } | State::BackingOff { .. } => Some(self.send()),
            State::Waiting | State::Idle => None,
        }
    }

    /// When [`Registrar::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Registered { refresh_at } => Some(refresh_at),
            State::BackingOff { retry_at } => Some(retry_at),
            State::Waiting | State::Idle => None,
        }
    }

    /// Refreshes or tries again when due.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<RegistrationStep> {
        self.poll_timeout().filter(|at| *at <= now).map(|_| self.send())
    }

    fn send(&mut self) -> RegistrationStep {
        self.state = State::Waiting;
        RegistrationStep::Send { expires_s: self.asked_s }
    }

    fn back_off(&mut self, now: Instant, asked_s: Option<u32>, random: u64) -> RegistrationStep {
        let doubled = RETRY_FIRST.saturating_mul(1 << self.failures.min(16));
        let longest = asked_s.map_or(doubled, |s| Duration::from_secs(s.into())).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        // An asked-for wait is kept whole; ours is somewhere in its upper half.
        let wait = match asked_s {
            Some(_) => longest + spread(longest / 4, random),
            None => longest / 2 + spread(longest / 2, random),
        };
        self.state = State::BackingOff { retry_at: now + wait };
        RegistrationStep::Failed { is_final: false }
    }
}

/// Somewhere between 50 and 80 % of what was granted, so that many links do not refresh at once.
fn refresh_after(granted_s: u32, random: u64) -> Duration {
    let granted = Duration::from_secs(granted_s.into());
    (granted / 2 + spread(granted * 3 / 10, random)).max(REFRESH_MIN)
}

/// A part of `span` chosen by `random`.
fn spread(span: Duration, random: u64) -> Duration {
    let thousandths = u32::try_from(random % 1001).unwrap_or(0);
    span * thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: RegisterOutcome =
        RegisterOutcome::Refused { retry_after_s: None, is_final: false };

    fn now() -> Instant {
        crate::base::Clock::system().now()
    }

    #[test]
    fn a_grant_is_refreshed_between_half_and_four_fifths_of_it() {
        for random in [0, 500, 1000, u64::MAX] {
            let (mut registrar, _) = Registrar::start(600);
            let now = now();
            let granted = RegisterOutcome::Granted { expires_s: 300 };
            let step = registrar.handle_outcome(now, granted, random);
            assert_eq!(step, RegistrationStep::Registered { expires_s: 300 });
            let wait = registrar.poll_timeout().unwrap() - now;
            assert!((150..=240).contains(&wait.as_secs()), "{wait:?}");
            let step = registrar.handle_timeout(now + wait);
            assert_eq!(step, Some(RegistrationStep::Send { expires_s: 600 }));
            assert_eq!(registrar.poll_timeout(), None);
        }
    }

    #[test]
    fn failures_back_off_with_jitter_up_to_a_cap() {
        let (mut registrar, _) = Registrar::start(600);
        let mut now = now();
        for failure in 0..20_u32 {
            registrar.handle_outcome(now, REFUSED, u64::from(failure) * 317);
            let wait = registrar.poll_timeout().unwrap() - now;
            let longest = (2_u64 << failure.min(10)).min(120);
            assert!(wait.as_secs_f64() <= longest as f64, "{failure}: {wait:?}");
            assert!(wait.as_secs_f64() >= longest as f64 / 2.0, "{failure}: {wait:?}");
            now += wait;
            assert!(registrar.handle_timeout(now).is_some());
        }
    }

    #[test]
    fn retry_after_is_obeyed() {
        let (mut registrar, _) = Registrar::start(600);
        let now = now();
        let outcome = RegisterOutcome::Refused { retry_after_s: Some(60), is_final: false };
        registrar.handle_outcome(now, outcome, 0);
        assert_eq!(registrar.poll_timeout(), Some(now + Duration::from_secs(60)));
    }

    #[test]
    fn c48_a_423_is_tried_again_with_its_min_expires_once() {
        let (mut registrar, _) = Registrar::start(60);
        let now = now();
        let brief = RegisterOutcome::TooBrief { min_expires_s: 1800 };
        let step = registrar.handle_outcome(now, brief, 0);
        assert_eq!(step, RegistrationStep::Send { expires_s: 1800 });
        let step = registrar.handle_outcome(now, brief, 0);
        assert_eq!(step, RegistrationStep::Failed { is_final: false });
    }

    #[test]
    fn a_wrong_password_is_not_tried_again() {
        let (mut registrar, _) = Registrar::start(60);
        let refused = RegisterOutcome::Refused { retry_after_s: None, is_final: true };
        let step = registrar.handle_outcome(now(), refused, 0);
        assert_eq!(step, RegistrationStep::Failed { is_final: true });
        assert_eq!(registrar.poll_timeout(), None);
    }

    #[test]
    fn a_new_connection_registers_again_at_once() {
        let (mut registrar, _) = Registrar::start(60);
        assert_eq!(registrar.handle_new_flow(), None);
        registrar.handle_outcome(now(), RegisterOutcome::Granted { expires_s: 60 }, 0);
        let step = registrar.handle_new_flow();
        assert_eq!(step, Some(RegistrationStep::Send { expires_s: 60 }));
    }
}
