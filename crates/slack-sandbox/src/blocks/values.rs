//! What people enter: from a bare value to what Slack's payloads say about it.
//!
//! Refuses what Slack's own client would refuse before sending: an option that isn't there, a
//! missing required input, a text that is too long.

use chrono::{NaiveDate, NaiveTime};
use serde_json::{Map, Value, json};

/// Every option of an element, its groups' too.
pub(crate) fn options(element: &Value) -> Vec<&Value> {
    let own = element["options"].as_array().into_iter().flatten();
    let groups = element["option_groups"].as_array().into_iter().flatten();
    let grouped = groups.flat_map(|group| group["options"].as_array().into_iter().flatten());
    own.chain(grouped).collect()
}

/// The payload's key for an element's value.
fn key(kind: &str) -> &'static str {
    match kind {
        "static_select" | "external_select" | "radio_buttons" | "overflow" => "selected_option",
        "multi_static_select" | "multi_external_select" | "checkboxes" => "selected_options",
        "users_select" => "selected_user",
        "multi_users_select" => "selected_users",
        "conversations_select" => "selected_conversation",
        "multi_conversations_select" => "selected_conversations",
        "channels_select" => "selected_channel",
        "multi_channels_select" => "selected_channels",
        "datepicker" => "selected_date",
        "timepicker" => "selected_time",
        "datetimepicker" => "selected_date_time",
        _ => "value",
    }
}

/// `{"type":…, KEY: value}` for a bare value (a string, a list of strings, a number, null).
pub(crate) fn typed(element: &Value, given: &Value) -> Result<Value, String> {
    let kind = element["type"].as_str().unwrap_or_default();
    let key = key(kind);
    let option = |value: &Value| {
        let found = options(element)
            .into_iter()
            .find(|option| option["value"] == *value);
        found
            .cloned()
            .ok_or_else(|| format!("{value} is not among the options"))
    };
    let nothing = given.is_null() || given == "";
    let value = match key {
        "selected_options" | "selected_users" | "selected_channels" | "selected_conversations" => {
            let items = given.as_array().cloned().unwrap_or_default();
            if key == "selected_options" {
                Value::Array(items.iter().map(option).collect::<Result<_, _>>()?)
            } else {
                Value::Array(items)
            }
        }
        _ if nothing => Value::Null,
        "selected_option" => option(given)?,
        "selected_date" => formatted(given, |text| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
        })?,
        "selected_time" => formatted(given, |text| {
            NaiveTime::parse_from_str(text, "%H:%M").is_ok()
        })?,
        "selected_date_time" => {
            let number = given.as_i64().or_else(|| given.as_str()?.parse().ok());
            json!(number.ok_or_else(|| format!("{given} is not a Unix time"))?)
        }
        "value" => text(element, given)?,
        _ => given.clone(),
    };
    Ok(json!({ "type": kind, key: value }))
}

fn formatted(given: &Value, good: impl Fn(&str) -> bool) -> Result<Value, String> {
    match given.as_str() {
        Some(text) if good(text) => Ok(json!(text)),
        _ => Err(format!("{given} has not the right form")),
    }
}

fn text(element: &Value, given: &Value) -> Result<Value, String> {
    let text = given
        .as_str()
        .map_or_else(|| given.to_string(), str::to_owned);
    let length = text.chars().count();
    let bound = |name: &str| element[name].as_u64().and_then(|n| usize::try_from(n).ok());
    if length > bound("max_length").unwrap_or(3000) {
        return Err("This entry is too long.".into());
    }
    if bound("min_length").is_some_and(|min| length < min) {
        return Err("This entry is too short.".into());
    }
    let good = match element["type"].as_str() {
        Some("number_input") => text.parse::<f64>().is_ok(),
        Some("email_text_input") => text.contains('@'),
        Some("url_text_input") => url::Url::parse(&text).is_ok(),
        _ => true,
    };
    if good {
        Ok(json!(text))
    } else {
        Err(format!("{text} has not the right form"))
    }
}

/// What an element holds before anybody touched it.
pub(crate) fn initial(element: &Value) -> Value {
    let kind = element["type"].as_str().unwrap_or_default();
    let key = key(kind);
    let given = element.get(key.replacen("selected", "initial", 1));
    let given = given.or_else(|| element.get("initial_value")).cloned();
    let empty = if key.ends_with('s') {
        json!([])
    } else {
        Value::Null
    };
    json!({ "type": kind, key: given.unwrap_or(empty) })
}

/// Whether a typed value holds nothing.
pub(crate) fn is_empty(typed: &Value) -> bool {
    let values = typed
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "type");
    values.into_iter().all(|(_, value)| {
        value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty)
    })
}

/// The elements that have a value in `state.values`.
pub(crate) fn stateful(blocks: &[Value]) -> impl Iterator<Item = (&Value, &str, &Value)> {
    blocks.iter().flat_map(|block| {
        super::interactive(std::slice::from_ref(block))
            .filter(|(_, one)| one["type"] != "button" && one["type"] != "overflow")
            .map(move |(id, element)| (block, id, element))
    })
}

/// The state of fresh blocks, what was typed before kept where ids and types are the same.
pub(crate) fn surviving(blocks: &[Value], before: &Map<String, Value>) -> Map<String, Value> {
    let mut state = Map::new();
    for (_, block_id, element) in stateful(blocks) {
        let action_id = element["action_id"].as_str().unwrap_or_default();
        let old = before.get(block_id).and_then(|block| block.get(action_id));
        let value = match old {
            Some(old) if old["type"] == element["type"] => old.clone(),
            _ => initial(element),
        };
        put(&mut state, block_id, action_id, value);
    }
    state
}

pub(crate) fn put(state: &mut Map<String, Value>, block_id: &str, action_id: &str, value: Value) {
    let block = state.entry(block_id).or_insert_with(|| json!({}));
    block[action_id] = value;
}

/// Takes in `{block_id: {action_id: value}}`. The mistakes are those that Slack's client shows
/// itself, per block.
pub(crate) fn filled(
    blocks: &[Value],
    before: &Map<String, Value>,
    given: &Value,
) -> Result<Map<String, Value>, Map<String, Value>> {
    let mut state = before.clone();
    let mut mistakes = Map::new();
    for (block, block_id, element) in stateful(blocks) {
        let action_id = element["action_id"].as_str().unwrap_or_default();
        if let Some(value) = given.get(block_id).and_then(|block| block.get(action_id)) {
            match typed(element, value) {
                Ok(value) => put(&mut state, block_id, action_id, value),
                Err(mistake) => {
                    mistakes.insert(block_id.into(), json!(mistake));
                }
            }
        }
        let required = block["type"] == "input" && block["optional"] != true;
        let now = state
            .get(block_id)
            .map_or(&Value::Null, |block| &block[action_id]);
        if required && is_empty(now) && !mistakes.contains_key(block_id) {
            mistakes.insert(
                block_id.into(),
                json!("Please complete this required field."),
            );
        }
    }
    for (block_id, actions) in given.as_object().into_iter().flatten() {
        for action_id in actions.as_object().into_iter().flatten().map(|(id, _)| id) {
            let known = |(_, block, one): (&Value, &str, &Value)| {
                block == block_id && one["action_id"] == *action_id
            };
            if !stateful(blocks).any(known) {
                mistakes.insert(
                    block_id.clone(),
                    json!(format!("there is no {action_id} here")),
                );
            }
        }
    }
    if mistakes.is_empty() {
        Ok(state)
    } else {
        Err(mistakes)
    }
}
