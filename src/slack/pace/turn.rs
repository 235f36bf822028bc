//! Whose turn it is: what is called, where, how urgent it is, and a number that is the same when it comes again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

use serde_json::Value;

use crate::domain::Announcement;
use crate::ports::chat::Message;

/// The smaller goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Somebody waits for it with the form open or the command typed.
    Answer,
    /// What somebody must decide or has decided, and what security must hear.
    Decision,
    /// All that only tells how it goes on.
    Decoration,
}

/// One call, before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(super) method: String,
    /// For posts.
    pub(super) channel: Option<String>,
    /// The same each time it comes again.
    pub(super) key: u64,
    pub(super) priority: Priority,
}

impl Turn {
    /// Of a call that says nothing about itself: what people wait for is an answer, the home is decoration.
    pub(crate) fn of_call(method: &str, about: &Value) -> Self {
        let priority = match method {
            "views.publish" | "chat.delete" => Priority::Decoration,
            "conversations.open" | "chat.postMessage" | "chat.update" => Priority::Decision,
            _ => Priority::Answer,
        };
        // What is shown changes from try to try; for whom doesn't.
        let whom = [
            "user_id",
            "users",
            "user",
            "email",
            "usergroup",
            "channel",
            "ts",
        ]
        .map(|key| about.get(key));
        Self {
            method: method.to_owned(),
            channel: channel(method, about),
            key: number(&format!("{whom:?}")),
            priority,
        }
    }

    /// Nobody waits for it.
    pub(crate) fn in_background(self) -> Self {
        Self {
            priority: Priority::Decoration,
            ..self
        }
    }

    /// Of a message that is posted or updated.
    pub(crate) fn of_message(method: &str, body: &Value, message: &Message) -> Self {
        let in_thread = body.get("thread_ts").is_some();
        let place = ["channel", "thread_ts", "ts"].map(|key| body.get(key));
        let mut said = message;
        while let Message::Late { message, .. }
        | Message::Instead { message }
        | Message::Addressed { message, .. } = said
        {
            said = message;
        }
        let about = request(said).map_or_else(|| format!("{said:?}"), str::to_owned);
        Self {
            method: method.to_owned(),
            channel: channel(method, body),
            key: number(&(discriminant(said), about, format!("{place:?}"))),
            priority: priority(said, in_thread),
        }
    }
}

fn channel(method: &str, body: &Value) -> Option<String> {
    let channel = body.get("channel")?.as_str()?;
    (method == "chat.postMessage").then(|| channel.to_owned())
}

fn number(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// The request that a message is about, however it changes from try to try.
fn request(message: &Message) -> Option<&str> {
    if let Message::Past { access, .. } = message {
        return Some(&access.id);
    }
    let (Message::Card { request, .. }
    | Message::Reminder { request }
    | Message::Climbed { request }
    | Message::Decided { request }
    | Message::Granted { request }
    | Message::GrantFailed { request }
    | Message::Warning { request, .. }
    | Message::RevokeStuck { request }
    | Message::Ended { request, .. }
    | Message::Extended { request, .. }
    | Message::StandingAccess { request }
    | Message::Stands { request }
    | Message::BreakGlass { request, .. }
    | Message::PostUseReviewed { request }
    | Message::PostUseOverdue { request }) = message
    else {
        return None;
    };
    Some(&request.id)
}

fn priority(message: &Message, in_thread: bool) -> Priority {
    let decoration = matches!(
        message,
        Message::Ended { .. }
            | Message::Past { .. }
            | Message::OverdueIsOver { .. }
            | Message::Announcement {
                announcement: Announcement::Checkpoint { .. }
            }
    );
    // Under the card, only what somebody must act on now goes before other cards.
    let must_act = matches!(
        message,
        Message::RevokeStuck { .. }
            | Message::GrantFailed { .. }
            | Message::BreakGlass { .. }
            | Message::Warning { .. }
    );
    if decoration || in_thread && !must_act {
        Priority::Decoration
    } else {
        Priority::Decision
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Priority, Turn};

    #[test]
    fn a_call_comes_again_as_the_same() {
        let home = |user: &str, shown: &str| {
            let body = json!({ "user_id": user, "view": { "blocks": [shown] } });
            Turn::of_call("views.publish", &body)
        };
        assert_eq!(home("U0RITA", "before"), home("U0RITA", "after"));
        assert_ne!(home("U0RITA", "x").key, home("U0BOB", "x").key);
        assert_eq!(home("U0RITA", "x").priority, Priority::Decoration);
        let form = Turn::of_call("views.open", &json!({ "trigger_id": "1" }));
        assert_eq!(form.priority, Priority::Answer);
    }
}
