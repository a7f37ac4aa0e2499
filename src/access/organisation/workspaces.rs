//! Workspaces: making them, naming them, closing them.

use super::{Author, NewPerson, Organisation, OrganisationError, fields};
use crate::access::audit::Action;
use crate::store::{Ending, Level, Member, Role, SessionRow, UserId, WorkspaceId, WorkspaceRow};

/// Workspaces.
pub struct Workspaces<'a> {
    pub(super) org: &'a Organisation,
}

/// A workspace as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceShown {
    /// The workspace.
    pub row: WorkspaceRow,
    /// How many people are in it.
    pub people: u64,
}

impl Workspaces<'_> {
    /// All of them, by name; for whoever runs the installation.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&self) -> Result<Vec<WorkspaceShown>, OrganisationError> {
        let rows = self.org.store().workspaces().list().await?;
        let counts = self.org.store().memberships().counts().await?;
        let people_of = |id: WorkspaceId| {
            counts.iter().find(|(workspace, _)| *workspace == id).map_or(0, |(_, people)| *people)
        };
        Ok(rows.into_iter().map(|row| WorkspaceShown { people: people_of(row.id), row }).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// [`OrganisationError::NotFound`], or the database cannot be used.
    pub async fn show(&self, id: WorkspaceId) -> Result<WorkspaceRow, OrganisationError> {
        let row = self.org.store().workspaces().by_id(id).await?;
        row.ok_or(OrganisationError::NotFound)
    }

    /// Those a person is in, and as what; the first joined first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn of_user(
        &self,
        user: UserId,
    ) -> Result<Vec<(WorkspaceRow, Member)>, OrganisationError> {
        let mut places = Vec::new();
        for member in self.org.store().memberships().of_user(user).await? {
            let row = self.org.store().workspaces().by_id(member.membership.workspace_id).await?;
            places.extend(row.filter(|row| !row.disabled).map(|row| (row, member)));
        }
        Ok(places)
    }

    /// Makes a workspace with its owner. The first one of all runs the installation.
    ///
    /// # Errors
    /// A field is none, or a name is taken.
    pub async fn create(
        &self,
        by: &Author,
        name: &str,
        owner: &NewPerson,
    ) -> Result<(WorkspaceRow, Member), OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let name = fields::line("name", name)?;
        let policy = org.parts.settings.installation();
        let prepared = org.people().prepare(&policy, owner).await?;
        let mut change = org.store().begin().await?;
        let row = change.workspaces().insert(&name, now).await?;
        change.installation().set_home(row.id).await?;
        let entry = by.entry(Action::WorkspaceCreate, row.id, now).on("workspace", row.id);
        org.record(&mut change, entry).await?;
        let place = (row.id, Role::Owner, Level::ADMIN);
        let member = org.people().insert(&mut change, by, prepared, place, now).await?;
        change.commit().await?;
        org.parts.after.member_changed(&member);
        Ok((row, member))
    }

    /// Renames a workspace, closes it or opens it again. Closed, nobody of it is let in.
    ///
    /// # Errors
    /// [`OrganisationError::NotFound`], the name is none or taken, or it is the home workspace.
    pub async fn change(
        &self,
        by: &Author,
        id: WorkspaceId,
        name: Option<&str>,
        disabled: Option<bool>,
    ) -> Result<WorkspaceRow, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let name = name.map(|name| fields::line("name", name)).transpose()?;
        let mut change = org.store().begin().await?;
        change.workspaces().lock(id).await?;
        let old = change.workspaces().by_id(id).await?.ok_or(OrganisationError::NotFound)?;
        let mut new = old.clone();
        new.name = name.unwrap_or_else(|| old.name.clone());
        new.disabled = disabled.unwrap_or(old.disabled);
        if new == old {
            return Ok(old);
        }
        let home = change.installation().read().await?.and_then(|row| row.home_workspace);
        if new.disabled && home == Some(id) {
            return Err(OrganisationError::HomeWorkspace);
        }
        change.workspaces().set(id, &new.name, new.disabled).await?;
        let action = match (old.disabled, new.disabled) {
            (false, true) => Action::WorkspaceDisable,
            (true, false) => Action::WorkspaceEnable,
            (true, true) | (false, false) => Action::WorkspaceUpdate,
        };
        let mut entry = by.entry(action, id, now).on("workspace", id);
        if new.name != old.name {
            entry = entry.with("old", old.name).with("new", new.name.as_str());
        }
        org.record(&mut change, entry).await?;
        let ended: Vec<SessionRow> = if action == Action::WorkspaceDisable {
            change.sessions().end_all_in(id, Ending::Disabled, now).await?
        } else {
            Vec::new()
        };
        org.note_ended(&mut change, &ended, now).await?;
        if new.disabled != old.disabled {
            change.memberships().touch_all_in(id, now).await?;
        }
        change.commit().await?;
        org.keys.forget_workspace(id);
        org.parts.after.sessions_ended(&ended);
        Ok(new)
    }
}
