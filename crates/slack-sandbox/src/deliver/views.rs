//! Submitted and closed views, and what the app's answer does with them.

use serde_json::{Map, Value, json};

use super::actions::{able, base, new_response_url};
use super::{Outcome, Payload, send};
use crate::api::views as change;
use crate::blocks::{interactive, values};
use crate::shared::Shared;
use crate::state::State;
use crate::view::View;

/// `given` is `{block_id: {action_id: value}}`; what is left out stays as it was.
pub(crate) async fn submit(shared: &Shared, person: &str, view_id: &str, given: &Value) -> Outcome {
    let prepared = shared.write(|state| prepare(state, shared, person, view_id, given));
    let (view, payload) = match prepared {
        Ok(prepared) => prepared,
        Err(outcome) => return *outcome,
    };
    let (answered, took) = send(shared, &Payload::Interaction(payload), None).await;
    let mut outcome = Outcome::of(answered, took);
    if outcome.is_ok()
        && let Err(error) = apply(shared, &view, &mut outcome)
    {
        outcome.error = Some(error);
    }
    outcome
}

fn prepare(
    state: &mut State,
    shared: &Shared,
    person: &str,
    view_id: &str,
    given: &Value,
) -> Result<(View, Value), Box<Outcome>> {
    let person = able(state, person).map_err(|error| Box::new(Outcome::refused(&error)))?;
    let top = state.stacks.get(&person).and_then(|stack| stack.last());
    let Some(mut view) = top.filter(|view| view.id == view_id).cloned() else {
        return Err(Box::new(Outcome::refused("view_not_found")));
    };
    if !view.source["submit"].is_object() {
        return Err(Box::new(Outcome::refused("view_has_no_submit")));
    }
    match values::filled(view.blocks(), &view.state, given) {
        Ok(state) => view.state = state,
        Err(errors) => {
            return Err(Box::new(Outcome {
                errors,
                ..Outcome::refused("incomplete")
            }));
        }
    }
    view.errors.clear();
    let mut payload = base(state, &person, "view_submission");
    let trigger = state.new_trigger(&person, Some(view_id), shared.clock.micros());
    payload["trigger_id"] = json!(trigger);
    payload["view"] = state.view_json(&view);
    payload["response_urls"] = response_urls(state, shared, &view);
    if let Some(kept) = state.view_mut(view_id) {
        *kept = view.clone();
    }
    Ok((view, payload))
}

/// For conversation selects with `response_url_enabled`.
fn response_urls(state: &mut State, shared: &Shared, view: &View) -> Value {
    let mut urls = Vec::new();
    for (block_id, element) in interactive(view.blocks()) {
        if element["response_url_enabled"] != true {
            continue;
        }
        let action_id = element["action_id"].as_str().unwrap_or_default();
        let value = view
            .state
            .get(block_id)
            .map_or(&Value::Null, |block| &block[action_id]);
        let chosen = value["selected_conversation"]
            .as_str()
            .or(value["selected_channel"].as_str());
        if let Some(channel) = chosen {
            let url = new_response_url(state, shared, "app", &view.person, channel, None);
            urls.push(json!({
                "block_id": block_id, "action_id": action_id, "channel_id": channel,
                "response_url": url,
            }));
        }
    }
    Value::Array(urls)
}

/// Does what the answer to a submission says.
fn apply(shared: &Shared, view: &View, outcome: &mut Outcome) -> Result<(), String> {
    let invalid = || "invalid_response".to_owned();
    if outcome.body.trim().is_empty() {
        shared.write(|state| pop(state, view));
        return Ok(());
    }
    let answer: Value = serde_json::from_str(&outcome.body).map_err(|_| invalid())?;
    let now = shared.clock.micros();
    match answer["response_action"].as_str() {
        None if answer.as_object().is_some_and(Map::is_empty) => {
            shared.write(|state| pop(state, view));
        }
        Some("clear") => {
            shared.write(|state| state.stacks.remove(&view.person));
        }
        Some("errors") => {
            let errors = answer["errors"]
                .as_object()
                .filter(|errors| !errors.is_empty());
            let errors = errors.ok_or_else(invalid)?.clone();
            let is_input = |id: &String| {
                view.blocks()
                    .iter()
                    .any(|one| one["block_id"] == *id && one["type"] == "input")
            };
            if !errors.keys().all(is_input) || !errors.values().all(Value::is_string) {
                return Err(invalid());
            }
            outcome.errors.clone_from(&errors);
            shared.write(|state| {
                if let Some(kept) = state.view_mut(&view.id) {
                    kept.errors = errors;
                }
            });
        }
        Some("update") => {
            change::check(&answer["view"], "modal").map_err(|error| error.error)?;
            shared.write(|state| {
                if let Some(mut kept) = state.view(&view.id).cloned() {
                    change::set_source(state, now, &mut kept, answer["view"].clone());
                    if let Some(place) = state.view_mut(&view.id) {
                        *place = kept;
                    }
                }
            });
        }
        Some("push") => {
            change::check(&answer["view"], "modal").map_err(|error| error.error)?;
            shared
                .write(|state| {
                    change::place_on_top(state, now, &view.person, answer["view"].clone())
                })
                .map_err(|error| error.error)?;
        }
        None | Some(_) => return Err(invalid()),
    }
    Ok(())
}

fn pop(state: &mut State, view: &View) {
    if let Some(stack) = state.stacks.get_mut(&view.person) {
        stack.retain(|one| one.id != view.id);
        if stack.is_empty() {
            state.stacks.remove(&view.person);
        }
    }
}

/// A person closes a modal; `view_closed` goes out where the view wants it.
pub(crate) async fn close(shared: &Shared, person: &str, view_id: &str) -> Outcome {
    let closed = shared.write(|state| {
        let person = able(state, person)?;
        let stack = state.stacks.get(&person).into_iter().flatten();
        let Some(view) = stack.into_iter().find(|view| view.id == view_id).cloned() else {
            return Err("view_not_found".to_owned());
        };
        // Everything above it goes too, and with `clear_on_close` everything.
        let all = view.flag("clear_on_close");
        if let Some(stack) = state.stacks.get_mut(&person) {
            let at = stack
                .iter()
                .position(|one| one.id == view.id)
                .unwrap_or_default();
            stack.truncate(if all { 0 } else { at });
            if stack.is_empty() {
                state.stacks.remove(&person);
            }
        }
        let mut payload = base(state, &person, "view_closed");
        payload["view"] = state.view_json(&view);
        payload["is_cleared"] = json!(all);
        Ok((view.flag("notify_on_close"), payload))
    });
    match closed {
        Ok((true, payload)) => {
            let (answered, took) = send(shared, &Payload::Interaction(payload), None).await;
            Outcome::of(answered, took)
        }
        Ok((false, _)) => Outcome {
            status: 200,
            ..Outcome::default()
        },
        Err(error) => Outcome::refused(&error),
    }
}
