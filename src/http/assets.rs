//! The web application, from inside the binary.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::problem::Problem;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/web/dist"]
#[exclude = ".gitkeep"]
struct Dist;

/// Everything that is neither API nor socket: a file of the application, or its one page, which
/// reads the address itself.
pub(super) async fn serve(method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let detail = "only GET and HEAD here";
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
            .with_header(ALLOW, HeaderValue::from_static("GET, HEAD"))
            .into_response();
    }
    let path = uri.path().trim_start_matches('/');
    // Names are looked up in a table as they were written: an escape or `..` is in no table.
    let is_plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
        && !path.contains("..");
    if !is_plain {
        return Problem::not_found().into_response();
    }
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    if is_file {
        return match Dist::get(path) {
            Some(file) => answer(path, file.data),
            None => Problem::not_found().into_response(),
        };
    }
    match Dist::get("index.html") {
        Some(page) => answer("index.html", page.data),
        None => {
            let detail = "the web application is not built: cd web && npm ci && npm run build";
            Problem::new(StatusCode::NOT_FOUND, "not_built", detail).into_response()
        }
    }
}

fn answer(path: &str, data: Cow<'static, [u8]>) -> Response {
    let body = match data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    let headers = [(CONTENT_TYPE, content_type(path)), (CACHE_CONTROL, cache_control(path))];
    (headers, body).into_response()
}

/// Files under `assets/` carry a hash of their content in their name.
fn cache_control(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &str) -> Response {
        serve(Method::GET, path.parse().unwrap()).await
    }

    #[tokio::test]
    async fn what_is_no_plain_name_is_not_there() {
        for path in ["/../Cargo.toml", "/..%2f..%2fetc/passwd", "/%00", "/a/../../b.js", "/x.js"] {
            assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let posted = serve(Method::POST, Uri::from_static("/")).await;
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn hashed_files_stay_in_the_cache_and_the_page_does_not() {
        assert!(cache_control("assets/index-BX3.js").contains("immutable"));
        assert_eq!(cache_control("index.html"), "no-cache");
    }
}
