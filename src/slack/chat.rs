//! The chat port over Slack's Web API: post, update, check.
//! Messages come as read models and leave as Block Kit; what Slack refuses for good is noted in `Health`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::client::{Client, NotAClient};
use super::health::Health;
use super::home::HomeTab;
use super::pace::Turn;
use super::views::{self, Audience, Rendered};
use crate::domain::{SlackId, Time};
use crate::ports::chat::Message;
use crate::ports::home::HomeShown;
use crate::ports::{Chat, ChatError, HomeScreen, Place, Posted};

/// Direct-message channels that are remembered; beyond it the memory starts anew.
const MOST_CONVERSATIONS: usize = 10_000;

/// Speaks to Slack. Every call is bounded by [`super::client::CALL_TIMEOUT`].
pub struct SlackChat {
    client: Arc<Client>,
    health: Arc<Health>,
    conversations: Mutex<HashMap<SlackId, String>>,
}

impl SlackChat {
    pub fn new(client: Arc<Client>, health: Arc<Health>) -> Self {
        Self {
            client,
            health,
            conversations: Mutex::default(),
        }
    }

    /// With a client and a health of its own.
    pub fn connect(api_url: &str, token: &SecretString) -> Result<Self, NotAClient> {
        let client = Arc::new(Client::new(api_url, token)?);
        Ok(Self::new(client, Arc::new(Health::new())))
    }

    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Whether we can post into a channel, with its name; else a sentence. Changes nothing.
    pub async fn can_post(&self, channel: &str) -> Result<String, String> {
        let query = [("channel", channel)];
        let answer = self.client.get("conversations.info", &query).await;
        let answer = answer.map_err(|error| format!("{channel}: {error}"))?;
        let name = answer.pointer("/channel/name").and_then(Value::as_str);
        let name = format!("#{}", name.unwrap_or(channel));
        let is = |flag: &str| {
            let found = answer.pointer(&format!("/channel/{flag}"));
            found.and_then(Value::as_bool).unwrap_or_default()
        };
        match (is("is_archived"), is("is_member")) {
            (true, _) => Err(format!("{name} is archived.")),
            (false, false) => Err(format!("the bot isn't in {name}: invite it there.")),
            (false, true) => Ok(format!("the bot is in {name}")),
        }
    }

    async fn send(
        &self,
        channel: &str,
        method: &str,
        (body, message): (Value, &Message),
    ) -> Result<Value, ChatError> {
        let turn = Turn::of_message(method, &body, message);
        let outcome = self.client.post_in_turn(&turn, method, &body).await;
        // A deactivated person's closed direct messages say nothing about the installation, and that an old message can
        // still be edited says nothing about new ones.
        if channel.starts_with(['C', 'G']) && method == "chat.postMessage" {
            self.health.channel(channel, outcome.as_ref().map(|_| ()));
        } else {
            self.note_token(outcome.as_ref().map(|_| ()));
        }
        outcome
    }

    fn note_token(&self, outcome: Result<(), &ChatError>) {
        match outcome {
            Err(ChatError::Token(name)) => self.health.token_refused(name),
            Err(ChatError::Untrusted(why)) => self.health.distrusted(why),
            Ok(()) => self.health.token_works(),
            Err(_) => {}
        }
    }

    /// The channel of the direct messages with a person, opened once.
    async fn conversation(&self, person: &SlackId) -> Result<String, ChatError> {
        if let Some(channel) = self.conversations().get(person) {
            return Ok(channel.clone());
        }
        let body = json!({ "users": person.as_str() });
        let outcome = self.client.post("conversations.open", &body).await;
        self.note_token(outcome.as_ref().map(|_| ()));
        let channel = outcome?
            .pointer("/channel/id")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| ChatError::Unavailable("conversations.open named no channel".into()))?;
        let mut conversations = self.conversations();
        if conversations.len() >= MOST_CONVERSATIONS {
            conversations.clear();
        }
        conversations.insert(person.clone(), channel.clone());
        Ok(channel)
    }

    fn conversations(&self) -> std::sync::MutexGuard<'_, HashMap<SlackId, String>> {
        self.conversations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Chat for SlackChat {
    async fn post(&self, place: &Place, message: &Message) -> Result<Posted, ChatError> {
        let (channel, thread) = match place {
            Place::Channel(channel) => (channel.clone(), None),
            Place::Person(person) => (self.conversation(person).await?, None),
            Place::Thread(posted) => (posted.channel.clone(), Some(posted.ts.as_str())),
        };
        let audience = match place {
            Place::Person(person) => Audience::Person(person),
            Place::Channel(_) | Place::Thread(_) => Audience::Channel,
        };
        let mut body = body_of(&channel, &views::message(message, audience));
        body["unfurl_links"] = false.into();
        body["unfurl_media"] = false.into();
        if let Some(thread) = thread {
            body["thread_ts"] = thread.into();
        }
        let outcome = self
            .send(&channel, "chat.postMessage", (body, message))
            .await;
        if let (Place::Person(person), Err(ChatError::Permanent(_))) = (place, &outcome) {
            // Opened anew the next time: it may have been closed for good.
            self.conversations().remove(person);
        }
        let answer = outcome?;
        let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        Ok(Posted {
            channel: text("channel").unwrap_or(channel),
            ts: text("ts")
                .ok_or_else(|| ChatError::Unavailable("chat.postMessage named no ts".into()))?,
        })
    }

    async fn update(&self, posted: &Posted, message: &Message) -> Result<(), ChatError> {
        // Who reads it stands in the message, where it matters.
        let rendered = views::message(message, Audience::Channel);
        let mut body = body_of(&posted.channel, &rendered);
        body["ts"] = posted.ts.as_str().into();
        let outcome = self.send(&posted.channel, "chat.update", (body, message));
        match outcome.await {
            Ok(_) => Ok(()),
            // Not ours to edit any more: a new message has to take its place.
            Err(ChatError::Permanent(name))
                if matches!(name.as_str(), "cant_update_message" | "edit_window_closed") =>
            {
                Err(ChatError::Gone)
            }
            Err(error) => Err(error),
        }
    }

    async fn remove(&self, posted: &Posted) -> Result<(), ChatError> {
        let body = json!({ "channel": posted.channel, "ts": posted.ts });
        let turn = Turn::of_call("chat.delete", &body);
        let outcome = self.client.post_in_turn(&turn, "chat.delete", &body).await;
        self.note_token(outcome.as_ref().map(|_| ()));
        outcome.map(drop)
    }

    async fn show_home(
        &self,
        reader: &SlackId,
        home: &HomeShown,
        at: Time,
    ) -> Result<(), ChatError> {
        let outcome = HomeTab::new(self.client.clone())
            .show(reader, home, at)
            .await;
        self.note_token(outcome.as_ref().copied());
        outcome
    }

    async fn check(&self) -> Result<String, ChatError> {
        let outcome = self.client.auth_test().await;
        self.note_token(outcome.as_ref().map(|_| ()));
        outcome.map(|identity| {
            format!(
                "{} ({}), as {}",
                identity.workspace, identity.team, identity.bot_user
            )
        })
    }
}

/// Text and blocks always go together: `chat.update` with text alone would remove the blocks.
fn body_of(channel: &str, rendered: &Rendered) -> Value {
    json!({ "channel": channel, "text": rendered.text, "blocks": rendered.blocks })
}
