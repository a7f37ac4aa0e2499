//! The front desk: everything the edges ask about who is who.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use super::account::Account;
use super::audit::Audit;
use super::connection::Connections;
use super::desks::Desks;
use super::error::AccessError;
use super::history::History;
use super::letter::Mailbox;
use super::organisation::{Organisation, OrganisationParts};
use super::passkey::Site;
use super::password::Passwords;
use super::principal::{Actor, Level, Principal, Role, WorkspaceId};
use super::revocation::Revocations;
use super::rights::RightsChanged;
use super::second_factor::SecondFactor;
use super::session::{Checked, Client, SessionDesk, SessionError, SignedIn};
use super::set_up::SetUp;
use super::settings::SettingsBook;
use super::shared::{HOME_NAME, Shared, SharedParts, count_failure};
use super::sign_in::SignIn;
use super::start_link::StartLinks;
use super::ticket::Tickets;
use super::token::{Minted, TokenError};
use tokio::sync::broadcast;

use crate::base::Clock;
use crate::store::{Member, Store};
use crate::vault::{SecretBook, Vault};

/// Who may come in, and all that is theirs.
pub struct Access {
    pub(super) shared: Arc<Shared>,
    connections: Connections,
    organisation: Organisation,
}

/// What [`Access::open`] needs.
pub struct AccessParts {
    /// The database.
    pub store: Store,
    /// The keys.
    pub vault: Arc<Vault>,
    /// The audit of the same database.
    pub audit: Audit,
    /// The time.
    pub clock: Clock,
    /// Names this server in tokens and in authenticator apps: its host name.
    pub issuer: String,
    /// Takes mail.
    pub mailbox: Arc<dyn Mailbox>,
}

impl Access {
    /// The desk over a database.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn open(parts: AccessParts) -> Result<Self, AccessError> {
        let AccessParts { store, vault, audit, clock, issuer, mailbox } = parts;
        let settings = SettingsBook::open(store.clone(), audit.clone(), clock.clone()).await?;
        let installation = store.installation().read().await?;
        let cores = available_parallelism().map_or(1, NonZero::get);
        let secrets = SecretBook::new(store.clone(), vault.clone(), clock.clone());
        let connections = Connections::new(store.clone(), secrets, audit.clone(), clock.clone());
        let (settings, passwords) = (Arc::new(settings), Passwords::new(cores / 2));
        let shared = Arc::new(Shared::new(SharedParts {
            store: store.clone(),
            clock: clock.clone(),
            vault: vault.clone(),
            audit: audit.clone(),
            settings: settings.clone(),
            mailbox: mailbox.clone(),
            issuer,
            passwords: passwords.clone(),
            home: installation.and_then(|installation| installation.home_workspace),
        }));
        let desks = Arc::new(Desks(shared.clone()));
        let organisation = Organisation::new(OrganisationParts {
            store,
            clock,
            audit,
            vault,
            settings,
            passwords,
            mailbox,
            revocations: shared.revocations.clone(),
            after: desks.clone(),
            proofs: desks,
        });
        Ok(Self { shared, connections, organisation })
    }

    /// Says which site passkeys are for: none can be made or shown before. The first one stays.
    pub fn serve(&self, site: Site) {
        self.shared.set_site(site);
    }

    /// Ended sessions: listen, and close their sockets with 4401.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.shared.revocations
    }

    /// Socket tickets.
    #[must_use]
    pub fn tickets(&self) -> &Tickets {
        &self.shared.tickets
    }

    /// Development sign-in links.
    #[must_use]
    pub fn start_links(&self) -> &StartLinks {
        &self.shared.start_links
    }

    /// The policy of every workspace.
    #[must_use]
    pub fn settings(&self) -> &Arc<SettingsBook> {
        &self.shared.settings
    }

    /// The audit.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.shared.audit
    }

    /// People, numbers, keys, workspaces.
    #[must_use]
    pub fn organisation(&self) -> &Organisation {
        &self.organisation
    }

    /// The home workspace, made by somebody when there is none.
    ///
    /// # Errors
    /// The database failed.
    pub async fn ensure_home(&self, by: &Actor) -> Result<WorkspaceId, AccessError> {
        let mut change = self.shared.store.begin().await?;
        let home = self.shared.ensure_home(&mut change, by, HOME_NAME).await?;
        change.commit().await?;
        self.shared.read_home().await?;
        self.shared.settings.follow().await?;
        Ok(home.id)
    }

    /// Mail server and identity providers.
    #[must_use]
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Sessions: listed, ended.
    #[must_use]
    pub fn sessions(&self) -> SessionDesk<'_> {
        self.shared.sessions()
    }

    /// Signing in.
    #[must_use]
    pub fn sign_in(&self) -> SignIn<'_> {
        self.shared.sign_in()
    }

    /// The second factor.
    #[must_use]
    pub fn second_factor(&self) -> SecondFactor<'_> {
        self.shared.second_factor()
    }

    /// Passwords, mail addresses, sign-up.
    #[must_use]
    pub fn account(&self) -> Account<'_> {
        self.shared.account()
    }

    /// The login history.
    #[must_use]
    pub fn history(&self) -> History<'_> {
        self.shared.history()
    }

    /// The first administrator.
    #[must_use]
    pub fn set_up(&self) -> SetUp<'_> {
        self.shared.set_up()
    }

    /// Whose token this is: no database, no wait, under 3 µs.
    ///
    /// # Errors
    /// It is nobody's.
    pub fn check_token(&self, token: &str) -> Result<Principal, TokenError> {
        self.shared.tokens.check(token).inspect_err(|_| count_failure("token"))
    }

    /// Whose session cookie this is; counts as use.
    ///
    /// # Errors
    /// It is nobody's, or the database failed.
    pub async fn check_cookie(
        &self,
        cookie: &str,
        client: &Client,
    ) -> Result<Checked, SessionError> {
        let checked = self.shared.sessions().check(cookie, client).await;
        checked.inspect_err(|_| count_failure("session"))
    }

    /// Somebody as they are now: with less where their rights have changed since they came.
    /// No database, no wait.
    #[must_use]
    pub fn rights_now(&self, principal: &Principal) -> Principal {
        let mut now = principal.clone();
        self.shared.rights.lower(&mut now);
        now
    }

    /// Works in another workspace from now on: a new session there, and the end of this one.
    ///
    /// # Errors
    /// They are not in it, or the database failed.
    pub async fn switch_workspace(
        &self,
        principal: &Principal,
        workspace: WorkspaceId,
        client: &Client,
    ) -> Result<SignedIn, AccessError> {
        self.shared.sign_in().switch_workspace(principal, workspace, client).await
    }

    /// Changes of rights: listen, and look at open sockets again ([`Access::rights_now`]).
    #[must_use]
    pub fn rights_changes(&self) -> broadcast::Receiver<RightsChanged> {
        self.shared.rights.subscribe()
    }

    /// Signs a token for a session that was just checked.
    ///
    /// # Errors
    /// The library failed.
    pub fn mint(&self, principal: &Principal) -> Result<Minted, TokenError> {
        self.shared.tokens.mint(principal)
    }

    /// Opens a session for a person and signs a token for it, with at most `level_max`
    /// (`ringfence token mint`). Below level 9 it has no role to make up for that.
    ///
    /// # Errors
    /// The database failed.
    pub async fn mint_for(&self, member: &Member, level_max: Level) -> Result<Minted, AccessError> {
        let sessions = self.shared.sessions();
        let mut principal = sessions.open_without_cookie(member, "minted").await?;
        if level_max < principal.level {
            principal.level = level_max;
            principal.role = Role::Member;
        }
        Ok(self.shared.tokens.mint(&principal)?)
    }

    /// Hears of what other processes changed: endings, rights, settings, keys. Call about once a
    /// second.
    ///
    /// # Errors
    /// The database failed; call again.
    pub async fn follow(&self) -> Result<(), AccessError> {
        self.shared.follow().await?;
        // What fails is the database; it is asked again in a second.
        self.organisation.follow().await.map_err(|_| AccessError::Busy)
    }

    /// Ends expired sessions and forgets what is old. Call about once a minute.
    ///
    /// # Errors
    /// The database failed; call again.
    pub async fn clean_up(&self) -> Result<(), AccessError> {
        self.shared.sessions().end_expired().await?;
        self.shared.history().forget_old().await?;
        self.shared.throttle.clean_up(self.shared.now_ms());
        Ok(())
    }

    /// The server itself, for the audit.
    #[must_use]
    pub fn system(&self) -> Actor {
        Actor::system()
    }
}
