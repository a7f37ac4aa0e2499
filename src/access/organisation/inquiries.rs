//! What strangers write: the contact form and bookings of demonstrations (A30). Kept, and mailed to
//! the owners of the home workspace.

use std::net::IpAddr;

use super::{Organisation, OrganisationError, fields};
use crate::access::letter::Letter;
use crate::base::UnixTime;
use crate::base::limit::{INQUIRIES_MAX, INQUIRY_CHARS_MAX, INQUIRY_KEPT};
use crate::store::{InquiryRow, RecordId, Role};

/// Inquiries.
pub struct Inquiries<'a> {
    pub(super) org: &'a Organisation,
}

/// What somebody wrote.
#[derive(Clone, Debug)]
pub struct NewInquiry {
    /// Their name.
    pub name: String,
    /// Their mail address, as they say.
    pub email: String,
    /// When they want a demonstration; empty for a message.
    pub wanted_at: String,
    /// Their words.
    pub words: String,
    /// From where.
    pub ip: Option<IpAddr>,
}

impl Inquiries<'_> {
    /// Takes a booking of a demonstration.
    ///
    /// # Errors
    /// A field is none, or there are too many.
    pub async fn book_demo(&self, new: &NewInquiry) -> Result<(), OrganisationError> {
        fields::line("wanted_at", &new.wanted_at)?;
        self.take("demo", new).await
    }

    /// Takes a message.
    ///
    /// # Errors
    /// A field is none, or there are too many.
    pub async fn contact(&self, new: &NewInquiry) -> Result<(), OrganisationError> {
        if new.words.trim().is_empty() {
            return fields::invalid("words", "must not be empty");
        }
        self.take("contact", new).await
    }

    /// The newest.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(&self) -> Result<Vec<InquiryRow>, OrganisationError> {
        Ok(self.org.store().inquiries().list().await?)
    }

    async fn take(&self, kind: &'static str, new: &NewInquiry) -> Result<(), OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let wanted_at = match kind {
            "demo" => fields::line("wanted_at", &new.wanted_at)?,
            _ => String::new(),
        };
        let row = InquiryRow {
            id: RecordId::random(),
            kind: kind.into(),
            created_at: now,
            name: fields::line("name", &new.name)?,
            email: fields::email(&new.email)?,
            words: fields::lines("words", &new.words, INQUIRY_CHARS_MAX)?,
            wanted_at,
            ip: new.ip.map(|ip| ip.to_canonical().to_string()),
        };
        let mut change = org.store().begin().await?;
        let oldest = UnixTime(now.0.saturating_sub(INQUIRY_KEPT.as_secs()));
        change.inquiries().forget(oldest).await?;
        if change.inquiries().count().await? >= INQUIRIES_MAX {
            return Err(OrganisationError::Full("inquiries that nobody looked at"));
        }
        change.inquiries().insert(&row).await?;
        let home = change.installation().read().await?.and_then(|row| row.home_workspace);
        let people = match home {
            None => Vec::new(),
            Some(home) => change.memberships().list(home).await?,
        };
        change.commit().await?;
        let owners = people
            .into_iter()
            .filter(|member| member.membership.role == Role::Owner && !member.user.disabled);
        for email in owners.filter_map(|owner| owner.user.email) {
            let InquiryRow { name, email: from, wanted_at, words, .. } = row.clone();
            let letter = Letter::Inquiry { kind, name, email: from, wanted_at, words };
            org.parts.mailbox.post(&email, letter);
        }
        Ok(())
    }
}
