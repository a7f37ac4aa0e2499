//! What a route takes and gives, beside its handler: the router runs the one, the description
//! shows the other.

use std::sync::Arc;

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::services::Services;
use crate::access::policy::Verb;

/// A handler and its description.
pub(super) struct Route {
    pub(super) handler: MethodRouter<Arc<Services>>,
    pub(super) shape: Shape,
}

/// The description of a handler.
pub(super) struct Shape {
    /// The body it takes.
    pub(super) body: Option<Body>,
    /// What it answers when all is well.
    pub(super) answer: Answer,
    /// The names its query may have, and what they mean.
    pub(super) query: Vec<(&'static str, &'static str)>,
}

/// A JSON body with everything it refers to.
pub(super) struct Body {
    pub(super) name: String,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

/// An answer when all is well.
pub(super) enum Answer {
    /// JSON.
    Json(u16, Body),
    /// Nothing but the status.
    Status(u16),
    /// A file of this type.
    File(&'static str),
    /// Leads elsewhere.
    Elsewhere,
}

/// A route of a handler that answers 204.
pub(super) fn route<H, T>(verb: Verb, handler: H) -> Route
where
    H: Handler<T, Arc<Services>>,
    T: 'static,
{
    let shape = Shape { body: None, answer: Answer::Status(204), query: Vec::new() };
    Route { handler: on(filter(verb), handler), shape }
}

impl Route {
    /// Takes a body.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        self.shape.body = Some(Body::of::<T>());
        self
    }

    /// Takes a name in the query.
    pub(super) fn asks(mut self, name: &'static str, words: &'static str) -> Self {
        self.shape.query.push((name, words));
        self
    }

    /// Answers 200 and JSON.
    pub(super) fn gives<T: ToSchema>(self) -> Self {
        self.gives_with::<T>(200)
    }

    /// Answers JSON.
    pub(super) fn gives_with<T: ToSchema>(mut self, status: u16) -> Self {
        self.shape.answer = Answer::Json(status, Body::of::<T>());
        self
    }

    /// Answers nothing but a status.
    pub(super) fn gives_status(mut self, status: u16) -> Self {
        self.shape.answer = Answer::Status(status);
        self
    }

    /// Answers a file.
    pub(super) fn gives_file(mut self, content_type: &'static str) -> Self {
        self.shape.answer = Answer::File(content_type);
        self
    }

    /// Answers 303.
    pub(super) fn leads_elsewhere(mut self) -> Self {
        self.shape.answer = Answer::Elsewhere;
        self
    }
}

impl Body {
    fn of<T: ToSchema>() -> Self {
        let name = T::name().into_owned();
        let mut schemas = vec![(name.clone(), <T as PartialSchema>::schema())];
        T::schemas(&mut schemas);
        Self { name, schemas }
    }

    pub(super) fn reference(&self) -> RefOr<Schema> {
        RefOr::Ref(Ref::from_schema_name(&self.name))
    }
}

fn filter(verb: Verb) -> MethodFilter {
    match verb {
        Verb::Get => MethodFilter::GET,
        Verb::Post => MethodFilter::POST,
        Verb::Put => MethodFilter::PUT,
        Verb::Patch => MethodFilter::PATCH,
        Verb::Delete => MethodFilter::DELETE,
    }
}
