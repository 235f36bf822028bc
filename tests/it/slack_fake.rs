//! A Slack that answers as it is told and keeps what it was asked, and a clock that is moved by hand.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hallpass::domain::Time;
use hallpass::ports::Clock;
use hallpass::slack::Client;
use http::HeaderMap;
use secrecy::SecretString;
use serde_json::{Value, json};

/// One call as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

#[derive(Default)]
struct Script {
    calls: Vec<Call>,
    answers: VecDeque<Response>,
}

/// Answers what was put in line, then `{"ok":true}`.
#[derive(Clone, Default)]
pub(crate) struct FakeSlack(Arc<Mutex<Script>>);

impl FakeSlack {
    pub(crate) async fn start() -> (Self, String) {
        let slack = Self::default();
        let router = Router::new().fallback(answer).with_state(slack.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (slack, url)
    }

    pub(crate) fn will(&self, answer: impl IntoResponse) {
        self.0
            .lock()
            .unwrap()
            .answers
            .push_back(answer.into_response());
    }

    pub(crate) fn will_say(&self, body: Value) {
        self.will(axum::Json(body));
    }

    pub(crate) fn will_fail(&self, name: &str) {
        self.will_say(json!({ "ok": false, "error": name }));
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().calls.clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.path).collect()
    }
}

async fn answer(State(slack): State<FakeSlack>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut script = slack.0.lock().unwrap();
    script.calls.push(Call {
        path: parts.uri.path().into(),
        query: parts.uri.query().unwrap_or_default().into(),
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    });
    let next = script.answers.pop_front();
    next.unwrap_or_else(|| axum::Json(json!({ "ok": true })).into_response())
}

pub(crate) fn client(url: &str) -> Arc<Client> {
    let client = Client::new(url, &SecretString::from("xoxb-test")).unwrap();
    Arc::new(client.with_timeout(Duration::from_secs(2)))
}

/// A clock that is moved by hand.
#[derive(Default)]
pub(crate) struct HandClock(pub(crate) AtomicI64);

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Time {
        Time::from_timestamp(1_768_443_120 + self.0.load(Ordering::SeqCst), 0).unwrap()
    }

    async fn wait_until(&self, _moment: Time) {
        std::future::pending::<()>().await;
    }
}
