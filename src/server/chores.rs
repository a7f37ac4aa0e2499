//! The slow work of a running server: expiry, checkpoints of the audit, rewrapping after a
//! rotation of keys, empty buckets.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::access::Access;
use crate::base::Clock;
use crate::http::Services;
use crate::store::Store;
use crate::vault::{TrunkBook, Vault};

/// How often sessions that ran out are ended, old notes forgotten, and values looked for that came
/// late under an older key.
const CLEAN_UP_EVERY: Duration = Duration::from_secs(60);

/// How often a checkpoint may be due and, while keys are rotated, values wait for the newer one.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Runs until it is dropped.
pub(super) async fn run(services: Arc<Services>) {
    let Services { access, vault, store, clock, trunks, .. } = &*services;
    let mut clean_up = interval(CLEAN_UP_EVERY);
    let mut look = interval(LOOK_EVERY);
    for timer in [&mut clean_up, &mut look] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    loop {
        tokio::select! {
            _ = clean_up.tick() => {
                services.limits.clean_up();
                if let Err(error) = access.clean_up().await {
                    tracing::error!(%error, "cannot end expired sessions");
                }
                rekey(vault, store, clock, trunks).await;
            }
            _ = look.tick() => {
                checkpoint(access).await;
                if vault.is_rotating() {
                    rekey(vault, store, clock, trunks).await;
                }
            }
        }
    }
}

async fn checkpoint(access: &Access) {
    if let Err(error) = access.audit().checkpoint_if_due().await {
        tracing::error!(%error, "cannot sign a checkpoint of the audit");
    }
}

async fn rekey(vault: &Vault, store: &Store, clock: &Clock, trunks: &TrunkBook) {
    match vault.rekey(store, clock.unix()).await {
        Ok(done) if done.rewrapped > 0 => {
            tracing::info!(values = done.rewrapped, "sealed values were rewrapped");
            // Links hold the rows they began with; their passwords open by what this reads.
            if let Err(error) = trunks.list().await {
                tracing::error!(%error, "cannot read the trunks");
            }
        }
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "cannot rewrap sealed values"),
    }
}
