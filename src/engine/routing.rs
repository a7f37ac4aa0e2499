//! Where a number leads: a built-in, an agent's phones, or the PBX.

use super::Engine;
use super::directory::{PhoneEntry, PhoneId};
use super::leg::TrunkProfile;
use super::link::LinkDoor;
use super::trunks::TrunkEntry;
use crate::access::Principal;
use crate::base::Cause;
use crate::sip::uri::{Host, NameAddr, Uri};
use crate::sip::user_agent::IncomingInvite;

/// Longest number that is looked up; a longer one is not found.
const NUMBER_LENGTH_MAX: usize = 64;

/// A call somebody places.
pub struct Caller {
    /// Who.
    pub side: CallerSide,
    /// The link it came in on.
    pub door: LinkDoor,
    /// The INVITE.
    pub invite: Box<IncomingInvite>,
}

/// Who calls.
pub enum CallerSide {
    /// An agent's browser.
    Phone {
        /// The agent.
        principal: Principal,
        /// The phone, so that `*45` rings the others.
        phone: PhoneId,
    },
    /// A PBX.
    Trunk {
        /// Its media rules.
        profile: TrunkProfile,
    },
}

impl Caller {
    /// A word for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.side {
            CallerSide::Phone { .. } => "phone",
            CallerSide::Trunk { .. } => "trunk",
        }
    }

    /// The From towards the callee: an agent's is forced to its own (SECURITY S-05), a PBX's is
    /// taken as told.
    #[must_use]
    pub fn identity(&self, host: &Host) -> NameAddr {
        match &self.side {
            CallerSide::Phone { principal, .. } => {
                let mut from = NameAddr::new(Uri::sip(Some(&principal.number), host.clone()));
                from.display_name = Some(principal.name.to_string());
                from
            }
            CallerSide::Trunk { .. } => {
                let user = self.invite.from.uri.user.as_deref().unwrap_or("anonymous");
                let mut from = NameAddr::new(Uri::sip(Some(user), host.clone()));
                from.display_name.clone_from(&self.invite.from.display_name);
                from
            }
        }
    }
}

/// A number the server itself answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// Hear yourself.
    Echo,
    /// 440 Hz, then music.
    Tone,
    /// Hear the tones of the keys pressed.
    ReadBack,
}

/// Where a call goes.
pub enum Route {
    /// The server answers.
    BuiltIn(BuiltIn),
    /// These phones ring.
    Phones(Vec<PhoneEntry>),
    /// This PBX is dialled.
    Trunk(Box<TrunkEntry>),
    /// Nowhere.
    Refuse(Cause),
}

impl Route {
    /// A word for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BuiltIn(_) => "built_in",
            Self::Phones(_) => "phones",
            Self::Trunk(_) => "trunk",
            Self::Refuse(_) => "refused",
        }
    }
}

impl Engine {
    /// Decides where `caller` gets by the number it dialled.
    pub async fn route(&self, caller: &Caller) -> Route {
        let number = caller.invite.number.as_str();
        if !is_dialable(number) {
            return Route::Refuse(Cause::NotFound);
        }
        match &caller.side {
            CallerSide::Phone { principal, phone } => {
                if let Some(route) = self.built_in_route(number, principal, *phone) {
                    return route;
                }
                match self.agent_route(number, Some(*phone)).await {
                    Some(route) => route,
                    None => self.trunk_route(),
                }
            }
            CallerSide::Trunk { .. } => {
                self.agent_route(number, None).await.unwrap_or(Route::Refuse(Cause::NotFound))
            }
        }
    }

    fn built_in_route(&self, number: &str, principal: &Principal, phone: PhoneId) -> Option<Route> {
        let numbers = &self.config().numbers;
        if number == numbers.echo {
            Some(Route::BuiltIn(BuiltIn::Echo))
        } else if number == numbers.tone {
            Some(Route::BuiltIn(BuiltIn::Tone))
        } else if number == numbers.read_back {
            Some(Route::BuiltIn(BuiltIn::ReadBack))
        } else if number == numbers.other_phone {
            let mut phones = self.directory().phones(&principal.number);
            phones.retain(|other| other.id != phone);
            Some(ring(phones))
        } else {
            None
        }
    }

    /// The phones of the agent with this number, but not the one that calls; `None` when no agent
    /// has it.
    async fn agent_route(&self, number: &str, calling: Option<PhoneId>) -> Option<Route> {
        let mut phones = self.directory().phones(number);
        phones.retain(|phone| Some(phone.id) != calling);
        if phones.is_empty() && !self.agent_exists(number).await {
            return None;
        }
        Some(ring(phones))
    }

    fn trunk_route(&self) -> Route {
        match self.trunks().for_outgoing_call() {
            None => Route::Refuse(Cause::NotFound),
            Some(trunk) if trunk.is_up() => Route::Trunk(Box::new(trunk)),
            Some(_) => Route::Refuse(Cause::TrunkDown),
        }
    }
}

fn ring(phones: Vec<PhoneEntry>) -> Route {
    if phones.is_empty() { Route::Refuse(Cause::Unavailable) } else { Route::Phones(phones) }
}

/// Digits, letters and the few signs real numbers have; nothing a dial plan could read as more
/// than a number (SECURITY S-09).
fn is_dialable(number: &str) -> bool {
    !number.is_empty()
        && number.len() <= NUMBER_LENGTH_MAX
        && number
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | '#' | '+' | '-' | '.' | '_'))
}

#[cfg(test)]
mod tests {
    use super::is_dialable;

    #[test]
    fn s09_only_what_is_a_number_is_dialled() {
        for number in ["1001", "*43", "+4930123456", "bob.smith"] {
            assert!(is_dialable(number), "{number}");
        }
        for number in ["", "1001,2", "a;b", "x@y", "1|2", "a b", "\u{202e}1", &"1".repeat(65)] {
            assert!(!is_dialable(number), "{number}");
        }
    }
}
