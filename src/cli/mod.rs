//! The command line: what there is to type, and what comes back.
//!
//! Owns flags, prompts, tables and exit codes (0 done, 1 failed, 2 not understood, 78 bad
//! configuration). Starting servers and trying trunks is done by the caller's [`Hooks`].

mod args;
mod configuration;
mod failure;
mod output;
mod people;
mod place;
mod run;
mod secret_source;
mod trunks;

pub use failure::{Exit, Failure};
pub use run::{DevShow, Hooks, TestStep, run};
