//! Slack: payload to command, read model to Block Kit, the chat and directory adapters.
//!
//! Inwards: `verify` (the signature), `inbound` (lenient payloads), `handle` (payload → use case → answer).
//! Outwards: `views` (read model → Block Kit), `client` (the Web API), `pace` (how fast it may be called), `chat` and
//! `directory` (the ports), `replies` (`response_url`), `forms` (modals), `home`. Both ways: `socket` (Socket Mode).
//! No rule about access may enter: who may do what is decided in `app`. No store, no configuration.

mod certificates;
pub mod chat;
pub mod client;
pub mod directory;
pub mod forms;
pub mod handle;
pub mod health;
pub mod home;
pub mod inbound;
mod pace;
pub mod replies;
pub mod socket;
pub mod verify;
pub mod views;

pub use chat::SlackChat;
pub use client::{Client, Identity, NotAClient};
pub use directory::SlackDirectory;
pub use forms::{Forms, Opened};
pub use handle::{After, Desk, Handled, HttpAnswer};
pub use health::Health;
pub use replies::Replies;
pub use socket::{Links, Socket};
pub use verify::{Forged, NoSecret, SigningSecrets, verify};
