//! `GET /docs`: the description of the API as pages (Swagger UI, from inside the binary). Its
//! scripts and styles are files of our own origin, so the content security policy stays as it is.

use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::Config;

use super::problem::Problem;

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("/api/openapi.json")
        // The other layout has a bar with a logo whose style the security policy forbids.
        .use_base_layout()
        .doc_expansion("none")
        .filter(true)
        .persist_authorization(false)
        .with_credentials(true)
        // The validator is somebody else's server.
        .validator_url("none");
    Arc::new(config)
});

/// `GET /docs`: its files are named relative to it.
pub(super) async fn index() -> Response {
    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, "/docs/index.html")]).into_response()
}

/// `GET /docs/{file}`.
pub(super) async fn file(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = utoipa_swagger_ui::serve(&name, Arc::clone(&CONFIG));
    let file = found.ok().flatten().ok_or_else(Problem::not_found)?;
    let kind = HeaderValue::from_str(&file.content_type).map_err(|_| Problem::not_found())?;
    let cached = HeaderValue::from_static("no-cache");
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, cached)], file.bytes.into_owned()).into_response())
}
