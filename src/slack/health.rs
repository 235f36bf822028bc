//! What Slack refuses for good, for `/readyz`: the token, or channels. Logged once when it starts and once when it is over.
//! It is told, and never the reason why a grant or a revocation doesn't happen.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ports::ChatError;

/// More channels than anybody configures; what is beyond is only logged.
const MOST_CHANNELS: usize = 100;

/// Shared by the adapters that talk to Slack and by who tells about it.
#[derive(Debug, Default)]
pub struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    token: Option<String>,
    /// Why the certificate that is shown for Slack isn't trusted.
    distrusted: Option<String>,
    channels: BTreeMap<String, String>,
}

impl Health {
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that is wrong, as sentences; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let token = self.token_problem().into_iter();
        token.chain(self.channel_problems()).collect()
    }

    /// Nothing can be said to anybody.
    pub fn token_problem(&self) -> Option<String> {
        let state = self.state();
        if let Some(why) = &state.distrusted {
            return Some(format!("No connection to Slack can be trusted: {why}"));
        }
        let name = state.token.as_ref()?;
        let hint = match name.as_str() {
            "token_expired" => {
                ". Slack's token rotation is on: put the new token in place and restart, or switch rotation off"
            }
            "missing_scope" => ". Install the app anew with the manifest's scopes",
            "account_inactive" | "token_revoked" | "app_uninstalled" => {
                ". Install the app anew and put its token in place"
            }
            _ => "",
        };
        Some(format!("Slack refuses the token: {name}{hint}"))
    }

    /// Channels that can't be written to; cards go to people instead.
    pub fn channel_problems(&self) -> Vec<String> {
        let state = self.state();
        let channels = state.channels.iter();
        channels
            .map(|(channel, name)| format!("Slack refuses messages to {channel}: {name}"))
            .collect()
    }

    /// Takes note of an outcome in a channel. Only refusals for good and successes change anything.
    pub fn channel(&self, channel: &str, outcome: Result<(), &ChatError>) {
        match outcome {
            Ok(()) => {
                self.token_works();
                if self.state().channels.remove(channel).is_some() {
                    tracing::info!(channel, "Slack takes messages to the channel again");
                }
            }
            Err(ChatError::Permanent(name)) => {
                let mut state = self.state();
                let room = state.channels.len() < MOST_CHANNELS;
                let known = state.channels.get(channel) == Some(name);
                if room && !known {
                    state.channels.insert(channel.into(), name.clone());
                }
                drop(state);
                if !known {
                    tracing::error!(channel, error = %name, "Slack refuses messages to the channel");
                }
            }
            Err(ChatError::Token(name)) => self.token_refused(name),
            Err(ChatError::Untrusted(why)) => self.distrusted(why),
            Err(ChatError::RateLimited { .. } | ChatError::Unavailable(_) | ChatError::Gone) => {}
        }
    }

    /// The token was refused, by Slack's error name.
    pub fn token_refused(&self, name: &str) {
        let before = self.state().token.replace(name.into());
        if before.as_deref() != Some(name) {
            tracing::error!(error = name, "Slack refuses the token");
        }
    }

    /// Nothing can be sent: the certificate that is shown for Slack isn't trusted; why, in a sentence.
    pub fn distrusted(&self, why: &str) {
        let before = self.state().distrusted.replace(why.into());
        if before.is_none() {
            tracing::error!(why, "no connection to Slack can be trusted");
        }
    }

    /// A call went well, so the token is good.
    pub fn token_works(&self) {
        if self.state().distrusted.take().is_some() {
            tracing::info!("connections to Slack can be trusted again");
        }
        if self.state().token.take().is_some() {
            tracing::info!("Slack takes the token again");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
