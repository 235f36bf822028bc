//! A call's arguments, whether they came as JSON, as a form or in the query.

use http::{HeaderMap, header};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::error::ApiError;

const NOT_AN_OBJECT: &str = "[ERROR] the body isn't a JSON object";
const NOT_JSON: &str = "[ERROR] the body isn't JSON";

/// Named arguments; a form's values are strings, JSON's keep their types.
#[derive(Debug, Default)]
pub(crate) struct Args(Map<String, Value>);

impl Args {
    pub(crate) fn read(
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, ApiError> {
        let mut args = Map::new();
        add_form(&mut args, query.unwrap_or_default().as_bytes());
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let kind = kind
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/json" if !body.is_empty() => match serde_json::from_slice(body) {
                Ok(Value::Object(given)) => args.extend(given),
                Ok(_) => return Err(ApiError::arguments(vec![NOT_AN_OBJECT.into()])),
                Err(_) => return Err(ApiError::arguments(vec![NOT_JSON.into()])),
            },
            "application/json" | "application/x-www-form-urlencoded" => add_form(&mut args, body),
            "" if body.is_empty() => {}
            "" => return Err(ApiError::new("missing_post_type")),
            _ if body.is_empty() => {}
            _ => return Err(ApiError::new("invalid_post_type")),
        }
        Ok(Self(args))
    }

    /// For what the sandbox itself makes up, like a `response_url`'s payload.
    pub(crate) fn of(args: Map<String, Value>) -> Self {
        Self(args)
    }

    pub(crate) fn without_token(&self) -> Value {
        let mut args = self.0.clone();
        args.remove("token");
        // The log shows blocks and views as what they mean, however they were sent.
        for key in ["blocks", "view", "metadata", "attachments"] {
            if let Some(Value::String(text)) = args.get(key)
                && let Ok(value) = serde_json::from_str(text)
            {
                args.insert(key.into(), value);
            }
        }
        Value::Object(args)
    }

    /// A text that isn't empty. Numbers count, as in a form.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(crate) fn require(&self, key: &str) -> Result<String, ApiError> {
        self.text(key).ok_or_else(|| ApiError::missing(key))
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        match self.0.get(key) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text == "true" || text == "1",
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => false,
        }
    }

    /// A structure, given as such or as JSON text. `Err` means text that isn't JSON.
    pub(crate) fn json(&self, key: &str) -> Option<Result<Value, ()>> {
        match self.0.get(key)? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(serde_json::from_str(text).map_err(|_| ())),
            value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(Ok(value.clone()))
            }
        }
    }

    /// A list, given as such or separated by commas.
    pub(crate) fn list(&self, key: &str) -> Option<Vec<String>> {
        match self.0.get(key)? {
            Value::Array(items) => Some(
                items
                    .iter()
                    .filter_map(|item| item.as_str().map(str::to_owned))
                    .collect(),
            ),
            Value::String(text) if !text.is_empty() => {
                Some(text.split(',').map(|item| item.trim().to_owned()).collect())
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => None,
        }
    }

    /// Cuts a page out of `items`: the page and the next cursor (empty at the end).
    pub(crate) fn page(
        &self,
        items: Vec<Value>,
        default: usize,
    ) -> Result<(Vec<Value>, Value), ApiError> {
        let limit = match self.text("limit") {
            None => default,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=1000) => limit,
                Ok(0) => default,
                _ => return Err(ApiError::new("invalid_limit")),
            },
        };
        let start = match self.text("cursor") {
            None => 0,
            Some(cursor) => cursor_start(&cursor)
                .filter(|&start| start <= items.len())
                .ok_or_else(|| ApiError::new("invalid_cursor"))?,
        };
        let end = start.saturating_add(limit).min(items.len());
        let next = if end < items.len() {
            cursor_at(end)
        } else {
            String::new()
        };
        let page = items.into_iter().skip(start).take(limit).collect();
        Ok((page, json!({ "next_cursor": next })))
    }
}

fn cursor_at(start: usize) -> String {
    hex::encode(format!("next:{start}"))
}

fn cursor_start(cursor: &str) -> Option<usize> {
    let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
    text.strip_prefix("next:")?.parse().ok()
}

fn add_form(args: &mut Map<String, Value>, form: &[u8]) {
    for (key, value) in form_urlencoded::parse(form) {
        args.insert(key.into_owned(), Value::String(value.into_owned()));
    }
}
