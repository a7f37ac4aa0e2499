//! Who pays for a workspace (A11): its owners alone see and change it.

use super::{Author, Organisation, OrganisationError, fields};
use crate::access::audit::Action;
use crate::store::{BillingRow, WorkspaceId};

/// Who pays.
pub struct Billing<'a> {
    pub(super) org: &'a Organisation,
}

/// Longest postal address, characters.
const ADDRESS_MAX: usize = 500;

impl Billing<'_> {
    /// Who pays for a workspace; empty until somebody said.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn show(&self, workspace: WorkspaceId) -> Result<BillingRow, OrganisationError> {
        Ok(self.org.store().billing().of(workspace).await?.unwrap_or_default())
    }

    /// Says who pays.
    ///
    /// # Errors
    /// A field is none.
    pub async fn change(
        &self,
        by: &Author,
        workspace: WorkspaceId,
        new: &BillingRow,
    ) -> Result<BillingRow, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let row = BillingRow {
            name: fields::line("name", &new.name)?,
            email: fields::email(&new.email)?,
            address: fields::lines("address", &new.address, ADDRESS_MAX)?,
            tax_number: fields::lines("tax_number", &new.tax_number, 64)?,
        };
        let mut change = org.store().begin().await?;
        change.billing().put(workspace, &row, now).await?;
        let entry = by.entry(Action::BillingChange, workspace, now).on("workspace", workspace);
        org.record(&mut change, entry).await?;
        change.commit().await?;
        Ok(row)
    }
}
