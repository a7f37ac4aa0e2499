//! Where a number leads: a built-in, an agent's phones, or the PBX.

use super::Engine;
use super::directory::{Line, PhoneEntry, PhoneId};
use super::leg::TrunkProfile;
use super::link::LinkDoor;
use super::trunks::TrunkEntry;
use crate::access::{AssignedNumber, CallingNumber, NumberError, Principal, UserId, WorkspaceId};
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
        /// Whose PBX it is.
        workspace_id: WorkspaceId,
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

/// A PBX, and the number the call is shown to come from.
pub struct TrunkRoute {
    /// The PBX.
    pub trunk: TrunkEntry,
    /// One of the agent's assigned numbers; `None` shows the agent's own.
    pub calling: Option<AssignedNumber>,
}

/// Where a call goes.
pub enum Route {
    /// The server answers.
    BuiltIn(BuiltIn),
    /// These phones ring.
    Phones(Vec<PhoneEntry>),
    /// This PBX is dialled.
    Trunk(Box<TrunkRoute>),
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
                let asked = caller.invite.from.uri.user.as_deref();
                let asked = asked.filter(|asked| **asked != *principal.number);
                if let Some(route) = self.built_in_route(number, principal, *phone) {
                    return route;
                }
                let line = Line::new(principal.workspace_id, number);
                match self.agent_route(&line, Some(*phone)).await {
                    Some(route) => route,
                    None => self.trunk_route(principal, asked).await,
                }
            }
            CallerSide::Trunk { workspace_id, .. } => {
                let line = Line::new(*workspace_id, number);
                self.agent_route(&line, None).await.unwrap_or(Route::Refuse(Cause::NotFound))
            }
        }
    }

    /// Where a number would lead that the agent whose number is `from` dialled, without a call: a
    /// word and a sentence.
    pub async fn lead(
        &self,
        workspace: WorkspaceId,
        from: &str,
        number: &str,
    ) -> (&'static str, String) {
        if !is_dialable(number) {
            let words = "a number is digits, letters and * # + - . _".to_owned();
            return ("refused", words);
        }
        let mut built_in = self.config().numbers.list().into_iter();
        if let Some(found) = built_in.find(|found| found.number == number) {
            return ("built_in", found.words.to_owned());
        }
        let line = Line::new(workspace, number);
        let phones = self.directory().phones(&line).len();
        if phones > 0 || self.agent_exists(&line).await {
            return ("agent", format!("an agent; phones connected: {phones}"));
        }
        let caller = match self.parts.store.memberships().by_number(workspace, from).await {
            Ok(Some(member)) => member.user.id,
            Ok(None) => return ("refused", format!("no agent has the number {from} to call from")),
            Err(error) => {
                tracing::error!(%error, "cannot look up a number");
                return ("refused", "the agents cannot be looked up now".to_owned());
            }
        };
        let Some(trunk) = self.trunks().for_outgoing_call(workspace) else {
            return ("refused", "no agent has it, and there is no PBX".to_owned());
        };
        if !trunk.is_up() {
            return ("refused", format!("the PBX {} cannot be reached now", trunk.name));
        }
        match self.calling_number(workspace, caller, None).await {
            Ok(Some(shown)) => {
                let words = format!("the PBX {}, which is shown {}", trunk.name, shown.number);
                ("trunk", words)
            }
            Ok(None) => ("trunk", format!("the PBX {}, which is shown {from}", trunk.name)),
            Err(_) => {
                let words = format!("{from} has no number assigned to call the PBX from");
                ("refused", words)
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
            let mut phones =
                self.directory().phones(&Line::new(principal.workspace_id, &principal.number));
            phones.retain(|other| other.id != phone);
            Some(ring(phones))
        } else {
            None
        }
    }

    /// The phones of the agent with this number, but not the one that calls; `None` when no agent
    /// has it.
    async fn agent_route(&self, line: &Line, calling: Option<PhoneId>) -> Option<Route> {
        let mut phones = self.directory().phones(line);
        phones.retain(|phone| Some(phone.id) != calling);
        if phones.is_empty() && !self.agent_exists(line).await {
            return None;
        }
        Some(ring(phones))
    }

    /// The PBX of the agent's workspace, when they may call from the number they `asked` for in
    /// From, or from one that is theirs (A13, A16).
    async fn trunk_route(&self, principal: &Principal, asked: Option<&str>) -> Route {
        let Some(trunk) = self.trunks().for_outgoing_call(principal.workspace_id) else {
            return Route::Refuse(Cause::NotFound);
        };
        match self.calling_number(principal.workspace_id, principal.user_id, asked).await {
            Ok(calling) if trunk.is_up() => Route::Trunk(Box::new(TrunkRoute { trunk, calling })),
            Ok(_) => Route::Refuse(Cause::TrunkDown),
            Err(cause) => Route::Refuse(cause),
        }
    }

    /// The assigned number a call to the PBX shows; `None`: the agent's own.
    async fn calling_number(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        asked: Option<&str>,
    ) -> Result<Option<AssignedNumber>, Cause> {
        let numbers = self.parts.access.organisation().numbers();
        match numbers.calling_number(workspace, user, asked).await {
            Ok(CallingNumber::Assigned(number)) => Ok(Some(number)),
            Ok(CallingNumber::Extension) => Ok(None),
            Err(NumberError::Store(error)) => {
                tracing::error!(%error, "cannot look up an agent's numbers");
                Err(Cause::Failed)
            }
            Err(_) => Err(Cause::ForbiddenNumber),
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
