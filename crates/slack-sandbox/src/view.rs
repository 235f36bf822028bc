//! A view: a modal in somebody's stack, or somebody's App Home.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// A modal or home view as the workspace keeps it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    pub id: String,
    /// Whose screen it is on.
    pub person: String,
    pub root_view_id: String,
    pub previous_view_id: Option<String>,
    /// `modal` or `home`.
    pub kind: String,
    pub hash: String,
    /// The view object as the app sent it, `block_id`s filled in.
    pub source: Value,
    /// `block_id` → `action_id` → typed value, as last seen.
    pub state: Map<String, Value>,
    /// `block_id` → message, after a `response_action: errors`.
    pub errors: Map<String, Value>,
}

impl View {
    pub fn title(&self) -> &str {
        self.source["title"]["text"].as_str().unwrap_or_default()
    }

    pub fn callback_id(&self) -> &str {
        self.source["callback_id"].as_str().unwrap_or_default()
    }

    pub fn private_metadata(&self) -> &str {
        self.source["private_metadata"].as_str().unwrap_or_default()
    }

    pub fn external_id(&self) -> &str {
        self.source["external_id"].as_str().unwrap_or_default()
    }

    pub fn blocks(&self) -> &[Value] {
        self.source["blocks"].as_array().map_or(&[], Vec::as_slice)
    }

    /// What a reader sees, like [`crate::Message::plain`].
    pub fn plain(&self) -> String {
        let shell = crate::Message {
            channel: String::new(),
            ts: String::new(),
            thread_ts: None,
            user: String::new(),
            bot_id: None,
            text: String::new(),
            blocks: self.blocks().to_vec(),
            metadata: None,
            ephemeral_to: None,
            edited: None,
            broadcast: false,
        };
        shell.plain()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.source[name].as_bool().unwrap_or(false)
    }

    /// The view object of the Web API and of payloads.
    pub(crate) fn to_api(&self, team_id: &str, app_id: &str, bot_id: &str) -> Value {
        let or_null = |name: &str| self.source.get(name).cloned().unwrap_or(Value::Null);
        json!({
            "id": self.id,
            "team_id": team_id,
            "type": self.kind,
            "blocks": self.blocks(),
            "private_metadata": self.private_metadata(),
            "callback_id": self.callback_id(),
            "state": { "values": self.state },
            "hash": self.hash,
            "title": or_null("title"),
            "close": or_null("close"),
            "submit": or_null("submit"),
            "clear_on_close": self.flag("clear_on_close"),
            "notify_on_close": self.flag("notify_on_close"),
            "root_view_id": self.root_view_id,
            "previous_view_id": self.previous_view_id,
            "app_id": app_id,
            "external_id": self.external_id(),
            "app_installed_team_id": team_id,
            "bot_id": bot_id,
        })
    }
}
