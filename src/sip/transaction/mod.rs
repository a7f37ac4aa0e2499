//! The transaction layer: retransmits, matches, absorbs copies, times out. RFC 3261 §17, RFC 6026.
//!
//! One [`Transactions`] serves one flow. It knows no dialog and no call: what a request means is
//! the user agent's business. A 2xx to INVITE is retransmitted by the dialog's owner, as RFC 3261
//! §13.3.1.4 wants; the ACK of a 2xx is kept here, so that every copy of the 2xx gets the same ACK.

mod client;
mod deadlines;
mod key;
mod server;
mod table;
#[cfg(test)]
mod tests;
mod timing;

pub(in crate::sip) use deadlines::Deadlines;
pub use table::{
    TransactionEvent, TransactionId, TransactionOutput, Transactions, TransactionsFull,
};
pub(in crate::sip) use timing::Resend;
pub use timing::{T1, T2, T4, TIMEOUT, Timing};
