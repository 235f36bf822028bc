//! A modal or the home as a payload shows it: which one, what we left in it, what stands in its fields.
//! What is in a field came from outside: the use case checks it like anything that was typed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text;

/// Where the elements of a payload stand when it isn't a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ViewKind {
    #[default]
    Modal,
    Home,
}

/// A view as the person saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    pub id: String,
    pub kind: ViewKind,
    pub callback_id: String,
    /// Given back with an update: Slack refuses it where the view changed meanwhile.
    pub hash: Option<String>,
    /// `private_metadata`: what we left in it, an opaque id.
    pub metadata: String,
    /// The `block_id`s of its inputs: where a mistake can be told.
    pub blocks: Vec<String>,
    /// By `block_id` and `action_id`: what was typed, or the value of the option, date or time that was chosen.
    /// Empty fields are absent.
    pub values: BTreeMap<(String, String), String>,
}

impl View {
    pub fn value(&self, block: &str, action: &str) -> Option<&str> {
        self.values
            .get(&(block.to_owned(), action.to_owned()))
            .map(String::as_str)
    }
}

pub(super) fn view(payload: &Value) -> Option<View> {
    let view = payload.get("view").filter(|view| view.is_object())?;
    let kind = match text(view, "/type").as_deref() {
        Some("home") => ViewKind::Home,
        _ => ViewKind::Modal,
    };
    Some(View {
        id: text(view, "/id")?,
        kind,
        callback_id: text(view, "/callback_id").unwrap_or_default(),
        hash: text(view, "/hash"),
        metadata: text(view, "/private_metadata").unwrap_or_default(),
        blocks: inputs(view),
        values: values(view),
    })
}

fn inputs(view: &Value) -> Vec<String> {
    let blocks = view.get("blocks").and_then(Value::as_array);
    let inputs = (blocks.into_iter().flatten())
        .filter(|block| block.get("type").and_then(Value::as_str) == Some("input"));
    inputs
        .filter_map(|block| text(block, "/block_id"))
        .collect()
}

fn values(view: &Value) -> BTreeMap<(String, String), String> {
    let blocks = view.pointer("/state/values").and_then(Value::as_object);
    let fields = blocks.into_iter().flatten().flat_map(|(block, actions)| {
        let actions = actions.as_object().into_iter().flatten();
        actions.map(move |(action, field)| ((block.clone(), action.clone()), field))
    });
    fields
        .filter_map(|(place, field)| Some((place, chosen(field)?)))
        .collect()
}

fn chosen(field: &Value) -> Option<String> {
    [
        "/value",
        "/selected_option/value",
        "/selected_date",
        "/selected_time",
        "/selected_date_time",
        "/selected_user",
    ]
    .iter()
    .find_map(|pointer| text(field, pointer))
}
