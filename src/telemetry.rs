//! What the program says about itself: its log, its metrics, and the health that `/readyz` shows.
//! Every room may import this one, and it imports none: labels are plain text, handed in by whoever knows them.
//! Nothing secret and nothing personal may become a label.

mod health;
mod log;
mod metrics;

pub use health::Health;
pub use log::{Format, start};
pub use metrics::{Ledger, Metrics, Sockets};
