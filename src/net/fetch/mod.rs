//! The one client for what this server fetches from others: discovery documents, keys, tokens.
//!
//! An address that people or documents give is a way into the inside network (SSRF; SECURITY
//! 4.11, W-11, W-12). So: HTTPS on port 443, names resolved here, addresses that are not global
//! refused after that, and the connection made to the very address that was checked. No redirect,
//! no proxy, no cookie, no compression; five seconds and one mebibyte for all of it. The operator
//! may except single origins and nets. Does not know what is fetched, and logs nothing.

mod address;
mod client;
mod url;

#[cfg(test)]
mod tests;

pub use address::is_global;
pub use client::{Answer, Authorization, Exceptions, FetchError, Fetcher};
pub use url::{form_encode, form_text};
