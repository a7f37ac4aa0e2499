//! Who belongs to a workspace, as what.

use super::standing::{keep_an_owner, lock_all_of, place, role_of_level};
use super::{Author, Organisation, OrganisationError, fields};
use crate::access::audit::Action;
use crate::access::password_policy::PersonalWords;
use crate::access::settings::{FactorMethod, Policy};
use crate::base::{Secret, UnixTime};
use crate::store::{
    Change, Ending, Level, Member, MembershipRow, NewUser, PersonListing, Role, SessionRow, UserId,
    UserRow, WorkspaceId,
};

/// People.
pub struct People<'a> {
    pub(super) org: &'a Organisation,
}

/// Somebody to add.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// What they sign in with; case does not count.
    pub name: String,
    /// What others see; the name when there is none.
    pub display_name: Option<String>,
    /// Where mail goes.
    pub email: Option<String>,
    /// Member unless said otherwise.
    pub role: Option<Role>,
    /// What belongs to the role unless said otherwise.
    pub level: Option<Level>,
    /// What their phones are rung at.
    pub number: String,
    /// None: they set one by a link, or sign in elsewhere.
    pub password: Option<Secret>,
}

/// What to change about somebody; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct PersonChange {
    /// What others see.
    pub display_name: Option<String>,
    /// Where mail goes, or nowhere.
    pub email: Option<Option<String>>,
    /// What they are.
    pub role: Option<Role>,
    /// What they may do.
    pub level: Option<Level>,
    /// What their phones are rung at.
    pub number: Option<String>,
    /// Whether they are kept out.
    pub disabled: Option<bool>,
}

/// Somebody as lists show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonShown {
    /// Who, as what.
    pub member: Member,
    /// Last request, to within a minute.
    pub last_seen_at: Option<UnixTime>,
    /// `none`, `email` or `totp`.
    pub second_factor: &'static str,
}

impl People<'_> {
    /// Everybody in a workspace, by number.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn list(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Vec<PersonShown>, OrganisationError> {
        let policy = self.org.parts.settings.of(workspace);
        let people = self.org.store().memberships().people(workspace, None).await?;
        Ok(people.into_iter().map(|person| shown(&policy, person)).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// [`OrganisationError::NotFound`], or the database cannot be used.
    pub async fn show(
        &self,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<PersonShown, OrganisationError> {
        let policy = self.org.parts.settings.of(workspace);
        let people = self.org.store().memberships().people(workspace, Some(user)).await?;
        let person = people.into_iter().next().ok_or(OrganisationError::NotFound)?;
        Ok(shown(&policy, person))
    }

    /// Adds somebody new. Their mail address counts as unverified.
    ///
    /// # Errors
    /// A field is none, a name is taken, it is more than the author has.
    pub async fn add(
        &self,
        by: &Author,
        workspace: WorkspaceId,
        new: &NewPerson,
    ) -> Result<Member, OrganisationError> {
        let org = self.org;
        let policy = org.parts.settings.of(workspace);
        let (role, level) = place(&policy, by, new.role, new.level);
        by.check_grant(role, level)?;
        let prepared = self.prepare(&policy, new).await?;
        let now = org.now();
        let mut change = org.store().begin().await?;
        if !change.workspaces().lock(workspace).await? {
            return Err(OrganisationError::NotFound);
        }
        let place = (workspace, role, level);
        let member = self.insert(&mut change, by, prepared, place, now).await?;
        change.commit().await?;
        org.parts.after.member_changed(&member);
        Ok(member)
    }

    /// Checks a new person's fields and hashes their password, before any transaction.
    pub(super) async fn prepare(
        &self,
        policy: &Policy,
        new: &NewPerson,
    ) -> Result<(NewUser, String), OrganisationError> {
        let name = fields::name(&new.name)?;
        let display_name =
            fields::line("display_name", new.display_name.as_deref().unwrap_or(&new.name))?;
        let email = new.email.as_deref().map(fields::email).transpose()?;
        let number = fields::extension(&new.number)?;
        let password_hash = match &new.password {
            None => None,
            Some(password) => {
                let names = [name.as_str(), display_name.as_str()];
                let words =
                    PersonalWords { names: &names, email: email.as_deref(), workspace: &[] };
                policy.password.check(password, &words)?;
                Some(self.org.parts.passwords.hash(password).await?)
            }
        };
        let email_verified_at = None;
        let user = NewUser { name, display_name, email, email_verified_at, password_hash };
        Ok((user, number))
    }

    pub(super) async fn insert(
        &self,
        change: &mut Change,
        by: &Author,
        (new, number): (NewUser, String),
        (workspace_id, role, level): (WorkspaceId, Role, Level),
        now: UnixTime,
    ) -> Result<Member, OrganisationError> {
        let user = change.users().insert(&new, now).await?;
        let membership = MembershipRow {
            workspace_id,
            user_id: user.id,
            role,
            level,
            number,
            created_at: now,
            changed_at: now,
        };
        change.memberships().insert(&membership).await?;
        let entry = by
            .entry(Action::UserCreate, workspace_id, now)
            .on("user", user.id)
            .with("role", role.as_str())
            .with("level", level.get());
        self.org.record(change, entry).await?;
        Ok(Member { user, membership })
    }

    /// Changes somebody, all of it or nothing. Counts at once, also for tokens that are out.
    ///
    /// # Errors
    /// [`OrganisationError::NotFound`], a field is none, a name is taken, it is more than the
    /// author has, the workspace would have no owner, or the person is other workspaces' too.
    pub async fn change(
        &self,
        by: &Author,
        workspace: WorkspaceId,
        user: UserId,
        wanted: &PersonChange,
    ) -> Result<Member, OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let policy = org.parts.settings.of(workspace);
        let mut change = org.store().begin().await?;
        let others = lock_all_of(&mut change, workspace, user).await?;
        let old = change.memberships().member(workspace, user).await?;
        let old = old.ok_or(OrganisationError::NotFound)?;
        by.check_over(&old.membership)?;
        let touches_account =
            wanted.display_name.is_some() || wanted.email.is_some() || wanted.disabled.is_some();
        if touches_account && others.len() > 1 && !by.owns_installation() {
            return Err(OrganisationError::SharedPerson);
        }
        let mut new = old.clone();
        self.change_place(&mut change, by, &policy, &mut new, wanted, now).await?;
        self.change_account(&mut change, by, workspace, &mut new.user, wanted, now).await?;
        let mut ended = Vec::new();
        if let Some(disabled) = wanted.disabled.filter(|disabled| *disabled != old.user.disabled) {
            ended = self.set_disabled(&mut change, by, &old, &others, disabled, now).await?;
            new.user.disabled = disabled;
        }
        change.commit().await?;
        org.keys.forget_user(user);
        if !ended.is_empty() {
            org.parts.after.sessions_ended(&ended);
        }
        org.parts.after.member_changed(&new);
        Ok(new)
    }

    async fn change_place(
        &self,
        change: &mut Change,
        by: &Author,
        policy: &Policy,
        member: &mut Member,
        wanted: &PersonChange,
        now: UnixTime,
    ) -> Result<(), OrganisationError> {
        let Member { user, membership: row } = member;
        let old = row.clone();
        row.level = wanted.level.unwrap_or(old.level);
        row.role = wanted.role.unwrap_or_else(|| match wanted.level {
            Some(level) if !policy.show_roles => role_of_level(by, level),
            Some(_) | None => old.role,
        });
        if let Some(number) = &wanted.number {
            row.number = fields::extension(number)?;
        }
        if *row == old {
            return Ok(());
        }
        by.check_grant(row.role, row.level)?;
        if old.role == Role::Owner && row.role != Role::Owner {
            keep_an_owner(change, user, row.workspace_id).await?;
        }
        row.changed_at = now;
        let place = (row.role, row.level, row.number.as_str());
        change.memberships().set(row.workspace_id, row.user_id, place, now).await?;
        let is_number_only = (old.role, old.level) == (row.role, row.level);
        let action = if is_number_only { Action::MemberUpdate } else { Action::UserRoleChange };
        let words = |row: &MembershipRow| {
            serde_json::json!({
                "role": row.role.as_str(), "level": row.level.get(), "number": row.number,
            })
        };
        let entry = by
            .entry(action, row.workspace_id, now)
            .on("user", row.user_id)
            .with("old", words(&old))
            .with("new", words(row));
        self.org.record(change, entry).await
    }

    async fn change_account(
        &self,
        change: &mut Change,
        by: &Author,
        workspace: WorkspaceId,
        user: &mut UserRow,
        wanted: &PersonChange,
        now: UnixTime,
    ) -> Result<(), OrganisationError> {
        let old = user.clone();
        if let Some(name) = &wanted.display_name {
            user.display_name = fields::line("display_name", name)?;
        }
        if let Some(email) = &wanted.email {
            user.email = email.as_deref().map(fields::email).transpose()?;
        }
        let is_other_mail = user.email != old.email;
        if user.display_name == old.display_name && !is_other_mail {
            return Ok(());
        }
        if is_other_mail {
            user.email_verified_at = None;
        }
        let email = user.email.as_deref();
        change.users().set_profile(user.id, &user.display_name, email, now).await?;
        let action = if is_other_mail { Action::UserEmailChange } else { Action::UserUpdate };
        // Which fields, not what they say: people can be erased, this row cannot.
        let entry = by.entry(action, workspace, now).on("user", user.id);
        self.org.record(change, entry).await
    }

    async fn set_disabled(
        &self,
        change: &mut Change,
        by: &Author,
        member: &Member,
        everywhere: &[WorkspaceId],
        disabled: bool,
        now: UnixTime,
    ) -> Result<Vec<SessionRow>, OrganisationError> {
        let (user, workspace) = (&member.user, member.membership.workspace_id);
        let mut ended = Vec::new();
        if disabled {
            for place in everywhere {
                let member = change.memberships().member(*place, user.id).await?;
                if member.is_some_and(|member| member.membership.role == Role::Owner) {
                    keep_an_owner(change, user, *place).await?;
                }
            }
            let why = Ending::Disabled;
            ended = change.sessions().end_all_of(user.id, None, None, why, now).await?;
            self.org.note_ended(change, &ended, now).await?;
        }
        change.users().set_disabled(user.id, disabled, now).await?;
        change.memberships().touch_all_of(user.id, now).await?;
        let action = if disabled { Action::UserDisable } else { Action::UserEnable };
        let entry = by.entry(action, workspace, now).on("user", user.id);
        self.org.record(change, entry).await?;
        Ok(ended)
    }

    /// Takes somebody out of a workspace: their sessions there end, their keys and numbers there
    /// are theirs no more. Whoever then belongs nowhere is forgotten altogether.
    ///
    /// # Errors
    /// [`OrganisationError::NotFound`], they have more than the author, or are the last owner.
    pub async fn remove(
        &self,
        by: &Author,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<(), OrganisationError> {
        let (org, now) = (self.org, self.org.now());
        let mut change = org.store().begin().await?;
        let everywhere = lock_all_of(&mut change, workspace, user).await?;
        let old = change.memberships().member(workspace, user).await?;
        let old = old.ok_or(OrganisationError::NotFound)?;
        by.check_over(&old.membership)?;
        if old.membership.role == Role::Owner {
            keep_an_owner(&mut change, &old.user, workspace).await?;
        }
        let why = Ending::Revoked;
        let ended = change.sessions().end_all_of(user, Some(workspace), None, why, now).await?;
        let keys = change.api_keys().revoke_all_of(user, Some(workspace), now).await?;
        change.numbers().unshare_all(workspace, user).await?;
        change.memberships().remove(workspace, user).await?;
        let is_nowhere = everywhere.len() <= 1;
        if is_nowhere {
            change.users().remove(user).await?;
        } else {
            org.note_ended(&mut change, &ended, now).await?;
        }
        let action = if is_nowhere { Action::UserDelete } else { Action::MemberRemove };
        let entry = by.entry(action, workspace, now).on("user", user);
        org.record(&mut change, entry).await?;
        change.commit().await?;
        for key in &keys {
            org.keys.revoked(key, &org.parts.revocations, now);
        }
        org.parts.after.sessions_ended(&ended);
        org.parts.after.member_removed(workspace, user);
        Ok(())
    }
}

fn shown(policy: &Policy, person: PersonListing) -> PersonShown {
    let PersonListing { member, last_seen_at, has_totp, has_passkey } = person;
    let has_mail = member.user.email_verified_at.is_some();
    let may_mail = policy.mfa_methods.contains(&FactorMethod::Email);
    let own = [
        (has_passkey, FactorMethod::Passkey),
        (has_totp, FactorMethod::Totp),
        (has_mail && may_mail && !has_passkey && !has_totp, FactorMethod::Email),
    ];
    let own = own.into_iter().filter_map(|(has, method)| has.then_some(method));
    let second_factor = own.min_by_key(|method| policy.rank(*method));
    let second_factor = second_factor.map_or("none", FactorMethod::as_str);
    PersonShown { member, last_seen_at, second_factor }
}
