//! Checking the whole record of a database: pages in, one verdict out.

use super::checkpoint::Checkpoint;
use super::record::{Audit, AuditError, from_row, read_file};
use super::verify::{Broken, Head, Report, Verifier, Why};
use crate::base::limit::AUDIT_PAGE_ROWS;
use crate::store::{AuditRow, StoreError};
use crate::vault::Purpose;

impl Audit {
    /// Checks every row from the first; `progress` hears how many are done, after each page.
    /// Rows written meanwhile are checked too.
    ///
    /// # Errors
    /// [`AuditError::Broken`] names the first bad row; otherwise the database or the checkpoints'
    /// file cannot be used.
    pub async fn verify(&self, mut progress: impl FnMut(u64)) -> Result<Report, AuditError> {
        // In this order: nothing read earlier can be ahead of what is read later.
        let checkpoints = self.checkpoints().await?;
        let head = self.head().await?;
        let seed = self.vault.key(Purpose::AuditSeed);
        let mut verifier = Verifier::new(seed, &self.signer, head, &checkpoints)?;
        let mut done = 0_u64;
        let mut page = self.page(i64::MIN).await?;
        while let Some(end) = page.last().map(|row| row.seq) {
            // The next page is read while this one is checked.
            let audit = self.clone();
            let next = tokio::spawn(async move { audit.page(end).await });
            for row in &page {
                verifier.check(row)?;
                done = done.saturating_add(1);
            }
            progress(done);
            page = next.await.map_err(|_| StoreError::Damaged("audit"))??;
        }
        let head_now = self.head().await?.map(|head| head.seq);
        Ok(verifier.finish(head_now)?)
    }

    async fn page(&self, after: i64) -> Result<Vec<AuditRow>, AuditError> {
        Ok(self.store.audit().page(after, AUDIT_PAGE_ROWS).await?)
    }

    /// Every checkpoint of the file and of the database.
    async fn checkpoints(&self) -> Result<Vec<Checkpoint>, AuditError> {
        let path = self.file.clone();
        let mut checkpoints = self.blocking(move || read_file(&path)).await?;
        for row in self.store.audit().checkpoints().await? {
            let seq = u64::try_from(row.seq).unwrap_or(0);
            let forged = Broken { seq, why: Why::ForgedCheckpoint };
            checkpoints.push(from_row(&row).ok_or(forged)?);
        }
        Ok(checkpoints)
    }

    async fn head(&self) -> Result<Option<Head>, AuditError> {
        let Some(head) = self.store.audit().head().await? else { return Ok(None) };
        let seq = u64::try_from(head.seq).map_err(|_| Broken { seq: 0, why: Why::Head })?;
        let key = self.vault.open_audit_key(seq, &head.key_sealed).ok();
        Ok(Some(Head { seq, hash: head.row_hash, key }))
    }
}
