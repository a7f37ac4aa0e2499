//! Settings: every value that a requirement leaves to the administrator (requirements D).
//!
//! One table ([`Setting`]) says what there is, its range, its default and what each [`Preset`]
//! makes of it; [`Policy`] is the same as typed values; [`SettingsBook`] keeps the policy of every
//! workspace in memory, changes it and hears of changes by other processes. Does not enforce
//! anything: whoever enforces a value asks for the policy at each use, so that a change counts at
//! once and for what is open already (B33).

mod book;
mod kind;
mod policy;
mod preset;
mod setting;
#[cfg(test)]
mod tests;

pub use book::{SettingShown, SettingsBook, SettingsError, SettingsShown, Source};
pub use kind::{Kind, ValueError};
pub use policy::{FactorMethod, FactorRequired, OnRevoke, Policy, SmtpTls};
pub use preset::Preset;
pub use setting::{Reach, Setting};
