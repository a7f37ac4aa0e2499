//! Behaviour of the user agent, by message scripts (one side) and by pairs (both sides).

mod authentication;
mod changes;
mod incoming;
mod outgoing;
mod pair;
mod random_orders;
mod registering;
mod support;
