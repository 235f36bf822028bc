//! What people type and press, told as a story tells it: who does what, and what they read in answer.

use regex::Regex;
use serde_json::json;
use slack_sandbox::{Message, Outcome, View};

use super::{Request, TestBot};
use crate::support::workplace::GENERAL;

/// What people type and press.
impl TestBot {
    /// Types a command into a channel, as Slack shows its answer.
    pub(crate) async fn types(&self, person: &str, text: &str) -> Outcome {
        let outcome = self.slack.type_command(person, GENERAL, text).await;
        assert!(
            outcome.is_ok(),
            "{text}: {:?} {}",
            outcome.error,
            outcome.body
        );
        outcome
    }

    /// Types a command, and answers what the person reads in answer.
    pub(crate) async fn says(&self, person: &str, text: &str) -> String {
        let before = self.slack.ephemerals(person).len();
        let outcome = self.types(person, text).await;
        if let Some(shown) = outcome.shown {
            assert!(
                shown.ephemeral_to.is_some(),
                "only {person} sees what {text} was answered"
            );
            return shown.plain();
        }
        let shown = self.slack.until("an answer", |slack| {
            let whispered = slack.ephemerals(person).get(before).map(Message::plain);
            whispered.or_else(|| slack.open_views(person).last().map(View::plain))
        });
        let shown = shown.await.unwrap();
        // A form that they didn't want.
        for view in self.slack.open_views(person) {
            self.slack.close_view(person, &view.id).await;
        }
        shown
    }

    /// Asks, and carries out what follows.
    pub(crate) async fn asks(&self, person: &str, text: &str) -> Request {
        let answer = self.says(person, text).await;
        let letters = Regex::new(r"[RG]-[0-9A-Z]{4,12}").unwrap();
        let short = letters
            .find(&answer)
            .unwrap_or_else(|| panic!("{person}: {text}\nwas answered: {answer}"));
        self.settle().await;
        Request {
            short: short.as_str().replace("G-", "R-"),
        }
    }

    /// Presses Approve on the request's card, and carries out what follows.
    pub(crate) async fn approves(&self, person: &str, request: &Request) -> Outcome {
        self.presses(person, request, "Approve").await
    }

    pub(crate) async fn denies(&self, person: &str, request: &Request) -> Outcome {
        let pressed = self.presses(person, request, "Deny").await;
        match self.modal(person) {
            Some(modal) => {
                let reason = json!({ "reason": { "reason": "not now" } });
                let sent = self.slack.submit_view(person, &modal.id, reason).await;
                self.settle().await;
                sent
            }
            None => pressed,
        }
    }

    /// The topmost modal that somebody has open.
    pub(crate) fn modal(&self, person: &str) -> Option<View> {
        self.slack.open_views(person).pop()
    }

    /// Presses the first button on the card whose label begins with `label`.
    pub(crate) async fn presses(&self, person: &str, request: &Request, label: &str) -> Outcome {
        let card = self.card(request);
        let outcome = self.presses_on(person, &card, label).await;
        self.settle().await;
        outcome
    }

    pub(crate) async fn presses_on(&self, person: &str, message: &Message, label: &str) -> Outcome {
        let label = message
            .buttons()
            .into_iter()
            .find(|button| button.starts_with(label))
            .unwrap_or_else(|| panic!("no {label} on:\n{}", message.plain()))
            .to_owned();
        let outcome = self.slack.press_label(person, message, &label).await;
        assert!(
            outcome.is_ok(),
            "{label}: {:?} {}",
            outcome.error,
            outcome.body
        );
        outcome
    }
}
