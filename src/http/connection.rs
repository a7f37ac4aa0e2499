//! One connection: HTTP/1.1 with bounds on time and size, whatever it runs over.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

use super::redirect::redirect_router;
use super::router::{Peer, router};
use super::services::Services;
use crate::base::limit;
use crate::engine::door::ListenerKind;

/// The HTTP server without its sockets; clones share everything.
#[derive(Clone)]
pub struct Http {
    router: Router,
    redirecting: Router,
    builder: http1::Builder,
}

impl Http {
    /// Builds the table of URLs over the services.
    #[must_use]
    pub fn new(services: Arc<Services>) -> Self {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limit::HTTP_HEAD_TIMEOUT)
            .max_header_size(limit::HTTP_HEAD_BYTES_MAX)
            .max_headers(limit::HTTP_HEADERS_MAX)
            .max_buf_size(HTTP_BUFFER_BYTES)
            .half_close(false);
        let redirecting = redirect_router(Arc::clone(&services));
        Self { router: router(services), redirecting, builder }
    }

    /// Serves one accepted connection until it closes or becomes a phone's socket. Drop the
    /// future to close it at once.
    pub async fn serve_connection<I>(&self, io: I, listener: ListenerKind, remote: SocketAddr)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.serve(self.router.clone(), io, Peer { remote, listener }).await;
    }

    /// Serves one accepted connection of the plain listener, which sends everybody to HTTPS.
    pub async fn serve_redirect<I>(&self, io: I, remote: SocketAddr)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = Peer { remote, listener: ListenerKind::Plain };
        self.serve(self.redirecting.clone(), io, peer).await;
    }

    async fn serve<I>(&self, router: Router, io: I, peer: Peer)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = router.map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            request
        });
        let service = TowerToHyperService::new(service);
        let connection = self.builder.serve_connection(TokioIo::new(io), service).with_upgrades();
        if let Err(error) = connection.await {
            // Peers break connections all the time; who looks for one finds it here.
            tracing::debug!(remote = %peer.remote, %error, "http connection ended");
        }
    }
}

/// Room for one request's head; bodies are read in pieces.
const HTTP_BUFFER_BYTES: usize = limit::HTTP_HEAD_BYTES_MAX + 4 * 1024;
