//! Pressed buttons and chosen options: `block_actions`, and global shortcuts.

use serde_json::{Map, Value, json};

use super::{Outcome, Payload, send};
use crate::blocks::{self, values};
use crate::message::Message;
use crate::shared::Shared;
use crate::state::{ConversationKind, ResponseUrl, State};
use crate::view::View;

/// Where the element stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    Message {
        channel: &'a str,
        ts: &'a str,
    },
    View {
        id: &'a str,
    },
    /// A message as somebody still sees it.
    Seen(&'a Message),
}

/// Which element, and what was chosen (`null` for a button).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act<'a> {
    /// Needed only where an `action_id` stands in two blocks.
    pub(crate) block_id: Option<&'a str>,
    pub(crate) action_id: &'a str,
    pub(crate) value: &'a Value,
}

pub(crate) async fn act(
    shared: &Shared,
    person: &str,
    target: Target<'_>,
    act: Act<'_>,
) -> Outcome {
    let payload = shared.write(|state| prepare(state, shared, person, target, act));
    match payload {
        Ok(payload) => {
            let (answered, took) = send(shared, &Payload::Interaction(payload), None).await;
            Outcome::of(answered, took)
        }
        Err(error) => Outcome::refused(&error),
    }
}

fn prepare(
    state: &mut State,
    shared: &Shared,
    person: &str,
    target: Target<'_>,
    act: Act<'_>,
) -> Result<Value, String> {
    let person = able(state, person)?;
    match target {
        Target::Message { channel, ts } => {
            let message = seen_message(state, &person, channel, ts)?;
            let action = action(state, shared, &message.blocks, act)?;
            Ok(in_message(state, shared, &person, &message, &action))
        }
        Target::Seen(message) => {
            seen_message(state, &person, &message.channel, &message.ts)?;
            let action = action(state, shared, &message.blocks, act)?;
            Ok(in_message(state, shared, &person, message, &action))
        }
        Target::View { id } => {
            let view = state.view(id).cloned().ok_or("view_not_found")?;
            if view.person != person {
                return Err("view_not_found".into());
            }
            let action = action(state, shared, view.blocks(), act)?;
            Ok(in_view(state, shared, &view, &action))
        }
    }
}

/// The id of a person who can use Slack now.
pub(crate) fn able(state: &State, person: &str) -> Result<String, String> {
    let found = state.find_person(person).ok_or("user_not_found")?;
    match (state.faults.down(), found.deleted) {
        (true, _) => Err("slack_is_down".into()),
        (_, true) => Err("account_inactive".into()),
        (false, false) => Ok(found.id.clone()),
    }
}

fn seen_message(state: &State, person: &str, channel: &str, ts: &str) -> Result<Message, String> {
    let conversation = state
        .find_conversation(channel)
        .ok_or("channel_not_found")?;
    if conversation.kind != ConversationKind::Public && !conversation.has(person) {
        return Err("not_in_channel".into());
    }
    let message = state
        .message(&conversation.id, ts)
        .ok_or("message_not_found")?;
    if message
        .ephemeral_to
        .as_ref()
        .is_some_and(|only| only != person)
    {
        return Err("message_not_found".into());
    }
    Ok(message.clone())
}

/// The entry of `actions`.
fn action(
    state: &mut State,
    shared: &Shared,
    blocks: &[Value],
    act: Act<'_>,
) -> Result<Value, String> {
    let (block_id, element) = blocks::interactive(blocks)
        .find(|(block_id, element)| {
            element["action_id"] == act.action_id && act.block_id.is_none_or(|id| id == *block_id)
        })
        .ok_or("no_such_action")?;
    let mut action = Map::new();
    for (key, value) in element.as_object().into_iter().flatten() {
        if key != "options" && key != "option_groups" && key != "confirm" {
            action.insert(key.clone(), value.clone());
        }
    }
    if element["type"] != "button" {
        let typed = values::typed(element, act.value)?;
        action.extend(typed.as_object().cloned().unwrap_or_default());
    }
    action.insert("block_id".into(), json!(block_id));
    action.insert(
        "action_ts".into(),
        json!(state.new_ts(shared.clock.micros())),
    );
    Ok(Value::Object(action))
}

/// What every interaction says.
pub(crate) fn base(state: &State, person: &str, kind: &str) -> Value {
    let app = &state.workspace.app;
    json!({
        "type": kind,
        "team": state.team_json(person),
        "user": state.user_json(person),
        "api_app_id": app.id,
        "token": app.verification_token,
        "enterprise": null,
        "is_enterprise_install": false,
    })
}

fn with_state(blocks: &[Value], before: &Map<String, Value>, action: &Value) -> Map<String, Value> {
    let mut state = values::surviving(blocks, before);
    let block_id = action["block_id"].as_str().unwrap_or_default();
    let action_id = action["action_id"].as_str().unwrap_or_default();
    let element = values::stateful(blocks)
        .find(|(_, block, element)| *block == block_id && element["action_id"] == action_id);
    if let Some((_, _, element)) = element {
        let shape = values::initial(element);
        let keys = shape.as_object().into_iter().flatten().map(|(key, _)| key);
        let value = keys.map(|key| (key.clone(), action[key].clone())).collect();
        values::put(&mut state, block_id, action_id, Value::Object(value));
    }
    state
}

fn in_message(
    state: &mut State,
    shared: &Shared,
    person: &str,
    message: &Message,
    action: &Value,
) -> Value {
    let channel = message.channel.as_str();
    let ephemeral = message.ephemeral_to.is_some();
    let mut container = json!({
        "type": "message", "message_ts": message.ts, "channel_id": channel,
        "is_ephemeral": ephemeral,
    });
    if let Some(thread_ts) = &message.thread_ts {
        container["thread_ts"] = json!(thread_ts);
    }
    let mut payload = base(state, person, "block_actions");
    payload["container"] = container;
    payload["trigger_id"] = json!(state.new_trigger(person, None, shared.clock.micros()));
    payload["channel"] = json!({ "id": channel, "name": state.channel_name(channel) });
    if !ephemeral {
        payload["message"] = state.message_json(message);
    }
    payload["state"] = json!({ "values": with_state(&message.blocks, &Map::new(), action) });
    let url = new_response_url(state, shared, "actions", person, channel, Some(message));
    payload["response_url"] = json!(url);
    payload["actions"] = json!([action]);
    payload
}

fn in_view(state: &mut State, shared: &Shared, view: &View, action: &Value) -> Value {
    let mut payload = base(state, &view.person, "block_actions");
    let typed = with_state(view.blocks(), &view.state, action);
    let mut view = view.clone();
    view.state = typed;
    payload["container"] = json!({ "type": "view", "view_id": view.id });
    let trigger = state.new_trigger(&view.person, Some(&view.id), shared.clock.micros());
    payload["trigger_id"] = json!(trigger);
    payload["view"] = state.view_json(&view);
    payload["actions"] = json!([action]);
    if let Some(kept) = state.view_mut(&view.id) {
        kept.state = view.state;
    }
    payload
}

/// A URL under this sandbox, five times good within thirty minutes.
pub(crate) fn new_response_url(
    state: &mut State,
    shared: &Shared,
    kind: &str,
    person: &str,
    channel: &str,
    original: Option<&Message>,
) -> String {
    let secret = state.secret();
    let id = state.new_id("");
    let path = format!("/{kind}/{}/{id}/{secret}", state.workspace.team_id);
    let url = ResponseUrl {
        channel: channel.into(),
        person: person.into(),
        made: shared.clock.micros(),
        uses: 0,
        original: original.map(|message| message.ts.clone()),
        thread_ts: original.and_then(|message| message.thread_ts.clone()),
    };
    state.response_urls.insert(secret, url);
    format!("{}{path}", shared.base)
}

/// A person starts a global shortcut.
pub(crate) async fn shortcut(shared: &Shared, person: &str, callback_id: &str) -> Outcome {
    let payload = shared.write(|state| {
        let person = able(state, person)?;
        let known = |shortcut: &crate::workspace::Shortcut| shortcut.callback_id == callback_id;
        if !state.workspace.app.shortcuts.iter().any(known) {
            return Err("no_such_shortcut".to_owned());
        }
        let now = shared.clock.micros();
        let mut payload = base(state, &person, "shortcut");
        payload["callback_id"] = json!(callback_id);
        payload["trigger_id"] = json!(state.new_trigger(&person, None, now));
        payload["action_ts"] = json!(state.new_ts(now));
        Ok(payload)
    });
    match payload {
        Ok(payload) => {
            let (answered, took) = send(shared, &Payload::Interaction(payload), None).await;
            Outcome::of(answered, took)
        }
        Err(error) => Outcome::refused(&error),
    }
}
