//! API keys of people: made after proving oneself again, shown once, revoked at once.

use std::net::IpAddr;

use super::key_cache::Known;
use super::{Author, KeyError, Organisation, OrganisationError, Shown, fields};
use crate::access::api_key::{ApiKeyBrand, ApiKeyError, Scopes};
use crate::access::audit::Action;
use crate::access::principal::Principal;
use crate::base::limit::API_KEY_DAYS_MAX;
use crate::base::{Secret, UnixTime};
use crate::store::{ApiKeyId, ApiKeyListing, ApiKeyRow, Member, UserId, WorkspaceId};

/// API keys.
pub struct Keys<'a> {
    pub(super) org: &'a Organisation,
}

/// A key to make.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What people call it; unique among the workspace's keys that are not revoked.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// How long it is good; `None` until it is revoked.
    pub expires_in_days: Option<u32>,
}

/// A key just made. Its text is shown now and never again (A25).
#[derive(Debug)]
pub struct CreatedKey {
    /// What is kept.
    pub row: ApiKeyRow,
    /// The key.
    pub text: Secret,
}

const DAY_S: u64 = 24 * 3600;

impl Keys<'_> {
    /// Makes a key for the signed-in person, who shows name, password and second factor again.
    ///
    /// # Errors
    /// What was shown is wrong, the name is taken, or the workspace has as many as it may.
    pub async fn create(
        &self,
        principal: &Principal,
        ip: Option<IpAddr>,
        new: &NewKey,
        shown: &Shown,
    ) -> Result<CreatedKey, OrganisationError> {
        // What is wrong with the key is said before anybody has to prove anything.
        fields::line("name", &new.name)?;
        expiry(new.expires_in_days, self.org.now())?;
        self.org.parts.proofs.full(principal, shown).await?;
        let (workspace, user) = (principal.workspace_id, principal.user_id);
        self.make(&Author::of(principal, ip), workspace, user, new).await
    }

    /// Makes a key for somebody from a shell of the server, where nothing is to be proved.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn create_for(
        &self,
        by: &Author,
        member: &Member,
        new: &NewKey,
    ) -> Result<CreatedKey, OrganisationError> {
        self.make(by, member.membership.workspace_id, member.user.id, new).await
    }

    async fn make(
        &self,
        by: &Author,
        workspace_id: WorkspaceId,
        user_id: UserId,
        new: &NewKey,
    ) -> Result<CreatedKey, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let name = fields::line("name", &new.name)?;
        let expires_at = expiry(new.expires_in_days, now)?;
        let policy = org.parts.settings.of(workspace_id);
        let minted = policy.api_keys_brand.mint()?;
        let row = ApiKeyRow {
            id: ApiKeyId::random(),
            workspace_id,
            user_id,
            name,
            masked: policy.api_keys_brand.masked(&minted.prefix),
            prefix: minted.prefix,
            key_hash: minted.hash,
            scopes: new.scopes.to_string(),
            created_at: now,
            expires_at,
            last_used_at: None,
            last_used_ip: None,
            revoked_at: None,
        };
        let mut change = org.store().begin().await?;
        // Whoever counts at the same time waits here.
        change.workspaces().lock(row.workspace_id).await?;
        let active = change.api_keys().count_active(row.workspace_id, now).await?;
        if let Some(most) = policy.api_keys_max_active.filter(|most| active >= u64::from(*most)) {
            return Err(OrganisationError::KeyLimit(most));
        }
        change.api_keys().insert(&row).await?;
        let entry = by
            .entry(Action::KeyCreate, row.workspace_id, now)
            .on("api_key", row.id)
            .with("name", row.name.as_str())
            .with("scopes", row.scopes.as_str());
        org.record(&mut change, entry).await?;
        change.commit().await?;
        Ok(CreatedKey { row, text: minted.text })
    }

    /// The keys of a workspace, of one person or of all, the newest first; revoked ones too.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(
        &self,
        workspace: WorkspaceId,
        user: Option<UserId>,
    ) -> Result<Vec<ApiKeyListing>, OrganisationError> {
        Ok(self.org.store().api_keys().list(workspace, user).await?)
    }

    /// Revokes a key of a workspace, of one person or of anybody. The next request with it fails,
    /// its sockets close.
    ///
    /// # Errors
    /// [`OrganisationError::NotFound`]: none, or revoked already. The key of somebody who has more.
    pub async fn revoke(
        &self,
        by: &Author,
        workspace: WorkspaceId,
        id: ApiKeyId,
        user: Option<UserId>,
    ) -> Result<(), OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let mut change = org.store().begin().await?;
        let row = change.api_keys().revoke(workspace, id, user, now).await?;
        let row = row.ok_or(OrganisationError::NotFound)?;
        if let Some(owner) = change.memberships().member(workspace, row.user_id).await? {
            by.check_over(&owner.membership)?;
        }
        let entry = by
            .entry(Action::KeyRevoke, workspace, now)
            .on("api_key", id)
            .with("name", row.name.as_str());
        org.record(&mut change, entry).await?;
        change.commit().await?;
        org.keys.revoked(&row, &org.parts.revocations, now);
        Ok(())
    }

    /// Revokes all keys of a person, here or everywhere; how many ("log out of all devices" with
    /// the box for keys ticked).
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn revoke_all_of(
        &self,
        by: &Author,
        user: UserId,
        workspace: Option<WorkspaceId>,
    ) -> Result<usize, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let mut change = org.store().begin().await?;
        let rows = change.api_keys().revoke_all_of(user, workspace, now).await?;
        for row in &rows {
            let entry = by.entry(Action::KeyRevoke, row.workspace_id, now).on("api_key", row.id);
            org.record(&mut change, entry).await?;
        }
        change.commit().await?;
        for row in &rows {
            org.keys.revoked(row, &org.parts.revocations, now);
        }
        Ok(rows.len())
    }

    /// Whom a key lets in. Reads the database once in a while per key, and for unknown ones.
    ///
    /// # Errors
    /// Not a key, not a good one, or the database cannot be used.
    pub async fn check(&self, text: &str, ip: Option<IpAddr>) -> Result<Principal, KeyError> {
        let (org, now) = (self.org, self.org.now());
        // The brand may have been changed since the key was made.
        let brand = text.split_once('_').map_or("", |(brand, _)| brand);
        let brand = ApiKeyBrand::new(brand).map_err(|_| ApiKeyError::Malformed)?;
        let presented = brand.parse(text)?;
        let known = match org.keys.get(presented.prefix(), now) {
            Some(known) => Some(known),
            None => {
                let read = org.keys.begin_read();
                let row = org.store().api_keys().by_prefix(presented.prefix()).await?;
                let is_right = presented.matches(row.as_ref().map(|row| &row.key_hash));
                match row.filter(|_| is_right) {
                    None => None,
                    Some(row) => self.load(row, read, now).await?,
                }
            }
        };
        let is_right = presented.matches(known.as_ref().map(|known| &known.hash));
        let known = known.filter(|known| is_right && known.is_good(now));
        let known = known.ok_or(KeyError::Refused)?;
        if known.is_use_due(now) {
            let ip = ip.map(|ip| ip.to_canonical().to_string());
            // A note, no condition: where nothing can be written, a key still reads.
            if let Err(error) = org.store().api_keys().touch(known.id, ip.as_deref(), now).await {
                tracing::error!(%error, "cannot note the use of an API key");
            }
        }
        Ok(known.principal.clone())
    }

    /// The key of a row with its person as they are now, if both may come in.
    async fn load(
        &self,
        row: ApiKeyRow,
        read: u64,
        now: UnixTime,
    ) -> Result<Option<std::sync::Arc<Known>>, KeyError> {
        let store = self.org.store();
        if row.revoked_at.is_some() {
            return Ok(None);
        }
        let member = store.memberships().member(row.workspace_id, row.user_id).await?;
        let Some(member) = member.filter(|member| !member.user.disabled) else { return Ok(None) };
        let workspace = store.workspaces().by_id(row.workspace_id).await?;
        if workspace.is_none_or(|workspace| workspace.disabled) {
            return Ok(None);
        }
        let home = store.installation().read().await?.and_then(|row| row.home_workspace);
        let Some(known) = Known::new(&row, &member, home == Some(row.workspace_id), now) else {
            return Ok(None);
        };
        Ok(Some(self.org.keys.put(row.prefix, known, read)))
    }
}

fn expiry(days: Option<u32>, now: UnixTime) -> Result<Option<UnixTime>, OrganisationError> {
    match days {
        None => Ok(None),
        Some(days) if (1..=API_KEY_DAYS_MAX).contains(&days) => {
            Ok(Some(UnixTime(now.0.saturating_add(u64::from(days) * DAY_S))))
        }
        Some(_) => fields::invalid("expires_in_days", "must be 1 to 3650"),
    }
}
