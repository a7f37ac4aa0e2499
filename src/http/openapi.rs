//! `GET /api/openapi.json`: the description of the API (OpenAPI 3.1), from the table of rights and
//! the handlers' own types.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr,
    Required, ResponseBuilder, Schema, SchemaFormat,
};

use super::routes::route_of;
use super::shape::{Answer, Body, Shape};
use crate::access::policy::{Endpoint, Need, Rule, Verb};

/// The description, written once.
static DESCRIPTION: LazyLock<Bytes> =
    LazyLock::new(|| serde_json::to_vec(&describe()).unwrap_or_default().into());

/// `GET /api/openapi.json`.
pub(super) async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION.clone()).into_response()
}

fn describe() -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut schemas: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    schemas.insert("Problem".into(), problem_schema());
    for endpoint in Endpoint::ALL {
        let (rule, shape) = (endpoint.rule(), route_of(*endpoint).shape);
        for body in bodies(&shape) {
            schemas.extend(body.schemas.iter().cloned());
        }
        let operation = operation(*endpoint, &rule, &shape);
        paths = paths.path(rule.path, PathItem::new(method(rule.verb), operation));
    }
    let session = ApiKey::Cookie(ApiKeyValue::new("__Host-ringfence"));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
    let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("API key");
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme(SESSION, SecurityScheme::ApiKey(session))
        .security_scheme(TOKEN, SecurityScheme::Http(bearer.build()))
        .security_scheme(API_KEY, SecurityScheme::Http(key.build()));
    let info = InfoBuilder::new()
        .title("Ringfence")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(WORDS));
    let tags = TAGS
        .iter()
        .map(|(name, words)| TagBuilder::new().name(*name).description(Some(*words)).build());
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(tags))
        .build()
}

fn operation(endpoint: Endpoint, rule: &Rule, shape: &Shape) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(endpoint.name()))
        .summary(Some(rule.words))
        .description(Some(needs(rule)))
        .tag(tag(rule.path));
    for name in parameters(rule.path) {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(parameter_schema(name))),
        );
    }
    for (name, words) in &shape.query {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(*name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(*words))
                .schema(Some(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)))),
        );
    }
    if let Some(body) = &shape.body {
        let content = ContentBuilder::new().schema(Some(body.reference())).build();
        let body = RequestBodyBuilder::new().content("application/json", content);
        operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
    }
    let (status, answer) = answer(&shape.answer, rule);
    operation = operation.response(status.to_string(), answer);
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let refused = ResponseBuilder::new()
        .description("Refused: the code says why")
        .content("application/problem+json", problem);
    operation = operation.response("default", refused);
    for requirement in security(rule) {
        operation = operation.security(requirement);
    }
    operation.build()
}

fn answer(answer: &Answer, rule: &Rule) -> (u16, ResponseBuilder) {
    let builder = ResponseBuilder::new().description(rule.words);
    match answer {
        Answer::Json(status, body) => {
            let content = ContentBuilder::new().schema(Some(body.reference())).build();
            (*status, builder.content("application/json", content))
        }
        Answer::Status(status) => (*status, builder),
        Answer::File(content_type) => {
            let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
            (200, builder.content(*content_type, ContentBuilder::new().schema(Some(text)).build()))
        }
        Answer::Elsewhere => (303, builder),
    }
}

fn bodies(shape: &Shape) -> impl Iterator<Item = &Body> {
    let given = match &shape.answer {
        Answer::Json(_, body) => Some(body),
        Answer::Status(_) | Answer::File(_) | Answer::Elsewhere => None,
    };
    shape.body.iter().chain(given)
}

/// Who may, in words.
fn needs(rule: &Rule) -> String {
    let (who, permission) = match rule.need {
        Need::Anyone => return "Open to everybody.".into(),
        Need::Enrolling => {
            return "A signed-in person, even before the second factor is set up.".into();
        }
        Need::Leaving => return "Any session.".into(),
        Need::Signed(permission) => ("A signed-in person", permission),
        Need::Cookie(permission) => ("A session in a browser (no token, no API key)", permission),
    };
    let (level, role) = permission.lowest();
    let level = level.map(|level| format!("level {} or higher", level.get()));
    let role = role.map(|role| format!("role {} or higher", role.as_str()));
    let lowest: Vec<String> = [level, role].into_iter().flatten().collect();
    let scope = rule.scope.map_or(String::new(), |scope| {
        format!(" An API key needs the scope `{}`.", scope.as_str())
    });
    format!("{who} with {}.{scope}", lowest.join(", or "))
}

fn security(rule: &Rule) -> Vec<SecurityRequirement> {
    let of = |name: &str| SecurityRequirement::new::<_, [&str; 0], &str>(name, []);
    match rule.need {
        Need::Anyone => vec![SecurityRequirement::default()],
        Need::Leaving | Need::Cookie(_) => vec![of(SESSION)],
        Need::Enrolling => vec![of(SESSION), of(TOKEN)],
        Need::Signed(_) => {
            let key = rule.scope.map(|_| of(API_KEY));
            [of(SESSION), of(TOKEN)].into_iter().chain(key).collect()
        }
    }
}

fn method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Put => HttpMethod::Put,
        Verb::Patch => HttpMethod::Patch,
        Verb::Delete => HttpMethod::Delete,
    }
}

/// The names between braces.
fn parameters(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('{').skip(1).filter_map(|part| part.split('}').next())
}

fn parameter_schema(name: &str) -> ObjectBuilder {
    let schema = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
    match name {
        "id" | "user" => schema.format(Some(SchemaFormat::Custom("uuid".into()))),
        _ => schema.pattern(Some("^[a-z0-9-]{1,40}$")),
    }
}

/// The heading a path is under.
fn tag(path: &str) -> &'static str {
    let rest = path.strip_prefix("/api/v1/").unwrap_or("");
    let first = rest.split(['/', '.']).next().unwrap_or("");
    match first {
        "me" | "token" | "ticket" | "phone" | "logout" | "pages" => "Own account",
        "users" | "second-factors" | "sessions" | "login-history" | "invites" => "People",
        "numbers" | "trunks" | "dial-plan" => "Telephony",
        "policy" | "settings" | "billing" | "api-keys" => "Settings",
        "audit" | "vault" | "workspaces" => "Installation",
        "reports" => "Reports",
        _ => "Signing in",
    }
}

fn problem_schema() -> RefOr<Schema> {
    let schema = json!({
        "type": "object",
        "description": "A refusal (RFC 9457)",
        "required": ["type", "title", "status", "code", "error", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string", "description": "A stable word"},
            "error": {"type": "string", "description": "The same word"},
            "detail": {"type": "string", "description": "A sentence for people"},
            "field": {"type": "string", "description": "The member of the body that is wrong"},
            "scope": {"type": "string", "description": "429: what is full"},
            "limit": {"type": "integer", "description": "429: its limit"},
            "retry_after": {"type": "integer", "description": "429: seconds to wait"},
        },
    });
    serde_json::from_value::<RefOr<Schema>>(schema).unwrap_or_else(|_| RefOr::T(Schema::default()))
}

const SESSION: &str = "session";
const TOKEN: &str = "token";
const API_KEY: &str = "api_key";

const WORDS: &str = "Sign in with a browser for a session cookie, get a short-lived token from \
    `POST /api/v1/token`, or make an API key. Credentials go into headers, never into addresses. \
    Refusals are problems (RFC 9457) with a stable `code`. Every answer carries `RateLimit-Limit`, \
    `RateLimit-Remaining` and `RateLimit-Reset`; 429 says in `Retry-After` when to try again. \
    Times are RFC 3339 in UTC.";

const TAGS: [(&str, &str); 7] = [
    ("Signing in", "Everything before there is a session"),
    ("Own account", "What everybody may do with what is theirs"),
    ("People", "Persons, their sessions and second factors, invitations"),
    ("Telephony", "Phone numbers, PBXs, routing"),
    ("Reports", "Figures of days"),
    ("Settings", "The workspace"),
    ("Installation", "What concerns all workspaces"),
];

#[cfg(test)]
pub(super) fn description() -> serde_json::Value {
    serde_json::from_slice(&DESCRIPTION).unwrap_or_default()
}
