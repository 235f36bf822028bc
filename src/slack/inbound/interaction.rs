//! An interaction: JSON in the form field `payload`. What was pressed, sent, closed or begun, and by whom.

use serde_json::Value;

use super::view::{View, view};
use super::{Malformed, Origin, account, form, json, text};
use crate::ports::Posted;

/// The action ids of our buttons. A number behind `:` tells several of a kind in one message apart.
pub mod action {
    pub const APPROVE: &str = "approve";
    pub const DENY: &str = "deny";
    pub const REVOKE: &str = "revoke";
    /// Opens what reviews the use of broken glass.
    pub const REVIEWED: &str = "reviewed";
    pub const CANCEL: &str = "cancel";
    pub const END_NOW: &str = "end_now";
    /// Sends a draft for its later start.
    pub const SCHEDULE: &str = "schedule";
    /// Sends a draft for now.
    pub const START_NOW: &str = "start_now";
    pub const EXTEND: &str = "extend";
    /// Opens the form for a role, or for none: the value is the role's name or empty.
    pub const ASK: &str = "ask";
    /// Opens the form with what was typed: the value is a draft's id.
    pub const FIX: &str = "fix";
    /// Opens the form that breaks the glass with what was typed: the value is a draft's id.
    pub const FIX_GLASS: &str = "fix_glass";
    /// Opens the form with what was asked.
    pub const CHANGE: &str = "change";
    /// Opens what approves for less.
    pub const LESS: &str = "less";
    /// Opens what approves with a note.
    pub const NOTE: &str = "note";
    /// Turns to a page of one of the home's lists.
    pub const HOME_PAGE: &str = "home_page";
    pub const HOME_REFRESH: &str = "home_refresh";
    /// The `block_id` of a card's buttons: a press there came from a card, one elsewhere from a notice or an answer.
    pub const CARD: &str = "card";
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interaction {
    /// Something was pressed or chosen in a message, a modal or the home.
    Press(Box<Pressed>),
    /// A modal was sent.
    Submitted(Box<Submitted>),
    /// A modal was closed.
    Closed,
    /// A global shortcut was begun.
    Shortcut(Box<Shortcut>),
    /// A message action, a menu that asks for options, or what Slack invents next.
    Ignored { kind: String },
}

/// A modal, sent. What was typed stands in its view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Submitted {
    pub origin: Origin,
    pub view: View,
    pub trigger_id: Option<String>,
}

impl Submitted {
    /// The same for every delivery of one modal: an open modal is sent to some good once, whatever it showed meanwhile.
    pub fn delivery(&self) -> Option<String> {
        let who = self.origin.user.as_ref()?;
        Some(format!("{who}:{}", self.view.id))
    }
}

/// A global shortcut: no channel, no text, only who began it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shortcut {
    pub origin: Origin,
    pub callback_id: String,
    pub trigger_id: Option<String>,
}

/// A press on an element of a message, a view or the home.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pressed {
    pub origin: Origin,
    pub action_id: String,
    /// What our button carries: an opaque id.
    pub value: String,
    /// The value of the option that was chosen in a select, an overflow menu or radio buttons.
    pub selected: Option<String>,
    /// The modal or home that it stands in, as the person sees it; none in a message.
    pub view: Option<View>,
    /// The card that was pressed; none where the button stands in another message, which is nobody's card.
    pub card: Option<Posted>,
    /// The channel of the message, where a thread hangs under it.
    pub above_thread: Option<String>,
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

    /// When it was pressed, by Slack's clock: one press after another.
    pub fn at(&self) -> Option<&str> {
        self.action_ts.as_deref()
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
        "view_submission" => submitted(&payload).map_or(Interaction::Ignored { kind }, |sent| {
            Interaction::Submitted(Box::new(sent))
        }),
        "view_closed" => Interaction::Closed,
        "shortcut" => shortcut(&payload).map_or(Interaction::Ignored { kind }, |shortcut| {
            Interaction::Shortcut(Box::new(shortcut))
        }),
        _ => Interaction::Ignored { kind },
    })
}

fn origin(payload: &Value) -> Origin {
    Origin {
        user: account(payload, "/user/id"),
        team: text(payload, "/user/team_id").or_else(|| text(payload, "/team/id")),
        enterprise: text(payload, "/enterprise/id")
            .or_else(|| text(payload, "/team/enterprise_id")),
        channel: text(payload, "/channel/id").or_else(|| text(payload, "/container/channel_id")),
    }
}

fn submitted(payload: &Value) -> Option<Submitted> {
    Some(Submitted {
        origin: origin(payload),
        view: view(payload)?,
        trigger_id: text(payload, "/trigger_id"),
    })
}

fn shortcut(payload: &Value) -> Option<Shortcut> {
    Some(Shortcut {
        origin: origin(payload),
        callback_id: text(payload, "/callback_id")?,
        trigger_id: text(payload, "/trigger_id"),
    })
}

fn pressed(payload: &Value) -> Option<Pressed> {
    Some(Pressed {
        origin: origin(payload),
        action_id: text(payload, "/actions/0/action_id")?,
        value: text(payload, "/actions/0/value").unwrap_or_default(),
        selected: text(payload, "/actions/0/selected_option/value"),
        view: view(payload),
        card: card(payload),
        above_thread: above_thread(payload),
        trigger_id: text(payload, "/trigger_id"),
        response_url: text(payload, "/response_url"),
        action_ts: text(payload, "/actions/0/action_ts"),
    })
}

/// A message with replies is its thread's parent: its `thread_ts` is its own.
fn above_thread(payload: &Value) -> Option<String> {
    let ts = text(payload, "/container/message_ts").or_else(|| text(payload, "/message/ts"))?;
    let thread =
        text(payload, "/message/thread_ts").or_else(|| text(payload, "/container/thread_ts"))?;
    if thread != ts {
        return None;
    }
    text(payload, "/container/channel_id").or_else(|| text(payload, "/channel/id"))
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
