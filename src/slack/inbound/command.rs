//! A slash command: a form.

use super::{Malformed, Origin, form};
use crate::domain::SlackId;

/// A slash command as delivered. The text is as Slack escaped it; the domain's grammar undoes that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlashCommand {
    pub origin: Origin,
    /// `/prod-access`
    pub command: Option<String>,
    pub text: String,
    pub trigger_id: Option<String>,
    pub response_url: Option<String>,
    /// Slack checks the certificate; there is nothing to do.
    pub ssl_check: bool,
}

impl SlashCommand {
    /// The same for every delivery of what was typed once: Slack repeats the `trigger_id`.
    pub fn delivery(&self) -> Option<String> {
        self.trigger_id.as_ref().map(|id| format!("command:{id}"))
    }
}

/// Reads the body of `POST /slack/commands`.
pub fn command(body: &[u8]) -> Result<SlashCommand, Malformed> {
    let mut pairs = form::pairs(body)?;
    let mut take = |key: &str| pairs.remove(key).filter(|text| !text.is_empty());
    Ok(SlashCommand {
        origin: Origin {
            user: take("user_id").and_then(|id| SlackId::parse(&id)),
            team: take("team_id"),
            enterprise: take("enterprise_id"),
            channel: take("channel_id"),
        },
        command: take("command"),
        text: take("text").unwrap_or_default(),
        trigger_id: take("trigger_id"),
        response_url: take("response_url"),
        ssl_check: take("ssl_check").is_some_and(|flag| flag == "1"),
    })
}
