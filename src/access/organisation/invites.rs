//! Invitations by mail: a link that lets one address join one workspace once.

use super::standing::place;
use super::{Author, NewPerson, Organisation, OrganisationError, fields};
use crate::access::audit::Action;
use crate::access::letter::Letter;
use crate::access::policy::{Permission, Rights};
use crate::access::principal::{Actor, Principal};
use crate::access::random;
use crate::base::limit::{INVITE_LIFE, INVITES_OPEN_MAX};
use crate::base::{Secret, UnixTime};
use crate::store::{Change, InviteId, InviteRow, Level, Member, MembershipRow, Role, WorkspaceId};

/// Invitations.
pub struct Invites<'a> {
    pub(super) org: &'a Organisation,
}

/// Somebody to invite.
#[derive(Clone, Debug)]
pub struct NewInvite {
    /// Their mail address.
    pub email: String,
    /// As what.
    pub role: Role,
    /// What belongs to the role unless said otherwise.
    pub level: Option<Level>,
    /// What their phones will be rung at.
    pub number: String,
}

/// What an invitation says to whoever opens its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteLook {
    /// Whom it is for.
    pub email: String,
    /// The workspace's name.
    pub workspace: String,
    /// As what.
    pub role: Role,
    /// Whether the address has an account, which must sign in to accept.
    pub has_account: bool,
}

/// Somebody new who accepts.
#[derive(Clone, Debug)]
pub struct Guest {
    /// What they will sign in with.
    pub name: String,
    /// What others will see.
    pub display_name: Option<String>,
    /// Their password.
    pub password: Secret,
}

/// What became of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteState {
    /// It can be accepted.
    Open,
    /// It was.
    Accepted,
    /// It was taken back, or a newer one took its place.
    Revoked,
    /// Nobody came in time.
    Expired,
}

impl InviteState {
    /// What became of a row.
    #[must_use]
    pub fn of(row: &InviteRow, now: UnixTime) -> Self {
        match row {
            InviteRow { accepted_at: Some(_), .. } => Self::Accepted,
            InviteRow { revoked_at: Some(_), .. } => Self::Revoked,
            InviteRow { expires_at, .. } if *expires_at <= now => Self::Expired,
            InviteRow { .. } => Self::Open,
        }
    }

    /// As shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl Invites<'_> {
    /// A workspace's invitations, the newest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Vec<(InviteRow, InviteState)>, OrganisationError> {
        let now = self.org.now();
        let rows = self.org.store().invites().list(workspace).await?;
        let with_state = |row: InviteRow| {
            let state = InviteState::of(&row, now);
            (row, state)
        };
        Ok(rows.into_iter().map(with_state).collect())
    }

    /// Invites somebody; an older invitation of the same address ends.
    ///
    /// # Errors
    /// A field is none, the number is taken, it is more than the author has, or there are too many.
    pub async fn create(
        &self,
        by: &Author,
        workspace: WorkspaceId,
        new: &NewInvite,
    ) -> Result<InviteRow, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let email = fields::email(&new.email)?;
        let number = fields::extension(&new.number)?;
        let policy = org.parts.settings.of(workspace);
        let (role, level) = place(&policy, by, Some(new.role), new.level);
        by.check_grant(role, level)?;
        let key = random::key()?;
        let hash = random::hash(key.expose()).ok_or(random::NoRandom)?;
        let mut change = org.store().begin().await?;
        change.workspaces().lock(workspace).await?;
        let to = change.workspaces().by_id(workspace).await?;
        let to = to.ok_or(OrganisationError::NotFound)?;
        if change.memberships().by_number(workspace, &number).await?.is_some() {
            return Err(OrganisationError::Taken("number"));
        }
        change.invites().supersede(workspace, &email, now).await?;
        if change.invites().count_open(workspace, now).await? >= INVITES_OPEN_MAX {
            return Err(OrganisationError::Full("open invitations"));
        }
        let row = InviteRow {
            id: InviteId::random(),
            workspace_id: workspace,
            email,
            role,
            level,
            number,
            invited_by: by.actor.user_id,
            created_at: now,
            expires_at: now.plus(INVITE_LIFE),
            accepted_at: None,
            revoked_at: None,
        };
        change.invites().insert(&row, &hash).await?;
        let entry = by
            .entry(Action::InviteCreate, workspace, now)
            .on("invite", row.id)
            .with("role", role.as_str())
            .with("level", level.get());
        org.record(&mut change, entry).await?;
        let inviter = match by.actor.user_id {
            None => None,
            Some(user) => change.users().by_id(user).await?,
        };
        change.commit().await?;
        let by = inviter.map_or_else(|| to.name.clone(), |user| user.display_name);
        let letter = Letter::Invite { key, workspace: to.name, by };
        org.parts.mailbox.post(&row.email, letter);
        Ok(row)
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`OrganisationError::NotFound`]: none, or not open.
    pub async fn revoke(
        &self,
        by: &Author,
        workspace: WorkspaceId,
        id: InviteId,
    ) -> Result<(), OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let mut change = org.store().begin().await?;
        if !change.invites().revoke(workspace, id, now).await? {
            return Err(OrganisationError::NotFound);
        }
        let entry = by.entry(Action::InviteRevoke, workspace, now).on("invite", id);
        org.record(&mut change, entry).await?;
        Ok(change.commit().await?)
    }

    /// What the link says. Changes nothing.
    ///
    /// # Errors
    /// The link is none, used or over.
    pub async fn look(&self, key: &str) -> Result<InviteLook, OrganisationError> {
        let org = self.org;
        let hash = random::hash(key).ok_or(OrganisationError::LinkUnknown)?;
        let mut change = org.store().begin().await?;
        let row = usable(&mut change, &hash, org.now()).await?;
        let workspace = change.workspaces().by_id(row.workspace_id).await?;
        let workspace = workspace.filter(|workspace| !workspace.disabled);
        let workspace = workspace.ok_or(OrganisationError::LinkUnknown)?.name;
        let has_account = change.users().by_email(&row.email).await?.is_some();
        Ok(InviteLook { email: row.email, workspace, role: row.role, has_account })
    }

    /// Joins as somebody new, whose address counts as verified: the link came there.
    ///
    /// # Errors
    /// The link is none, used or over; the address has an account; a field is none.
    pub async fn accept(&self, key: &str, guest: &Guest) -> Result<Member, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let hash = random::hash(key).ok_or(OrganisationError::LinkUnknown)?;
        // A look before the password is hashed, which costs; the same again in the transaction.
        let row = usable(&mut org.store().begin().await?, &hash, now).await?;
        let policy = org.parts.settings.of(row.workspace_id);
        let person = NewPerson {
            name: guest.name.clone(),
            display_name: guest.display_name.clone(),
            email: Some(row.email.clone()),
            role: Some(row.role),
            level: Some(row.level),
            number: row.number.clone(),
            password: Some(guest.password.clone()),
        };
        let (mut new, number) = org.people().prepare(&policy, &person).await?;
        new.email_verified_at = Some(now);
        let mut change = org.store().begin().await?;
        let row = self.use_up(&mut change, &hash, now).await?;
        if change.users().by_email(&row.email).await?.is_some() {
            return Err(OrganisationError::AccountExists);
        }
        let by = Author { actor: Actor::anonymous(None), ..Author::system() };
        let place = (row.workspace_id, row.role, row.level);
        let member = org.people().insert(&mut change, &by, (new, number), place, now).await?;
        self.finish(change, row, member, now).await
    }

    /// Joins as the signed-in person, whose verified address must be the invited one.
    ///
    /// # Errors
    /// The link is none, used, over, or for another address; they are in the workspace already.
    pub async fn join(
        &self,
        principal: &Principal,
        key: &str,
    ) -> Result<Member, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let hash = random::hash(key).ok_or(OrganisationError::LinkUnknown)?;
        let mut change = org.store().begin().await?;
        let row = self.use_up(&mut change, &hash, now).await?;
        let user = change.users().by_id(principal.user_id).await?;
        let user = user.ok_or(OrganisationError::NotFound)?;
        if user.email.as_ref() != Some(&row.email) || user.email_verified_at.is_none() {
            return Err(OrganisationError::Forbidden);
        }
        let membership = MembershipRow {
            workspace_id: row.workspace_id,
            user_id: user.id,
            role: row.role,
            level: row.level,
            number: row.number.clone(),
            created_at: now,
            changed_at: now,
        };
        if change.memberships().member(row.workspace_id, user.id).await?.is_some() {
            return Err(OrganisationError::Taken("membership"));
        }
        change.memberships().insert(&membership).await?;
        self.finish(change, row, Member { user, membership }, now).await
    }

    /// Uses an invitation up in a transaction, if whoever invited may still do so.
    async fn use_up(
        &self,
        change: &mut Change,
        hash: &[u8; 32],
        now: UnixTime,
    ) -> Result<InviteRow, OrganisationError> {
        let row = usable(change, hash, now).await?;
        change.workspaces().lock(row.workspace_id).await?;
        if !change.invites().accept(row.id, now).await? {
            return Err(OrganisationError::LinkUsed);
        }
        let workspace = change.workspaces().by_id(row.workspace_id).await?;
        if workspace.is_none_or(|workspace| workspace.disabled) {
            return Err(OrganisationError::LinkUnknown);
        }
        if let Some(inviter) = row.invited_by {
            let inviter = change.memberships().member(row.workspace_id, inviter).await?;
            if !inviter.is_some_and(|inviter| may_still_invite(&inviter, &row)) {
                return Err(OrganisationError::LinkUnknown);
            }
        }
        Ok(row)
    }

    async fn finish(
        &self,
        mut change: Change,
        row: InviteRow,
        member: Member,
        now: UnixTime,
    ) -> Result<Member, OrganisationError> {
        let actor = Actor {
            kind: "user",
            user_id: Some(member.user.id),
            workspace_id: Some(row.workspace_id),
            ip: None,
        };
        let by = Author { actor, ..Author::system() };
        let entry = by
            .entry(Action::InviteAccept, row.workspace_id, now)
            .on("invite", row.id)
            .with("role", row.role.as_str())
            .with("level", row.level.get());
        self.org.record(&mut change, entry).await?;
        change.commit().await?;
        self.org.parts.after.member_changed(&member);
        Ok(member)
    }
}

/// The open invitation of a link.
async fn usable(
    change: &mut Change,
    hash: &[u8; 32],
    now: UnixTime,
) -> Result<InviteRow, OrganisationError> {
    let row = change.invites().by_hash(hash).await?.ok_or(OrganisationError::LinkUnknown)?;
    match InviteState::of(&row, now) {
        InviteState::Open => Ok(row),
        InviteState::Accepted => Err(OrganisationError::LinkUsed),
        InviteState::Expired => Err(OrganisationError::LinkExpired),
        InviteState::Revoked => Err(OrganisationError::LinkUnknown),
    }
}

/// Whoever was demoted or kept out since gives nobody what they have no more. Where the inviter
/// ran the installation from another workspace they are no member, and the link is dead: they can
/// send another as what they are.
fn may_still_invite(inviter: &Member, row: &InviteRow) -> bool {
    let Member { user, membership } = inviter;
    let rights = Rights { level: membership.level, role: membership.role, at_home: false };
    !user.disabled
        && rights.allow(Permission::Invite)
        && membership.role >= row.role
        && membership.level >= row.level
}
