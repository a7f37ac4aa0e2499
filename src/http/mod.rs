//! The web edge: one origin for the page, the API and the phones' sockets.
//!
//! Owns URLs, cookies, origins, headers and the shape of requests and answers. Decides nothing
//! about who may come in (`access`) and reaches phones only through the engine's
//! [`PhoneDoor`](crate::engine::door::PhoneDoor).

mod assets;
mod caller;
mod connection;
mod cookie;
mod guard;
mod health;
mod json;
mod metrics_page;
mod origin;
mod phone_api;
mod problem;
mod router;
mod services;
mod session_api;
#[cfg(test)]
mod tests;
mod token_api;
mod upgrade;

pub use connection::Http;

pub use metrics_page::{MetricsError, MetricsPage};
pub use origin::Origins;
pub use problem::Problem;
pub use router::{Peer, router};
pub use services::{Services, Unready};
