//! Second factors as administrators see them: who has which, reset, excused for a time (B11–B13).
//!
//! A second factor belongs to the person, not to a workspace: whoever belongs to several is out of
//! reach of each of their administrators, or one of them could open the others' door.

use super::audit::Action;
use super::error::AccessError;
use super::letter::Letter;
use super::principal::{Actor, Role, UserId, WorkspaceId};
use super::second_factor::{Method, SecondFactor, is_required};
use super::settings::FactorMethod;
use super::trail;
use crate::base::{UnixTime, limit};
use crate::store::{FactorListing, Member, MembershipRow};

/// Somebody's second factor, for the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorOf {
    /// What is kept of it.
    pub row: FactorListing,
    /// What they would show; `None` where there is nothing.
    pub method: Option<Method>,
    /// The policy demands one of them.
    pub required: bool,
    /// They were excused, and that is over.
    pub exempt_expired: bool,
}

impl SecondFactor<'_> {
    /// Everybody's second factor in a workspace, by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list(&self, workspace: WorkspaceId) -> Result<Vec<FactorOf>, AccessError> {
        let policy = self.shared.policy(workspace);
        let now = self.shared.now();
        let rows = self.shared.store.second_factors().list(workspace).await?;
        let factor_of = |row: FactorListing| {
            let membership = MembershipRow {
                workspace_id: workspace,
                user_id: row.user_id,
                role: row.role,
                level: row.level,
                number: String::new(),
                created_at: now,
                changed_at: now,
            };
            let required = is_required(&policy, &membership);
            let prefers_passkey =
                policy.rank(FactorMethod::Passkey) <= policy.rank(FactorMethod::Totp);
            let method = match (row.has_passkey, row.has_totp, row.has_email && required) {
                (true, true, _) if !prefers_passkey => Some(Method::Totp),
                (true, ..) => Some(Method::Passkey),
                (false, true, _) => Some(Method::Totp),
                (false, false, true) => Some(Method::Email),
                (false, false, false) => None,
            };
            let exempt_expired = row.exempt_until.is_some_and(|until| until <= now);
            FactorOf { row, method, required, exempt_expired }
        };
        Ok(rows.into_iter().map(factor_of).collect())
    }

    /// Takes somebody's second factor away; they set up a new one at their next sign-in, and are
    /// told by mail.
    ///
    /// # Errors
    /// Not in the workspace, out of reach, or the database failed.
    pub async fn reset(&self, actor: &Actor, user: UserId) -> Result<(), AccessError> {
        let target = self.target(actor, user).await?;
        let now = self.shared.now();
        let mut change = self.shared.store.begin().await?;
        change.second_factors().reset(user).await?;
        change.passkeys().remove_all_of(user).await?;
        change.login_attempts().void_all_of(user, now).await?;
        let entry = trail::entry(actor, Action::SecondFactorReset, now).on("user", user);
        self.shared.record(&mut change, entry).await?;
        change.commit().await?;
        if let Some(to) = &target.user.email {
            self.shared.mailbox.post(to, Letter::SecondFactorReset);
        }
        Ok(())
    }

    /// Excuses somebody until then.
    ///
    /// # Errors
    /// Not in the workspace, out of reach, the time or the reason is not allowed, or the database
    /// failed.
    pub async fn exempt(
        &self,
        actor: &Actor,
        user: UserId,
        until: UnixTime,
        reason: &str,
    ) -> Result<(), AccessError> {
        let now = self.shared.now();
        if until <= now || until > now.plus(limit::EXEMPTION_MAX) {
            let words = "must be a time within the next 90 days";
            return Err(AccessError::Invalid { field: "until", words });
        }
        let reason = reason.trim();
        let is_reason = (1..=limit::REASON_CHARS_MAX).contains(&reason.chars().count())
            && !reason.chars().any(char::is_control);
        if !is_reason {
            let words = "must be 1 to 200 printable characters";
            return Err(AccessError::Invalid { field: "reason", words });
        }
        self.target(actor, user).await?;
        let mut change = self.shared.store.begin().await?;
        change.second_factors().begin(user).await?;
        let by = actor.user_id;
        change.second_factors().exempt(user, Some(until), Some(reason), by).await?;
        let entry = trail::entry(actor, Action::SecondFactorExempt, now)
            .on("user", user)
            .with("until", until.0)
            .with("reason", reason);
        self.shared.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    /// Ends an excuse.
    ///
    /// # Errors
    /// Not in the workspace, out of reach, or the database failed.
    pub async fn end_exemption(&self, actor: &Actor, user: UserId) -> Result<(), AccessError> {
        self.target(actor, user).await?;
        let mut change = self.shared.store.begin().await?;
        change.second_factors().exempt(user, None, None, None).await?;
        let now = self.shared.now();
        let entry = trail::entry(actor, Action::SecondFactorExemptEnd, now).on("user", user);
        self.shared.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    /// Somebody whose second factor `actor` may change.
    async fn target(&self, actor: &Actor, user: UserId) -> Result<Member, AccessError> {
        let places = self.shared.store.users().places(user).await?;
        let row = self.shared.store.users().by_id(user).await?.ok_or(AccessError::NotFound)?;
        let here = |place: &&crate::store::Place| {
            actor.workspace_id.is_none_or(|workspace| place.workspace.id == workspace)
        };
        let place = places.iter().find(here).ok_or(AccessError::NotFound)?;
        let target = Member { user: row, membership: place.membership.clone() };
        let (Some(by), Some(workspace)) = (actor.user_id, actor.workspace_id) else {
            return Ok(target);
        };
        let by = self.shared.store.memberships().member(workspace, by).await?;
        let by = by.ok_or(AccessError::NotFound)?.membership;
        let of = &target.membership;
        if of.role > by.role || of.level > by.level {
            return Err(AccessError::OutOfReach("this person has more rights than you"));
        }
        let owns_installation = self.shared.is_home(workspace) && by.role == Role::Owner;
        if places.len() > 1 && !owns_installation {
            let words = "this person belongs to other workspaces too: ask who runs the server";
            return Err(AccessError::OutOfReach(words));
        }
        Ok(target)
    }
}
