//! The late answer to who pressed: a POST to the payload's `response_url`, and to nowhere else.
//! The URL comes from outside, so its host is held against an exact list and redirects aren't followed.

use std::sync::Arc;

use serde_json::json;
use url::Url;

use super::client::Client;
use super::views::Rendered;
use crate::domain::SlackId;

/// Slack's own host for response URLs.
const SLACK_HOST: &str = "hooks.slack.com";

/// Sends ephemeral answers by `response_url`.
#[derive(Clone)]
pub struct Replies {
    client: Arc<Client>,
}

impl Replies {
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    /// The URL, where it may be used: `https://hooks.slack.com`, or scheme, host and port of the Web API's URL.
    pub fn allowed(&self, response_url: &str) -> Option<Url> {
        let url = Url::parse(response_url).ok()?;
        let anonymous = url.username().is_empty() && url.password().is_none();
        let slack =
            url.scheme() == "https" && url.host_str() == Some(SLACK_HOST) && url.port().is_none();
        let api = self.client.api();
        let same = url.scheme() == api.scheme()
            && url.host_str() == api.host_str()
            && url.port_or_known_default() == api.port_or_known_default();
        (anonymous && (slack || same)).then_some(url)
    }

    /// An answer that came too late to stand in the response itself, as it would have stood there.
    pub async fn late(&self, response_url: &str, answer: &serde_json::Value) {
        let Some(url) = self.allowed(response_url) else {
            tracing::warn!("a response_url that isn't Slack's was not used");
            return;
        };
        if let Err(error) = self.client.respond(url, answer).await {
            tracing::warn!(%error, "a late answer by response_url was not delivered");
        }
    }

    /// Tells it to who pressed, and only to them. A failure is logged: what was done is on record all the same.
    pub async fn whisper(&self, response_url: Option<&str>, answer: &Rendered) {
        self.say(response_url, answer, false).await;
    }

    /// In place of what only they see and was pressed, so that its buttons are gone.
    pub async fn replace(&self, response_url: Option<&str>, answer: &Rendered) {
        self.say(response_url, answer, true).await;
    }

    /// In the channel itself, to one person; false where that can't be.
    pub async fn beside(&self, channel: &str, person: &SlackId, answer: &Rendered) -> bool {
        let body = json!({
            "channel": channel,
            "user": person.as_str(),
            "text": answer.text,
            "blocks": answer.blocks,
        });
        let posted = self.client.post("chat.postEphemeral", &body).await;
        if let Err(error) = &posted {
            tracing::debug!(%error, "an answer can't stand beside what was pressed");
        }
        posted.is_ok()
    }

    async fn say(&self, response_url: Option<&str>, answer: &Rendered, replace_original: bool) {
        let Some(response_url) = response_url else {
            tracing::debug!("a press came without a response_url; its answer isn't shown");
            return;
        };
        let Some(url) = self.allowed(response_url) else {
            tracing::warn!("a response_url that isn't Slack's was not used");
            return;
        };
        let body = json!({
            "response_type": "ephemeral",
            "replace_original": replace_original,
            "text": answer.text,
            "blocks": answer.blocks,
            "unfurl_links": false,
            "unfurl_media": false,
        });
        if let Err(error) = self.client.respond(url, &body).await {
            tracing::warn!(%error, "an answer by response_url was not delivered");
        }
    }
}
