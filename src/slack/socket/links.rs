//! How Socket Mode stands, for `/readyz`: how many connections are open, and what Slack refuses.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shared by the connections and by who tells about them.
#[derive(Debug, Default)]
pub struct Links(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: usize,
    opened: u64,
    /// Slack's last hello.
    greeted: Option<Instant>,
    /// Slack won't have us, until somebody does something about it.
    refused: Option<Refused>,
    /// The last try to connect failed, in a sentence.
    failed: Option<String>,
}

/// What Slack refuses for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// Socket Mode was switched off for the app.
    Disabled,
    /// Others hold all the connections that the app may have.
    TooMany,
    /// The app's token, or asking for a connection with it; by Slack's error name.
    Token(String),
    /// The certificate that is shown for Slack isn't trusted; why, in a sentence.
    Certificate(String),
}

impl Refused {
    fn sentence(&self) -> String {
        match self {
            Self::Disabled => {
                "Slack closed the connection: link_disabled. Switch Socket Mode on for the app."
                    .into()
            }
            Self::TooMany => "Slack refuses another connection: too_many_websockets. Ten are allowed for an app; \
                 stop what else uses this SLACK_APP_TOKEN."
                .into(),
            Self::Token(name) => format!(
                "Slack refuses the app's token: {name}. SLACK_APP_TOKEN must be an app-level token with \
                 connections:write."
            ),
            Self::Certificate(why) => format!("No connection to Slack can be trusted: {why}."),
        }
    }
}

impl Links {
    pub fn new() -> Self {
        Self::default()
    }

    /// How many connections are open, Slack's hello received.
    pub fn open(&self) -> usize {
        self.state().open
    }

    /// How long ago Slack greeted a new connection last; none before the first.
    pub fn greeted(&self) -> Option<Duration> {
        self.state().greeted.map(|hello| hello.elapsed())
    }

    /// What is wrong, in a sentence.
    pub fn problem(&self) -> Option<String> {
        let state = self.state();
        let refused = state.refused.as_ref().map(Refused::sentence);
        refused.or_else(|| (state.open == 0).then(|| state.failed.clone()).flatten())
    }

    /// Nothing reaches us, and nothing will before somebody does something about it.
    pub fn is_cut_off(&self) -> bool {
        let state = self.state();
        state.open == 0 && state.refused.is_some()
    }

    pub(super) fn opened(&self) {
        let mut state = self.state();
        state.open += 1;
        state.opened += 1;
        state.greeted = Some(Instant::now());
        state.refused = None;
        state.failed = None;
        let (open, first) = (state.open, state.opened == 1);
        drop(state);
        if first {
            tracing::info!("Socket Mode: connected");
        } else {
            tracing::debug!(open, "Socket Mode: connected");
        }
    }

    pub(super) fn closed(&self) {
        let mut state = self.state();
        state.open = state.open.saturating_sub(1);
    }

    pub(super) fn refused(&self, refused: &Refused) {
        let sentence = refused.sentence();
        let before = self.state().refused.replace(refused.clone());
        if before.as_ref() != Some(refused) {
            tracing::error!("{sentence}");
        }
    }

    pub(super) fn failed(&self, why: &str) {
        let sentence = format!("no connection to Slack: {why}");
        let before = self.state().failed.replace(sentence.clone());
        if before.as_ref() != Some(&sentence) {
            tracing::warn!("Socket Mode: {sentence}");
        }
    }

    pub(super) fn lost_for_good(&self) {
        self.failed("a connection's task was lost; restart the bot");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Links, Refused};

    #[test]
    fn what_is_refused_is_told_until_a_connection_opens() {
        let links = Links::new();
        assert_eq!(links.problem(), None);
        links.failed("refused");
        assert!(links.problem().is_some() && !links.is_cut_off());
        links.opened();
        assert_eq!(links.problem(), None);
        links.refused(&Refused::TooMany);
        let problem = links.problem().expect("a problem");
        assert!(problem.contains("too_many_websockets"), "{problem}");
        assert!(!links.is_cut_off(), "one is open");
        links.closed();
        assert!(links.is_cut_off());
        links.opened();
        assert!(links.problem().is_none() && !links.is_cut_off());
    }
}
