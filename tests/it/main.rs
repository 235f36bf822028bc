//! The integration tests, in one binary: a file per capability.
#![allow(
    clippy::unwrap_used,
    reason = "a test that can't go on fails there and then"
)]

mod architecture;
mod support;
