//! The signed-in person: who they are, what they may see, where they work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::caller::Caller;
use super::super::cookie::Jar;
use super::super::json::StrictJson;
use super::super::paths::Word;
use super::super::problem::Problem;
use super::super::services::Services;
use super::super::visit::Visit;
use super::shared::{Items, Nothing};
use super::sign_in::welcome;
use crate::access::policy::{Page, Permission};
use crate::access::{Of, Principal, Proof, WorkspaceId};
use crate::store::{Ending, Place};

/// The signed-in person.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Me {
    id: String,
    /// Sign-in name.
    user: String,
    display_name: String,
    email: Option<String>,
    /// An IANA name.
    time_zone: String,
    number: String,
    /// 1 to 9.
    level: u8,
    tier: &'static str,
    /// `owner`, `admin` or `member`.
    role: &'static str,
    workspace: WorkspaceName,
    /// Whether a second factor must be set up before anything else.
    enrolling: bool,
    /// The sidebar.
    pages: Vec<PageName>,
    permissions: Vec<&'static str>,
    has_pin: bool,
    show_levels: bool,
    show_roles: bool,
}

/// A workspace.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct WorkspaceName {
    id: String,
    name: String,
}

/// A page of the sidebar.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct PageName {
    name: &'static str,
    title: &'static str,
}

/// A workspace one belongs to.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct MyWorkspace {
    id: String,
    name: String,
    role: &'static str,
    level: u8,
    number: String,
    current: bool,
}

/// What to change of oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct MeToChange {
    display_name: Option<String>,
    time_zone: Option<String>,
}

/// Where to work.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct WorkspaceChoice {
    id: String,
}

/// `GET me`.
pub(in super::super) async fn me(
    State(services): State<Arc<Services>>,
    caller: Caller,
) -> Result<Json<Me>, Problem> {
    Ok(Json(me_of(&services, &caller.principal).await?))
}

/// `PATCH me`.
pub(in super::super) async fn change(
    State(services): State<Arc<Services>>,
    caller: Caller,
    StrictJson(body): StrictJson<MeToChange>,
) -> Result<Json<Me>, Problem> {
    let MeToChange { display_name, time_zone } = body;
    let account = services.access.account();
    account
        .change_me(&caller.principal, &caller.actor, display_name.as_deref(), time_zone.as_deref())
        .await?;
    Ok(Json(me_of(&services, &caller.principal).await?))
}

/// `GET me/pages`.
pub(in super::super) async fn pages(caller: Caller) -> Json<Items<PageName>> {
    Items::all(Page::of(caller.principal.rights()).map(PageName::from))
}

/// `GET pages/{page}`: whether one may see a page.
pub(in super::super) async fn page(
    caller: Caller,
    Word(name): Word,
) -> Result<Json<PageName>, Problem> {
    let page = Page::from_word(&name).ok_or_else(Problem::not_found)?;
    if !caller.principal.may(page.permission()) {
        let detail = "your level and your role do not allow this";
        return Err(Problem::forbidden("level_too_low", detail));
    }
    Ok(Json(page.into()))
}

/// `GET me/workspaces`.
pub(in super::super) async fn workspaces(
    State(services): State<Arc<Services>>,
    Caller { principal, .. }: Caller,
) -> Result<Json<Items<MyWorkspace>>, Problem> {
    let mine = services.store.users().places(principal.user_id).await?;
    Ok(Items::all(mine.into_iter().map(|Place { membership, workspace }| MyWorkspace {
        current: workspace.id == principal.workspace_id,
        id: workspace.id.to_string(),
        name: workspace.name,
        role: membership.role.as_str(),
        level: membership.level.get(),
        number: membership.number,
    })))
}

/// `POST me/workspace`: a new session there; the one here ends.
pub(in super::super) async fn switch(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    StrictJson(choice): StrictJson<WorkspaceChoice>,
) -> Result<Response, Problem> {
    let workspace: WorkspaceId = choice.id.parse().map_err(|_| Problem::not_found())?;
    let client = visit.client();
    let signed_in =
        services.access.sign_in().switch_workspace(&caller.principal, workspace, &client).await?;
    welcome(&services, &visit, signed_in).await
}

/// `POST logout`.
pub(in super::super) async fn logout(
    State(services): State<Arc<Services>>,
    caller: Caller,
    visit: Visit,
    StrictJson(Nothing {}): StrictJson<Nothing>,
) -> Result<Response, Problem> {
    let of = Of::User(caller.principal.user_id);
    let (sessions, id) = (services.access.sessions(), caller.principal.session_id);
    sessions.end(&caller.actor, of, id, Ending::Logout).await?;
    let cookie = Jar::Session.clear(visit.listener).map(|cookie| [(SET_COOKIE, cookie)]);
    Ok((StatusCode::NO_CONTENT, cookie, ()).into_response())
}

/// Who somebody is.
pub(super) async fn me_of(services: &Services, principal: &Principal) -> Result<Me, Problem> {
    let gone = || Problem::unauthorized("not_signed_in", "not signed in");
    let user = services.store.users().by_id(principal.user_id).await?.ok_or_else(gone)?;
    let workspace = services.store.workspaces().by_id(principal.workspace_id).await?;
    let workspace = workspace.ok_or_else(gone)?;
    let policy = services.access.settings().of(workspace.id);
    let permissions = Permission::ALL.into_iter().filter(|permission| principal.may(*permission));
    let rights = principal.rights();
    let enrolling = principal.proof == Proof::Enrolling;
    Ok(Me {
        id: principal.user_id.to_string(),
        user: user.name,
        display_name: user.display_name,
        email: user.email,
        time_zone: user.time_zone,
        number: principal.number.to_string(),
        level: principal.level.get(),
        tier: principal.level.tier(),
        role: principal.role.as_str(),
        workspace: WorkspaceName { id: workspace.id.to_string(), name: workspace.name },
        enrolling,
        pages: Page::of(rights).filter(|_| !enrolling).map(PageName::from).collect(),
        permissions: permissions.filter(|_| !enrolling).map(word).collect(),
        has_pin: user.pin_hash.is_some(),
        show_levels: policy.show_levels,
        show_roles: policy.show_roles,
    })
}

impl From<Page> for PageName {
    fn from(page: Page) -> Self {
        Self { name: page.as_str(), title: page.title() }
    }
}

/// A permission's word, for pages that show or hide what it allows.
pub(in super::super) fn word(permission: Permission) -> &'static str {
    match permission {
        Permission::UsePhone => "use_phone",
        Permission::OwnAccount => "own_account",
        Permission::OwnWork => "own_work",
        Permission::Monitor => "monitor",
        Permission::Recordings => "recordings",
        Permission::Reports => "reports",
        Permission::Wallboard => "wallboard",
        Permission::Campaigns => "campaigns",
        Permission::Lists => "lists",
        Permission::Contacts => "contacts",
        Permission::Inbound => "inbound",
        Permission::Operations => "operations",
        Permission::ViewPeople => "view_people",
        Permission::ManagePeople => "manage_people",
        Permission::Invite => "invite",
        Permission::ManageNumbers => "manage_numbers",
        Permission::ManageSettings => "manage_settings",
        Permission::ManageKeys => "manage_keys",
        Permission::ViewAudit => "view_audit",
        Permission::Billing => "billing",
        Permission::Installation => "installation",
        Permission::Connections => "connections",
    }
}
