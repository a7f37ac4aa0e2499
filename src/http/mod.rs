//! The web edge: one origin for the page, the API and the phones' sockets.
//!
//! Owns URLs, cookies, origins, headers and the shape of requests and answers. The API is built
//! from the table of rights (`access::policy::Endpoint`): each row has one gate (`authorize.rs`)
//! and one handler (`routes.rs`, `api/`). Decides nothing about who may come in (`access`) and
//! reaches phones only through the engine's [`PhoneDoor`](crate::engine::door::PhoneDoor).

mod api;
mod assets;
mod authorize;
mod caller;
mod connection;
mod cookie;
mod csv_file;
mod docs;
mod guard;
mod health;
mod json;
mod limiting;
mod metrics_page;
mod openapi;
mod origin;
mod paths;
mod pending;
mod problem;
mod query;
mod redirect;
mod refusals;
mod router;
mod routes;
mod sealed;
mod services;
mod shape;
#[cfg(test)]
mod tests;
mod time;
mod upgrade;
mod visit;

pub use connection::Http;
pub use limiting::Limits;
pub use metrics_page::{MetricsError, MetricsPage};
pub use origin::Origins;
pub use problem::Problem;
pub use router::{Peer, router};
pub use sealed::serve_sealed;
pub use services::{DialPlan, Lead, MailTest, Services, Unready};
