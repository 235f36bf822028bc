//! What the integration tests share: servers that are started, people who ask, clocks that are moved.

pub(crate) mod postgres;
