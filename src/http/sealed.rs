//! A server that waits for its root key: alive, not ready, and nothing else.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::http::{HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::guard::Hardening;
use super::problem::Problem;
use crate::base::limit;

/// Answers one connection of a sealed server: `/healthz` is fine, everything else is 503.
pub async fn serve_sealed<I>(io: I)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(|request: Request<Incoming>| async move {
        Ok::<Response<Body>, Infallible>(answer(request.uri().path()))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit::HTTP_HEAD_TIMEOUT)
        .max_headers(limit::HTTP_HEADERS_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(io), answer)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "http connection ended");
    }
}

fn answer(path: &str) -> Response<Body> {
    if path == "/healthz" {
        return hardened("OK\n".into_response());
    }
    let detail = "the server waits for its root key: ringfence vault unseal";
    let mut response =
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "sealed", detail).into_response();
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("10"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    hardened(response)
}

fn hardened(mut response: Response<Body>) -> Response<Body> {
    Hardening::bare().write(response.headers_mut(), false);
    response
}
