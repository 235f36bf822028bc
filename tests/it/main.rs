//! The integration tests, in one binary: a file per capability.
#![allow(
    clippy::unwrap_used,
    reason = "a test that can't go on fails there and then"
)]

mod architecture;
mod backends_postgres;
mod backends_webhook;
mod store;
mod store_batches;
mod store_effects;
mod store_events;
mod store_open;
mod store_rows;
mod support;
