//! The other end of a `response_url`: five uses in thirty minutes.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use crate::api::chat::{self, Content, Place};
use crate::api::{Args, Context};
use crate::fault::FaultKind;
use crate::server::Cut;
use crate::shared::Shared;
use crate::state::{Call, ResponseUrl, State};

const USES: u32 = 5;
const LIFETIME_MICROS: i64 = 30 * 60 * 1_000_000;

pub(crate) async fn serve(
    Extract(shared): Extract<Arc<Shared>>,
    Path((_, _, secret)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = shared.write(|state| state.faults.take("response_url"));
    let given: Value = payload(&headers, &body);
    let (status, answer) = match &fault {
        Some(FaultKind::Down) => (0, json!("connection cut")),
        Some(FaultKind::RateLimited { .. }) => {
            (429, json!({ "ok": false, "error": "rate_limited" }))
        }
        Some(FaultKind::ServerError { status }) => (*status, json!("server error")),
        Some(FaultKind::Error { error }) => (400, json!({ "ok": false, "error": error })),
        _ => match used(&shared, &secret, given.clone()) {
            Ok(()) => (200, json!({ "ok": true })),
            Err((status, error)) => (status, json!({ "ok": false, "error": error })),
        },
    };
    let at = shared.at();
    let cut = matches!(fault, Some(FaultKind::Down | FaultKind::DropAnswer));
    let logged = if cut { 0 } else { status };
    shared.write(|state| {
        let (method, answer) = ("response_url".to_owned(), answer.clone());
        state.log_call(Call {
            method,
            args: given,
            answer,
            status: logged,
            at,
        });
    });
    if cut {
        return Cut::response();
    }
    match fault {
        Some(FaultKind::Slow { millis }) => {
            tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
        }
        Some(FaultKind::RateLimited { retry_after }) => {
            let retry = [("retry-after", retry_after.to_string())];
            return (StatusCode::TOO_MANY_REQUESTS, retry, axum::Json(answer)).into_response();
        }
        _ => {}
    }
    (
        StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
        axum::Json(answer),
    )
        .into_response()
}

/// JSON, or a form's `payload`.
fn payload(headers: &HeaderMap, body: &[u8]) -> Value {
    let form = headers.get("content-type").is_some_and(|kind| {
        kind.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    if !form {
        return serde_json::from_slice(body).unwrap_or_default();
    }
    let mut pairs = url::form_urlencoded::parse(body);
    let payload = pairs
        .find(|(key, _)| key == "payload")
        .map(|(_, value)| value.into_owned());
    payload
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

type Refused = (u16, String);

fn used(shared: &Shared, secret: &str, given: Value) -> Result<(), Refused> {
    let now = shared.clock.micros();
    shared.write(|state| {
        let url = state.response_urls.get_mut(secret);
        let url = url.ok_or((404, "no_service".to_owned()))?;
        if now - url.made > LIFETIME_MICROS {
            return Err((404, "expired_url".into()));
        }
        if url.uses >= USES {
            return Err((404, "used_url".into()));
        }
        let Value::Object(given) = given else {
            return Err((400, "invalid_payload".into()));
        };
        url.uses += 1;
        let url = url.clone();
        let context = Context {
            now,
            base: &shared.base,
            method: "response_url",
        };
        answer(state, &context, &url, given)
    })
}

fn answer(
    state: &mut State,
    context: &Context<'_>,
    url: &ResponseUrl,
    given: Map<String, Value>,
) -> Result<(), Refused> {
    let args = Args::of(given);
    let original = url.original.as_deref();
    if args.flag("delete_original") {
        let ts = original.ok_or((404, "message_not_found".to_owned()))?;
        state
            .messages
            .retain(|message| !(message.channel == url.channel && message.ts == ts));
        return Ok(());
    }
    let refuse = |error: crate::api::ApiError| (400, error.error);
    let body = Content::read(&args, 40_000).map_err(refuse)?;
    if args.flag("replace_original")
        && let Some(ts) = original
    {
        let replaced = chat::replace(state, context, &url.channel, ts, body);
        return replaced
            .map(|_| ())
            .ok_or((404, "message_not_found".to_owned()));
    }
    let in_channel = args
        .text("response_type")
        .is_some_and(|kind| kind == "in_channel");
    let only = (!in_channel).then(|| url.person.clone());
    let thread_ts = args.text("thread_ts").or_else(|| url.thread_ts.clone());
    let place = Place {
        thread_ts,
        broadcast: false,
        only,
    };
    chat::add(state, context, &url.channel, body, place);
    Ok(())
}
