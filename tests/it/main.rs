//! The integration tests, in one binary: a file per capability.

mod architecture;
mod support;
