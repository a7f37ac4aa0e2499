//! The policy of every workspace, in memory, and the one way to change it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use serde_json::Value;
use tokio::sync::watch;

use super::{Kind, Policy, Preset, Reach, Setting, ValueError};
use crate::access::audit::{Action, Audit, AuditError};
use crate::access::principal::Actor;
use crate::access::trail;
use crate::base::limit::SETTINGS_LOOK_BACK;
use crate::base::{Clock, UnixTime};
use crate::store::{Change, SettingRow, Store, StoreError, WorkspaceId};

/// The settings of all workspaces.
#[derive(Debug)]
pub struct SettingsBook {
    store: Store,
    audit: Audit,
    clock: Clock,
    /// Workspaces that set something; one that is not here has the usual policy.
    policies: DashMap<WorkspaceId, Known>,
    usual: Arc<Policy>,
    home: Mutex<Option<WorkspaceId>>,
    reads: AtomicU64,
    changes: watch::Sender<u64>,
}

/// A policy, and which of all reads of the database it came from.
#[derive(Debug)]
struct Known {
    read: u64,
    policy: Arc<Policy>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The setting's own default.
    Default,
    /// The workspace's preset.
    Preset(Preset),
    /// The workspace set it.
    Set,
}

/// One setting as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingShown {
    /// Which.
    pub setting: Setting,
    /// What counts.
    pub value: Value,
    /// From where.
    pub source: Source,
    /// What it would be if the workspace had not set it.
    pub otherwise: Value,
    /// What it may be.
    pub kind: Kind,
}

/// All settings of a workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingsShown {
    /// Its preset.
    pub preset: Preset,
    /// Its settings, in the order of the page.
    pub items: Vec<SettingShown>,
}

/// Why settings were not changed; none of them was.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No setting has this name.
    #[error("there is no setting {0}; `GET /api/v1/policy` lists them")]
    Unknown(String),
    /// It counts for the whole server and this is not the home workspace.
    #[error("{0} counts for the whole server: change it in the home workspace")]
    NotHere(&'static str),
    /// A value out of its range.
    #[error("{key} {why}")]
    Value {
        /// Of which setting.
        key: &'static str,
        /// Which range.
        why: ValueError,
    },
    /// No preset has this name.
    #[error("there is no preset {0}: it must be workspace, callcenter, analytics or defaults")]
    Preset(String),
    /// It could not be audited, so it did not happen.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The row that names the preset. Written at every change, so that its time says when the last was.
const PRESET_KEY: &str = "preset";

impl Source {
    /// As shown: `default`, `preset callcenter`, `set`.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Default => "default".into(),
            Self::Preset(preset) => format!("preset {}", preset.as_str()),
            Self::Set => "set".into(),
        }
    }
}

impl SettingsError {
    /// A stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "setting_unknown",
            Self::NotHere(_) => "setting_not_here",
            Self::Value { .. } => "setting_value",
            Self::Preset(_) => "preset_unknown",
            Self::Audit(_) | Self::Store(_) => "unavailable",
        }
    }
}

impl SettingsBook {
    /// The settings of `store`, all read.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn open(store: Store, audit: Audit, clock: Clock) -> Result<Self, StoreError> {
        let book = Self {
            store,
            audit,
            clock,
            policies: DashMap::new(),
            usual: Arc::new(Policy::default()),
            home: Mutex::new(None),
            reads: AtomicU64::new(0),
            changes: watch::Sender::new(0),
        };
        book.read_home().await?;
        for workspace in book.store.settings().changed_since(UnixTime(0)).await? {
            book.read(workspace).await?;
        }
        Ok(book)
    }

    /// The policy of a workspace. Reads no database; take it at each use.
    #[must_use]
    pub fn of(&self, workspace: WorkspaceId) -> Arc<Policy> {
        let known = self.policies.get(&workspace).map(|known| known.policy.clone());
        known.unwrap_or_else(|| self.usual.clone())
    }

    /// The policy of the home workspace: what counts for the whole server.
    #[must_use]
    pub fn installation(&self) -> Arc<Policy> {
        self.home().map_or_else(|| self.usual.clone(), |home| self.of(home))
    }

    /// Tells of every change from now on, by its number.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Looks for changes by other processes. To be called every second.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn follow(&self) -> Result<(), StoreError> {
        self.read_home().await?;
        // Other processes' clocks differ, and they commit a little after the time they write down.
        let since = self.clock.unix().0.saturating_sub(SETTINGS_LOOK_BACK.as_secs());
        for workspace in self.store.settings().changed_since(UnixTime(since)).await? {
            self.read(workspace).await?;
        }
        Ok(())
    }

    /// Every setting of a workspace: value, where it comes from, range.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn show(&self, workspace: WorkspaceId) -> Result<SettingsShown, StoreError> {
        let (preset, set) = parse(&self.store.settings().list(workspace).await?);
        let settings = Setting::ALL.iter().filter(|setting| self.is_settable(workspace, **setting));
        let items = settings.map(|setting| shown(*setting, preset, &set)).collect();
        Ok(SettingsShown { preset, items })
    }

    /// Sets values by their names, all or none; `null` takes a value back to its preset's.
    ///
    /// # Errors
    /// A name or a value that is none, or the database cannot be used.
    pub async fn change(
        &self,
        actor: &Actor,
        workspace: WorkspaceId,
        values: &BTreeMap<String, Value>,
    ) -> Result<(), SettingsError> {
        let values = self.check(workspace, values)?;
        let now = self.clock.unix();
        let mut change = self.store.begin().await?;
        change.workspaces().lock(workspace).await?;
        let (preset, set) = parse(&change.settings().list(workspace).await?);
        for (setting, value) in values {
            let old = shown(setting, preset, &set).value;
            match &value {
                Value::Null => drop(change.settings().remove(workspace, setting.key()).await?),
                value => {
                    let row = row(workspace, setting.key(), value, actor);
                    change.settings().put(&row, now).await?;
                }
            }
            let new = if value.is_null() { setting.value_in(preset) } else { value };
            let entry = trail::entry(actor, Action::PolicyChange, now)
                .of_workspace(workspace)
                .on("setting", setting.key())
                .with("old", old)
                .with("new", new);
            self.audit.record(&mut change, entry).await?;
        }
        self.finish(change, actor, workspace, preset, now).await
    }

    /// Takes a preset over: what it names, and what the former one named, has its value now; what
    /// else the workspace set stays.
    ///
    /// # Errors
    /// No such preset, or the database cannot be used.
    pub async fn apply_preset(
        &self,
        actor: &Actor,
        workspace: WorkspaceId,
        preset: &str,
    ) -> Result<(), SettingsError> {
        let new = Preset::from_word(preset)
            .ok_or_else(|| SettingsError::Preset(preset.chars().take(32).collect()))?;
        let now = self.clock.unix();
        let mut change = self.store.begin().await?;
        change.workspaces().lock(workspace).await?;
        let (old, set) = parse(&change.settings().list(workspace).await?);
        for setting in set.keys() {
            let is_named = |preset| setting.preset_value(preset).is_some();
            if new == Preset::Defaults || is_named(new) || is_named(old) {
                change.settings().remove(workspace, setting.key()).await?;
            }
        }
        let entry = trail::entry(actor, Action::PolicyPreset, now)
            .of_workspace(workspace)
            .on("setting", PRESET_KEY)
            .with("old", old.as_str())
            .with("new", new.as_str());
        self.audit.record(&mut change, entry).await?;
        self.finish(change, actor, workspace, new, now).await
    }

    async fn finish(
        &self,
        mut change: Change,
        actor: &Actor,
        workspace: WorkspaceId,
        preset: Preset,
        now: UnixTime,
    ) -> Result<(), SettingsError> {
        let row = row(workspace, PRESET_KEY, &Value::from(preset.as_str()), actor);
        change.settings().put(&row, now).await?;
        change.commit().await?;
        Ok(self.read(workspace).await?)
    }

    fn check(
        &self,
        workspace: WorkspaceId,
        values: &BTreeMap<String, Value>,
    ) -> Result<Vec<(Setting, Value)>, SettingsError> {
        let checked = values.iter().map(|(key, value)| {
            let setting = Setting::from_key(key)
                .ok_or_else(|| SettingsError::Unknown(key.chars().take(64).collect()))?;
            let key = setting.key();
            if !self.is_settable(workspace, setting) {
                return Err(SettingsError::NotHere(key));
            }
            if !value.is_null() {
                let kind = setting.kind();
                kind.check(value).map_err(|why| SettingsError::Value { key, why })?;
            }
            Ok((setting, value.clone()))
        });
        checked.collect()
    }

    fn is_settable(&self, workspace: WorkspaceId, setting: Setting) -> bool {
        match setting.reach() {
            Reach::Workspace => true,
            Reach::Installation => self.home() == Some(workspace),
        }
    }

    fn home(&self) -> Option<WorkspaceId> {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_home(&self) -> Result<(), StoreError> {
        let installation = self.store.installation().read().await?;
        let home = installation.and_then(|installation| installation.home_workspace);
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = home;
        Ok(())
    }

    /// Reads one workspace's policy. Of two reads at once the one begun later wins: it has seen
    /// everything that the other has.
    async fn read(&self, workspace: WorkspaceId) -> Result<(), StoreError> {
        let read = self.reads.fetch_add(1, Ordering::SeqCst);
        let (preset, set) = parse(&self.store.settings().list(workspace).await?);
        let policy = Arc::new(Policy::of(preset, &set));
        let mut is_news = true;
        self.policies
            .entry(workspace)
            .and_modify(|known| {
                is_news = known.read < read && known.policy != policy;
                if known.read < read {
                    *known = Known { read, policy: policy.clone() };
                }
            })
            .or_insert_with(|| Known { read, policy: policy.clone() });
        if is_news {
            self.changes.send_modify(|number| *number += 1);
        }
        Ok(())
    }
}

fn row(workspace_id: WorkspaceId, key: &str, value: &Value, actor: &Actor) -> SettingRow {
    let (key, value) = (key.to_owned(), value.to_string());
    SettingRow { workspace_id, key, value, updated_by: actor.user_id }
}

/// A workspace's preset and what it set. Rows of settings that this version does not have are left
/// alone.
fn parse(rows: &[SettingRow]) -> (Preset, BTreeMap<Setting, Value>) {
    let (mut preset, mut set) = (Preset::default(), BTreeMap::new());
    for row in rows {
        let Ok(value) = serde_json::from_str::<Value>(&row.value) else { continue };
        if row.key == PRESET_KEY {
            preset = value.as_str().and_then(Preset::from_word).unwrap_or_default();
        } else if let Some(setting) = Setting::from_key(&row.key) {
            set.insert(setting, value);
        }
    }
    (preset, set)
}

fn shown(setting: Setting, preset: Preset, set: &BTreeMap<Setting, Value>) -> SettingShown {
    let kind = setting.kind();
    let otherwise = setting.value_in(preset);
    let (value, source) = match set.get(&setting) {
        Some(value) if kind.check(value).is_ok() => (value.clone(), Source::Set),
        Some(_) | None if setting.preset_value(preset).is_some() => {
            (otherwise.clone(), Source::Preset(preset))
        }
        Some(_) | None => (otherwise.clone(), Source::Default),
    };
    SettingShown { setting, value, source, otherwise, kind }
}
