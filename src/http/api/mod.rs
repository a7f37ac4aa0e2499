//! The handlers, one file for each resource: they read the request, ask a service, and write the
//! answer. Each file holds its own bodies, as the API's description shows them.

pub(super) mod audit;
pub(super) mod billing;
pub(super) mod factor;
pub(super) mod factor_admin;
pub(super) mod history;
pub(super) mod identity;
pub(super) mod invites;
pub(super) mod keys;
pub(super) mod mail;
pub(super) mod me;
pub(super) mod numbers;
pub(super) mod passkey;
pub(super) mod password;
pub(super) mod phone;
pub(super) mod pin;
pub(super) mod policy;
pub(super) mod providers;
pub(super) mod public;
pub(super) mod reports;
pub(super) mod sessions;
pub(super) mod shared;
pub(super) mod sign_in;
pub(super) mod sign_up;
pub(super) mod token;
pub(super) mod trunks;
pub(super) mod users;
pub(super) mod vault;
pub(super) mod workspaces;
