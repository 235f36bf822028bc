//! Whether the program is alive, whether it can do its work, and its figures.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::Front;

/// Whoever asks must get an answer also while something hangs.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process runs and answers; nothing else is claimed.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// 200 where database, Slack token and worker are fine, else 503; each with its sentence. Socket Mode, channels, lanes and
/// the record are told beside them: a connection that is missing, a channel that was archived, a target that is away, or a
/// record that is older than its anchor, must not take the bot out of service.
pub(super) async fn ready(State(front): State<Arc<Front>>) -> Response {
    let vitals = &front.vitals;
    let (database, slack, channels) = tokio::join!(
        bounded(vitals.database()),
        bounded(vitals.slack()),
        bounded(vitals.channels())
    );
    let worker = vitals.worker();
    let well = database.is_ok() && slack.is_ok() && worker.is_ok();
    let status = if well {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut body = json!({
        "ready": well,
        "database": shown(database),
        "slack": shown(slack),
        "worker": shown(worker),
        "channels": shown(channels),
        "lanes": shown(vitals.lanes()),
        "record": shown(vitals.record()),
    });
    if let Some(socket) = vitals.socket() {
        body["socket"] = shown(socket);
    }
    (status, Json(body)).into_response()
}

async fn bounded(check: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    tokio::time::timeout(PATIENCE, check)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
}

fn shown(found: Result<(), String>) -> Value {
    match found {
        Ok(()) => json!({ "ok": true }),
        Err(why) => json!({ "ok": false, "why": why }),
    }
}

/// In the `OpenMetrics` text format.
pub(super) async fn metrics(State(front): State<Arc<Front>>) -> Response {
    let ledger = tokio::time::timeout(PATIENCE, front.vitals.ledger()).await;
    let Ok(Some(ledger)) = ledger else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    match front.metrics.text(&ledger) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the metrics can't be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
