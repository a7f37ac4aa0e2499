//! Listening sockets, and what is done with each connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::trunks::Trunks;
use super::{Addresses, StartError};
use crate::base::limit;
use crate::config::Config;
use crate::engine::door::ListenerKind;
use crate::engine::{Engine, listen_for_trunks};
use crate::http::{Http, MetricsPage, Services, serve_sealed};
use crate::net::{dev_certificate, tls};

/// Every listening socket, bound before anything runs.
pub(super) struct Listeners {
    tls: Vec<TcpListener>,
    redirect: Vec<TcpListener>,
    plain: Option<TcpListener>,
    pub(super) sip: Vec<TcpListener>,
    metrics: Option<TcpListener>,
}

impl Listeners {
    pub(super) async fn bind(config: &Config) -> Result<Self, StartError> {
        let mut listeners = Self {
            tls: Vec::new(),
            redirect: Vec::new(),
            plain: None,
            sip: Vec::new(),
            metrics: None,
        };
        for address in &config.server.listen_tls {
            listeners.tls.push(bind(*address, "HTTPS", "--listen-tls or server.listen_tls").await?);
        }
        for address in &config.server.listen_redirect {
            let listener = bind(*address, "HTTP", "server.listen_redirect").await?;
            listeners.redirect.push(listener);
        }
        if let Some(address) = config.server.listen_plain {
            listeners.plain = Some(bind(address, "HTTP", "--listen").await?);
        }
        for address in &config.sip.listen {
            listeners.sip.push(bind(*address, "SIP", "--sip-listen or sip.listen").await?);
        }
        if let Some(address) = config.server.listen_metrics {
            let flag = "--listen-metrics or server.listen_metrics";
            listeners.metrics = Some(bind(address, "metrics", flag).await?);
        }
        Ok(listeners)
    }

    pub(super) fn addresses(&self) -> Addresses {
        let all = |list: &[TcpListener]| list.iter().filter_map(|l| l.local_addr().ok()).collect();
        let one = |listener: &Option<TcpListener>| listener.as_ref()?.local_addr().ok();
        Addresses {
            tls: all(&self.tls),
            redirect: all(&self.redirect),
            plain: one(&self.plain),
            sip: all(&self.sip),
            metrics: one(&self.metrics),
        }
    }

    /// Answers that the server waits for its root key. Never ends.
    pub(super) async fn answer_sealed(&self, config: &Config) -> Result<(), StartError> {
        let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(identity(config)?)?));
        let room = Arc::new(Semaphore::new(SEALED_CONNECTIONS_MAX));
        let loops = FuturesUnordered::new();
        let plain = self.plain.iter().map(|listener| (listener, None));
        for (listener, tls) in self.tls.iter().map(|l| (l, Some(&acceptor))).chain(plain) {
            let room = room.clone();
            loops.push(async move {
                while let Ok(permit) = room.clone().acquire_owned().await {
                    let Ok((tcp, _)) = listener.accept().await else {
                        tokio::time::sleep(limit::ACCEPT_PAUSE).await;
                        continue;
                    };
                    let tls = tls.cloned();
                    tokio::spawn(async move {
                        let _ = timeout(limit::TLS_TIMEOUT, answer_sealed(tcp, tls)).await;
                        drop(permit);
                    });
                }
            });
        }
        loops.collect::<()>().await;
        Ok(())
    }

    /// Starts accepting on every listener.
    pub(super) fn accept(
        self,
        config: &Config,
        engine: &Arc<Engine>,
        services: &Arc<Services>,
        trunks: &Trunks,
        metrics: MetricsPage,
    ) -> Result<Vec<JoinHandle<()>>, StartError> {
        let mut tasks = Vec::new();
        let http = Http::new(services.clone());
        if !self.tls.is_empty() {
            let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(identity(config)?)?));
            for listener in self.tls {
                let edge = Edge { http: http.clone(), kind: Kind::Tls(acceptor.clone()) };
                tasks.push(tokio::spawn(edge.accept(listener)));
            }
        }
        for listener in self.redirect {
            let edge = Edge { http: http.clone(), kind: Kind::Redirect };
            tasks.push(tokio::spawn(edge.accept(listener)));
        }
        if let Some(listener) = self.plain {
            let edge = Edge { http, kind: Kind::Plain };
            tasks.push(tokio::spawn(edge.accept(listener)));
        }
        for listener in self.sip {
            let listening = listen_for_trunks(engine.clone(), listener, trunks.tls());
            tasks.push(tokio::spawn(listening));
        }
        if let Some(listener) = self.metrics {
            tasks.push(tokio::spawn(serve_metrics(listener, metrics)));
        }
        Ok(tasks)
    }
}

async fn bind(
    address: SocketAddr,
    what: &'static str,
    flag: &'static str,
) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| StartError::Bind { address, what, flag, source })
}

/// Serves the metrics page, one scraper at a time: it is asked every few seconds.
async fn serve_metrics(listener: TcpListener, page: MetricsPage) {
    loop {
        match listener.accept().await {
            Ok((tcp, remote)) => {
                let serving = page.serve_connection(tcp, remote);
                let _ = timeout(limit::SCRAPE_TIMEOUT, serving).await;
                page.upkeep();
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a metrics connection");
                tokio::time::sleep(limit::ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The certificate of every TLS listener: the configured one, or development's own.
pub(super) fn identity(config: &Config) -> Result<tls::Identity, tls::TlsError> {
    match &config.tls {
        Some(files) => tls::Identity::read(&files.cert, &files.key),
        None => {
            let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
            dev_certificate::load_or_create(&config.server.data, &loopback)
        }
    }
}

/// One HTTP listener.
#[derive(Clone)]
struct Edge {
    http: Http,
    kind: Kind,
}

/// What a listener speaks.
#[derive(Clone)]
enum Kind {
    /// HTTPS and WSS.
    Tls(TlsAcceptor),
    /// HTTP and WS on loopback: development.
    Plain,
    /// HTTP that leads to HTTPS.
    Redirect,
}

impl Edge {
    async fn accept(self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(limit::CONNECTIONS_MAX));
        loop {
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            let (tcp, remote) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors: without a pause this would spin.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(limit::ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let edge = self.clone();
            tokio::spawn(async move {
                edge.serve(tcp, remote).await;
                drop(permit);
            });
            // One newcomer at a time: of hundreds who come at once, each costs a handshake, and
            // who is here already would wait behind all of them.
            tokio::task::yield_now().await;
        }
    }

    async fn serve(self, tcp: TcpStream, remote: SocketAddr) {
        let _ = tcp.set_nodelay(true);
        let Self { http, kind } = self;
        match kind {
            Kind::Plain => http.serve_connection(tcp, ListenerKind::Plain, remote).await,
            Kind::Redirect => http.serve_redirect(tcp, remote).await,
            Kind::Tls(acceptor) => match timeout(limit::TLS_TIMEOUT, acceptor.accept(tcp)).await {
                Ok(Ok(stream)) => {
                    http.serve_connection(stream, ListenerKind::Tls, remote).await;
                }
                Ok(Err(error)) => tracing::debug!(%remote, %error, "TLS refused"),
                Err(_) => tracing::debug!(%remote, "TLS did not finish in time"),
            },
        }
    }
}

async fn answer_sealed(tcp: TcpStream, tls: Option<TlsAcceptor>) {
    match tls {
        None => serve_sealed(tcp).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(tcp).await {
                serve_sealed(stream).await;
            }
        }
    }
}

/// Connections answered at once while sealed.
const SEALED_CONNECTIONS_MAX: usize = 256;
