//! Bodies that several resources share.

use std::borrow::Cow;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ArrayBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::super::problem::Problem;
use super::super::services::Services;
use crate::access::audit;
use crate::access::{Actor, Principal, UserId, trail};
use crate::store::StoreError;

/// A list.
#[derive(Serialize)]
pub(in super::super) struct Items<T> {
    /// What there is.
    pub(super) items: Vec<T>,
    /// Where the next part begins; none after the last.
    pub(super) next: Option<String>,
}

impl<T> Items<T> {
    /// A list that is whole.
    pub(super) fn all(items: impl IntoIterator<Item = T>) -> Json<Self> {
        Json(Self { items: items.into_iter().collect(), next: None })
    }
}

/// Described by hand: the derived name would be the same for all lists.
impl<T: ToSchema> PartialSchema for Items<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        let text_or_null = SchemaType::from_iter([Type::String, Type::Null]);
        let next = ObjectBuilder::new()
            .schema_type(text_or_null)
            .description(Some("Where the next part begins; none after the last"));
        let list = ObjectBuilder::new()
            .property("items", items)
            .property("next", next)
            .required("items")
            .required("next");
        list.into()
    }
}

impl<T: ToSchema> ToSchema for Items<T> {
    fn name() -> Cow<'static, str> {
        format!("ListOf{}", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

/// A person as others see them.
#[derive(Clone, Serialize, ToSchema)]
pub(in super::super) struct Person {
    /// Identity.
    pub(super) id: String,
    /// What others see.
    pub(super) name: String,
}

/// The body of a request that needs none: `{}` or nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Nothing {}

/// An answer that says nothing but its status.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Done {}

/// Refuses what would be done to somebody who has more than whoever asks. Of somebody who is not
/// here the route itself says so.
pub(super) async fn over(services: &Services, by: &Principal, user: UserId) -> Result<(), Problem> {
    let member = services.store.memberships().member(by.workspace_id, user).await?;
    let has_more = member.is_some_and(|member| {
        member.membership.level > by.level || member.membership.role > by.role
    });
    if has_more {
        let detail = "this person has more rights than you";
        return Err(Problem::forbidden("more_than_own_rights", detail));
    }
    Ok(())
}

/// A person by their identity; none when they are not there any more.
pub(super) async fn person(services: &Services, id: UserId) -> Result<Option<Person>, StoreError> {
    let user = services.store.users().by_id(id).await?;
    Ok(user.map(|user| Person { id: user.id.to_string(), name: user.display_name }))
}

/// An event of somebody for the audit log, in the workspace they act in.
pub(in super::super) fn entry(
    services: &Services,
    actor: &Actor,
    action: audit::Action,
) -> audit::Entry {
    trail::entry(actor, action, services.clock.unix())
}
