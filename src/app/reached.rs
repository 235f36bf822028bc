//! How often what is outside gave an answer, by lane: by this the worker knows whether a target is back.
//! A refusal is an answer too; silence and "not now" are none.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hallpass_domain::{BackendName, Lane, SlackId, Time};

use super::App;
use crate::ports::chat::Message;
use crate::ports::home::HomeShown;
use crate::ports::{BackendError, Chat, ChatError, Place, Posted};

#[derive(Debug, Default)]
pub(super) struct Answers {
    chat: AtomicU64,
    backends: Mutex<BTreeMap<BackendName, u64>>,
}

impl Answers {
    /// Takes note of how a call of a backend came out.
    pub(super) fn of_backend<T>(&self, name: &BackendName, outcome: &Result<T, BackendError>) {
        match outcome {
            Ok(_) | Err(BackendError::Permanent { .. } | BackendError::Stale { .. }) => {}
            Err(BackendError::Retry { .. }) => return,
        }
        let mut backends = self.backends.lock().unwrap_or_else(PoisonError::into_inner);
        *backends.entry(name.clone()).or_default() += 1;
    }

    fn of_chat<T>(&self, outcome: &Result<T, ChatError>) {
        match outcome {
            Ok(_) | Err(ChatError::Permanent(_) | ChatError::Gone) => {
                self.chat.fetch_add(1, Ordering::Relaxed);
            }
            // "Too fast" may be what we know ourselves, without having asked.
            Err(
                ChatError::RateLimited { .. }
                | ChatError::Unavailable(_)
                | ChatError::Untrusted(_)
                | ChatError::Token(_),
            ) => {}
        }
    }
}

impl App {
    /// How many answers the target of a lane has given since the start; the internal lane has none.
    pub fn answers(&self, lane: &Lane) -> u64 {
        match lane {
            Lane::Internal => 0,
            Lane::Slack => self.answers.chat.load(Ordering::Relaxed),
            Lane::Backend(name) => {
                let backends = &self.answers.backends;
                let backends = backends.lock().unwrap_or_else(PoisonError::into_inner);
                backends.get(name).copied().unwrap_or_default()
            }
        }
    }
}

/// The chat, its answers counted.
pub(super) struct Counted {
    pub(super) chat: Arc<dyn Chat>,
    pub(super) answers: Arc<Answers>,
}

#[async_trait]
impl Chat for Counted {
    async fn post(&self, place: &Place, message: &Message) -> Result<Posted, ChatError> {
        let outcome = self.chat.post(place, message).await;
        self.answers.of_chat(&outcome);
        outcome
    }

    async fn update(&self, posted: &Posted, message: &Message) -> Result<(), ChatError> {
        let outcome = self.chat.update(posted, message).await;
        self.answers.of_chat(&outcome);
        outcome
    }

    async fn remove(&self, posted: &Posted) -> Result<(), ChatError> {
        let outcome = self.chat.remove(posted).await;
        self.answers.of_chat(&outcome);
        outcome
    }

    async fn show_home(
        &self,
        reader: &SlackId,
        home: &HomeShown,
        at: Time,
    ) -> Result<(), ChatError> {
        let outcome = self.chat.show_home(reader, home, at).await;
        self.answers.of_chat(&outcome);
        outcome
    }

    async fn check(&self) -> Result<String, ChatError> {
        let outcome = self.chat.check().await;
        self.answers.of_chat(&outcome);
        outcome
    }
}
