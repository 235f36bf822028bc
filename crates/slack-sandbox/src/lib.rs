//! A strict Slack on one port, for people and for tests.
//!
//! Describe a [`Workspace`], [`Sandbox::start`] it, point any Slack app at [`Sandbox::api_url`].
//! Tests drive people through the methods of [`Sandbox`]; people open [`Sandbox::url`].
//!
//! Rooms: `workspace` (the description), `state` (what the machine remembers), `api` (the Web API),
//! `blocks` (Block Kit's rules), `deliver` (what Slack sends to the app), `handle` and `control`
//! (the same verbs in Rust and over HTTP), `page` (what people see), `server` (the port).
//! Nothing here may know what the app under test is for.

mod api;
mod blocks;
mod clock;
mod control;
mod deliver;
mod fault;
mod handle;
mod message;
mod mrkdwn;
mod page;
mod server;
mod shared;
mod state;
mod view;
mod workspace;

pub use blocks::{check_message, check_view};
pub use deliver::{Delivery, Outcome, Route};
pub use fault::{Fault, FaultId, FaultKind, FaultReport};
pub use handle::{NotSeen, Sandbox};
pub use message::Message;
pub use page::gallery::{Exhibit, gallery};
pub use page::shell::page_head;
pub use state::Call;
pub use view::View;
pub use workspace::{App, Channel, Command, Person, RequestUrls, Shortcut, UserGroup, Workspace};
