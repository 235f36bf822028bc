//! The use cases: one file per thing that can be caused. Each reads what the decision needs, asks the core, and hands
//! the store one change. No SQL, no Block Kit, no HTTP may enter.

pub mod answer;
