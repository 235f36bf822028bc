//! Modals and the home over the Web API: open, update, publish. Views come as JSON, made in `views`.
//! What stands in a view, and who may see it, is decided elsewhere.

use std::sync::Arc;

use serde_json::{Value, json};

use super::client::Client;
use crate::domain::SlackId;
use crate::ports::ChatError;

/// A view as Slack shows it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub id: String,
    /// To be given back with an update, so that a later one isn't overwritten by an earlier.
    pub hash: Option<String>,
}

/// `views.*`, each call bounded like every other.
#[derive(Clone)]
pub struct Forms {
    client: Arc<Client>,
}

impl Forms {
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    /// Opens a modal on the screen of whoever the trigger came from. A trigger lives three seconds and works once:
    /// `expired_trigger_id` and `exchanged_trigger_id` come as [`ChatError::Permanent`].
    pub async fn open(&self, trigger: &str, view: &Value) -> Result<Opened, ChatError> {
        let body = json!({ "trigger_id": trigger, "view": view });
        self.call("views.open", &body).await
    }

    /// Shows something else in an open view; what was typed stays where block and action ids do.
    /// With a hash, `hash_conflict` where the view changed meanwhile.
    pub async fn update(
        &self,
        view_id: &str,
        hash: Option<&str>,
        view: &Value,
    ) -> Result<Opened, ChatError> {
        let mut body = json!({ "view_id": view_id, "view": view });
        if let Some(hash) = hash {
            body["hash"] = hash.into();
        }
        self.call("views.update", &body).await
    }

    /// Shows a person's home.
    pub async fn publish(&self, person: &SlackId, view: &Value) -> Result<Opened, ChatError> {
        let body = json!({ "user_id": person.as_str(), "view": view });
        self.call("views.publish", &body).await
    }

    async fn call(&self, method: &str, body: &Value) -> Result<Opened, ChatError> {
        let answer = self.client.post(method, body).await?;
        let text = |pointer: &str| {
            let found = answer.pointer(pointer).and_then(Value::as_str);
            found.map(str::to_owned)
        };
        let unnamed = || ChatError::Unavailable(format!("{method} named no view"));
        Ok(Opened {
            id: text("/view/id").ok_or_else(unnamed)?,
            hash: text("/view/hash"),
        })
    }
}
