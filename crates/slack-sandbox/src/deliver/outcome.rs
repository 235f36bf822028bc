//! What a person got for what they did.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Answered, Failure};
use crate::message::Message;

/// The app's answer and what Slack made of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// The HTTP status of the app's answer; 0 without one. 200 for an acknowledged envelope.
    pub status: u16,
    pub body: String,
    /// What went wrong, by Slack's name: `operation_timeout`, `dispatch_failed`, … or why nothing
    /// was sent at all: `unknown_command`, `not_in_channel`, `no_such_action`, `incomplete`, …
    pub error: Option<String>,
    /// The message that the answer's body became, or Slackbot's notice of a failure.
    pub shown: Option<Message>,
    /// `block_id` → message: why a form stays open.
    pub errors: Map<String, Value>,
    /// How long the app took.
    pub took: Duration,
}

impl Outcome {
    pub fn is_ok(&self) -> bool {
        self.error.is_none()
    }

    /// What the person reads in answer, if anything.
    pub fn text(&self) -> Option<String> {
        self.shown.as_ref().map(Message::plain)
    }

    pub(crate) fn refused(error: &str) -> Self {
        Self {
            error: Some(error.into()),
            ..Self::default()
        }
    }

    pub(crate) fn of(answered: Result<Answered, Failure>, took: Duration) -> Self {
        match answered {
            Ok(Answered { status, body, .. }) => {
                let error = (!(200..300).contains(&status)).then(|| "dispatch_failed".to_owned());
                Self {
                    status,
                    body,
                    error,
                    took,
                    ..Self::default()
                }
            }
            Err(failure) => Self {
                error: Some(failure.name().into()),
                took,
                ..Self::default()
            },
        }
    }
}
