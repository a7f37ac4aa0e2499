//! A transaction: several changes that happen together or not at all.

use std::fmt;

use sqlx::{Any, AnyConnection, Transaction};

use super::link::timely;
use super::{Backend, StoreError};

/// An open transaction; its repositories read what it wrote.
pub struct Change {
    transaction: Transaction<'static, Any>,
    backend: Backend,
}

impl Change {
    pub(super) fn new(transaction: Transaction<'static, Any>, backend: Backend) -> Self {
        Self { transaction, backend }
    }

    /// Makes it last.
    ///
    /// # Errors
    /// It did not happen.
    pub async fn commit(self) -> Result<(), StoreError> {
        timely(self.transaction.commit()).await
    }

    /// Which database it is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    pub(super) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change").field("backend", &self.backend).finish_non_exhaustive()
    }
}
