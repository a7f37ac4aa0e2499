//! What must happen now and then: notes of link states, gauges, ends of sessions.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::interval;

use super::call_record::Record;
use super::{Engine, LinkState};
use crate::access::audit::AuditError;
use crate::store::TrunkId;
use crate::telemetry::Outage;

/// How often gauges are refreshed.
const GAUGES_EVERY: Duration = Duration::from_secs(5);

/// How often what other processes changed is heard of: endings of sessions, rights, settings, keys
/// (`ringfence user`, other servers on the database).
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// The engine's slow work.
pub struct Housekeeping;

impl Housekeeping {
    /// Starts it. Runs as long as the process.
    pub fn spawn(
        engine: Arc<Engine>,
        mut states: mpsc::Receiver<(TrunkId, LinkState)>,
        records: mpsc::Receiver<Record>,
    ) {
        Self::keep_records(engine.clone(), records);
        Self::close_ended_sessions(engine.clone());
        Self::recheck_rights(engine.clone());
        tokio::spawn(async move {
            let mut gauges = interval(GAUGES_EVERY);
            let mut follow = interval(FOLLOW_EVERY);
            let mut outage = Outage::of("follow what other processes change");
            loop {
                tokio::select! {
                    Some((trunk, state)) = states.recv() => note(&engine, trunk, &state).await,
                    _ = follow.tick() => {
                        let followed = engine.parts.access.follow().await;
                        outage.note(followed.as_ref().err().map(|error| error as &dyn Error));
                    }
                    _ = gauges.tick() => {
                        let calls = engine.directory.call_count();
                        let phones = engine.directory.phone_count();
                        let room = engine.phones.available_permits();
                        let sockets = engine.config().limits.phones.saturating_sub(room);
                        engine.metrics.present(calls, phones, sockets);
                        engine.metrics.media(engine.workers().handles());
                    }
                }
            }
        });
    }

    /// Writes down what calls leave behind, in a task of its own.
    fn keep_records(engine: Arc<Engine>, mut records: mpsc::Receiver<Record>) {
        tokio::spawn(async move {
            while let Some(record) = records.recv().await {
                if let Err(error) = keep(&engine, record).await {
                    tracing::error!(%error, "a call could not be recorded");
                    engine.metrics.call_not_recorded();
                }
            }
        });
    }

    /// Has open sockets look at their rights again when somebody's changed. Changes are rare, and
    /// a socket that is not concerned compares and goes on.
    fn recheck_rights(engine: Arc<Engine>) {
        let mut changes = engine.parts.access.rights_changes();
        tokio::spawn(async move {
            while !matches!(changes.recv().await, Err(RecvError::Closed)) {
                engine.directory.recheck();
            }
        });
    }

    /// Closes the sockets of sessions that end, in a task that waits for nothing else: the
    /// database may be slow, this may not.
    fn close_ended_sessions(engine: Arc<Engine>) {
        let mut ended = engine.parts.access.revocations().subscribe();
        tokio::spawn(async move {
            loop {
                match ended.recv().await {
                    Ok(session) => engine.revoke(session.session_id),
                    Err(RecvError::Lagged(_)) => engine.revoke_ended(),
                    Err(RecvError::Closed) => return,
                }
            }
        });
    }
}

async fn keep(engine: &Engine, record: Record) -> Result<(), AuditError> {
    match record {
        Record::Call(call) => {
            engine.parts.store.calls().insert(&call).await?;
        }
        Record::Audit(entry) => {
            let mut change = engine.parts.store.begin().await?;
            engine.parts.access.audit().record(&mut change, *entry).await?;
            change.commit().await?;
        }
    }
    Ok(())
}

async fn note(engine: &Engine, trunk: TrunkId, state: &LinkState) {
    // One that was removed meanwhile has no state.
    if let Some(entry) = engine.trunks().by_id(trunk) {
        engine.metrics.trunk(&entry.name, state.is_up());
    }
    let noted = engine.parts.trunk_book.note_state(trunk, state.as_str(), state.detail()).await;
    if let Err(error) = noted {
        tracing::error!(%error, "cannot note the state of a trunk");
    }
}
