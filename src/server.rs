//! The server as a whole: builds every part in order, accepts connections, and stops in reverse.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, OnceLock};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::access::Access;
use crate::base::{Clock, limit};
use crate::config::{Config, Mode};
use crate::engine::door::ListenerKind;
use crate::engine::media_thread::{MediaConfig, MediaStartError, MediaWorkers};
use crate::engine::{Engine, EngineParts, Phones, host_of, listen_for_trunks};
use crate::http::{Http, MetricsError, MetricsPage, Origins, Services, Unready};
use crate::media::dtls::{DtlsIdentity, IdentityError};
use crate::net::{dev_certificate, tls};
use crate::store::{DataLock, Store, StoreError, TrunkRow};
use crate::vault::{TrunkBook, TrunkBookError, Vault, VaultError};

/// Why the server did not start. Each says what to change.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error("cannot use the data folder {path}: {source}")]
    Data {
        /// Which.
        path: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A listener's address is taken or not ours.
    #[error("cannot listen on {address} ({what}): {source}; choose another with {flag}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// What for.
        what: &'static str,
        /// How to change it.
        flag: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The trunks.
    #[error(transparent)]
    Trunks(#[from] TrunkBookError),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The DTLS certificate.
    #[error("cannot make the DTLS certificate: {0}")]
    Dtls(#[from] IdentityError),
    /// The metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The media threads.
    #[error(transparent)]
    Media(#[from] MediaStartError),
}

/// Where a running server listens.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// HTTPS and WSS.
    pub tls: Vec<SocketAddr>,
    /// HTTP and WS, development only.
    pub plain: Option<SocketAddr>,
    /// SIP over TLS, for PBXs.
    pub sip: Vec<SocketAddr>,
    /// Metrics.
    pub metrics: Option<SocketAddr>,
}

/// A running server.
pub struct Server {
    engine: Arc<Engine>,
    services: Arc<Services>,
    addresses: Addresses,
    accepting: Vec<JoinHandle<()>>,
    links: Vec<JoinHandle<()>>,
    /// Released last: the next server on this data folder may start then.
    _lock: DataLock,
}

impl Server {
    /// Starts everything. On an error nothing is left running.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        let data = config.server.data.clone();
        let config = Arc::new(config);
        let lock = DataLock::take(&data)?;
        let store = Store::open(&data).await?;
        let vault = Arc::new(Vault::open(&data, &store, clock.unix()).await?);
        let host = config.server.public_host.clone();
        let access = Arc::new(Access::new(store.clone(), &vault, clock.clone(), &host));
        let trunk_book = TrunkBook::new(store.clone(), vault.clone(), clock.clone());
        let rows: Vec<Arc<TrunkRow>> =
            trunk_book.follow(&config.trunks).await?.into_iter().map(Arc::new).collect();

        let metrics = MetricsPage::install()?;
        let listeners = Listeners::bind(&config).await?;
        let identity = Arc::new(DtlsIdentity::generate(clock.unix())?);
        let media = media_config(&config, &rows);
        let workers = MediaWorkers::start(&media, &identity, &clock)?;
        let (engine, links) = Engine::start(EngineParts {
            config: config.clone(),
            clock: clock.clone(),
            store: store.clone(),
            access: access.clone(),
            trunk_book: trunk_book.clone(),
            vault,
            workers,
            fingerprint: identity.fingerprint(),
            sip_address: sip_address(&config, &listeners),
            sip_host: host_of(&host),
            trunk_rows: rows.clone(),
        })?;
        let services = services(&config, clock, store, access, trunk_book, &engine, &listeners);
        let addresses = listeners.addresses();
        let accepting = listeners.accept(&config, &engine, &services, &rows, metrics)?;
        Ok(Self { engine, services, addresses, accepting, links, _lock: lock })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What the edges share.
    #[must_use]
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Takes no more connections, says goodbye on every call and link, and stops.
    pub async fn stop(self) {
        for task in &self.accepting {
            task.abort();
        }
        self.engine.stop().await;
        let ended = async {
            for task in self.links {
                let _ = task.await;
            }
        };
        let _ = timeout(limit::STOP_TIMEOUT, ended).await;
    }
}

/// Every listening socket, bound before anything runs.
struct Listeners {
    tls: Vec<TcpListener>,
    plain: Option<TcpListener>,
    sip: Vec<TcpListener>,
    metrics: Option<TcpListener>,
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Self, StartError> {
        let mut listeners = Self { tls: Vec::new(), plain: None, sip: Vec::new(), metrics: None };
        for address in &config.server.listen_tls {
            listeners.tls.push(bind(*address, "HTTPS", "--listen-tls or server.listen_tls").await?);
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

    fn addresses(&self) -> Addresses {
        let all = |list: &[TcpListener]| list.iter().filter_map(|l| l.local_addr().ok()).collect();
        let one = |listener: &Option<TcpListener>| listener.as_ref()?.local_addr().ok();
        Addresses {
            tls: all(&self.tls),
            plain: one(&self.plain),
            sip: all(&self.sip),
            metrics: one(&self.metrics),
        }
    }

    /// Starts accepting on every listener.
    fn accept(
        self,
        config: &Config,
        engine: &Arc<Engine>,
        services: &Arc<Services>,
        rows: &[Arc<TrunkRow>],
        metrics: MetricsPage,
    ) -> Result<Vec<JoinHandle<()>>, StartError> {
        let mut tasks = Vec::new();
        let http = Http::new(services.clone());
        if !self.tls.is_empty() {
            let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(identity(config)?)?));
            for listener in self.tls {
                let edge = Edge { http: http.clone(), tls: Some(acceptor.clone()) };
                tasks.push(tokio::spawn(edge.accept(listener)));
            }
        }
        if let Some(listener) = self.plain {
            let edge = Edge { http, tls: None };
            tasks.push(tokio::spawn(edge.accept(listener)));
        }
        if !self.sip.is_empty() {
            let mut authorities: Vec<tls::Authorities> = rows
                .iter()
                .map(|row| tls::Authorities { file: None, pem: row.ca_pem.clone() })
                .collect();
            authorities.push(tls::Authorities { file: config.sip.ca.clone(), pem: None });
            let server = tls::sip_server_config(identity(config)?, &authorities)?;
            let acceptor = TlsAcceptor::from(Arc::new(server));
            for listener in self.sip {
                let (engine, acceptor) = (engine.clone(), acceptor.clone());
                tasks.push(tokio::spawn(listen_for_trunks(engine, listener, acceptor)));
            }
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
fn identity(config: &Config) -> Result<tls::Identity, tls::TlsError> {
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
    tls: Option<TlsAcceptor>,
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
        }
    }

    async fn serve(self, tcp: TcpStream, remote: SocketAddr) {
        let _ = tcp.set_nodelay(true);
        let Self { http, tls } = self;
        match tls {
            None => http.serve_connection(tcp, ListenerKind::Plain, remote).await,
            Some(acceptor) => match timeout(limit::TLS_TIMEOUT, acceptor.accept(tcp)).await {
                Ok(Ok(stream)) => {
                    http.serve_connection(stream, ListenerKind::Tls, remote).await;
                }
                Ok(Err(error)) => tracing::debug!(%remote, %error, "TLS refused"),
                Err(_) => tracing::debug!(%remote, "TLS did not finish in time"),
            },
        }
    }
}

fn services(
    config: &Arc<Config>,
    clock: Clock,
    store: Store,
    access: Arc<Access>,
    trunks: TrunkBook,
    engine: &Arc<Engine>,
    listeners: &Listeners,
) -> Arc<Services> {
    let watched = engine.clone();
    let readiness = Box::new(move || -> Vec<Unready> {
        let down = watched.trunks().iter().filter(|trunk| !trunk.is_up());
        down.map(|trunk| Unready {
            code: "trunk",
            detail: format!("{}: {}", trunk.name, trunk.state.load().detail()),
        })
        .collect()
    });
    let Addresses { tls, plain, .. } = listeners.addresses();
    Arc::new(Services {
        config: config.clone(),
        clock,
        store,
        access,
        trunks,
        origins: Origins::new(config, plain, &tls),
        readiness,
        phones: Arc::new(Phones(engine.clone())),
    })
}

/// Where PBXs reach our SIP listener, for Contact.
fn sip_address(config: &Config, listeners: &Listeners) -> Option<(crate::sip::uri::Host, u16)> {
    let local = listeners.sip.first()?.local_addr().ok()?;
    if let Some(advertised) = &config.sip.advertise {
        return Some((host_of(advertised), local.port()));
    }
    (!local.ip().is_unspecified()).then(|| (local.ip().into(), local.port()))
}

/// Audio addresses. In development only this machine's browsers are served, but at its own address
/// too, since Firefox shuns loopback: the socket is bound wider and takes packets from this
/// machine's addresses alone. The PBX's side binds where the route to the PBX leads.
fn media_config(config: &Config, rows: &[Arc<TrunkRow>]) -> MediaConfig {
    let media = &config.media;
    let is_dev = config.mode == Mode::Development;
    let mut advertise = media.advertise.clone();
    if is_dev && advertise.is_empty() {
        advertise.extend(route_to(SOMEWHERE, 9).filter(|own| !own.is_loopback()));
        advertise.push(IpAddr::from([127, 0, 0, 1]));
    }
    let reaches_out = advertise.iter().any(|ip| !ip.is_loopback());
    let any = IpAddr::from([0, 0, 0, 0]);
    let bind = if is_dev && reaches_out { any } else { media.bind };
    let trunk_advertise = rows.first().and_then(|row| route_to(&row.uri.host, row.uri.port));
    let trunk_bind = match trunk_advertise {
        Some(ip) if is_dev => ip,
        _ => bind,
    };
    MediaConfig {
        workers: media.workers,
        bind,
        browser_port: media.port,
        browsers_from: is_dev.then(|| advertise.clone()),
        advertise,
        trunk_bind,
        trunk_advertise,
        trunk_port: media.trunk_port,
        trunk_sockets: limit::TRUNK_SOCKETS_PER_WORKER,
    }
}

/// An address that is nobody's (RFC 5737): the route to it is the default route.
const SOMEWHERE: &str = "198.51.100.1";

/// Our own address on the way to `host`; no packet is sent.
fn route_to(host: &str, port: u16) -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect((host, port)).ok()?;
    socket.local_addr().ok().map(|local| local.ip())
}

/// Installs what a process has once: the crypto provider's default and the metrics recorder.
pub fn prepare_process() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        // Only fails when somebody installed one before, which is as good.
        let _ = provider.install_default();
    });
}
