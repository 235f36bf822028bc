//! A little app that remembers what Slack sent and answers as it is told; and an office to be in.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use slack_sandbox::{App, Channel, Command, Person, RequestUrls, Sandbox, UserGroup, Workspace};

type Fields = Vec<(String, String)>;

#[derive(Debug, Default)]
struct Seen {
    commands: Vec<Fields>,
    interactions: Vec<Value>,
    events: Vec<(String, Value)>,
    answer: Option<(u16, String)>,
    hang: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct FakeApp {
    seen: Arc<Mutex<Seen>>,
    addr: SocketAddr,
    client: reqwest::Client,
}

impl FakeApp {
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let addr = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let router = axum::Router::new()
            .route("/slack", post(receive))
            .with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        Self { seen, addr, client }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().expect("no test panicked in here")
    }

    /// What it says to everything from now on; without it, it echoes a command's text.
    pub(crate) fn answer(&self, status: u16, body: &str) {
        self.seen().answer = Some((status, body.into()));
    }

    pub(crate) fn hang(&self) {
        self.seen().hang = true;
    }

    pub(crate) fn commands(&self) -> Vec<Fields> {
        self.seen().commands.clone()
    }

    /// A field of the last command.
    pub(crate) fn field(&self, name: &str) -> String {
        let commands = self.commands();
        let last = commands.last().expect("a command");
        last.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .expect("the field")
    }

    pub(crate) fn interactions(&self) -> Vec<Value> {
        self.seen().interactions.clone()
    }

    /// (`"{retry number} {reason}"`, body)
    pub(crate) fn events(&self) -> Vec<(String, Value)> {
        self.seen().events.clone()
    }

    pub(crate) async fn post(&self, url: &str, body: Value) -> (u16, Value) {
        let response = self
            .client
            .post(url)
            .json(&body)
            .send()
            .await
            .expect("an answer");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// Status and `Retry-After`; `None` when the connection was cut.
    pub(crate) async fn raw_call(
        &self,
        sandbox: &Sandbox,
        method: &str,
        args: &Value,
    ) -> Option<(u16, Option<String>)> {
        let url = format!("{}/{method}", sandbox.api_url());
        let call = self.client.post(url).bearer_auth("xoxb-test").json(args);
        let response = call.send().await.ok()?;
        let retry = response.headers().get("retry-after");
        let retry = retry.map(|value| value.to_str().expect("ASCII").to_owned());
        Some((response.status().as_u16(), retry))
    }
}

async fn receive(
    State(seen): State<Arc<Mutex<Seen>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| {
        headers
            .get(name)
            .map_or("", |value| value.to_str().expect("ASCII"))
            .to_owned()
    };
    let hang = seen.lock().expect("fine").hang;
    if hang {
        std::future::pending::<()>().await;
    }
    let mut seen = seen.lock().expect("fine");
    let mut default = String::new();
    if header("content-type") == "application/json" {
        let event: Value = serde_json::from_slice(&body).expect("JSON");
        let retry = format!(
            "{} {}",
            header("x-slack-retry-num"),
            header("x-slack-retry-reason")
        );
        seen.events.push((retry.trim().to_owned(), event));
    } else {
        let fields: Fields = url::form_urlencoded::parse(&body).into_owned().collect();
        if let [(key, payload)] = fields.as_slice()
            && key == "payload"
        {
            seen.interactions
                .push(serde_json::from_str(payload).expect("JSON"));
        } else {
            let text = fields
                .iter()
                .find(|(key, _)| key == "text")
                .map_or("", |(_, text)| text);
            default = format!("asked: {text}");
            seen.commands.push(fields);
        }
    }
    let (status, answer) = seen.answer.clone().unwrap_or((200, default));
    (StatusCode::from_u16(status).expect("a status"), answer).into_response()
}

pub(crate) fn office(app: &FakeApp) -> Workspace {
    Workspace::new("T0TEST", "test", "Test Office")
        .person(Person::new("U0RITA", "rita", "Rita Lane", "rita@example.com").tz("Europe/Berlin"))
        .person(Person::new("U0BOB", "bob", "Bob Vega", "bob@example.com"))
        .person(Person::new(
            "U0DORA",
            "dora",
            "Dora Lim",
            "dora@example.com",
        ))
        .person(Person::new("U0GONE", "gone", "Gone Guy", "gone@example.com").deleted())
        .person(Person::new("U0BOT", "lunch", "Lunch", "").bot())
        .channel(Channel::new("C0OPS", "ops", &["U0RITA", "U0BOB", "U0BOT"]))
        .channel(Channel::new("C0ELSE", "else", &["U0RITA"]))
        .channel(Channel::new("C0SECRET", "secret", &["U0BOB"]).private())
        .channel(Channel::new("C0OLD", "old", &["U0RITA", "U0BOT"]).archived())
        .user_group(UserGroup::new("S0CHEFS", "chefs", &["U0BOB", "U0GONE"]))
        .app(App {
            bot_token: "xoxb-test".into(),
            commands: vec![Command::new("/lunch", "Order lunch", "[what]")],
            urls: RequestUrls::single(&format!("http://{}/slack", app.addr)),
            ..App::default()
        })
}

pub(crate) async fn sandbox() -> (Sandbox, FakeApp) {
    let app = FakeApp::start().await;
    (
        Sandbox::start_local(office(&app)).await.expect("a sandbox"),
        app,
    )
}

/// Calls the Web API as the app does.
pub(crate) async fn call(sandbox: &Sandbox, method: &str, args: Value) -> Value {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let url = format!("{}/{method}", sandbox.api_url());
    let response = client
        .post(url)
        .bearer_auth("xoxb-test")
        .json(&args)
        .send()
        .await;
    response
        .expect("an answer")
        .json()
        .await
        .unwrap_or_else(|_| json!({}))
}

/// A page's headers and text.
pub(crate) async fn get(url: &str) -> (HeaderMap, String) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let response = client.get(url).send().await.expect("an answer");
    (
        response.headers().clone(),
        response.text().await.expect("text"),
    )
}
