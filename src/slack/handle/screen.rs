//! Where whoever typed or pressed is looking, and how they are shown something there. Slack's trigger lives three seconds:
//! what isn't ready by then opens as a light view first, and is filled in when it is.

use std::pin::pin;
use std::time::Duration;

use serde_json::Value;

use super::Desk;
use crate::domain::SlackId;
use crate::ports::ChatError;
use crate::slack::inbound::{Pressed, Shortcut, SlashCommand, ViewKind};
use crate::slack::views::{self, Rendered};

/// After this a light view is opened: time enough is left for Slack to answer before the trigger dies.
const LIGHT_AFTER: Duration = Duration::from_millis(1_200);

/// What somebody is shown.
pub(super) enum Shows {
    Modal(Value),
    /// An answer, and the title that it has where it must be a modal.
    Words(&'static str, Rendered),
}

/// One delivery's ways back to the person.
#[derive(Debug, Clone, Default)]
pub(super) struct Screen {
    trigger: Option<String>,
    response_url: Option<String>,
    /// The open modal, and its hash.
    modal: Option<(String, Option<String>)>,
    /// The channel of a message that was pressed, and who pressed, where a thread hangs under it: what is answered by
    /// `response_url` stands in that thread, and they are looking at the message.
    above: Option<(String, SlackId)>,
}

impl Screen {
    pub(super) fn of_command(command: &SlashCommand) -> Self {
        Self {
            trigger: command.trigger_id.clone(),
            response_url: command.response_url.clone(),
            ..Self::default()
        }
    }

    pub(super) fn of_press(pressed: &Pressed) -> Self {
        let view = pressed.view.as_ref();
        let modal = view.filter(|view| view.kind == ViewKind::Modal);
        Self {
            trigger: pressed.trigger_id.clone(),
            response_url: pressed.response_url.clone(),
            modal: modal.map(|view| (view.id.clone(), view.hash.clone())),
            above: pressed
                .above_thread
                .clone()
                .zip(pressed.origin.user.clone()),
        }
    }

    pub(super) fn of_shortcut(shortcut: &Shortcut) -> Self {
        Self {
            trigger: shortcut.trigger_id.clone(),
            ..Self::default()
        }
    }

    /// Whether a modal can be shown at all.
    pub(super) fn takes_modals(&self) -> bool {
        self.trigger.is_some() || self.modal.is_some()
    }

    /// Says it where they look: beside the message they pressed, in the modal they pressed in, or in a modal of its own.
    pub(super) async fn tell(&self, desk: &Desk, title: &'static str, answer: &Rendered) {
        if let Some((channel, person)) = &self.above
            && desk.replies.beside(channel, person, answer).await
        {
            return;
        }
        if let Some((id, hash)) = &self.modal {
            let view = views::in_modal(title, answer);
            desk.replace(id, hash.as_deref(), &view).await;
        } else if self.response_url.is_some() {
            desk.replies
                .whisper(self.response_url.as_deref(), answer)
                .await;
        } else if let Some(trigger) = &self.trigger {
            let view = views::in_modal(title, answer);
            if let Err(error) = desk.forms.open(trigger, &view).await {
                tracing::warn!(%error, "an answer was not shown");
            }
        } else {
            tracing::debug!("there is no way to answer");
        }
    }

    /// The same, in the place of the message that was pressed.
    pub(super) async fn tell_instead(&self, desk: &Desk, title: &'static str, answer: &Rendered) {
        if self.modal.is_none() && self.response_url.is_some() {
            let url = self.response_url.as_deref();
            desk.replies.replace(url, answer).await;
        } else {
            self.tell(desk, title, answer).await;
        }
    }

    /// Shows what is being made, as soon as it is there. `late` is told where Slack no longer lets a modal open.
    pub(super) async fn show(
        &self,
        desk: &Desk,
        making: impl Future<Output = Shows>,
        late: &Rendered,
    ) {
        if let Some((id, hash)) = &self.modal {
            let view = match making.await {
                Shows::Modal(view) => view,
                Shows::Words(title, answer) => views::in_modal(title, &answer),
            };
            desk.replace(id, hash.as_deref(), &view).await;
            return;
        }
        let Some(trigger) = &self.trigger else {
            return self.tell(desk, "Hallpass", late).await;
        };
        let mut making = pin!(making);
        let opened = match tokio::time::timeout(LIGHT_AFTER, &mut making).await {
            Ok(Shows::Words(title, answer)) => return self.tell(desk, title, &answer).await,
            Ok(Shows::Modal(view)) => match desk.forms.open(trigger, &view).await {
                Ok(_) => return,
                Err(error) => Err(error),
            },
            Err(_) => desk.forms.open(trigger, &views::one_moment()).await,
        };
        match opened {
            Ok(opened) => {
                let view = match making.await {
                    Shows::Modal(view) => view,
                    Shows::Words(title, answer) => views::in_modal(title, &answer),
                };
                desk.replace(&opened.id, None, &view).await;
            }
            Err(error) => {
                tracing::warn!(%error, "a modal could not be opened");
                if self.response_url.is_some() {
                    self.tell(desk, "Hallpass", late).await;
                }
            }
        }
    }
}

impl Desk {
    /// Shows something else in an open modal. Where it changed meanwhile, the newer word is ours: the person waits for it.
    async fn replace(&self, id: &str, hash: Option<&str>, view: &Value) {
        let mut done = self.forms.update(id, hash, view).await;
        if hash.is_some() && is_conflict(&done) {
            done = self.forms.update(id, None, view).await;
        }
        if let Err(error) = done {
            // Most likely they closed it.
            tracing::debug!(%error, "a modal could not be updated");
        }
    }
}

pub(super) fn is_conflict<T>(outcome: &Result<T, ChatError>) -> bool {
    matches!(outcome, Err(ChatError::Permanent(name)) if name == "hash_conflict")
}
