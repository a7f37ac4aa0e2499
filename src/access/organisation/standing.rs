//! What somebody stands for in a workspace: the role and level they begin with, and the rule that
//! an owner stays.

use super::{Author, OrganisationError};
use crate::access::settings::Policy;
use crate::store::{Change, Level, Role, UserId, UserRow, WorkspaceId};

/// Locks every workspace a person is in, and `workspace`, always in the same order: two such
/// changes never wait for each other. Gives back those the person is in.
pub(super) async fn lock_all_of(
    change: &mut Change,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<Vec<WorkspaceId>, OrganisationError> {
    let of_user = change.memberships().of_user(user).await?;
    let places: Vec<_> = of_user.iter().map(|member| member.membership.workspace_id).collect();
    let mut locked = places.clone();
    locked.push(workspace);
    locked.sort_unstable();
    locked.dedup();
    for place in locked {
        change.workspaces().lock(place).await?;
    }
    Ok(places)
}

/// An owner may go, or be kept out, only if another one stays.
pub(super) async fn keep_an_owner(
    change: &mut Change,
    owner: &UserRow,
    workspace: WorkspaceId,
) -> Result<(), OrganisationError> {
    let owners = change.memberships().count_of_role(workspace, Role::Owner).await?;
    // One who is kept out is not counted.
    let others = owners.saturating_sub(u64::from(!owner.disabled));
    if others == 0 { Err(OrganisationError::LastOwner) } else { Ok(()) }
}

/// What somebody new is: owners and administrators begin with level 9, members with 1 (X5).
pub(super) fn place(
    policy: &Policy,
    by: &Author,
    role: Option<Role>,
    level: Option<Level>,
) -> (Role, Level) {
    match (role, level) {
        (Some(role), Some(level)) => (role, level),
        (Some(Role::Owner | Role::Admin), None) => {
            (role.unwrap_or(Role::Member), Level::ADMIN.min(by.rights.level))
        }
        (Some(Role::Member), None) => (Role::Member, Level::AGENT),
        (None, Some(level)) if !policy.show_roles => (role_of_level(by, level), level),
        (None, level) => (Role::Member, level.unwrap_or(Level::AGENT)),
    }
}

/// Where roles are hidden, level 9 is the owner (X5), as far as the author can make one.
pub(super) fn role_of_level(by: &Author, level: Level) -> Role {
    if level == Level::ADMIN { Role::Owner.min(by.rights.role) } else { Role::Member }
}
