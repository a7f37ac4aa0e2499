//! What all desks of access control share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::account::Account;
use super::audit::{Action, Audit, Entry};
use super::error::AccessError;
use super::history::History;
use super::letter::Mailbox;
use super::live::LiveSessions;
use super::passkey::Site;
use super::password::{PasswordError, Passwords};
use super::password_policy::{PasswordRefusal, PersonalWords};
use super::principal::{Actor, WorkspaceId};
use super::revocation::{Revocations, horizon};
use super::rights::RightsTable;
use super::second_factor::SecondFactor;
use super::session::{Client, SessionDesk};
use super::set_up::SetUp;
use super::settings::{Policy, SettingsBook};
use super::sign_in::SignIn;
use super::start_link::StartLinks;
use super::throttle::{RateLimit, RateLimits, Throttle};
use super::ticket::Tickets;
use super::token::Tokens;
use super::trail;
use crate::base::{Clock, Secret, UnixTime};
use crate::store::{Change, Store, StoreError, UserRow, WorkspaceRow};
use crate::telemetry::metric;
use crate::vault::Vault;

/// The parts every desk works with.
pub(super) struct Shared {
    pub store: Store,
    pub clock: Clock,
    pub vault: Arc<Vault>,
    pub audit: Audit,
    pub settings: Arc<SettingsBook>,
    pub mailbox: Arc<dyn Mailbox>,
    /// Names this server in tokens and in authenticator apps.
    pub issuer: String,
    pub passwords: Passwords,
    pub revocations: Revocations,
    pub rights: RightsTable,
    pub live: LiveSessions,
    pub tokens: Tokens,
    pub tickets: Tickets,
    pub start_links: StartLinks,
    /// Guesses at accounts; addresses are counted at the edge.
    pub throttle: Throttle,
    /// Up to when changes of other processes are known.
    pub followed_until: AtomicU64,
    /// When that was last looked for.
    pub news_at: AtomicU64,
    /// Which site passkeys are for; none without a server.
    site: OnceLock<Site>,
    started: Instant,
    home: Mutex<Option<WorkspaceId>>,
}

/// What [`Shared`] is made of.
pub(super) struct SharedParts {
    pub store: Store,
    pub clock: Clock,
    pub vault: Arc<Vault>,
    pub audit: Audit,
    pub settings: Arc<SettingsBook>,
    pub mailbox: Arc<dyn Mailbox>,
    pub issuer: String,
    pub passwords: Passwords,
    pub home: Option<WorkspaceId>,
}

/// The name of the workspace that development mode and the command line begin with.
pub(super) const HOME_NAME: &str = "Ringfence";

impl Shared {
    pub(super) fn new(parts: SharedParts) -> Self {
        let SharedParts { store, clock, vault, audit, settings, .. } = parts;
        let (revocations, rights) = (Revocations::default(), RightsTable::default());
        let (issuer, keys) = (parts.issuer, vault.session_token_keys());
        let tokens =
            Tokens::new(clock.clone(), issuer.clone(), &keys, revocations.clone(), rights.clone());
        Self {
            tokens,
            issuer,
            revocations,
            rights,
            tickets: Tickets::new(clock.clone()),
            start_links: StartLinks::new(clock.clone()),
            live: LiveSessions::default(),
            throttle: Throttle::new(account_limits()),
            followed_until: AtomicU64::new(horizon(clock.unix()).0),
            news_at: AtomicU64::new(clock.unix().0),
            site: OnceLock::new(),
            started: clock.now(),
            home: Mutex::new(parts.home),
            passwords: parts.passwords,
            mailbox: parts.mailbox,
            store,
            clock,
            vault,
            audit,
            settings,
        }
    }

    pub(super) fn sessions(&self) -> SessionDesk<'_> {
        SessionDesk { shared: self }
    }

    pub(super) fn sign_in(&self) -> SignIn<'_> {
        SignIn { shared: self }
    }

    pub(super) fn second_factor(&self) -> SecondFactor<'_> {
        SecondFactor { shared: self }
    }

    pub(super) fn account(&self) -> Account<'_> {
        Account { shared: self }
    }

    pub(super) fn history(&self) -> History<'_> {
        History { shared: self }
    }

    pub(super) fn set_up(&self) -> SetUp<'_> {
        SetUp { shared: self }
    }

    /// Says which site passkeys are for, once.
    pub(super) fn set_site(&self, site: Site) {
        let _ = self.site.set(site);
    }

    pub(super) fn site(&self) -> Option<&Site> {
        self.site.get()
    }

    pub(super) fn now(&self) -> UnixTime {
        self.clock.unix()
    }

    /// Milliseconds of a clock that does not go back, for the throttle.
    pub(super) fn now_ms(&self) -> u64 {
        let since = self.clock.now().saturating_duration_since(self.started);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Appends an event to the audit, as part of its change.
    pub(super) async fn record(
        &self,
        change: &mut Change,
        entry: Entry,
    ) -> Result<(), AccessError> {
        self.audit.record(change, entry).await?;
        Ok(())
    }

    pub(super) fn policy(&self, workspace: WorkspaceId) -> Arc<Policy> {
        self.settings.of(workspace)
    }

    /// The workspace that runs the installation, once there is one.
    pub(super) fn home(&self) -> Option<WorkspaceId> {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_home(&self, workspace: WorkspaceId) -> bool {
        self.home() == Some(workspace)
    }

    /// Reads which workspace is the home: another process may have made it.
    pub(super) async fn read_home(&self) -> Result<Option<WorkspaceId>, StoreError> {
        if let Some(home) = self.home() {
            return Ok(Some(home));
        }
        let installation = self.store.installation().read().await?;
        let home = installation.and_then(|installation| installation.home_workspace);
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = home;
        Ok(home)
    }

    /// The home workspace, made under this name when there is none. Call [`Self::read_home`] and
    /// the settings' `follow` after the commit.
    pub(super) async fn ensure_home(
        &self,
        change: &mut Change,
        by: &Actor,
        name: &str,
    ) -> Result<WorkspaceRow, AccessError> {
        let installation = change.installation().read().await?;
        if let Some(id) = installation.and_then(|installation| installation.home_workspace) {
            let home = change.workspaces().by_id(id).await?;
            return Ok(home.ok_or(StoreError::Damaged("installation"))?);
        }
        let now = self.now();
        let workspace = change.workspaces().insert(name, now).await?;
        if !change.installation().set_home(workspace.id).await? {
            // Another process was first.
            return Err(StoreError::Conflict("home workspace").into());
        }
        let entry = trail::entry(by, Action::WorkspaceCreate, now)
            .of_workspace(workspace.id)
            .on("workspace", workspace.id)
            .with("name", name);
        self.record(change, entry).await?;
        Ok(workspace)
    }

    /// Checks a new password against the policy of every workspace its owner is in, and hashes
    /// it. Gives the new hash and the former ones to keep.
    pub(super) async fn new_password(
        &self,
        user: &UserRow,
        password: &Secret,
    ) -> Result<(String, Vec<String>), AccessError> {
        let mut keep = 0;
        let names = [user.name.as_str(), user.display_name.as_str()];
        for place in self.store.users().places(user.id).await? {
            let policy = self.policy(place.workspace.id).password;
            let workspace: &[&str] = &[&place.workspace.name, &self.issuer];
            let words = PersonalWords { names: &names, email: user.email.as_deref(), workspace };
            policy.check(password, &words)?;
            keep = keep.max(policy.reuse_last());
        }
        let known: Vec<String> =
            user.password_hash.iter().chain(&user.former_passwords).cloned().collect();
        for hash in known.iter().take(usize::from(keep)) {
            if self.passwords.is_right(password, Some(hash)).await.map_err(busy)? {
                return Err(PasswordRefusal::Reused { last: keep }.into());
            }
        }
        let hash = self.passwords.hash(password).await.map_err(busy)?;
        let former = known.into_iter().take(usize::from(keep)).collect();
        Ok((hash, former))
    }

    /// Hears of what other processes changed: endings, rights, settings, keys. Call about once a
    /// second.
    pub(super) async fn follow(&self) -> Result<(), AccessError> {
        let since = self.followed_until.load(Ordering::Relaxed);
        let look_back = crate::base::limit::FOLLOW_LOOK_BACK.as_secs();
        let since = UnixTime(since.saturating_sub(look_back));
        let now = self.now();
        self.sessions().follow(since).await?;
        for member in self.store.memberships().changed_since(since).await? {
            self.sessions().note_rights(&member.membership);
        }
        self.read_home().await?;
        self.settings.follow().await?;
        self.vault.refresh(&self.store).await?;
        self.tokens.set_keys(&self.vault.session_token_keys());
        self.followed_until.store(now.0, Ordering::Relaxed);
        self.news_at.store(now.0, Ordering::Relaxed);
        Ok(())
    }
}

/// Only what is guessed at accounts is counted here.
fn account_limits() -> RateLimits {
    let no_limit = RateLimit::new(u32::MAX, Duration::from_secs(1));
    RateLimits { auth_per_ip: no_limit, auth_per_network: no_limit, ..RateLimits::default() }
}

/// Who acts when nobody has proved who they are.
pub(super) fn anonymous(client: &Client) -> Actor {
    Actor::anonymous(client.ip)
}

pub(super) fn busy(error: PasswordError) -> AccessError {
    match error {
        PasswordError::Busy | PasswordError::Unavailable => AccessError::Busy,
        PasswordError::TooShort => PasswordRefusal::TooShort { min: 8 }.into(),
        PasswordError::TooLong => PasswordRefusal::TooLong.into(),
    }
}

pub(super) fn count_failure(kind: &'static str) {
    metrics::counter!(metric::AUTH_FAILURES, "kind" => kind).increment(1);
}
