//! An interaction: JSON in the form field `payload`.

use serde_json::Value;

use super::{Malformed, Origin, account, form, json, text};
use crate::ports::Posted;

/// The action ids of our buttons. A number behind `:` tells several of a kind in one message apart.
pub mod action {
    pub const APPROVE: &str = "approve";
    pub const DENY: &str = "deny";
    pub const REVOKE: &str = "revoke";
    pub const REVIEWED: &str = "reviewed";
    pub const CANCEL: &str = "cancel";
    pub const END_NOW: &str = "end_now";
    /// The `block_id` of a card's buttons: a press there came from a card, one elsewhere from a notice or an answer.
    pub const CARD: &str = "card";
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interaction {
    /// Something in a message was pressed.
    Press(Box<Pressed>),
    /// A form was sent; we have none yet.
    ViewSubmitted,
    /// A form was closed.
    ViewClosed,
    /// A shortcut, a message action, a menu that asks for options, or what Slack invents next.
    Ignored { kind: String },
}

/// A press on an element of a message, a view or the home.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pressed {
    pub origin: Origin,
    pub action_id: String,
    /// What our button carries: an opaque id.
    pub value: String,
    /// The card that was pressed; none where the button stands in another message, which is nobody's card.
    pub card: Option<Posted>,
    pub trigger_id: Option<String>,
    pub response_url: Option<String>,
    action_ts: Option<String>,
}

impl Pressed {
    /// The same for every delivery of one press.
    pub fn delivery(&self) -> Option<String> {
        let once = self.trigger_id.as_ref().or(self.action_ts.as_ref())?;
        let who = self.origin.user.as_ref()?;
        Some(format!("{who}:{once}"))
    }

    /// What kind of button it is: its action id without the number behind `:`.
    pub fn action(&self) -> &str {
        self.action_id.split(':').next().unwrap_or_default()
    }
}

/// Reads the body of `POST /slack/interactions`.
pub fn interaction(body: &[u8]) -> Result<Interaction, Malformed> {
    let mut pairs = form::pairs(body)?;
    let payload = pairs.remove("payload").ok_or(Malformed::NoPayload)?;
    let payload = json(payload.as_bytes())?;
    let kind = text(&payload, "/type").unwrap_or_default();
    Ok(match kind.as_str() {
        "block_actions" => pressed(&payload).map_or(Interaction::Ignored { kind }, |pressed| {
            Interaction::Press(Box::new(pressed))
        }),
        "view_submission" => Interaction::ViewSubmitted,
        "view_closed" => Interaction::ViewClosed,
        _ => Interaction::Ignored { kind },
    })
}

fn pressed(payload: &Value) -> Option<Pressed> {
    Some(Pressed {
        origin: Origin {
            user: account(payload, "/user/id"),
            team: text(payload, "/user/team_id").or_else(|| text(payload, "/team/id")),
            enterprise: text(payload, "/enterprise/id")
                .or_else(|| text(payload, "/team/enterprise_id")),
            channel: text(payload, "/channel/id")
                .or_else(|| text(payload, "/container/channel_id")),
        },
        action_id: text(payload, "/actions/0/action_id")?,
        value: text(payload, "/actions/0/value").unwrap_or_default(),
        card: card(payload),
        trigger_id: text(payload, "/trigger_id"),
        response_url: text(payload, "/response_url"),
        action_ts: text(payload, "/actions/0/action_ts"),
    })
}

fn card(payload: &Value) -> Option<Posted> {
    let on_card = text(payload, "/actions/0/block_id").as_deref() == Some(action::CARD);
    let ephemeral = text(payload, "/container/is_ephemeral").as_deref() == Some("true");
    if !on_card || ephemeral {
        return None;
    }
    Some(Posted {
        channel: text(payload, "/container/channel_id").or_else(|| text(payload, "/channel/id"))?,
        ts: text(payload, "/container/message_ts").or_else(|| text(payload, "/message/ts"))?,
    })
}
