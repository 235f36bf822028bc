//! The home on somebody's screen: published by the worker when it changed, and at once when it is opened, a page is turned
//! or something in it is pressed; then the answer stands above it, because a home has nowhere else to say it.

use std::sync::Arc;

use async_trait::async_trait;

use super::client::Client;
use super::forms::Forms;
use super::inbound::{Pressed, ViewKind, action};
use super::views::{self, Rendered};
use crate::domain::{SlackId, Time};
use crate::ports::home::{HomeList, HomeShown, Turned};
use crate::ports::{ChatError, HomeScreen};

/// A person's home in Slack.
pub struct HomeTab {
    forms: Forms,
    said: Option<Rendered>,
}

impl HomeTab {
    pub fn new(client: Arc<Client>) -> Self {
        Self {
            forms: Forms::new(client),
            said: None,
        }
    }

    /// With an answer above the home.
    #[must_use]
    pub fn saying(mut self, said: Rendered) -> Self {
        self.said = Some(said);
        self
    }
}

#[async_trait]
impl HomeScreen for HomeTab {
    async fn show(&self, reader: &SlackId, home: &HomeShown, at: Time) -> Result<(), ChatError> {
        let view = views::home(home, at, self.said.as_ref());
        self.forms.publish(reader, &view).await.map(drop)
    }
}

/// Whether it was pressed in a home.
pub(super) fn is_home(pressed: &Pressed) -> bool {
    let view = pressed.view.as_ref();
    view.is_some_and(|view| view.kind == ViewKind::Home)
}

/// What a button that only looks around means: refresh, or a page of a list.
pub(super) enum Look {
    Refresh,
    Page(Turned),
}

/// None: the button is no look around.
pub(super) fn look(pressed: &Pressed) -> Option<Look> {
    match pressed.action() {
        action::HOME_REFRESH => Some(Look::Refresh),
        action::HOME_PAGE => {
            let (list, page) = pressed.value.split_once('.')?;
            Some(Look::Page(Turned {
                list: HomeList::parse(list)?,
                page: page.parse().ok().filter(|page| *page < MOST_PAGES)?,
            }))
        }
        _ => None,
    }
}

/// More pages than any list has.
const MOST_PAGES: usize = 10_000;
