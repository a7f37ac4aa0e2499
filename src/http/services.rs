//! What the edges share: one value, built once at start.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::limiting::Limits;
use super::origin::Origins;
use crate::access::{Access, TrustedProxies, WorkspaceId};
use crate::base::{Clock, limit};
use crate::config::Config;
use crate::engine::door::PhoneDoor;
use crate::oidc::OidcClient;
use crate::store::Store;
use crate::vault::{SecretBook, TrunkBook, Vault};

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
    /// Keys, and what they seal.
    pub vault: Arc<Vault>,
    /// Third-party secrets.
    pub secrets: SecretBook,
    /// PBXs and their sealed credentials.
    pub trunks: TrunkBook,
    /// Identity providers.
    pub oidc: Arc<OidcClient>,
    /// What our own links begin with, without a slash at the end: `https://phones.example.com`.
    pub public_origin: String,
    /// Web origins that may open sockets and send credentials.
    pub origins: Origins,
    /// Proxies whose word about the client's address counts.
    pub proxies: TrustedProxies,
    /// Rate limits.
    pub limits: Limits,
    /// What keeps the server from being ready; empty when it is.
    pub readiness: Box<dyn Fn() -> Vec<Unready> + Send + Sync>,
    /// Where phones go.
    pub phones: Arc<dyn PhoneDoor>,
    /// Where a number leads.
    pub dial_plan: Arc<dyn DialPlan>,
    /// Tries the mail settings.
    pub mail_test: Arc<dyn MailTest>,
}

/// Where a number dialled by a phone would lead; the engine implements it.
pub trait DialPlan: Send + Sync + 'static {
    /// What would happen to a call, without one.
    fn lead<'a>(
        &'a self,
        workspace: WorkspaceId,
        from: &'a str,
        number: &'a str,
    ) -> BoxFuture<'a, Lead>;
}

/// Sends a mail right away, so that an administrator sees whether it works.
pub trait MailTest: Send + Sync + 'static {
    /// Sends one to an address; an error in words for administrators.
    fn send<'a>(&'a self, to: &'a str) -> BoxFuture<'a, Result<(), String>>;
}

/// Where a number leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// `built_in`, `agent`, `trunk` or `refused`.
    pub route: &'static str,
    /// A sentence.
    pub words: String,
}

/// One reason why the server is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// A stable word: `store`, `trunk`, `draining`.
    pub code: &'static str,
    /// A sentence.
    pub detail: String,
}

impl Services {
    /// How long a browser keeps its cookie: long enough to be given it again while it is used, and
    /// no longer than its session may last.
    pub(super) fn cookie_life(&self, workspace: WorkspaceId) -> Duration {
        let policy = self.access.settings().of(workspace);
        let used = policy.session_idle_timeout.saturating_add(policy.session_refresh_every);
        let longest = policy.session_absolute_max.unwrap_or(limit::COOKIE_LIFE_MAX);
        used.min(longest).min(limit::COOKIE_LIFE_MAX)
    }
}
