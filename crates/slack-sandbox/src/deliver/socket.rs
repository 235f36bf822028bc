//! Socket Mode: a single-use URL, envelopes over a WebSocket, acknowledgements.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State as Extract};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
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

/// One open connection.
#[derive(Debug)]
pub(crate) struct Link {
    id: String,
    frames: mpsc::UnboundedSender<Value>,
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
    let known = shared.write(|state| {
        let at = state.tickets.iter().position(|known| *known == ticket);
        at.map(|at| state.tickets.swap_remove(at)).is_some()
    });
    if !known {
        return (
            StatusCode::FORBIDDEN,
            "the URL was used before or never given out",
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

async fn run(shared: &Shared, socket: WebSocket) {
    let (mut out, mut incoming) = socket.split();
    let (frames, mut queue) = mpsc::unbounded_channel();
    let id = shared.write(State::secret);
    let full = {
        let mut links = lock(&shared.links);
        let full = links.len() >= LINKS;
        if !full {
            links.push(Link {
                id: id.clone(),
                frames,
            });
        }
        full
    };
    let first = if full {
        disconnect("too_many_websockets")
    } else {
        hello(shared)
    };
    let mut open = out.send(Frame::text(first.to_string())).await.is_ok() && !full;
    shared.write(|_| ());
    let mut ping = tokio::time::interval(PING);
    while open {
        tokio::select! {
            () = shared.stopped.cancelled() => break,
            _ = ping.tick() => open = out.send(Frame::Ping("ping".into())).await.is_ok(),
            frame = queue.recv() => {
                let Some(frame) = frame else { break };
                open = out.send(Frame::text(frame.to_string())).await.is_ok()
                    && (frame["type"] != "disconnect" || frame["reason"] == "warning");
            }
            frame = incoming.next() => match frame {
                Some(Ok(Frame::Text(text))) => acknowledged(shared, &text),
                Some(Ok(Frame::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    lock(&shared.links).retain(|link| link.id != id);
    let goodbye = CloseFrame {
        code: close_code::NORMAL,
        reason: "".into(),
    };
    let _ = out.send(Frame::Close(Some(goodbye))).await;
    shared.write(|_| ());
}

fn acknowledged(shared: &Shared, text: &str) {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let Some(id) = answer["envelope_id"].as_str() else {
        return;
    };
    if let Some(waiting) = lock(&shared.unacknowledged).remove(id) {
        let _ = waiting.send(answer.get("payload").cloned());
    }
}

/// How many connections the app holds now.
pub(crate) fn connections(shared: &Shared) -> usize {
    lock(&shared.links).len()
}

/// Ends every connection for this reason: `refresh_requested`, `link_disabled`. A `warning` only
/// says that the end is near.
pub(crate) fn disconnect_all(shared: &Shared, reason: &str) {
    let mut links = lock(&shared.links);
    for link in links.iter() {
        let _ = link.frames.send(disconnect(reason));
    }
    if reason != "warning" {
        links.clear();
    }
}

/// Sends to any one of the connections and waits for its acknowledgement.
pub(crate) async fn deliver(shared: &Shared, payload: &Payload) -> Result<Answered, Failure> {
    let (kind, body, answers) = match payload {
        Payload::Command(fields) => {
            let fields: Map<_, _> = fields
                .iter()
                .map(|(key, value)| ((*key).to_owned(), json!(value)))
                .collect();
            ("slash_commands", Value::Object(fields), true)
        }
        Payload::Interaction(body) => (
            "interactive",
            body.clone(),
            body["type"] == "view_submission",
        ),
        Payload::Event(body) => ("events_api", body.clone(), false),
    };
    let (sender, acknowledgement) = oneshot::channel();
    let id = shared.write(State::secret);
    lock(&shared.unacknowledged).insert(id.clone(), sender);
    let envelope = json!({
        "envelope_id": id, "type": kind, "accepts_response_payload": answers, "payload": body,
    });
    let sent = {
        let mut links = lock(&shared.links);
        // The next one in turn, so that an app with several connections uses them all.
        if !links.is_empty() {
            links.rotate_left(1);
        }
        links
            .last()
            .is_some_and(|link| link.frames.send(envelope).is_ok())
    };
    let answered = if sent {
        match tokio::time::timeout(ACK, acknowledgement).await {
            Ok(Ok(payload)) => {
                let body = payload.filter(|payload| answers && !payload.is_null());
                let text = |payload: Value| {
                    payload
                        .as_str()
                        .map_or_else(|| payload.to_string(), str::to_owned)
                };
                let body = body.map(text);
                Ok(Answered {
                    status: 200,
                    body: body.unwrap_or_default(),
                    no_retry: false,
                })
            }
            Ok(Err(_)) => Err(Failure::DispatchFailed),
            Err(_) => Err(Failure::OperationTimeout),
        }
    } else {
        Err(Failure::DispatchFailed)
    };
    lock(&shared.unacknowledged).remove(&id);
    answered
}
