//! Phone numbers and who may use them (A14–A16): three kinds of access that have nothing to do
//! with the roles of the workspace and only ever add rights on their number (X6).

use std::net::IpAddr;

use super::{Author, NumberError, Organisation, OrganisationError, fields};
use crate::access::audit::Action;
use crate::access::policy::Permission;
use crate::access::principal::Principal;
use crate::base::UnixTime;
use crate::base::limit::NUMBER_HISTORY_ROWS;
use crate::store::{
    CallRow, Change, NumberAccess, NumberId, NumberRow, NumberUser, UserId, WorkspaceId,
};

/// Phone numbers.
pub struct PhoneNumbers<'a> {
    pub(super) org: &'a Organisation,
}

/// What the asking person may do with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MyAccess {
    /// Everything, because they manage all numbers of the workspace.
    Admin,
    /// What the number's own list says.
    Own(NumberAccess),
}

/// A number as the asking person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberShown {
    /// The number.
    pub row: NumberRow,
    /// What they may do with it.
    pub access: MyAccess,
}

/// A phone number somebody may call from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedNumber {
    /// Which.
    pub id: NumberId,
    /// Its digits.
    pub number: String,
}

/// What a call out shows as its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallingNumber {
    /// This phone number.
    Assigned(AssignedNumber),
    /// The caller's own extension; the PBX decides what the other side sees.
    Extension,
}

impl MyAccess {
    /// As shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Own(access) => access.as_str(),
        }
    }

    fn may_change(self) -> bool {
        matches!(self, Self::Admin | Self::Own(NumberAccess::Owner))
    }
}

impl PhoneNumbers<'_> {
    /// The numbers somebody may see: all for who manages them, else those they have access to.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&self, principal: &Principal) -> Result<Vec<NumberShown>, OrganisationError> {
        let (store, workspace) = (self.org.store(), principal.workspace_id);
        if principal.may(Permission::ManageNumbers) {
            let rows = store.numbers().list(workspace).await?;
            let shown = |row| NumberShown { row, access: MyAccess::Admin };
            return Ok(rows.into_iter().map(shown).collect());
        }
        let rows = store.numbers().of_user(workspace, principal.user_id).await?;
        let shown = |(row, access)| NumberShown { row, access: MyAccess::Own(access) };
        Ok(rows.into_iter().map(shown).collect())
    }

    /// One number, if they may see it.
    ///
    /// # Errors
    /// [`OrganisationError::NotFound`], or the database cannot be used.
    pub async fn show(
        &self,
        principal: &Principal,
        id: NumberId,
    ) -> Result<NumberShown, OrganisationError> {
        let store = self.org.store();
        let row = store.numbers().by_id(principal.workspace_id, id).await?;
        let row = row.ok_or(OrganisationError::NotFound)?;
        let own = store.numbers().access_of(id, principal.user_id).await?;
        let access = seen(principal, own)?;
        Ok(NumberShown { row, access })
    }

    /// The newest calls of a number that began before a time.
    ///
    /// # Errors
    /// [`OrganisationError::NotFound`], or the database cannot be used.
    pub async fn history(
        &self,
        principal: &Principal,
        id: NumberId,
        before: Option<UnixTime>,
    ) -> Result<Vec<CallRow>, OrganisationError> {
        self.show(principal, id).await?;
        let before = before.unwrap_or(UnixTime(u64::MAX));
        let mut calls = self.org.store().calls();
        Ok(calls.of_number(principal.workspace_id, id, before, NUMBER_HISTORY_ROWS).await?)
    }

    /// Adds a number; nobody but who manages numbers has access yet.
    ///
    /// # Errors
    /// A field is none, or the workspace has the number.
    pub async fn add(
        &self,
        by: &Author,
        workspace: WorkspaceId,
        number: &str,
        label: &str,
    ) -> Result<NumberRow, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let number = fields::phone_number(number)?;
        let label = fields::line("label", label)?;
        let row = NumberRow {
            id: NumberId::random(),
            workspace_id: workspace,
            number,
            label,
            created_at: now,
        };
        let mut change = org.store().begin().await?;
        change.numbers().insert(&row).await?;
        let entry = by
            .entry(Action::NumberCreate, workspace, now)
            .on("number", row.id)
            .with("number", row.number.as_str());
        org.record(&mut change, entry).await?;
        change.commit().await?;
        Ok(row)
    }

    /// Renames a number.
    ///
    /// # Errors
    /// [`OrganisationError::NotFound`], [`OrganisationError::Forbidden`] for who may only use it.
    pub async fn rename(
        &self,
        principal: &Principal,
        ip: Option<IpAddr>,
        id: NumberId,
        label: &str,
    ) -> Result<NumberShown, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let label = fields::line("label", label)?;
        let mut change = org.store().begin().await?;
        let mut shown = changeable(&mut change, principal, id).await?;
        change.numbers().rename(id, &label).await?;
        let entry = Author::of(principal, ip)
            .entry(Action::NumberUpdate, principal.workspace_id, now)
            .on("number", id)
            .with("old", shown.row.label.as_str())
            .with("new", label.as_str());
        org.record(&mut change, entry).await?;
        change.commit().await?;
        shown.row.label = label;
        Ok(shown)
    }

    /// Removes a number; its calls stay.
    ///
    /// # Errors
    /// As [`PhoneNumbers::rename`].
    pub async fn remove(
        &self,
        principal: &Principal,
        ip: Option<IpAddr>,
        id: NumberId,
    ) -> Result<(), OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let mut change = org.store().begin().await?;
        let shown = changeable(&mut change, principal, id).await?;
        change.numbers().remove(id).await?;
        let entry = Author::of(principal, ip)
            .entry(Action::NumberDelete, principal.workspace_id, now)
            .on("number", id)
            .with("number", shown.row.number);
        org.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    /// Who has access to a number, by name.
    ///
    /// # Errors
    /// As [`PhoneNumbers::rename`].
    pub async fn users(
        &self,
        principal: &Principal,
        id: NumberId,
    ) -> Result<Vec<NumberUser>, OrganisationError> {
        let shown = self.show(principal, id).await?;
        if !shown.access.may_change() {
            return Err(OrganisationError::Forbidden);
        }
        Ok(self.org.store().numbers().users_of(id).await?)
    }

    /// Lets somebody of the workspace use a number.
    ///
    /// # Errors
    /// As [`PhoneNumbers::rename`]; no such person in the workspace is
    /// [`OrganisationError::NotFound`] too.
    pub async fn share(
        &self,
        principal: &Principal,
        ip: Option<IpAddr>,
        (id, user): (NumberId, UserId),
        access: NumberAccess,
    ) -> Result<(), OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let mut change = org.store().begin().await?;
        changeable(&mut change, principal, id).await?;
        let member = change.memberships().member(principal.workspace_id, user).await?;
        member.ok_or(OrganisationError::NotFound)?;
        change.numbers().share(id, user, access).await?;
        let entry = Author::of(principal, ip)
            .entry(Action::NumberAssign, principal.workspace_id, now)
            .on("number", id)
            .with("user", user.to_string())
            .with("access", access.as_str());
        org.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    /// Takes a number away from somebody.
    ///
    /// # Errors
    /// As [`PhoneNumbers::share`].
    pub async fn unshare(
        &self,
        principal: &Principal,
        ip: Option<IpAddr>,
        (id, user): (NumberId, UserId),
    ) -> Result<(), OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let mut change = org.store().begin().await?;
        changeable(&mut change, principal, id).await?;
        if !change.numbers().unshare(id, user).await? {
            return Err(OrganisationError::NotFound);
        }
        let entry = Author::of(principal, ip)
            .entry(Action::NumberUnassign, principal.workspace_id, now)
            .on("number", id)
            .with("user", user.to_string());
        org.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    /// What a call out of somebody shows as its caller: the number they ask for, else the first of
    /// theirs, else their extension where the workspace lets them. Managing numbers is no reason
    /// to call from them.
    ///
    /// # Errors
    /// [`NumberError::Forbidden`]: not theirs to call from, or they have none and need one.
    pub async fn calling_number(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        asked: Option<&str>,
    ) -> Result<CallingNumber, NumberError> {
        let policy = self.org.parts.settings.of(workspace);
        let numbers = self.org.store().numbers().of_user(workspace, user).await?;
        let mut usable = numbers
            .into_iter()
            .filter(|(_, access)| *access >= NumberAccess::Shared)
            .map(|(row, _)| AssignedNumber { id: row.id, number: row.number });
        let found = match asked {
            Some(asked) => usable.find(|number| number.number == asked),
            None => usable.next(),
        };
        if let Some(number) = found {
            return Ok(CallingNumber::Assigned(number));
        }
        if policy.number_require_assigned {
            return Err(NumberError::Forbidden);
        }
        let Some(asked) = asked else { return Ok(CallingNumber::Extension) };
        let own = self.org.store().memberships().by_number(workspace, asked).await?;
        let is_own = own.is_some_and(|member| member.user.id == user);
        if is_own { Ok(CallingNumber::Extension) } else { Err(NumberError::Forbidden) }
    }
}

/// The number, locked against nothing but seen in the transaction, if they may change it.
async fn changeable(
    change: &mut Change,
    principal: &Principal,
    id: NumberId,
) -> Result<NumberShown, OrganisationError> {
    change.workspaces().lock(principal.workspace_id).await?;
    let row = change.numbers().by_id(principal.workspace_id, id).await?;
    let row = row.ok_or(OrganisationError::NotFound)?;
    let own = change.numbers().access_of(id, principal.user_id).await?;
    let access = seen(principal, own)?;
    if access.may_change() {
        Ok(NumberShown { row, access })
    } else {
        Err(OrganisationError::Forbidden)
    }
}

fn seen(principal: &Principal, own: Option<NumberAccess>) -> Result<MyAccess, OrganisationError> {
    if principal.may(Permission::ManageNumbers) {
        return Ok(MyAccess::Admin);
    }
    own.map(MyAccess::Own).ok_or(OrganisationError::NotFound)
}
