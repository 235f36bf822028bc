//! What Slack sends, read leniently into our own structs: every field is optional, unknown kinds are ignored.
//! slack-morphism's types refuse whole payloads over one unknown variant, so they don't enter; nor does any decision.

mod command;
mod event;
pub mod field;
mod form;
mod interaction;
mod view;

use serde_json::Value;

pub use command::{SlashCommand, command};
pub use event::{Event, event};
pub use interaction::{Interaction, Pressed, Shortcut, Submitted, action, interaction};
pub use view::{View, ViewKind};

use crate::domain::SlackId;

/// The longest body that is read, in bytes; the route refuses longer ones before.
pub const MOST_BYTES: usize = 1 << 20;

/// The longest command text that is parsed, in characters. Slack's composer takes less.
pub const MOST_TEXT: usize = 8_000;

/// The body isn't what Slack sends. The route answers 401 for what can only be a forgery, 400 for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// One key twice: two readers could see two different commands.
    #[error("a form key stands there twice")]
    DuplicateKey,
    #[error("the body is too long")]
    TooLong,
    #[error("the body is not JSON")]
    NotJson,
    /// No `payload=` in the form.
    #[error("the form holds no payload")]
    NoPayload,
}

/// Who it comes from, as the signed payload says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Absent where the payload names none that has the shape of an account.
    pub user: Option<SlackId>,
    /// The person's own workspace where it is told apart, otherwise the payload's; null on org-wide installs.
    pub team: Option<String>,
    pub enterprise: Option<String>,
    pub channel: Option<String>,
}

/// The text at a pointer; numbers and booleans are taken as text, anything else is absent.
fn text(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn account(value: &Value, pointer: &str) -> Option<SlackId> {
    text(value, pointer).and_then(|id| SlackId::parse(&id))
}

fn json(body: &[u8]) -> Result<Value, Malformed> {
    if body.len() > MOST_BYTES {
        return Err(Malformed::TooLong);
    }
    serde_json::from_slice(body).map_err(|_| Malformed::NotJson)
}
