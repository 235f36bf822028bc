//! The same verbs over HTTP, as JSON, under `/sandbox`: for the page and for tests in any language.
//!
//! Answers nobody from another web page: a request with a foreign `Origin` is refused.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, Request, State as Extract};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::Stream;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::deliver::actions::{self, Act, Target};
use crate::deliver::{Outcome, commands, events, socket, views};
use crate::fault::{Fault, FaultId};
use crate::message::Message;
use crate::shared::Shared;
use crate::state::{State, dm_id};
use crate::workspace::RequestUrls;

type Ctx = Extract<Arc<Shared>>;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/type", post(type_text))
        .route("/act", post(act))
        .route("/submit", post(submit))
        .route("/close", post(close))
        .route("/shortcut", post(shortcut))
        .route("/home", post(open_home))
        .route("/messages", get(messages))
        .route("/ephemerals", get(ephemerals))
        .route("/views", get(open_views))
        .route("/people/{id}", post(set_person))
        .route("/faults", get(faults).post(set_fault).delete(clear_faults))
        .route("/calls", get(calls))
        .route("/deliveries", get(deliveries))
        .route("/clock", get(clock).post(set_clock))
        .route("/urls", post(set_urls))
        .route("/verify", post(verify))
        .route("/sockets/disconnect", post(disconnect))
        .route("/changes", get(changes))
        .layer(middleware::from_fn(same_origin))
}

/// The page's own requests carry its origin, tests carry none.
async fn same_origin(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let foreign = headers
        .get(header::ORIGIN)
        .is_some_and(|origin| origin.as_bytes() != format!("http://{host}").as_bytes());
    if foreign {
        return (StatusCode::FORBIDDEN, "another page's request").into_response();
    }
    next.run(request).await
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "as")]
    person: String,
    /// Empty: the person's DM with the app.
    #[serde(default)]
    channel: String,
    text: String,
    thread_ts: Option<String>,
}

async fn type_text(Extract(shared): Ctx, Json(typed): Json<Typed>) -> Json<Outcome> {
    let channel = if typed.channel.is_empty() {
        dm_id(&typed.person)
    } else {
        typed.channel
    };
    let thread = typed.thread_ts.as_deref();
    Json(commands::typed(&shared, &typed.person, &channel, &typed.text, thread).await)
}

#[derive(Deserialize)]
struct Acted {
    #[serde(rename = "as")]
    person: String,
    channel: Option<String>,
    ts: Option<String>,
    view_id: Option<String>,
    block_id: Option<String>,
    action_id: String,
    #[serde(default)]
    value: Value,
}

async fn act(Extract(shared): Ctx, Json(acted): Json<Acted>) -> Json<Outcome> {
    let target = match (&acted.view_id, &acted.channel, &acted.ts) {
        (Some(id), _, _) => Target::View { id },
        (None, Some(channel), Some(ts)) => Target::Message { channel, ts },
        _ => return Json(Outcome::refused("missing channel and ts, or view_id")),
    };
    let act = Act {
        block_id: acted.block_id.as_deref(),
        action_id: &acted.action_id,
        value: &acted.value,
    };
    Json(actions::act(&shared, &acted.person, target, act).await)
}

#[derive(Deserialize)]
struct Viewed {
    #[serde(rename = "as")]
    person: String,
    view_id: String,
    #[serde(default)]
    values: Value,
}

async fn submit(Extract(shared): Ctx, Json(viewed): Json<Viewed>) -> Json<Outcome> {
    Json(views::submit(&shared, &viewed.person, &viewed.view_id, &viewed.values).await)
}

async fn close(Extract(shared): Ctx, Json(viewed): Json<Viewed>) -> Json<Outcome> {
    Json(views::close(&shared, &viewed.person, &viewed.view_id).await)
}

#[derive(Deserialize)]
struct Started {
    #[serde(rename = "as")]
    person: String,
    #[serde(default)]
    callback_id: String,
}

async fn shortcut(Extract(shared): Ctx, Json(started): Json<Started>) -> Json<Outcome> {
    Json(actions::shortcut(&shared, &started.person, &started.callback_id).await)
}

async fn open_home(Extract(shared): Ctx, Json(started): Json<Started>) -> Json<Value> {
    let known = shared
        .read()
        .person(&started.person)
        .is_some_and(|person| !person.deleted);
    if known {
        events::home_opened(&shared, &started.person);
    }
    Json(json!({ "ok": known }))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "as", default)]
    person: String,
    #[serde(default)]
    channel: String,
    ts: Option<String>,
}

/// A message with what reads well in a test.
fn shown(message: &Message) -> Value {
    let mut shown = serde_json::to_value(message).unwrap_or_default();
    shown["plain"] = json!(message.plain());
    shown["buttons"] = json!(message.buttons());
    shown["action_ids"] = json!(message.action_ids());
    shown
}

/// `?channel=…` with or without `&ts=…` of a thread; `?as=…` alone is the DM with the app.
async fn messages(Extract(shared): Ctx, Query(asked): Query<Asked>) -> Json<Value> {
    let state = shared.read();
    let dm = dm_id(&asked.person);
    let channel = if asked.channel.is_empty() {
        &dm
    } else {
        &asked.channel
    };
    let id = state
        .find_conversation(channel)
        .map(|found| found.id.clone());
    let found: Vec<_> = state
        .messages
        .iter()
        .filter(|message| Some(&message.channel) == id.as_ref() && message.ephemeral_to.is_none())
        .filter(|message| match &asked.ts {
            Some(ts) => message.ts == *ts || message.thread_ts.as_ref() == Some(ts),
            None => !message.is_reply() || message.broadcast,
        })
        .map(shown)
        .collect();
    Json(json!({ "messages": found }))
}

async fn ephemerals(Extract(shared): Ctx, Query(asked): Query<Asked>) -> Json<Value> {
    let state = shared.read();
    let id = state
        .find_person(&asked.person)
        .map(|person| person.id.clone());
    let mine = |message: &&Message| id.is_some() && message.ephemeral_to == id;
    let found: Vec<_> = state.messages.iter().filter(mine).map(shown).collect();
    Json(json!({ "messages": found }))
}

async fn open_views(Extract(shared): Ctx, Query(asked): Query<Asked>) -> Json<Value> {
    let state = shared.read();
    let id = state
        .find_person(&asked.person)
        .map(|person| person.id.clone())
        .unwrap_or_default();
    let views = state.stacks.get(&id).cloned().unwrap_or_default();
    Json(json!({ "views": views, "home": state.homes.get(&id) }))
}

/// Takes the fields of a person that shall change.
async fn set_person(
    Extract(shared): Ctx,
    Path(id): Path<String>,
    Json(change): Json<Value>,
) -> Response {
    let changed = shared.write(|state: &mut State| {
        let person = state
            .workspace
            .people
            .iter_mut()
            .find(|person| person.id == id)?;
        let mut value = serde_json::to_value(&*person).ok()?;
        for (key, field) in change.as_object()? {
            value[key] = field.clone();
        }
        value["id"] = json!(id);
        *person = serde_json::from_value(value).ok()?;
        Some(())
    });
    if changed.is_none() {
        return (StatusCode::BAD_REQUEST, "no such person or field").into_response();
    }
    events::person_changed(&shared, &id);
    Json(json!({ "ok": true })).into_response()
}

async fn faults(Extract(shared): Ctx) -> Json<Value> {
    Json(json!({ "faults": shared.read().faults.report() }))
}

async fn set_fault(Extract(shared): Ctx, Json(fault): Json<Fault>) -> Json<Value> {
    Json(json!({ "id": shared.write(|state| state.faults.arm(fault)) }))
}

#[derive(Deserialize)]
struct Which {
    id: Option<FaultId>,
}

async fn clear_faults(Extract(shared): Ctx, Query(which): Query<Which>) -> Json<Value> {
    shared.write(|state| match which.id {
        Some(id) => state.faults.disarm(id),
        None => state.faults.clear(),
    });
    Json(json!({ "ok": true }))
}

#[derive(Deserialize)]
struct Only {
    method: Option<String>,
}

async fn calls(Extract(shared): Ctx, Query(only): Query<Only>) -> Json<Value> {
    let state = shared.read();
    let wanted = |method: &str| only.method.as_deref().is_none_or(|only| only == method);
    let calls: Vec<_> = state
        .calls
        .iter()
        .filter(|call| wanted(&call.method))
        .collect();
    Json(json!({ "calls": calls }))
}

async fn deliveries(Extract(shared): Ctx) -> Json<Value> {
    Json(json!({ "deliveries": shared.read().deliveries }))
}

async fn clock(Extract(shared): Ctx) -> Json<Value> {
    Json(json!({ "now": shared.at(), "offset_seconds": shared.clock.offset_seconds() }))
}

#[derive(Deserialize)]
struct Offset {
    offset_seconds: i64,
}

async fn set_clock(Extract(shared): Ctx, Json(offset): Json<Offset>) -> Json<Value> {
    shared.clock.set_offset(offset.offset_seconds);
    shared.write(|_| ());
    Json(json!({ "now": shared.at(), "offset_seconds": shared.clock.offset_seconds() }))
}

async fn set_urls(Extract(shared): Ctx, Json(urls): Json<RequestUrls>) -> Json<Value> {
    shared.write(|state| state.workspace.app.urls = urls);
    Json(json!({ "ok": true }))
}

async fn verify(Extract(shared): Ctx) -> Json<Outcome> {
    Json(events::verify_url(&shared).await)
}

#[derive(Deserialize)]
struct Reason {
    reason: String,
}

async fn disconnect(Extract(shared): Ctx, Json(reason): Json<Reason>) -> Json<Value> {
    socket::disconnect_all(&shared, &reason.reason);
    Json(json!({ "ok": true }))
}

/// Server-sent events: the number of changes so far, at once and after every change.
async fn changes(Extract(shared): Ctx) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut changed = shared.changed.subscribe();
    changed.mark_changed();
    let stream = futures_util::stream::unfold(changed, |mut changed| async move {
        changed.changed().await.ok()?;
        let version = *changed.borrow_and_update();
        Some((Ok(Event::default().data(version.to_string())), changed))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}
