//! A link for each PBX of the store: those that are added begin, those that are gone end.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Engine;
use super::link::{LinkDoor, LinkMessage, deliver};
use super::trunk_link::TrunkLink;
use super::trunks::{LinkState, TrunkEntry, Trunks};
use crate::base::limit;
use crate::store::{TrunkId, TrunkRow};

/// The links of one engine, and the only one to say which PBXs it has.
pub struct TrunkLinks {
    engine: Arc<Engine>,
    tasks: HashMap<TrunkId, JoinHandle<()>>,
    /// Links that say goodbye.
    ending: Vec<JoinHandle<()>>,
}

impl TrunkLinks {
    /// None yet.
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, tasks: HashMap::new(), ending: Vec::new() }
    }

    /// Makes the links those of `rows`; says whether anything changed. A row never changes but for
    /// its state, so its id says whether it is known. The calls over a link that goes end. A PBX
    /// whose certificate authority is not usable has no link and is down in these words.
    pub fn follow(&mut self, rows: Vec<Arc<TrunkRow>>) -> bool {
        self.ending.retain(|task| !task.is_finished());
        let known = self.engine.trunks();
        let is_same = rows.len() == self.tasks.len()
            && rows.iter().all(|row| self.tasks.contains_key(&row.id));
        if is_same {
            return false;
        }
        for entry in known.iter().filter(|entry| rows.iter().all(|row| row.id != entry.row.id)) {
            self.end(entry);
        }
        let mut begun = Vec::new();
        let entries = rows.into_iter().map(|row| match known.by_id(row.id) {
            Some(entry) => entry.clone(),
            None => {
                let (door, mailbox): (LinkDoor, _) = mpsc::channel(limit::LINK_QUEUE_MAX);
                let entry = TrunkEntry::new(row, door);
                begun.push((entry.clone(), mailbox));
                entry
            }
        });
        let entries = entries.collect();
        self.engine.trunks.store(Arc::new(Trunks::new(entries)));
        for (entry, mailbox) in begun {
            let id = entry.row.id;
            match TrunkLink::spawn(self.engine.clone(), entry.clone(), mailbox) {
                Ok(task) => {
                    self.tasks.insert(id, task);
                }
                Err(error) => {
                    tracing::error!(trunk = &*entry.name, %error, "PBX cannot be connected to");
                    let state = LinkState::Down(error.to_string());
                    entry.state.store(Arc::new(state.clone()));
                    self.engine.link_changed(id, state);
                    // Known, though it has nothing to do, so that it is not tried all the time.
                    self.tasks.insert(id, tokio::spawn(std::future::ready(())));
                }
            }
        }
        true
    }

    fn end(&mut self, entry: &TrunkEntry) {
        tracing::info!(trunk = &*entry.name, "PBX removed");
        let reason = "the PBX was removed";
        deliver(&entry.door, LinkMessage::Close { code: 1000, reason });
        self.engine.directory.close_accepted(entry.row.id, reason);
        self.engine.metrics.trunk_removed(&entry.name);
        self.ending.extend(self.tasks.remove(&entry.row.id));
    }

    /// Waits until every link has said goodbye; the engine has told them to.
    pub async fn ended(&mut self) {
        for task in self.tasks.drain().map(|(_, task)| task).chain(self.ending.drain(..)) {
            // A link that panicked has said so itself.
            let _ = task.await;
        }
    }
}
