//! `GET /metrics` for Prometheus, on a listener of its own.

use std::net::SocketAddr;
use std::sync::OnceLock;

use axum::Router;
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

use crate::base::limit;
use crate::telemetry::metric;

/// The page of metrics; the recorder behind it is the process's.
#[derive(Clone)]
pub struct MetricsPage {
    router: Router,
    handle: PrometheusHandle,
}

/// The recorder could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be recorded")]
pub struct MetricsError(#[from] metrics_exporter_prometheus::BuildError);

/// Bounds of call set-up and DTLS histograms, seconds.
const SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl MetricsPage {
    /// Installs the process's recorder, the first time, and makes its page.
    ///
    /// # Errors
    /// Another recorder was installed.
    pub fn install() -> Result<Self, MetricsError> {
        static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = match HANDLE.get() {
            Some(handle) => handle.clone(),
            None => {
                let mut builder = PrometheusBuilder::new();
                for name in [metric::CALL_SETUP, metric::DTLS_HANDSHAKE] {
                    let name = Matcher::Full(name.to_string());
                    builder = builder.set_buckets_for_metric(name, &SECONDS)?;
                }
                let handle = builder.install_recorder()?;
                HANDLE.get_or_init(|| handle).clone()
            }
        };
        let page = handle.clone();
        let router = Router::new().route(
            "/metrics",
            get(async move || ([(CONTENT_TYPE, "text/plain; version=0.0.4")], page.render())),
        );
        Ok(Self { router, handle })
    }

    /// Keeps histograms small; call every few seconds.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// Serves one accepted connection.
    pub async fn serve_connection<I>(&self, io: I, remote: SocketAddr)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = self.router.clone().map_request(|request: Request<Incoming>| request);
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limit::HTTP_HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(io), TowerToHyperService::new(service))
            .await;
        if let Err(error) = served {
            tracing::debug!(%remote, %error, "metrics connection ended");
        }
    }
}
