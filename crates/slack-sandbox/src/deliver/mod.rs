//! What Slack sends to the app: commands, interactions, events; signed, within three seconds.
//!
//! Every delivery goes through [`send`], by HTTP or over a Socket Mode link, and is logged. The
//! rooms below decide what is sent and what the answer means.

pub(crate) mod actions;
pub(crate) mod commands;
pub(crate) mod events;
mod outcome;
pub(crate) mod response_url;
mod sign;
pub(crate) mod socket;
pub(crate) mod views;

use std::time::{Duration, Instant};

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::form_urlencoded;

pub use outcome::Outcome;

use crate::shared::{Shared, client};
use crate::state::{State, bounded};

/// Slack waits three seconds.
const ACK: Duration = Duration::from_secs(3);
const ANSWER_LIMIT: usize = 1024 * 1024;

/// Which of the app's request URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    Commands,
    Interactivity,
    Events,
}

/// One thing sent to the app, as the log keeps it.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    pub route: Route,
    pub content_type: String,
    pub body: String,
    /// The signed Unix time; empty over Socket Mode, like the signature.
    pub timestamp: String,
    pub signature: String,
    /// `X-Slack-Retry-Num` and `X-Slack-Retry-Reason`.
    pub retry: Option<(u8, String)>,
    /// 0 when there was no answer.
    pub status: u16,
    pub answer: String,
    /// `operation_timeout` or `dispatch_failed`.
    pub failure: Option<String>,
    /// Unix seconds with fraction, by the sandbox's clock.
    pub at: f64,
}

/// What is to be delivered.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    /// A command's fields, in Slack's order.
    Command(Vec<(String, String)>),
    Interaction(Value),
    Event(Value),
}

impl Payload {
    fn route(&self) -> Route {
        match self {
            Self::Command(_) => Route::Commands,
            Self::Interaction(_) => Route::Interactivity,
            Self::Event(_) => Route::Events,
        }
    }

    fn body(&self) -> (&'static str, String) {
        const FORM: &str = "application/x-www-form-urlencoded";
        match self {
            Self::Command(fields) => (
                FORM,
                form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(fields)
                    .finish(),
            ),
            Self::Interaction(payload) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                (
                    FORM,
                    form.append_pair("payload", &payload.to_string()).finish(),
                )
            }
            Self::Event(event) => ("application/json", event.to_string()),
        }
    }
}

/// The app's answer, whatever its status.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) no_retry: bool,
}

/// Why there is no answer, in the words that people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    OperationTimeout,
    DispatchFailed,
}

impl Failure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OperationTimeout => "operation_timeout",
            Self::DispatchFailed => "dispatch_failed",
        }
    }
}

/// Delivers by the app's way, and logs.
pub(crate) async fn send(
    shared: &Shared,
    payload: &Payload,
    retry: Option<(u8, String)>,
) -> (Result<Answered, Failure>, Duration) {
    let begun = Instant::now();
    let (content_type, body) = payload.body();
    let mut delivery = Delivery {
        route: payload.route(),
        content_type: content_type.into(),
        body,
        timestamp: String::new(),
        signature: String::new(),
        retry,
        status: 0,
        answer: String::new(),
        failure: None,
        at: shared.at(),
    };
    let socket_mode = shared.read().workspace.app.socket_mode;
    let answered = if socket_mode {
        socket::deliver(shared, payload, delivery.retry.as_ref()).await
    } else {
        let secret = shared.read().workspace.app.signing_secret.clone();
        delivery.timestamp = shared.clock.seconds().to_string();
        delivery.signature = sign::sign(&secret, &delivery.timestamp, delivery.body.as_bytes());
        post(shared, &delivery).await
    };
    log(shared, delivery, &answered);
    (answered, begun.elapsed())
}

fn log(shared: &Shared, mut delivery: Delivery, answered: &Result<Answered, Failure>) {
    match answered {
        Ok(answered) => {
            delivery.status = answered.status;
            delivery.answer.clone_from(&answered.body);
        }
        Err(failure) => delivery.failure = Some(failure.name().into()),
    }
    shared.write(|state| bounded(&mut state.deliveries, delivery));
}

/// Sends a delivery once more exactly as it was, signature and all.
pub(crate) async fn replay(shared: &Shared, delivery: &Delivery) -> Outcome {
    let begun = Instant::now();
    let answered = post(shared, delivery).await;
    log(shared, delivery.clone(), &answered);
    Outcome::of(answered, begun.elapsed())
}

fn request_url(state: &State, route: Route) -> Option<String> {
    let urls = &state.workspace.app.urls;
    match route {
        Route::Commands => urls.commands.clone(),
        Route::Interactivity => urls.interactivity.clone(),
        Route::Events => urls.events.clone(),
    }
}

async fn post(shared: &Shared, delivery: &Delivery) -> Result<Answered, Failure> {
    let url = request_url(&shared.read(), delivery.route).ok_or(Failure::DispatchFailed)?;
    let client = client().ok_or(Failure::DispatchFailed)?;
    let mut request = client
        .post(url)
        .timeout(ACK)
        .header("content-type", &delivery.content_type)
        .header("accept", "application/json,*/*")
        .header("x-slack-request-timestamp", &delivery.timestamp)
        .header("x-slack-signature", &delivery.signature);
    if let Some((number, reason)) = &delivery.retry {
        request = request
            .header("x-slack-retry-num", number.to_string())
            .header("x-slack-retry-reason", reason);
    }
    let read = async {
        let mut response = request.body(delivery.body.clone()).send().await?;
        let status = response.status().as_u16();
        let no_retry = wants_no_retry(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok::<_, reqwest::Error>(Answered {
            status,
            body,
            no_retry,
        })
    };
    read.await.map_err(|error: reqwest::Error| {
        tracing::debug!(%error, "delivery failed");
        if error.is_timeout() {
            Failure::OperationTimeout
        } else {
            Failure::DispatchFailed
        }
    })
}

fn wants_no_retry(headers: &HeaderMap) -> bool {
    headers
        .get("x-slack-no-retry")
        .is_some_and(|value| value == "1")
}
