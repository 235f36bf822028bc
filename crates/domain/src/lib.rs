//! The pure core of Hallpass: what can happen to a request, a grant and a holding, and what follows from it.
//!
//! Snapshots go in, a [`Change`] or a [`Refusal`] comes out. No async, no I/O, no clock, no randomness and no
//! logging may enter: the time is an argument, new ids are arguments, and whatever must happen outside is an
//! [`Effect`] that the shell stores together with the rows.

pub mod announcement;
pub mod change;
pub mod command;
pub mod duration;
pub mod effect;
pub mod erasure;
pub mod event;
pub mod grant;
pub mod holding;
pub mod ids;
#[cfg(test)]
mod model;
pub mod nearest;
pub mod person;
pub mod planted;
pub mod refusal;
pub mod request;
pub mod review;
pub mod role;
#[cfg(test)]
mod testing;

pub use announcement::Announcement;
pub use change::{Change, Write};
pub use duration::Duration;
pub use effect::{Effect, EffectChange, EffectKind, Lane, Notice, Urgency};
pub use event::{Actor, Event, EventKind, Personal};
pub use grant::Grant;
pub use holding::Holding;
pub use ids::{
    AnnouncementId, EventId, GrantId, HoldingId, PersonId, RequestId, ReviewId, ShortId,
};
pub use nearest::nearest;
pub use person::{Email, Membership, Person, SlackId};
pub use refusal::{Refusal, RefusalKind};
pub use request::Request;
pub use review::Review;
pub use role::{BackendName, Entitlement, Role, RoleName, Who};

/// A moment, always in UTC; the store keeps microseconds.
pub type Time = chrono::DateTime<chrono::Utc>;

/// A row's version: 0 before it was first stored, raised by one with every write.
pub type Version = i64;
