//! `{"ok":false,"error":…}`, with what Slack adds to some of them.

use serde_json::{Value, json};

pub(crate) type Answer = Result<Value, ApiError>;

#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) error: String,
    /// `response_metadata.messages`.
    pub(crate) messages: Vec<String>,
    /// In a vector: a map of values is large wherever another crate asks `serde_json` to keep their order.
    pub(crate) extra: Vec<(String, Value)>,
    /// Set for a 429.
    pub(crate) retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(error: &'static str) -> Self {
        Self::named(error.into())
    }

    pub(crate) fn named(error: String) -> Self {
        Self {
            error,
            messages: Vec::new(),
            extra: Vec::new(),
            retry_after: None,
        }
    }

    /// `invalid_arguments` with one message per mistake.
    pub(crate) fn arguments(messages: Vec<String>) -> Self {
        Self {
            messages,
            ..Self::new("invalid_arguments")
        }
    }

    pub(crate) fn missing(field: &str) -> Self {
        Self::arguments(vec![format!("[ERROR] missing required field: {field}")])
    }

    pub(crate) fn blocks(messages: Vec<String>) -> Self {
        Self {
            messages,
            ..Self::new("invalid_blocks")
        }
    }

    pub(crate) fn too_fast(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new("ratelimited")
        }
    }

    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.extra.push((key.into(), value));
        self
    }

    pub(crate) fn into_json(self) -> Value {
        let mut out = json!({ "ok": false, "error": self.error });
        if !self.messages.is_empty() {
            out["response_metadata"] = json!({ "messages": self.messages });
            if self.error == "invalid_blocks" {
                out["errors"] = out["response_metadata"]["messages"].clone();
            }
        }
        for (key, value) in self.extra {
            out[key] = value;
        }
        out
    }
}
