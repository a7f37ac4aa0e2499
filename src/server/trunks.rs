//! The PBXs of a running server. What is added or removed, by a page, `ringfence trunk` or another
//! server on the database, is followed within seconds.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};

use super::StartError;
use super::listeners::identity;
use crate::config::Config;
use crate::engine::{Engine, TrunkLinks};
use crate::net::tls::{self, TlsError};
use crate::store::TrunkRow;
use crate::telemetry::Outage;
use crate::vault::TrunkBook;

/// How often the store is asked.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);

/// Links, and whose certificates the SIP listener takes.
pub(super) struct Trunks {
    config: Arc<Config>,
    book: TrunkBook,
    links: Mutex<TrunkLinks>,
    tls: Arc<ArcSwap<ServerConfig>>,
}

impl Trunks {
    /// Begins the links of `rows`.
    ///
    /// # Errors
    /// The configured authority, or our own certificate, is not usable.
    pub(super) fn start(
        config: &Arc<Config>,
        engine: &Arc<Engine>,
        book: TrunkBook,
        rows: Vec<Arc<TrunkRow>>,
    ) -> Result<Self, StartError> {
        let tls = Arc::new(ArcSwap::from_pointee(sip_tls(config, &rows)?));
        let mut links = TrunkLinks::new(engine.clone());
        links.follow(rows);
        Ok(Self { config: config.clone(), book, links: Mutex::new(links), tls })
    }

    /// What the SIP listener speaks TLS with.
    pub(super) fn tls(&self) -> Arc<ArcSwap<ServerConfig>> {
        self.tls.clone()
    }

    /// Follows the store until it is dropped.
    pub(super) async fn follow(&self) {
        let mut tick = interval(FOLLOW_EVERY);
        let mut outage = Outage::of("look for changes of the PBXs");
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let rows = self.book.list().await;
            outage.note(rows.as_ref().err().map(|error| error as &dyn Error));
            if let Ok(rows) = rows {
                self.become_those(rows.into_iter().map(Arc::new).collect()).await;
            }
        }
    }

    async fn become_those(&self, rows: Vec<Arc<TrunkRow>>) {
        if !self.links.lock().await.follow(rows.clone()) {
            return;
        }
        match sip_tls(&self.config, &rows) {
            Ok(tls) => self.tls.store(Arc::new(tls)),
            Err(error) => tracing::error!(%error, "the SIP listener keeps the authorities it has"),
        }
    }

    /// Waits until every link has said goodbye.
    pub(super) async fn ended(&self) {
        self.links.lock().await.ended().await;
    }
}

/// TLS of the SIP listener: a PBX may show a certificate of its own authority.
fn sip_tls(config: &Config, rows: &[Arc<TrunkRow>]) -> Result<ServerConfig, TlsError> {
    let of_row = |row: &Arc<TrunkRow>| tls::Authorities { file: None, pem: row.ca_pem.clone() };
    // One that is not usable keeps its own PBX out, whose link says so, and no other.
    let mut authorities: Vec<tls::Authorities> =
        rows.iter().map(of_row).filter(|authority| authority.check().is_ok()).collect();
    authorities.push(tls::Authorities { file: config.sip.ca.clone(), pem: None });
    tls::sip_server_config(identity(config)?, &authorities)
}
