//! What the integration tests share: servers that are started, people who ask, clocks that are moved.

pub(crate) mod bot;
pub(crate) mod crowd;
pub(crate) mod drift;
pub(crate) mod fleet;
pub(crate) mod form;
pub(crate) mod gate;
pub(crate) mod installed;
pub(crate) mod judge;
pub(crate) mod lateness;
pub(crate) mod moto;
pub(crate) mod patience;
pub(crate) mod postgres;
pub(crate) mod proof;
pub(crate) mod proxy;
pub(crate) mod samples;
pub(crate) mod soak;
pub(crate) mod workplace;
pub(crate) mod world;

pub(crate) use bot::{Database, Request, TestBot, everywhere, minutes, seconds};
