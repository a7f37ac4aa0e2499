//! The server as a whole: builds every part in order, accepts connections, and stops in reverse.

mod chores;
mod listeners;
mod people;
mod post;
mod sealing;
mod trunks;

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::listeners::Listeners;
use self::people::People;
use self::post::Trial;
use self::trunks::Trunks;
use crate::access::audit::AuditError;
use crate::access::passkey::Site;
use crate::access::throttle::Load;
use crate::access::{Access, AccessError, Actor, TrustedProxies, WorkspaceId};
use crate::base::{Clock, limit};
use crate::config::{Config, Mode};
use crate::engine::media_thread::{MediaConfig, MediaStartError, MediaWorkers};
use crate::engine::{Engine, EngineParts, Phones, TrunkEntry, host_of};
use crate::http::{DialPlan, Lead, Limits, MetricsError, MetricsPage, Origins, Services, Unready};
use crate::mail::MailError;
use crate::media::dtls::{DtlsIdentity, IdentityError};
use crate::net::fetch::{Exceptions, Fetcher};
use crate::net::tls;
use crate::oidc::OidcClient;
use crate::store::{DataLock, Store, StoreError, TrunkRow, TrunkSource};
use crate::vault::{SecretBook, TrunkBook, TrunkBookError, UnsealError, Vault, VaultError};

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
    /// The authorities of servers we connect to.
    #[error("cannot read the file of outbound.ca: {0}")]
    OutboundCa(#[source] io::Error),
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
    /// The audit.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// Accounts and sessions.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Mail.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The wait for the root key.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
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
    /// HTTP that leads to HTTPS.
    pub redirect: Vec<SocketAddr>,
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
    chores: Vec<JoinHandle<()>>,
    trunks: Arc<Trunks>,
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
        let store = open_store(&config).await?;
        let listeners = Listeners::bind(&config).await?;
        let vault = Arc::new(sealing::open_vault(&config, &store, &listeners, &clock).await?);
        let host = config.server.public_host.clone();
        let origin = public_origin(&config, &listeners.addresses());
        let People { access, mailer } =
            people::open(&config, &store, &vault, &clock, origin).await?;
        if let Some(site) = passkey_site(&config, &listeners.addresses()) {
            access.serve(site);
        }
        let trunk_book = TrunkBook::new(store.clone(), vault.clone(), clock.clone());
        let rows: Vec<Arc<TrunkRow>> = trunk_book
            .follow(access.ensure_home(&Actor::system()).await?, &config.trunks)
            .await?
            .into_iter()
            .map(Arc::new)
            .collect();

        let metrics = MetricsPage::install()?;
        let identity = Arc::new(DtlsIdentity::generate(clock.unix())?);
        let media = media_config(&config, &rows);
        let workers = MediaWorkers::start(&media, &identity, &clock)?;
        let engine = Engine::start(EngineParts {
            config: config.clone(),
            clock: clock.clone(),
            store: store.clone(),
            access: access.clone(),
            trunk_book: trunk_book.clone(),
            vault: vault.clone(),
            workers,
            fingerprint: identity.fingerprint(),
            sip_address: sip_address(&config, &listeners),
            sip_host: host_of(&host),
        });
        let trunks = Trunks::start(&config, &engine, trunk_book.clone(), rows)?;
        let trunks = Arc::new(trunks);
        let mail_test = Arc::new(Trial { access: access.clone(), mailer: mailer.clone() });
        let parts =
            Parts { config: config.clone(), clock, store, access, vault, trunk_book, mail_test };
        let services = services(parts, &engine, &listeners)?;
        let addresses = listeners.addresses();
        let accepting = listeners.accept(&config, &engine, &services, &trunks, metrics)?;
        let following = trunks.clone();
        let chores = vec![
            tokio::spawn(Box::pin(mailer.run())),
            tokio::spawn(chores::run(services.clone())),
            tokio::spawn(async move { following.follow().await }),
        ];
        Ok(Self { engine, services, addresses, accepting, chores, trunks, _lock: lock })
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
        for task in self.accepting.iter().chain(&self.chores) {
            task.abort();
        }
        self.engine.stop().await;
        if let Err(error) = self.services.access.audit().checkpoint().await {
            tracing::error!(%error, "cannot sign the last checkpoint of the audit");
        }
        let _ = timeout(limit::STOP_TIMEOUT, self.trunks.ended()).await;
    }
}

/// The database of the configured server.
async fn open_store(config: &Config) -> Result<Store, StoreError> {
    match &config.database {
        Some(url) => Store::open_postgres(url).await,
        None => Store::open(&config.server.data).await,
    }
}

/// What links in mail begin with, and where identity providers send browsers back to.
fn public_origin(config: &Config, addresses: &Addresses) -> String {
    let host = &config.server.public_host;
    match (addresses.plain, addresses.tls.first().map(SocketAddr::port)) {
        (Some(plain), _) => format!("http://{host}:{}", plain.port()),
        (None, None | Some(443)) => format!("https://{host}"),
        (None, Some(port)) => format!("https://{host}:{port}"),
    }
}

/// What passkeys are for: the public name and its pages. None where that is an address.
fn passkey_site(config: &Config, addresses: &Addresses) -> Option<Site> {
    let host = &config.server.public_host;
    let origins = Origins::new(config, addresses.plain, &addresses.tls);
    Site::new(host, origins.at_host(host))
}

/// What the edges are built from.
struct Parts {
    config: Arc<Config>,
    clock: Clock,
    store: Store,
    access: Arc<Access>,
    vault: Arc<Vault>,
    trunk_book: TrunkBook,
    mail_test: Arc<Trial>,
}

fn services(
    parts: Parts,
    engine: &Arc<Engine>,
    listeners: &Listeners,
) -> Result<Arc<Services>, StartError> {
    let Parts { config, clock, store, access, vault, trunk_book, mail_test } = parts;
    let Addresses { tls, plain, .. } = listeners.addresses();
    let watched = engine.clone();
    let load = Box::new(move || Load::per_mille(watched.load_per_mille()));
    let rates = access.settings().installation().rate;
    let authorities_pem = config.outbound.ca.as_ref().map(std::fs::read_to_string).transpose();
    let authorities_pem = authorities_pem.map_err(StartError::OutboundCa)?;
    let fetcher = Fetcher::new(Exceptions {
        origins: config.outbound.origins.clone(),
        nets: config.outbound.allow.clone(),
        authorities_pem,
    })?;
    Ok(Arc::new(Services {
        public_origin: public_origin(&config, &listeners.addresses()),
        origins: Origins::new(&config, plain, &tls),
        proxies: TrustedProxies::new(config.server.trusted_proxies.iter().copied()),
        limits: Limits::new(rates, clock.clone(), load),
        secrets: SecretBook::new(store.clone(), vault.clone(), clock.clone()),
        oidc: Arc::new(OidcClient::new(fetcher)),
        readiness: readiness(engine.clone()),
        phones: Arc::new(Phones(engine.clone())),
        dial_plan: Arc::new(Numbers(engine.clone())),
        trunks: trunk_book,
        mail_test,
        config,
        clock,
        store,
        access,
        vault,
    }))
}

/// What keeps the server from being ready: PBXs that cannot be reached.
fn readiness(engine: Arc<Engine>) -> Box<dyn Fn() -> Vec<Unready> + Send + Sync> {
    Box::new(move || {
        let trunks = engine.trunks();
        // Those of workspaces are their own matter, and none is a stranger's.
        let configured = |trunk: &&TrunkEntry| trunk.row.source == TrunkSource::Config;
        let down = trunks.iter().filter(configured).filter(|trunk| !trunk.is_up());
        down.take(1)
            .map(|_| Unready {
                code: "trunk",
                detail: "a configured PBX cannot be reached; `ringfence trunk list` says why"
                    .to_owned(),
            })
            .collect()
    })
}

/// The engine as the dial-plan test sees it.
struct Numbers(Arc<Engine>);

impl DialPlan for Numbers {
    fn lead<'a>(
        &'a self,
        workspace: WorkspaceId,
        from: &'a str,
        number: &'a str,
    ) -> BoxFuture<'a, Lead> {
        Box::pin(async move {
            let (route, words) = self.0.lead(workspace, from, number).await;
            Lead { route, words }
        })
    }
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
