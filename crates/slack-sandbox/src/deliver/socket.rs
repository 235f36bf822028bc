//! Socket Mode: a single-use URL, envelopes over a WebSocket, acknowledgements.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State as Extract};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{ACK, Answered, Failure, Payload};
use crate::shared::{Shared, lock};
use crate::state::State;

/// An app may hold this many connections.
const LINKS: usize = 10;
const PING: Duration = Duration::from_secs(10);
/// A URL that isn't used within this is worth nothing any more.
const TICKET_MICROS: i64 = 30_000_000;
/// Between a warning and the end of the connection.
const WARNED_MICROS: i64 = 10_000_000;

/// One open connection.
#[derive(Debug)]
pub(crate) struct Link {
    id: String,
    orders: mpsc::UnboundedSender<Order>,
}

/// What a connection is told to do.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Send(Value),
    /// Hang, as a machine does that lost its network.
    Freeze,
    /// Break, without a goodbye.
    Cut,
}

/// An envelope that waits for its acknowledgement.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// The connection that it went over.
    link: String,
    /// Whether an answer may come with it.
    answers: bool,
    acknowledged: oneshot::Sender<Option<Value>>,
}

#[derive(Deserialize)]
pub(crate) struct Ticket {
    ticket: String,
}

pub(crate) async fn serve(
    Extract(shared): Extract<Arc<Shared>>,
    Query(Ticket { ticket }): Query<Ticket>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let now = shared.clock.micros();
    let known = shared.write(|state| {
        let at = state.tickets.iter().position(|(known, _)| *known == ticket);
        at.map(|at| state.tickets.swap_remove(at))
            .is_some_and(|(_, given)| now - given <= TICKET_MICROS)
    });
    if !known {
        return (
            StatusCode::FORBIDDEN,
            "the URL was used before, is too old, or was never given out",
        )
            .into_response();
    }
    upgrade.on_upgrade(move |socket| async move { run(&shared, socket).await })
}

fn hello(shared: &Shared) -> Value {
    let connections = lock(&shared.links).len();
    json!({
        "type": "hello",
        "num_connections": connections,
        "debug_info": {
            "host": "applink-sandbox", "build_number": 1, "approximate_connection_time": 18060,
        },
        "connection_info": { "app_id": shared.read().workspace.app.id },
    })
}

fn disconnect(reason: &str) -> Value {
    json!({ "type": "disconnect", "reason": reason, "debug_info": { "host": "applink-sandbox" } })
}

async fn run(shared: &Shared, mut socket: WebSocket) {
    let (orders, queue) = mpsc::unbounded_channel();
    let id = shared.write(State::secret);
    let full = {
        let mut links = lock(&shared.links);
        let full = links.len() >= LINKS;
        if !full {
            links.push(Link {
                id: id.clone(),
                orders,
            });
        }
        full
    };
    let first = if full {
        disconnect("too_many_websockets")
    } else {
        hello(shared)
    };
    let open = socket.send(Frame::text(first.to_string())).await.is_ok() && !full;
    shared.write(|_| ());
    let politely = !open || talk(shared, &id, &mut socket, queue).await;
    lock(&shared.links).retain(|link| link.id != id);
    if politely {
        let goodbye = CloseFrame {
            code: close_code::NORMAL,
            reason: "".into(),
        };
        let _ = socket.send(Frame::Close(Some(goodbye))).await;
    }
    shared.write(|_| ());
}

/// Until one side ends it; true where a goodbye is still to be said.
async fn talk(
    shared: &Shared,
    id: &str,
    socket: &mut WebSocket,
    mut orders: mpsc::UnboundedReceiver<Order>,
) -> bool {
    let mut ping = tokio::time::interval(PING);
    let mut unanswered = 0;
    let mut warned = None;
    loop {
        let close_at = async {
            match warned {
                Some(due) => shared.clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.stopped.cancelled() => return true,
            () = close_at => return true,
            _ = ping.tick() => {
                unanswered += 1;
                if unanswered > 3 {
                    mistake(shared, "pings stayed unanswered".into());
                    return true;
                }
                if socket.send(Frame::Ping("ping".into())).await.is_err() {
                    return false;
                }
            }
            order = orders.recv() => match order {
                Some(Order::Send(frame)) => {
                    if socket.send(Frame::text(frame.to_string())).await.is_err() {
                        return false;
                    }
                    match (frame["type"].as_str(), frame["reason"].as_str()) {
                        (Some("disconnect"), Some("warning")) => {
                            warned = Some(shared.clock.micros() + WARNED_MICROS);
                        }
                        (Some("disconnect"), _) => return true,
                        _ => {}
                    }
                }
                Some(Order::Freeze) => {
                    // Held open, and dead.
                    shared.stopped.cancelled().await;
                    return false;
                }
                Some(Order::Cut) | None => return false,
            },
            frame = socket.recv() => match frame {
                Some(Ok(Frame::Text(text))) => acknowledged(shared, id, &text),
                Some(Ok(Frame::Pong(_))) => unanswered = 0,
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return false,
                Some(Ok(_)) => {}
            },
        }
    }
}

fn mistake(shared: &Shared, what: String) {
    tracing::warn!(what, "a mistake over Socket Mode");
    lock(&shared.socket_mistakes).push(what);
}

fn acknowledged(shared: &Shared, link: &str, text: &str) {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let Some(id) = answer["envelope_id"].as_str() else {
        mistake(shared, format!("no acknowledgement: {text}"));
        return;
    };
    let waiting = lock(&shared.unacknowledged).remove(id);
    let Some(waiting) = waiting else {
        let what = format!("{id} isn't waiting: unknown, acknowledged already, or too late");
        mistake(shared, what);
        return;
    };
    if waiting.link != link {
        mistake(shared, format!("{id} was acknowledged elsewhere"));
    }
    let payload = answer.get("payload").filter(|payload| !payload.is_null());
    if payload.is_some() && !waiting.answers {
        mistake(shared, format!("{id} takes no answer"));
    }
    let payload = payload.filter(|_| waiting.answers).cloned();
    let _ = waiting.acknowledged.send(payload);
}

/// How many connections the app holds now.
pub(crate) fn connections(shared: &Shared) -> usize {
    lock(&shared.links).len()
}

/// Ends every connection for this reason: `refresh_requested`, `link_disabled`. A `warning` says
/// that the end is ten seconds away.
pub(crate) fn disconnect_all(shared: &Shared, reason: &str) {
    let mut links = lock(&shared.links);
    for link in links.iter() {
        let _ = link.orders.send(Order::Send(disconnect(reason)));
    }
    if reason != "warning" {
        links.clear();
    }
}

/// The same for the oldest one.
pub(crate) fn disconnect_one(shared: &Shared, reason: &str) {
    let mut links = lock(&shared.links);
    if let Some(link) = links.first() {
        let _ = link.orders.send(Order::Send(disconnect(reason)));
        if reason != "warning" {
            links.remove(0);
        }
    }
}

/// Frozen ones still get payloads: nobody knows yet that they are dead.
pub(crate) fn order_all(shared: &Shared, order: &Order) {
    let mut links = lock(&shared.links);
    for link in links.iter() {
        let _ = link.orders.send(order.clone());
    }
    if matches!(order, Order::Cut) {
        links.clear();
    }
}

/// What an envelope says of its payload: type, payload, whether an answer is taken.
fn contents(payload: &Payload) -> (&'static str, Value, bool) {
    match payload {
        Payload::Command(fields) => {
            let fields: Map<_, _> = fields
                .iter()
                .map(|(key, value)| (key.clone(), json!(value)))
                .collect();
            ("slash_commands", Value::Object(fields), true)
        }
        Payload::Interaction(body) => {
            let answers = ["view_submission", "block_suggestion"];
            let answers = answers.iter().any(|kind| body["type"] == *kind);
            ("interactive", body.clone(), answers)
        }
        Payload::Event(body) => ("events_api", body.clone(), false),
    }
}

/// Sends to any one of the connections and waits for its acknowledgement.
pub(crate) async fn deliver(
    shared: &Shared,
    payload: &Payload,
    retry: Option<&(u8, String)>,
) -> Result<Answered, Failure> {
    let (kind, body, answers) = contents(payload);
    let id = shared.write(State::secret);
    let mut envelope = json!({
        "envelope_id": id, "type": kind, "accepts_response_payload": answers, "payload": body,
    });
    if kind == "events_api" {
        envelope["retry_attempt"] = json!(retry.map_or(0, |(number, _)| *number));
        envelope["retry_reason"] = json!(retry.map_or("", |(_, reason)| reason));
    }
    let Some(acknowledgement) = sent(shared, &id, envelope, answers) else {
        return Err(Failure::DispatchFailed);
    };
    let answered = match tokio::time::timeout(ACK, acknowledgement).await {
        Ok(Ok(payload)) => {
            let text = |payload: Value| {
                payload
                    .as_str()
                    .map_or_else(|| payload.to_string(), str::to_owned)
            };
            Ok(Answered {
                status: 200,
                body: payload.map(text).unwrap_or_default(),
                no_retry: false,
            })
        }
        Ok(Err(_)) => Err(Failure::DispatchFailed),
        Err(_) => Err(Failure::OperationTimeout),
    };
    lock(&shared.unacknowledged).remove(&id);
    answered
}

/// Over the next connection in turn, so that an app with several uses them all.
fn sent(
    shared: &Shared,
    id: &str,
    envelope: Value,
    answers: bool,
) -> Option<oneshot::Receiver<Option<Value>>> {
    let mut links = lock(&shared.links);
    if !links.is_empty() {
        links.rotate_left(1);
    }
    let link = links.last()?;
    let (acknowledged, waits) = oneshot::channel();
    let waiting = Envelope {
        link: link.id.clone(),
        answers,
        acknowledged,
    };
    lock(&shared.unacknowledged).insert(id.to_owned(), waiting);
    let left = link.orders.send(Order::Send(envelope)).is_ok();
    if !left {
        lock(&shared.unacknowledged).remove(id);
    }
    left.then_some(waits)
}
