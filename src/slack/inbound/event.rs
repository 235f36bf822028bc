//! An event: JSON, retried by Slack until it is acknowledged; `event_id` is the same in every try.

use serde_json::Value;

use super::{Malformed, account, json, text};
use crate::domain::SlackId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Slack asks whether the URL is ours.
    UrlVerification {
        challenge: String,
    },
    /// A person was changed: deactivated, made a guest, given another e-mail.
    UserChanged {
        id: Option<String>,
        team: Option<String>,
        enterprise: Option<String>,
        account: SlackId,
    },
    /// A person opened the app's home; Slack says so on every opening.
    HomeOpened {
        team: Option<String>,
        enterprise: Option<String>,
        account: Option<SlackId>,
    },
    /// A channel takes nothing from us any more; by which name Slack would refuse a message there.
    ChannelClosed {
        team: Option<String>,
        channel: String,
        refusal: &'static str,
    },
    /// Our own bot token was among the revoked ones, or it isn't said whose.
    TokensRevoked {
        team: Option<String>,
    },
    Uninstalled {
        team: Option<String>,
    },
    /// Everything else.
    Ignored {
        kind: String,
    },
}

/// The longest challenge that is sent back, in bytes; Slack's have about fifty.
const MOST_CHALLENGE: usize = 1_000;

/// Reads the body of `POST /slack/events`.
pub fn event(body: &[u8]) -> Result<Event, Malformed> {
    let payload = json(body)?;
    let kind = text(&payload, "/type").unwrap_or_default();
    if kind == "url_verification" {
        let challenge = text(&payload, "/challenge").filter(|text| text.len() <= MOST_CHALLENGE);
        return Ok(challenge.map_or(Event::Ignored { kind }, |challenge| {
            Event::UrlVerification { challenge }
        }));
    }
    if kind != "event_callback" {
        return Ok(Event::Ignored { kind });
    }
    Ok(callback(&payload))
}

fn callback(payload: &Value) -> Event {
    let kind = text(payload, "/event/type").unwrap_or_default();
    let team = text(payload, "/team_id");
    match kind.as_str() {
        "user_change" => match account(payload, "/event/user/id") {
            Some(account) => Event::UserChanged {
                id: text(payload, "/event_id"),
                team,
                enterprise: text(payload, "/enterprise_id"),
                account,
            },
            None => Event::Ignored { kind },
        },
        // The app's messages are a tab of the same place.
        "app_home_opened" if text(payload, "/event/tab").as_deref() == Some("messages") => {
            Event::Ignored { kind }
        }
        "app_home_opened" => Event::HomeOpened {
            team,
            enterprise: text(payload, "/enterprise_id"),
            account: account(payload, "/event/user"),
        },
        "channel_archive" | "group_archive" => closed(payload, kind, team, "is_archived"),
        "channel_deleted" | "group_deleted" => closed(payload, kind, team, "channel_not_found"),
        "channel_left" | "group_left" => closed(payload, kind, team, "not_in_channel"),
        "tokens_revoked" if only_people_lost_tokens(payload) => Event::Ignored { kind },
        "tokens_revoked" => Event::TokensRevoked { team },
        "app_uninstalled" => Event::Uninstalled { team },
        _ => Event::Ignored { kind },
    }
}

fn closed(payload: &Value, kind: String, team: Option<String>, refusal: &'static str) -> Event {
    match text(payload, "/event/channel") {
        Some(channel) => Event::ChannelClosed {
            team,
            channel,
            refusal,
        },
        None => Event::Ignored { kind },
    }
}

/// `tokens.oauth` are people's own tokens, which we have none of; `tokens.bot` are ours.
fn only_people_lost_tokens(payload: &Value) -> bool {
    let some = |pointer| {
        payload
            .pointer(pointer)
            .and_then(Value::as_array)
            .is_some_and(|tokens| !tokens.is_empty())
    };
    some("/event/tokens/oauth") && !some("/event/tokens/bot")
}
