//! Hallpass, the map: every room, and who may import whom (held to the code by `tests/it/architecture.rs`).
//!
//! | room | may import |
//! | --- | --- |
//! | telemetry, points, panics | nothing of ours; every room may import them |
//! | ports, policy, config | domain |
//! | store, backend, oncall | ports, domain (config for its own section) |
//! | audit | store, domain |
//! | app | policy, ports, store, domain |
//! | slack | app, ports, domain |
//! | http | slack, app, audit, domain |
//! | worker | app, audit, store, ports, domain |
//! | wiring | everything |
//! | cli | config, policy, audit, app, wiring, domain |

pub use hallpass_domain as domain;

pub mod app;
pub mod audit;
pub mod backend;
pub mod cli;
pub mod config;
pub mod http;
pub mod oncall;
pub mod panics;
pub mod points;
pub mod policy;
pub mod ports;
pub mod slack;
pub mod store;
pub mod telemetry;
pub mod wiring;
pub mod worker;
