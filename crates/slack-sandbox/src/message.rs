//! A message as the workspace keeps it, and as the Web API shows it.

use serde::Serialize;
use serde_json::{Value, json};

use crate::mrkdwn;

/// A message in a channel, a thread or a DM, or one shown to one person only.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    pub channel: String,
    pub ts: String,
    /// The parent's `ts`; for a parent with replies its own.
    pub thread_ts: Option<String>,
    /// Author: a person's or bot's user id.
    pub user: String,
    pub bot_id: Option<String>,
    /// As Slack stores it: control sequences kept, stray `&<>` escaped.
    pub text: String,
    pub blocks: Vec<Value>,
    pub metadata: Option<Value>,
    /// Set for an ephemeral message: who alone sees it.
    pub ephemeral_to: Option<String>,
    /// The time of the last `chat.update`.
    pub edited: Option<String>,
    /// A reply that is shown in the channel too.
    pub broadcast: bool,
}

impl Message {
    /// A reply inside a thread (not its parent).
    pub fn is_reply(&self) -> bool {
        self.thread_ts
            .as_deref()
            .is_some_and(|parent| parent != self.ts)
    }

    /// What a reader sees, as lines of text: the blocks when there are any, otherwise the text.
    /// Control sequences are left as they are; buttons appear as `[Label]`.
    pub fn plain(&self) -> String {
        if self.blocks.is_empty() {
            return self.text.clone();
        }
        let mut lines = Vec::new();
        for block in &self.blocks {
            lines_of(block, &mut lines);
        }
        lines.join("\n")
    }

    /// Every interactive element in the message, in order.
    pub fn elements(&self) -> Vec<&Value> {
        crate::blocks::interactive(&self.blocks)
            .map(|(_, element)| element)
            .collect()
    }

    /// The `action_id`s of its interactive elements.
    pub fn action_ids(&self) -> Vec<&str> {
        self.elements()
            .iter()
            .filter_map(|element| element["action_id"].as_str())
            .collect()
    }

    /// The labels of its buttons.
    pub fn buttons(&self) -> Vec<&str> {
        self.elements()
            .iter()
            .filter(|element| element["type"] == "button")
            .filter_map(|element| element["text"]["text"].as_str())
            .collect()
    }

    /// The `action_id` of the button with this label.
    pub fn action_of(&self, label: &str) -> Option<&str> {
        self.elements()
            .into_iter()
            .find(|element| element["text"]["text"] == label)
            .and_then(|element| element["action_id"].as_str())
    }

    /// Every mention and link that Slack would make of text and blocks, as written:
    /// `<@U1>`, `<!channel>`, `<https://…|x>`, and bare URLs, which mrkdwn turns into links.
    /// Date tokens are left out.
    pub fn mentions_and_links(&self) -> Vec<String> {
        let mut found = mrkdwn::mentions_and_links(&self.text);
        for text in crate::blocks::mrkdwn_texts(&self.blocks) {
            found.extend(mrkdwn::mentions_and_links(text));
        }
        found
    }

    /// The message object of the Web API and of payloads.
    pub(crate) fn to_api(&self, team_id: &str, app_id: &str) -> Value {
        let mut out = json!({
            "type": "message",
            "user": self.user,
            "ts": self.ts,
            "text": self.text,
            "team": team_id,
        });
        if let Some(bot_id) = &self.bot_id {
            out["bot_id"] = json!(bot_id);
            out["app_id"] = json!(app_id);
        }
        if !self.blocks.is_empty() {
            out["blocks"] = Value::Array(self.blocks.clone());
        }
        if let Some(thread_ts) = &self.thread_ts {
            out["thread_ts"] = json!(thread_ts);
        }
        if let Some(metadata) = &self.metadata {
            out["metadata"] = metadata.clone();
        }
        if let Some(edited) = &self.edited {
            out["edited"] = json!({ "user": self.user, "ts": edited });
        }
        out
    }
}

fn lines_of(block: &Value, lines: &mut Vec<String>) {
    let text = |value: &Value| value["text"].as_str().map(str::to_owned);
    match block["type"].as_str().unwrap_or_default() {
        "divider" => lines.push("---".into()),
        "markdown" => lines.extend(text(block)),
        "image" => lines.extend(block["alt_text"].as_str().map(|alt| format!("({alt})"))),
        "input" => lines.extend(text(&block["label"])),
        "rich_text" => lines.push(mrkdwn::rich_text_plain(block)),
        "actions" | "context" => lines.push(joined(&block["elements"])),
        _ => {
            lines.extend(text(&block["text"]));
            for field in block["fields"].as_array().into_iter().flatten() {
                lines.extend(text(field));
            }
            if let Some(accessory) = block.get("accessory") {
                lines.push(label_of(accessory));
            }
        }
    }
}

fn joined(elements: &Value) -> String {
    let labels: Vec<_> = elements
        .as_array()
        .into_iter()
        .flatten()
        .map(label_of)
        .collect();
    labels.join(" ")
}

fn label_of(element: &Value) -> String {
    match &element["text"] {
        Value::String(text) => text.clone(),
        Value::Object(text) => format!("[{}]", text["text"].as_str().unwrap_or_default()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            let label = &element["placeholder"]["text"];
            let label = label
                .as_str()
                .or(element["alt_text"].as_str())
                .unwrap_or("…");
            format!("({label})")
        }
    }
}
