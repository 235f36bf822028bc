//! Block Kit's rules: what Slack accepts, with a pointer to every mistake.
//!
//! `shapes` is the table of kinds and their fields, `check` walks it, `view` adds what holds for
//! whole messages and views, `values` types what people enter. No HTTP, no state.

mod check;
mod shapes;
#[cfg(test)]
mod tests;
pub(crate) mod values;
mod view;

use serde_json::{Value, json};

pub use view::{check_message, check_view};

use crate::mrkdwn;

/// Interactive elements with the `block_id` they stand in.
pub(crate) fn interactive(blocks: &[Value]) -> impl Iterator<Item = (&str, &Value)> {
    blocks.iter().flat_map(|block| {
        let id = block["block_id"].as_str().unwrap_or_default();
        let own = [block.get("accessory"), block.get("element")]
            .into_iter()
            .flatten();
        let listed = block["elements"].as_array().into_iter().flatten();
        own.chain(listed)
            .filter(|one| one["action_id"].is_string())
            .map(move |one| (id, one))
    })
}

/// The text of every mrkdwn object and markdown block.
pub(crate) fn mrkdwn_texts(blocks: &[Value]) -> Vec<&str> {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                if ["mrkdwn", "markdown"]
                    .iter()
                    .any(|kind| value["type"] == *kind)
                {
                    found.extend(value["text"].as_str());
                }
                object.values().for_each(|inner| walk(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| walk(inner, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    for block in blocks {
        walk(block, &mut found);
    }
    found
}

/// Checked blocks as Slack keeps them: ids filled in, mrkdwn escaped where it must be.
pub(crate) fn stored(mut blocks: Vec<Value>) -> Vec<Value> {
    for (number, block) in blocks.iter_mut().enumerate() {
        if block["block_id"].as_str().is_none_or(str::is_empty) {
            block["block_id"] = json!(format!("auto-{number}"));
        }
        for key in ["accessory", "element"] {
            if let Some(element) = block.get_mut(key) {
                name(element, 0);
            }
        }
        if block["type"] == "actions" {
            for (index, element) in block["elements"]
                .as_array_mut()
                .into_iter()
                .flatten()
                .enumerate()
            {
                name(element, index);
            }
        }
        normalise(block);
    }
    blocks
}

fn name(element: &mut Value, index: usize) {
    let interactive = element["type"] != "image";
    if interactive && element["action_id"].as_str().is_none_or(str::is_empty) {
        element["action_id"] = json!(format!("auto-{index}"));
    }
}

fn normalise(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.get("type").is_some_and(|kind| kind == "mrkdwn")
                && let Some(Value::String(text)) = object.get_mut("text")
            {
                *text = mrkdwn::normalise(text);
            }
            object.values_mut().for_each(normalise);
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
