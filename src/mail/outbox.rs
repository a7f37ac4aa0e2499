//! The mails that wait, and when each is tried: a machine without a clock or socket.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::error::MailError;
use super::letter::Mail;
use super::recipient::Recipient;
use crate::base::limit;

/// A mail that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) to: Recipient,
    pub(super) mail: Mail,
    /// Tries so far.
    pub(super) tries: u32,
    due: Instant,
    /// After that it is of no use.
    ends: Instant,
}

/// Mails in the order they came.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
    in_hand: usize,
}

/// What became of a mail that could not be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is tried again after this long.
    Again(Duration),
    /// It is gone.
    Dropped,
}

impl Outbox {
    pub(super) fn push(
        &mut self,
        now: Instant,
        to: Recipient,
        mail: Mail,
    ) -> Result<(), MailError> {
        if self.waiting.len() + self.in_hand >= limit::MAILS_WAITING_MAX {
            return Err(MailError::Full);
        }
        let ends = now + mail.life();
        self.waiting.push_back(Waiting { to, mail, tries: 0, due: now, ends });
        Ok(())
    }

    /// The next mail to try, which must come back by [`Outbox::sent`] or [`Outbox::failed`].
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Waiting> {
        let index = self.waiting.iter().position(|waiting| waiting.due <= now)?;
        let mut taken = self.waiting.remove(index)?;
        taken.tries += 1;
        self.in_hand += 1;
        Some(taken)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.due).min()
    }

    pub(super) fn sent(&mut self) {
        self.in_hand = self.in_hand.saturating_sub(1);
    }

    /// `chance` spreads the tries of many mails over time.
    pub(super) fn failed(
        &mut self,
        now: Instant,
        chance: u8,
        is_transient: bool,
        mut waiting: Waiting,
    ) -> Fate {
        self.in_hand = self.in_hand.saturating_sub(1);
        let wait = pause(waiting.tries, chance);
        let is_over = waiting.tries >= limit::MAIL_TRIES_MAX || now + wait >= waiting.ends;
        if !is_transient || is_over {
            return Fate::Dropped;
        }
        waiting.due = now + wait;
        self.waiting.push_back(waiting);
        Fate::Again(wait)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.in_hand
    }
}

/// Between half and all of the doubled wait.
fn pause(tries: u32, chance: u8) -> Duration {
    let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
    let longest = limit::MAIL_RETRY_MIN.saturating_mul(doubled).min(limit::MAIL_RETRY_MAX);
    longest / 2 + longest / 2 * u32::from(chance) / 255
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Clock, Secret, UnixTime};

    fn ada() -> Recipient {
        "ada@example.com".parse().expect("address")
    }

    fn code() -> Mail {
        Mail::SignInCode { code: Secret::new("042137") }
    }

    #[test]
    fn a_mail_is_tried_with_growing_pauses_and_dropped_after_its_tries() {
        let mut now = Clock::manual(UnixTime(1_000)).now();
        let mut outbox = Outbox::default();
        outbox.push(now, ada(), Mail::Test).expect("room");
        let mut pauses = Vec::new();
        loop {
            let waiting = outbox.take_due(now).expect("due");
            assert!(outbox.take_due(now).is_none());
            match outbox.failed(now, 255, true, waiting) {
                Fate::Again(pause) => pauses.push(pause.as_secs()),
                Fate::Dropped => break,
            }
            let due = outbox.poll_timeout().expect("waits");
            assert!(outbox.take_due(due - Duration::from_millis(1)).is_none());
            now = due;
        }
        assert_eq!(pauses, [10, 20, 40, 80, 120]);
        assert_eq!((outbox.len(), outbox.poll_timeout()), (0, None));
    }

    #[test]
    fn pauses_are_spread_by_half() {
        assert_eq!(pause(1, 0), Duration::from_secs(5));
        assert_eq!(pause(1, 255), Duration::from_secs(10));
        assert_eq!(pause(99, 0), Duration::from_secs(60));
    }

    #[test]
    fn b08_a_code_is_not_tried_after_it_has_expired_nor_anything_refused_for_good() {
        let now = Clock::manual(UnixTime(1_000)).now();
        let mut outbox = Outbox::default();
        outbox.push(now, ada(), code()).expect("room");
        let waiting = outbox.take_due(now).expect("due");
        let late = now + limit::MAIL_CODE_LIFE - Duration::from_secs(5);
        assert_eq!(outbox.failed(late, 0, true, waiting), Fate::Dropped);
        outbox.push(now, ada(), code()).expect("room");
        let waiting = outbox.take_due(now).expect("due");
        assert_eq!(outbox.failed(now, 0, false, waiting), Fate::Dropped);
    }

    #[test]
    fn the_outbox_is_bounded_with_those_in_hand_and_a_slow_mail_holds_up_no_other() {
        let now = Clock::manual(UnixTime(1_000)).now();
        let mut outbox = Outbox::default();
        for _ in 0..limit::MAILS_WAITING_MAX {
            outbox.push(now, ada(), Mail::Test).expect("room");
        }
        let first = outbox.take_due(now).expect("due");
        assert!(matches!(outbox.push(now, ada(), Mail::Test), Err(MailError::Full)));
        assert!(matches!(outbox.failed(now, 0, true, first), Fate::Again(_)));
        assert_eq!(outbox.take_due(now).expect("the next").tries, 1);
        outbox.sent();
        outbox.push(now, ada(), Mail::Test).expect("room again");
    }

    #[test]
    fn b07_neither_code_nor_address_is_shown_when_a_mail_is_printed() {
        let now = Clock::manual(UnixTime(1_000)).now();
        let mut outbox = Outbox::default();
        outbox.push(now, ada(), code()).expect("room");
        let shown = format!("{outbox:?}");
        assert!(!shown.contains("042137") && !shown.contains("ada@"), "{shown}");
    }
}
