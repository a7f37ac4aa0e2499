//! What was done, by whom, to what: a record that shows when somebody tampered with it.
//!
//! Every row is written in the transaction of the change it tells of: without the row there is no
//! change (O-06). Rows are chained (`chain.rs`), the chain's state is signed again and again
//! (`checkpoint.rs`), and `verify.rs` names the first row that is not as it was written (O-05).
//! Does not decide what is worth a row (its callers do) nor who may read it (`access::policy`).

mod action;
mod chain;
mod check;
mod checkpoint;
mod entry;
mod record;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verify;

pub use action::Action;
pub use checkpoint::Checkpoint;
pub use entry::{Actor, Entry};
pub use record::{Audit, AuditError, CHECKPOINTS_FILE};
pub use verify::{Broken, Report, Why};
