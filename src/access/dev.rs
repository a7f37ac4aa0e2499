//! The people that development mode has at every start.

use super::desk::Access;
use super::error::AccessError;
use super::principal::{Actor, Level};
use super::shared::HOME_NAME;
use crate::base::Secret;
use crate::store::{Change, Member, MembershipRow, NewUser, Role, WorkspaceId};

/// A ready-made person of development mode.
#[derive(Clone, Debug)]
pub struct DevAgent {
    /// Who, in the home workspace.
    pub member: Member,
    /// A token, good for ten minutes.
    pub token: Secret,
}

/// Names, numbers and levels of development mode's people.
const DEV_AGENTS: [(&str, &str, u8); 5] = [
    ("1001", "Agent 1001", 1),
    ("1002", "Agent 1002", 1),
    ("1005", "Supervisor 1005", 5),
    ("1007", "Manager 1007", 7),
    ("1009", "Admin 1009", 9),
];

impl Access {
    /// Makes development mode's workspace and people, if they are not there, and a token for
    /// each.
    ///
    /// # Errors
    /// The database failed.
    pub async fn dev_agents(&self) -> Result<Vec<DevAgent>, AccessError> {
        let mut change = self.shared.store.begin().await?;
        let home = self.shared.ensure_home(&mut change, &Actor::system(), HOME_NAME).await?;
        let mut members = Vec::new();
        for agent in DEV_AGENTS {
            members.push(self.dev_agent(&mut change, home.id, agent).await?);
        }
        change.commit().await?;
        self.shared.read_home().await?;
        self.shared.settings.follow().await?;
        let mut agents = Vec::new();
        for member in members {
            let token = self.mint_for(&member, Level::ADMIN).await?.token;
            agents.push(DevAgent { member, token });
        }
        Ok(agents)
    }

    async fn dev_agent(
        &self,
        change: &mut Change,
        home: WorkspaceId,
        (number, words, level): (&str, &str, u8),
    ) -> Result<Member, AccessError> {
        if let Some(member) = change.memberships().by_number(home, number).await? {
            return Ok(member);
        }
        let now = self.shared.now();
        let level = Level::new(level).unwrap_or(Level::AGENT);
        let user = match change.users().by_sign_in(number).await? {
            Some(user) => user,
            None => {
                let new = NewUser {
                    name: number.into(),
                    display_name: words.into(),
                    email: None,
                    email_verified_at: None,
                    password_hash: None,
                };
                change.users().insert(&new, now).await?
            }
        };
        let membership = MembershipRow {
            workspace_id: home,
            user_id: user.id,
            role: if level == Level::ADMIN { Role::Owner } else { Role::Member },
            level,
            number: number.into(),
            created_at: now,
            changed_at: now,
        };
        change.memberships().insert(&membership).await?;
        Ok(Member { user, membership })
    }
}
