//! Replacing a key while everybody works: rotate, rewrap, retire; and what there is to show.
//!
//! 1. [`Vault::rotate`]: a new number is active, the one before retires from now on.
//! 2. [`Vault::rekey`], again and again: data keys sealed with an older number are rewrapped, in
//!    small batches, each value only if nobody changed it meanwhile. Texts are not touched.
//! 3. A replaced key that seals nothing any more, and is old enough that nothing sealed with it
//!    can still be on its way into the database, is retired: it opens nothing again. Should a
//!    value turn up all the same (of a restored backup), step 2 rewraps it.

use std::collections::BTreeMap;

use super::envelope::{Kek, Place, kek_id};
use super::ring::{Found, Ring};
use super::{Vault, VaultError};
use crate::base::UnixTime;
use crate::base::limit::{KEY_RETIRES_AFTER, REKEY_BATCH_ROWS};
use crate::store::{
    Change, KeyState, SEALED_COLUMNS, SealedColumn, SealedValue, Store, VaultKeyRow,
};

/// What the vault shows of itself; opens nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultStatus {
    /// The root key's name.
    pub root_key_id: String,
    /// All keys ever used, by ring and number.
    pub keks: Vec<KekStatus>,
    /// Secrets opened since this process started, by purpose.
    pub opened: BTreeMap<&'static str, u64>,
}

/// A numbered key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KekStatus {
    /// Which ring, as [`Ring::as_str`].
    pub ring: String,
    /// Its number.
    pub id: u32,
    /// What it is used for now.
    pub state: KeyState,
    /// When it became active.
    pub created_at: UnixTime,
    /// When it retired.
    pub retired_at: Option<UnixTime>,
    /// How many values it seals.
    pub sealed_count: u64,
}

/// What one pass of [`Vault::rekey`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rekeyed {
    /// Values that are under the active key now.
    pub rewrapped: u64,
    /// Values that do not open and keep their key from retiring.
    pub damaged: u64,
    /// Keys that retired.
    pub retired: Vec<(Ring, u32)>,
}

impl Rekeyed {
    /// Whether there was nothing to rewrap; otherwise another pass at once may retire a key.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.rewrapped == 0
    }
}

impl Vault {
    /// Makes a new key of a ring active and gives its number. Call [`Vault::refresh`] once the
    /// change is committed; until then this process seals with the old one, which is harmless.
    /// A third key of session tokens ends the first: at most two verify.
    ///
    /// # Errors
    /// Somebody else is rotating, or the database cannot be used.
    pub async fn rotate(
        &self,
        change: &mut Change,
        ring: Ring,
        now: UnixTime,
    ) -> Result<u32, VaultError> {
        let rows = change.vault_keys().list().await?;
        let of_ring = || rows.iter().filter(|row| row.purpose == ring.as_str());
        let newest = of_ring().map(|row| row.key_id).max().unwrap_or(0);
        if ring == Ring::SessionToken {
            for row in of_ring().filter(|row| row.state == KeyState::Retiring) {
                change.vault_keys().set_retired(&row.purpose, row.key_id, Some(now)).await?;
            }
        }
        let id = newest.saturating_add(1);
        change.vault_keys().replace(ring.as_str(), id, now).await?;
        Ok(id)
    }

    /// One pass over every sealed column: rewraps what is not under its active key, then retires
    /// what seals nothing. Call it at start and every few minutes; it does nothing most times.
    ///
    /// # Errors
    /// The database cannot be used. What was rewrapped until then stays.
    pub async fn rekey(&self, store: &Store, now: UnixTime) -> Result<Rekeyed, VaultError> {
        self.refresh(store).await?;
        let mut done = Rekeyed::default();
        for column in SEALED_COLUMNS {
            self.rekey_column(store, column, &mut done).await?;
        }
        if done.rewrapped == 0 {
            self.retire(store, now, &mut done).await?;
        }
        Ok(done)
    }

    /// What the vault shows of itself.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn status(&self, store: &Store) -> Result<VaultStatus, VaultError> {
        let rows = store.vault_keys().list().await?;
        let counts = counts(store).await?;
        let kek = |row: VaultKeyRow| KekStatus {
            sealed_count: count_of(&counts, &row),
            ring: row.purpose,
            id: row.key_id,
            state: row.state,
            created_at: row.created_at,
            retired_at: row.retired_at,
        };
        Ok(VaultStatus {
            root_key_id: self.key_id().to_owned(),
            keks: rows.into_iter().map(kek).collect(),
            opened: self.opened(),
        })
    }

    async fn rekey_column(
        &self,
        store: &Store,
        column: &SealedColumn,
        done: &mut Rekeyed,
    ) -> Result<(), VaultError> {
        let Some(ring) = Ring::from_word(column.purpose) else { return Ok(()) };
        let mut after = Vec::new();
        loop {
            let active = match self.rings.load().sealing(ring) {
                Some(keys) => keys.active.id,
                None => return Ok(()),
            };
            let page = store
                .vault_keys()
                .sealed_otherwise(column, active, &after, REKEY_BATCH_ROWS)
                .await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.row.to_vec();
            // Wrapping happens before the write lock is taken.
            let rewrapped: Vec<(SealedValue, Vec<u8>)> = page
                .into_iter()
                .filter_map(|old| {
                    let new = self.rewrap(ring, column, &old);
                    if new.is_none() {
                        done.damaged = done.damaged.saturating_add(1);
                        let (table, column) = (column.table, column.column);
                        tracing::error!(table, column, "a sealed value does not open");
                    }
                    new.map(|new| (old, new))
                })
                .collect();
            if rewrapped.is_empty() {
                continue;
            }
            let mut change = store.begin().await?;
            for (old, new) in &rewrapped {
                // Changed by somebody else: sealed anew by them, or found by the next pass.
                let is_swapped = change.vault_keys().swap(column, old, new).await?;
                done.rewrapped = done.rewrapped.saturating_add(u64::from(is_swapped));
            }
            change.commit().await?;
        }
    }

    fn rewrap(&self, ring: Ring, column: &SealedColumn, old: &SealedValue) -> Option<Vec<u8>> {
        let id = kek_id(&old.sealed)?;
        let rings = self.rings.load();
        let keys = rings.sealing(ring)?;
        let derived: Kek;
        let kek = match keys.find(id) {
            Found::Known(kek) => kek,
            // A retired number on a value is one that came late or from a backup.
            Found::Newer | Found::Retired => {
                derived = ring.derive(&self.prk, id).ok()?;
                &derived
            }
        };
        let place = Place {
            workspace: old.workspace.as_ref(),
            table: column.table,
            column: column.column,
            row: &old.row,
        };
        kek.rewrap(&keys.active, place, &old.sealed).ok()
    }

    /// Retires replaced keys that seal nothing, in one transaction with the counting.
    async fn retire(
        &self,
        store: &Store,
        now: UnixTime,
        done: &mut Rekeyed,
    ) -> Result<(), VaultError> {
        let is_replaced = |row: &VaultKeyRow| row.state == KeyState::Retiring;
        if !store.vault_keys().list().await?.iter().any(is_replaced) {
            return Ok(());
        }
        let mut change = store.begin().await?;
        let rows = change.vault_keys().list().await?;
        let counts = counts_of(&mut change).await?;
        for row in rows.iter().filter(|row| is_replaced(row)) {
            let replaced_at = rows
                .iter()
                .filter(|other| other.purpose == row.purpose && other.key_id > row.key_id)
                .map(|other| other.created_at)
                .min();
            let is_due = replaced_at.is_some_and(|at| at.plus(KEY_RETIRES_AFTER) <= now);
            let Some(ring) = Ring::from_word(&row.purpose) else { continue };
            if is_due && count_of(&counts, row) == 0 {
                change.vault_keys().set_retired(&row.purpose, row.key_id, Some(now)).await?;
                done.retired.push((ring, row.key_id));
            }
        }
        change.commit().await?;
        self.refresh(store).await
    }
}

type Counts = BTreeMap<(&'static str, u32), u64>;

async fn counts(store: &Store) -> Result<Counts, VaultError> {
    let mut counts = Counts::new();
    for column in SEALED_COLUMNS {
        add(&mut counts, column, store.vault_keys().count(column).await?);
    }
    Ok(counts)
}

async fn counts_of(change: &mut Change) -> Result<Counts, VaultError> {
    let mut counts = Counts::new();
    for column in SEALED_COLUMNS {
        add(&mut counts, column, change.vault_keys().count(column).await?);
    }
    Ok(counts)
}

fn add(counts: &mut Counts, column: &SealedColumn, found: Vec<(u32, u64)>) {
    for (id, count) in found {
        let sum = counts.entry((column.purpose, id)).or_default();
        *sum = sum.saturating_add(count);
    }
}

fn count_of(counts: &Counts, row: &VaultKeyRow) -> u64 {
    counts.get(&(row.purpose.as_str(), row.key_id)).copied().unwrap_or(0)
}
