//! The command line: what there is to type, and what comes back.
//!
//! Owns flags, prompts, tables and exit codes (0 done, 1 failed, 2 not understood, 78 bad
//! configuration). Starting servers and trying trunks is done by the caller's [`Hooks`].

mod args;
mod audit;
mod backup;
mod configuration;
mod failure;
mod keys;
mod letters;
mod login_history;
mod output;
mod people;
mod place;
mod policy;
mod progress;
mod run;
mod secret_source;
mod sessions;
#[cfg(test)]
mod tests;
mod trunks;
mod vault;
mod workspaces;

pub use failure::{Exit, Failure};
pub use run::{DevShow, Hooks, TestStep, run};
