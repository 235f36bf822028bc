//! The proof that the record is whole: a sealer chains the events, checkpoints of the chain are signed and anchored outside
//! the database, and whoever doubts can verify. It reads the record and adds to the proof; it never changes an event,
//! and nothing waits for it.

pub mod anchor;
pub mod chain;
pub mod checkpoint;
mod erasure;
pub mod export;
mod failing;
mod keeper;
mod positions;
mod seal;
pub mod sink;
pub mod verify;

pub use keeper::Keeper;
pub use seal::{Broken, Parts, Sealer};
