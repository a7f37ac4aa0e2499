//! The sidebar: which pages there are and who sees them (requirements B25–B29).

use super::{Permission, Rights};

/// A page of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Page {
    /// What happens today.
    Dashboard,
    /// The phone.
    AgentWorkspace,
    /// Calls to return.
    Callbacks,
    /// Live calls.
    Monitoring,
    /// Recorded calls.
    Recordings,
    /// Figures of days.
    Reports,
    /// Figures on a wall.
    Wallboard,
    /// Campaigns.
    Campaigns,
    /// Lists.
    Lists,
    /// Contacts.
    Contacts,
    /// Inbound routing.
    Inbound,
    /// Operations.
    Operations,
    /// People, sessions, keys, policy, audit, vault.
    Settings,
}

impl Page {
    /// Every page, in the order of the sidebar.
    pub const ALL: [Self; 13] = [
        Self::Dashboard,
        Self::AgentWorkspace,
        Self::Callbacks,
        Self::Monitoring,
        Self::Recordings,
        Self::Reports,
        Self::Wallboard,
        Self::Campaigns,
        Self::Lists,
        Self::Contacts,
        Self::Inbound,
        Self::Operations,
        Self::Settings,
    ];

    /// Its name in addresses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::AgentWorkspace => "phone",
            Self::Callbacks => "callbacks",
            Self::Monitoring => "monitoring",
            Self::Recordings => "recordings",
            Self::Reports => "reports",
            Self::Wallboard => "wallboard",
            Self::Campaigns => "campaigns",
            Self::Lists => "lists",
            Self::Contacts => "contacts",
            Self::Inbound => "inbound",
            Self::Operations => "operations",
            Self::Settings => "settings",
        }
    }

    /// Its words in the sidebar.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Dashboard => "Dashboard",
            Self::AgentWorkspace => "Agent Workspace",
            Self::Callbacks => "Callbacks",
            Self::Monitoring => "Monitoring",
            Self::Recordings => "Recordings",
            Self::Reports => "Reports",
            Self::Wallboard => "Wallboard",
            Self::Campaigns => "Campaigns",
            Self::Lists => "Lists",
            Self::Contacts => "Contacts",
            Self::Inbound => "Inbound",
            Self::Operations => "Operations",
            Self::Settings => "Settings",
        }
    }

    /// What it needs.
    #[must_use]
    pub fn permission(self) -> Permission {
        match self {
            Self::Dashboard | Self::AgentWorkspace | Self::Callbacks => Permission::OwnWork,
            Self::Monitoring => Permission::Monitor,
            Self::Recordings => Permission::Recordings,
            Self::Reports => Permission::Reports,
            Self::Wallboard => Permission::Wallboard,
            Self::Campaigns => Permission::Campaigns,
            Self::Lists => Permission::Lists,
            Self::Contacts => Permission::Contacts,
            Self::Inbound => Permission::Inbound,
            Self::Operations => Permission::Operations,
            Self::Settings => Permission::ManageSettings,
        }
    }

    /// The pages somebody sees.
    pub fn of(rights: Rights) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |page| rights.allow(page.permission()))
    }

    /// The page of this name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Level, Role};

    #[test]
    fn b25_b26_b27_b29_the_sidebar_has_3_7_12_and_13_entries() {
        for (level, count) in [(1, 3), (4, 3), (5, 7), (6, 7), (7, 12), (8, 12), (9, 13)] {
            let level = Level::new(level).unwrap();
            let rights = Rights { level, role: Role::Member, at_home: false };
            assert_eq!(Page::of(rights).count(), count, "level {level}");
        }
        for page in Page::ALL {
            assert_eq!(Page::from_word(page.as_str()), Some(page));
        }
    }
}
