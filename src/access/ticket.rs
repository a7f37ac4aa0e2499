//! Socket tickets: a key for one WebSocket upgrade, good once, for 30 s, for the browser that
//! asked (W-18). They exist because browsers cannot put a header on an upgrade.

use std::time::Instant;

use dashmap::DashMap;

use super::principal::Principal;
use super::random::{self, NoRandom};
use crate::base::{Clock, Secret, limit};

/// The tickets that are out.
pub struct Tickets {
    clock: Clock,
    out: DashMap<[u8; 32], Ticket>,
}

struct Ticket {
    principal: Principal,
    user_agent: Option<String>,
    expires: Instant,
}

/// Why no ticket was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// [`limit::TICKETS_MAX`] are out.
    #[error("too many tickets are out")]
    Full,
    /// No random bytes.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

impl Tickets {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, out: DashMap::new() }
    }

    /// Gives a ticket to a person's browser.
    ///
    /// # Errors
    /// Too many are out.
    pub fn give(
        &self,
        principal: Principal,
        user_agent: Option<&str>,
    ) -> Result<Secret, TicketError> {
        let now = self.clock.now();
        if self.out.len() >= limit::TICKETS_MAX {
            self.out.retain(|_, ticket| now < ticket.expires);
            if self.out.len() >= limit::TICKETS_MAX {
                return Err(TicketError::Full);
            }
        }
        let key = random::key()?;
        let expires = now + limit::TICKET_LIFE;
        let user_agent = user_agent.map(str::to_string);
        if let Some(hash) = random::hash(key.expose()) {
            self.out.insert(hash, Ticket { principal, user_agent, expires });
        }
        Ok(key)
    }

    /// Takes a ticket back; whose it was, if it was good.
    #[must_use]
    pub fn redeem(&self, key: &str, user_agent: Option<&str>) -> Option<Principal> {
        let (_, ticket) = self.out.remove(&random::hash(key)?)?;
        let is_good =
            self.clock.now() < ticket.expires && ticket.user_agent.as_deref() == user_agent;
        is_good.then_some(ticket.principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Level, Proof, Role, SessionId, UserId, WorkspaceId};
    use crate::base::UnixTime;
    use std::time::Duration;

    #[test]
    fn sec_w18_a_ticket_is_good_once_for_30_s_for_the_browser_that_asked() {
        let clock = Clock::manual(UnixTime(1_000));
        let tickets = Tickets::new(clock.clone());
        let principal = Principal {
            user_id: UserId::random(),
            workspace_id: WorkspaceId::random(),
            name: "Agent".into(),
            number: "1001".into(),
            level: Level::AGENT,
            role: Role::Member,
            at_home: false,
            session_id: SessionId::random(),
            proof: Proof::Cookie,
        };
        let give = || tickets.give(principal.clone(), Some("browser")).unwrap();
        let ticket = give();
        assert_eq!(tickets.redeem(ticket.expose(), Some("browser")), Some(principal.clone()));
        assert_eq!(tickets.redeem(ticket.expose(), Some("browser")), None, "used");
        let ticket = give();
        clock.advance(Duration::from_millis(29_999));
        assert!(tickets.redeem(ticket.expose(), Some("browser")).is_some());
        let ticket = give();
        clock.advance(Duration::from_secs(30));
        assert!(tickets.redeem(ticket.expose(), Some("browser")).is_none(), "late");
        assert!(tickets.redeem(give().expose(), Some("other")).is_none(), "another browser");
        for text in ["", "' OR 1=1", &"a".repeat(43), &"a".repeat(65_536)] {
            assert!(tickets.redeem(text, Some("browser")).is_none());
        }
    }
}
