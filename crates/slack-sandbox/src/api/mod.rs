//! The Web API: reads a call, applies faults, checks token and scopes, answers, logs.
//!
//! The methods themselves are in the rooms below and never touch HTTP.

mod args;
mod auth;
pub(crate) mod chat;
mod conversations;
mod error;
mod people;
mod tiers;
pub(crate) mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State as Extract};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

pub(crate) use args::Args;
pub(crate) use error::{Answer, ApiError};
pub(crate) use people::show as user_object;

use crate::fault::FaultKind;
use crate::server::Cut;
use crate::shared::Shared;
use crate::state::{Call, State};

/// What a method may know about its call.
pub(crate) struct Context<'a> {
    /// Microseconds since 1970.
    pub(crate) now: i64,
    pub(crate) base: &'a str,
    pub(crate) method: &'a str,
}

impl Context<'_> {
    pub(crate) fn seconds(&self) -> i64 {
        self.now.div_euclid(1_000_000)
    }
}

pub(crate) async fn serve(
    Extract(shared): Extract<Arc<Shared>>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = shared.write(|state| state.faults.take(&method));
    let args = Args::read(query.as_deref(), &headers, &body);
    let logged = args.as_ref().map_or(Value::Null, Args::without_token);
    match &fault {
        Some(FaultKind::Down) => {
            log(&shared, &method, logged, json!("connection cut"), 0);
            return Cut::response();
        }
        Some(FaultKind::RateLimited { retry_after }) => {
            return limited(&shared, &method, logged, *retry_after);
        }
        Some(FaultKind::ServerError { status }) => {
            log(&shared, &method, logged, json!("server error"), *status);
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            return (status, "upstream connect error or disconnect/reset").into_response();
        }
        _ => {}
    }
    let answer = answer(&shared, &method, &headers, args, fault.as_ref());
    if let Err(ApiError {
        retry_after: Some(seconds),
        ..
    }) = answer
    {
        return limited(&shared, &method, logged, seconds);
    }
    let body = answer.unwrap_or_else(ApiError::into_json);
    if fault == Some(FaultKind::DropAnswer) {
        log(&shared, &method, logged, body, 0);
        return Cut::response();
    }
    log(&shared, &method, logged, body.clone(), 200);
    if let Some(FaultKind::Slow { millis }) = fault {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    reply(&shared, &method, &body)
}

fn reply(shared: &Shared, method: &str, body: &Value) -> Response {
    let provided = shared.read().workspace.app.scopes.join(",");
    let mut response = axum::Json(body).into_response();
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("content-type", "application/json; charset=utf-8");
    set("x-oauth-scopes", &provided);
    set(
        "x-accepted-oauth-scopes",
        &auth::scopes_for(method).join(","),
    );
    response
}

fn limited(shared: &Shared, method: &str, args: Value, seconds: u64) -> Response {
    let body = json!({ "ok": false, "error": "ratelimited" });
    log(shared, method, args, body.clone(), 429);
    let retry = [(header::RETRY_AFTER, seconds.to_string())];
    (StatusCode::TOO_MANY_REQUESTS, retry, axum::Json(body)).into_response()
}

fn log(shared: &Shared, method: &str, args: Value, answer: Value, status: u16) {
    let at = shared.at();
    shared.write(|state| {
        state.log_call(Call {
            method: method.into(),
            args,
            answer,
            status,
            at,
        });
    });
}

fn answer(
    shared: &Shared,
    method: &str,
    headers: &HeaderMap,
    args: Result<Args, ApiError>,
    fault: Option<&FaultKind>,
) -> Answer {
    let args = args?;
    if !METHODS.contains(&method) {
        return Err(ApiError::new("unknown_method").with("req_method", json!(method)));
    }
    match fault {
        Some(FaultKind::Error { error }) => return Err(ApiError::named(error.clone())),
        Some(FaultKind::ExpiredTrigger) => return Err(ApiError::new("expired_trigger_id")),
        _ => {}
    }
    let context = Context {
        now: shared.clock.micros(),
        base: &shared.base,
        method,
    };
    shared.write(|state| {
        tiers::keep(state, &context)?;
        auth::check(state, method, headers, &args)?;
        call(state, &context, &args).map(|mut answer| {
            answer.insert("ok".into(), json!(true));
            Value::Object(answer)
        })
    })
}

/// Every method that exists here; the rest is `unknown_method`.
const METHODS: &[&str] = &[
    "api.test",
    "apps.connections.open",
    "auth.test",
    "blocks.validate",
    "chat.delete",
    "chat.getPermalink",
    "chat.postEphemeral",
    "chat.postMessage",
    "chat.update",
    "conversations.history",
    "conversations.info",
    "conversations.list",
    "conversations.members",
    "conversations.open",
    "conversations.replies",
    "usergroups.list",
    "usergroups.users.list",
    "users.info",
    "users.list",
    "users.lookupByEmail",
    "views.open",
    "views.publish",
    "views.push",
    "views.update",
];

type Fields = Map<String, Value>;

fn call(state: &mut State, context: &Context<'_>, args: &Args) -> Result<Fields, ApiError> {
    let answer = match context.method {
        "api.test" => auth::api_test(args),
        "apps.connections.open" => auth::open_connection(state, context),
        "auth.test" => Ok(auth::auth_test(state)),
        "blocks.validate" => chat::validate(args),
        "chat.delete" => chat::delete(state, args),
        "chat.getPermalink" => chat::permalink(state, args),
        "chat.postEphemeral" => chat::post_ephemeral(state, context, args),
        "chat.postMessage" => chat::post(state, context, args),
        "chat.update" => chat::update(state, context, args),
        "conversations.history" => conversations::history(state, args),
        "conversations.info" => conversations::info(state, args),
        "conversations.list" => conversations::list(state, args),
        "conversations.members" => conversations::members(state, args),
        "conversations.open" => conversations::open(state, context, args),
        "conversations.replies" => conversations::replies(state, args),
        "usergroups.list" => Ok(people::groups(state, args)),
        "usergroups.users.list" => people::group_users(state, args),
        "users.info" => people::info(state, context, args),
        "users.list" => people::list(state, context, args),
        "users.lookupByEmail" => people::by_email(state, context, args),
        "views.open" => views::open(state, context, args),
        "views.publish" => views::publish(state, context, args),
        "views.push" => views::push(state, context, args),
        "views.update" => views::update(state, context, args),
        _ => Err(ApiError::new("unknown_method")),
    }?;
    if let Value::Object(fields) = answer {
        Ok(fields)
    } else {
        Ok(Map::new())
    }
}
