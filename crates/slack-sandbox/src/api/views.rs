//! `views.*`, and the same changes made by the answer to a submission.

use serde_json::{Map, Value, json};

use super::{Answer, ApiError, Args, Context};
use crate::blocks;
use crate::state::State;
use crate::view::View;

/// A `trigger_id` lives three seconds.
pub(crate) const TRIGGER_MICROS: i64 = 3_000_000;
/// Modals on top of each other.
pub(crate) const STACK: usize = 3;
const VIEW_BYTES: usize = 256_000;

/// The view of a call, checked. `home` or `modal` is what the method can show.
fn read(args: &Args, kind: &str) -> Result<Value, ApiError> {
    let view = match args.json("view") {
        None => return Err(ApiError::missing("view")),
        Some(Ok(view @ Value::Object(_))) => view,
        Some(_) => {
            let message = "[ERROR] must provide an object [json-pointer:/view]";
            return Err(ApiError::arguments(vec![message.into()]));
        }
    };
    check(&view, kind)?;
    Ok(view)
}

/// Size, type and blocks of a view.
pub(crate) fn check(view: &Value, kind: &str) -> Result<(), ApiError> {
    if view.to_string().len() > VIEW_BYTES {
        return Err(ApiError::new("view_too_large"));
    }
    let mut mistakes = blocks::check_view(view);
    if view["type"].is_string() && view["type"] != kind {
        mistakes.push(format!(
            "[ERROR] expected a view of type {kind} [json-pointer:/view/type]"
        ));
    }
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(ApiError::arguments(mistakes))
    }
}

fn take_trigger(
    state: &mut State,
    context: &Context<'_>,
    args: &Args,
) -> Result<(String, Option<String>), ApiError> {
    let id = args.require("trigger_id")?;
    let trigger = state
        .triggers
        .get_mut(&id)
        .ok_or_else(|| ApiError::new("invalid_trigger_id"))?;
    if trigger.used {
        return Err(ApiError::new("exchanged_trigger_id"));
    }
    if context.now - trigger.made > TRIGGER_MICROS {
        return Err(ApiError::new("expired_trigger_id"));
    }
    trigger.used = true;
    Ok((trigger.person.clone(), trigger.view.clone()))
}

fn unique_external_id(state: &State, view: &Value, but: Option<&str>) -> Result<(), ApiError> {
    let Some(external) = view["external_id"].as_str().filter(|id| !id.is_empty()) else {
        return Ok(());
    };
    let mut open = state.stacks.values().flatten().chain(state.homes.values());
    if open.any(|other| other.external_id() == external && Some(other.id.as_str()) != but) {
        return Err(ApiError::new("duplicate_external_id"));
    }
    Ok(())
}

/// A new view on somebody's screen, not placed yet.
pub(crate) fn make(
    state: &mut State,
    now: i64,
    person: &str,
    source: Value,
    below: Option<&View>,
) -> View {
    let id = state.new_id("V");
    let mut view = View {
        id: id.clone(),
        person: person.into(),
        root_view_id: below.map_or(id, |below| below.root_view_id.clone()),
        previous_view_id: below.map(|below| below.id.clone()),
        kind: source["type"].as_str().unwrap_or("modal").into(),
        hash: String::new(),
        source: Value::Null,
        state: Map::new(),
        errors: Map::new(),
    };
    set_source(state, now, &mut view, source);
    view
}

/// Replaces what a view shows; typed values survive where block and action ids do.
pub(crate) fn set_source(state: &mut State, now: i64, view: &mut View, mut source: Value) {
    if let Some(given) = source["blocks"].as_array_mut() {
        *given = blocks::stored(std::mem::take(given));
    }
    view.hash = format!("{}.{}", now / 1_000_000, &state.secret()[..8]);
    view.source = source;
    view.errors.clear();
    view.state = blocks::values::surviving(view.blocks(), &view.state);
}

pub(crate) fn open(state: &mut State, context: &Context<'_>, args: &Args) -> Answer {
    let source = read(args, "modal")?;
    unique_external_id(state, &source, None)?;
    let (person, _) = take_trigger(state, context, args)?;
    let view = make(state, context.now, &person, source, None);
    let shown = state.view_json(&view);
    state.stacks.insert(person, vec![view]);
    Ok(json!({ "view": shown }))
}

pub(crate) fn push(state: &mut State, context: &Context<'_>, args: &Args) -> Answer {
    let source = read(args, "modal")?;
    unique_external_id(state, &source, None)?;
    let (person, from) = take_trigger(state, context, args)?;
    let stack = state.stacks.get(&person);
    let known = from.is_some_and(|from| stack.is_some_and(|s| s.iter().any(|v| v.id == from)));
    if !known {
        return Err(ApiError::new("not_found"));
    }
    let view = place_on_top(state, context.now, &person, source)?;
    Ok(json!({ "view": state.view_json(&view) }))
}

/// Puts a modal on top of a person's stack.
pub(crate) fn place_on_top(
    state: &mut State,
    now: i64,
    person: &str,
    source: Value,
) -> Result<View, ApiError> {
    let below = state
        .stacks
        .get(person)
        .and_then(|stack| stack.last())
        .cloned();
    if state
        .stacks
        .get(person)
        .is_some_and(|stack| stack.len() >= STACK)
    {
        return Err(ApiError::new("push_limit_reached"));
    }
    let view = make(state, now, person, source, below.as_ref());
    state
        .stacks
        .entry(person.into())
        .or_default()
        .push(view.clone());
    Ok(view)
}

pub(crate) fn update(state: &mut State, context: &Context<'_>, args: &Args) -> Answer {
    let external = args.text("external_id");
    let id = match (args.text("view_id"), &external) {
        (Some(id), _) => id,
        (None, Some(external)) => state
            .stacks
            .values()
            .flatten()
            .find(|view| view.external_id() == external)
            .map(|view| view.id.clone())
            .ok_or_else(|| ApiError::new("not_found"))?,
        (None, None) => return Err(ApiError::missing("view_id")),
    };
    let mut view = state
        .view(&id)
        .cloned()
        .ok_or_else(|| ApiError::new("not_found"))?;
    let source = read(args, &view.kind)?;
    unique_external_id(state, &source, Some(&id))?;
    if args.text("hash").is_some_and(|hash| hash != view.hash) {
        return Err(ApiError::new("hash_conflict"));
    }
    set_source(state, context.now, &mut view, source);
    let shown = state.view_json(&view);
    if let Some(kept) = state.view_mut(&id) {
        *kept = view;
    }
    Ok(json!({ "view": shown }))
}

pub(crate) fn publish(state: &mut State, context: &Context<'_>, args: &Args) -> Answer {
    let person = args.require("user_id")?;
    let source = read(args, "home")?;
    if state.person(&person).is_none() {
        return Err(ApiError::arguments(vec!["[ERROR] user_not_found".into()]));
    }
    let before = state.homes.get(&person).cloned();
    unique_external_id(state, &source, before.as_ref().map(|view| view.id.as_str()))?;
    let outdated = |before: &View| args.text("hash").is_some_and(|hash| hash != before.hash);
    if before.as_ref().is_some_and(outdated) {
        return Err(ApiError::new("hash_conflict"));
    }
    let view = match before {
        Some(mut view) => {
            set_source(state, context.now, &mut view, source);
            view
        }
        None => make(state, context.now, &person, source, None),
    };
    let shown = state.view_json(&view);
    state.homes.insert(person, view);
    Ok(json!({ "view": shown }))
}
