//! Permissions, and which levels and roles have them.

use super::super::principal::{Level, Role};

/// Something a person may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Connect and register a phone, place and take calls.
    UsePhone,
    /// See and change one's own account, sessions, second factor and keys.
    OwnAccount,
    /// The agent's own pages: dashboard, workspace, callbacks.
    OwnWork,
    /// Listen to, whisper into and barge into others' calls.
    Monitor,
    /// Hear recordings.
    Recordings,
    /// Read reports.
    Reports,
    /// See the wallboard.
    Wallboard,
    /// Change campaigns.
    Campaigns,
    /// Change lists.
    Lists,
    /// Change contacts.
    Contacts,
    /// Change inbound routing.
    Inbound,
    /// Change operations.
    Operations,
    /// See people and their second factors.
    ViewPeople,
    /// Add, change and remove people; reset their second factor; end their sessions.
    ManagePeople,
    /// Invite people.
    Invite,
    /// Add and remove phone numbers and decide who uses them.
    ManageNumbers,
    /// Change settings of the workspace: policy, mail, identity providers, PBXs.
    ManageSettings,
    /// See everybody's keys and revoke them.
    ManageKeys,
    /// Read the audit log and the login history.
    ViewAudit,
    /// See and change who pays.
    Billing,
    /// Make workspaces, rotate the vault's keys: administrators of the home workspace.
    Installation,
    /// Say where mail and identity providers are, through which everybody can be reached: owners
    /// of the home workspace.
    Connections,
}

/// What a person has that permissions depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// 1 to 9, or none.
    pub level: Level,
    /// In the workspace they act in.
    pub role: Role,
    /// Whether that workspace runs the installation.
    pub at_home: bool,
}

impl Rights {
    /// Whether they may: by their level or by their role (requirements X5).
    #[must_use]
    pub fn allow(self, permission: Permission) -> bool {
        let (level, role) = permission.lowest();
        // Level 0 is a token that was made to do nothing, whoever made it.
        self.level > Level::NONE
            && (level.is_some_and(|lowest| self.level >= lowest)
                || role.is_some_and(|lowest| self.role >= lowest))
            && (self.at_home
                || !matches!(permission, Permission::Installation | Permission::Connections))
    }
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 22] = [
        Self::UsePhone,
        Self::OwnAccount,
        Self::OwnWork,
        Self::Monitor,
        Self::Recordings,
        Self::Reports,
        Self::Wallboard,
        Self::Campaigns,
        Self::Lists,
        Self::Contacts,
        Self::Inbound,
        Self::Operations,
        Self::ViewPeople,
        Self::ManagePeople,
        Self::Invite,
        Self::ManageNumbers,
        Self::ManageSettings,
        Self::ManageKeys,
        Self::ViewAudit,
        Self::Billing,
        Self::Installation,
        Self::Connections,
    ];

    /// The lowest level and the lowest role that have it; `None` has it by no level, by no role.
    #[must_use]
    pub fn lowest(self) -> (Option<Level>, Option<Role>) {
        match self {
            Self::UsePhone | Self::OwnAccount | Self::OwnWork => {
                (Some(Level::AGENT), Some(Role::Member))
            }
            Self::Monitor | Self::Recordings | Self::Reports | Self::Wallboard => {
                (Some(Level::SUPERVISOR), None)
            }
            Self::Campaigns | Self::Lists | Self::Contacts | Self::Inbound | Self::Operations => {
                (Some(Level::MANAGER), None)
            }
            Self::ViewPeople
            | Self::ManagePeople
            | Self::Invite
            | Self::ManageNumbers
            | Self::ManageSettings
            | Self::ManageKeys
            | Self::ViewAudit
            | Self::Installation => (Some(Level::ADMIN), Some(Role::Admin)),
            // An administrator may do everything but pay (A12), and may not send everybody's mail
            // elsewhere: who reads an owner's mail is the owner.
            Self::Billing | Self::Connections => (None, Some(Role::Owner)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Permission as P;

    fn allowed(level: u8, role: Role) -> Vec<Permission> {
        let level = Level::new(level).unwrap_or(Level::NONE);
        let rights = Rights { level, role, at_home: true };
        P::ALL.into_iter().filter(|permission| rights.allow(*permission)).collect()
    }

    #[test]
    fn b25_b26_b27_b28_each_level_may_do_what_its_tier_says_and_no_more() {
        let agent = [P::UsePhone, P::OwnAccount, P::OwnWork];
        let supervisor = [P::Monitor, P::Recordings, P::Reports, P::Wallboard];
        let manager = [P::Campaigns, P::Lists, P::Contacts, P::Inbound, P::Operations];
        for level in 0..=9 {
            let mut expected = Vec::new();
            if level >= 1 {
                expected.extend(agent);
            }
            if level >= 5 {
                expected.extend(supervisor);
            }
            if level >= 7 {
                expected.extend(manager);
            }
            if level >= 9 {
                let lower = expected.clone();
                expected.extend(P::ALL.into_iter().filter(|permission| {
                    !lower.contains(permission)
                        && ![P::Billing, P::Connections].contains(permission)
                }));
            }
            assert_eq!(allowed(level, Role::Member), expected, "level {level}");
        }
    }

    #[test]
    fn a11_a12_a13_owners_pay_administrators_do_all_else_and_members_take_part() {
        assert_eq!(allowed(9, Role::Owner), P::ALL);
        assert!(!allowed(9, Role::Admin).contains(&P::Billing));
        for permission in [P::Invite, P::ManageNumbers, P::ManageSettings] {
            assert!(allowed(1, Role::Admin).contains(&permission));
            assert!(!allowed(8, Role::Member).contains(&permission));
        }
        assert_eq!(allowed(1, Role::Member), [P::UsePhone, P::OwnAccount, P::OwnWork]);
    }

    #[test]
    fn only_administrators_of_the_home_workspace_run_the_installation() {
        let mut rights = Rights { level: Level::ADMIN, role: Role::Owner, at_home: false };
        assert!(!rights.allow(P::Installation));
        rights.at_home = true;
        assert!(rights.allow(P::Installation));
    }
}
