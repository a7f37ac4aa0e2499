//! Access control with its mail, as one server has them.

use std::sync::{Arc, OnceLock};

use super::StartError;
use super::post::{Post, smtp_settings};
use crate::access::audit::Audit;
use crate::access::{Access, AccessParts};
use crate::base::Clock;
use crate::config::Config;
use crate::mail::Mailer;
use crate::store::Store;
use crate::vault::Vault;

/// What knows people.
pub(super) struct People {
    /// Who may come in.
    pub(super) access: Arc<Access>,
    /// Sends their mail.
    pub(super) mailer: Mailer,
}

/// Opens access control; links in its mail begin with `origin`.
pub(super) async fn open(
    config: &Config,
    store: &Store,
    vault: &Arc<Vault>,
    clock: &Clock,
    origin: String,
) -> Result<People, StartError> {
    let data = config.server.data.as_path();
    let audit = Audit::open(store.clone(), vault.clone(), data, clock.clone()).await?;
    // Mail asks access control for its settings, which hands its letters to mail.
    let known: Arc<OnceLock<Arc<Access>>> = Arc::default();
    let mailer = Mailer::new(clock.clone(), smtp_settings(known.clone()))?;
    let parts = AccessParts {
        store: store.clone(),
        vault: vault.clone(),
        audit,
        clock: clock.clone(),
        issuer: config.server.public_host.clone(),
        mailbox: Arc::new(Post::new(mailer.clone(), clock.clone(), origin)),
    };
    let access = Arc::new(Access::open(parts).await?);
    let _ = known.set(access.clone());
    Ok(People { access, mailer })
}
