//! Who pays for a workspace.

use sqlx::query;

use super::link::{Columns, Link, seconds};
use super::{StoreError, WorkspaceId};
use crate::base::UnixTime;

/// Who pays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BillingRow {
    /// To whom invoices are addressed.
    pub name: String,
    /// Where they are mailed.
    pub email: String,
    /// Postal address, several lines.
    pub address: String,
    /// Tax number.
    pub tax_number: String,
}

/// The billing contacts' repository.
pub struct Billing<'a> {
    pub(super) link: Link<'a>,
}

impl Billing<'_> {
    /// A workspace's contact.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn of(&mut self, workspace: WorkspaceId) -> Result<Option<BillingRow>, StoreError> {
        let select = query("SELECT * FROM billing_contacts WHERE workspace_id = $1")
            .bind(workspace.as_bytes().as_slice());
        let Some(row) = self.link.optional(select).await? else { return Ok(None) };
        Ok(Some(BillingRow {
            name: row.text("name")?,
            email: row.text("email")?,
            address: row.text("address")?,
            tax_number: row.text("tax_number")?,
        }))
    }

    /// Writes a workspace's contact in place of the one before.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn put(
        &mut self,
        workspace: WorkspaceId,
        new: &BillingRow,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO billing_contacts (workspace_id, name, email, address, tax_number,
                                           updated_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (workspace_id) DO UPDATE
             SET name = excluded.name, email = excluded.email, address = excluded.address,
                 tax_number = excluded.tax_number, updated_at = excluded.updated_at",
        )
        .bind(workspace.as_bytes().as_slice())
        .bind(&new.name)
        .bind(&new.email)
        .bind(&new.address)
        .bind(&new.tax_number)
        .bind(seconds(now));
        self.link.execute(insert).await.map(drop)
    }
}
