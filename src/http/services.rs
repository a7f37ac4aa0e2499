//! What the edges share: one value, built once at start.

use std::sync::Arc;

use super::origin::Origins;
use crate::access::Access;
use crate::base::Clock;
use crate::config::Config;
use crate::engine::door::PhoneDoor;
use crate::store::Store;
use crate::vault::TrunkBook;

/// Everything a request may need.
pub struct Services {
    /// The checked configuration.
    pub config: Arc<Config>,
    /// Time.
    pub clock: Clock,
    /// The database.
    pub store: Store,
    /// Who may come in.
    pub access: Arc<Access>,
    /// PBXs and their sealed credentials.
    pub trunks: TrunkBook,
    /// Web origins that may open sockets and send credentials.
    pub origins: Origins,
    /// What keeps the server from being ready; empty when it is.
    pub readiness: Box<dyn Fn() -> Vec<Unready> + Send + Sync>,
    /// Where phones go.
    pub phones: Arc<dyn PhoneDoor>,
}

/// One reason why the server is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// A stable word: `store`, `trunk`, `draining`.
    pub code: &'static str,
    /// A sentence.
    pub detail: String,
}
