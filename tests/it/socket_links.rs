//! One application over Socket Mode whose handlers do as they are told: late answers, silence, refusals, stops.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass::slack::socket::{CONNECTIONS, Parts, Receive, Socket, Timing};
use hallpass::slack::{Client, Handled, HttpAnswer, Links, Replies};
use hallpass::wiring::SystemEntropy;
use http::StatusCode;
use secrecy::SecretString;
use serde_json::json;
use slack_sandbox::{App, Channel, Command, Person, Sandbox, Workspace};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Short where a test waits for it, long where it must not matter.
fn quick() -> Timing {
    Timing {
        ping: Duration::from_millis(20),
        silence: Duration::from_millis(200),
        answer: Duration::from_millis(500),
        most_between: Duration::from_millis(50),
        again: [Duration::from_millis(1); 3],
        ..Timing::default()
    }
}

/// Answers when it is let, and fails as often as it is told.
struct Handler {
    let_go: Semaphore,
    failures: AtomicUsize,
    heard: Mutex<Vec<String>>,
}

impl Handler {
    async fn takes(&self, what: &str, body: &[u8]) -> Handled {
        let said = String::from_utf8_lossy(body).into_owned();
        self.heard.lock().unwrap().push(format!("{what} {said}"));
        drop(self.let_go.acquire().await.unwrap());
        let fails = |left: usize| left.checked_sub(1);
        let failed = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails)
            .is_ok();
        let status = if failed {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        };
        let body = json!({ "response_type": "ephemeral", "text": "here you are" });
        Handled {
            answer: HttpAnswer {
                status,
                content_type: None,
                body: body.to_string(),
            },
            after: None,
        }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

#[async_trait]
impl Receive for Handler {
    async fn command(&self, body: &[u8]) -> Handled {
        self.takes("command", body).await
    }

    async fn interaction(&self, body: &[u8]) -> Handled {
        self.takes("interaction", body).await
    }

    async fn event(&self, body: &[u8]) -> Handled {
        self.takes("event", body).await
    }
}

struct Rig {
    slack: Sandbox,
    handler: Arc<Handler>,
    links: Arc<Links>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

fn workspace() -> Workspace {
    Workspace::new("T0HOME", "home", "Home")
        .person(Person::new("U0RITA", "rita", "Rita", "rita@example.com"))
        .channel(Channel::new("C0OPS", "ops", &["U0RITA", "U0BOT"]))
        .app(App {
            app_token: Some("xapp-1".into()),
            socket_mode: true,
            commands: vec![Command::new("/ask", "Ask", "what")],
            ..App::default()
        })
}

impl Rig {
    async fn start(permits: usize) -> Self {
        let slack = Sandbox::start_local(workspace()).await.unwrap();
        let rig = Self::beside(slack, permits);
        rig.all_open().await;
        rig
    }

    fn beside(slack: Sandbox, permits: usize) -> Self {
        let client = |token: &str| {
            let client = Client::new(&slack.api_url(), &SecretString::from(token));
            Arc::new(client.unwrap())
        };
        let handler = Arc::new(Handler {
            let_go: Semaphore::new(permits),
            failures: AtomicUsize::new(0),
            heard: Mutex::default(),
        });
        let links = Arc::new(Links::new());
        let stop = CancellationToken::new();
        let socket = Socket::new(Parts {
            client: client("xapp-1"),
            receive: handler.clone(),
            replies: Replies::new(client("xoxb-sandbox")),
            links: links.clone(),
            entropy: Arc::new(SystemEntropy),
            after: TaskTracker::new(),
            timing: quick(),
        });
        let running = tokio::spawn(socket.run(stop.clone()));
        Self {
            slack,
            handler,
            links,
            stop,
            running,
        }
    }

    async fn all_open(&self) {
        let all = |slack: &Sandbox| (slack.socket_connections() == CONNECTIONS).then_some(());
        self.slack.until("all connections", all).await.unwrap();
        self.until("they are greeted", |rig| rig.links.open() == CONNECTIONS)
            .await;
    }

    async fn until(&self, what: &str, look: impl Fn(&Self) -> bool) {
        let seen = async {
            while !look(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(20), seen).await;
        assert!(seen.is_ok(), "not seen: {what}");
    }

    async fn stops(self) {
        self.stop.cancel();
        let stopped = tokio::time::timeout(Duration::from_secs(20), self.running).await;
        stopped.expect("it stops").unwrap();
        let none = |slack: &Sandbox| (slack.socket_connections() == 0).then_some(());
        self.slack.until("all are closed", none).await.unwrap();
        assert_eq!(self.slack.socket_mistakes(), [""; 0]);
    }
}

#[tokio::test]
async fn an_answer_in_time_goes_with_the_acknowledgement() {
    let rig = Rig::start(100).await;
    let outcome = rig
        .slack
        .type_command("rita", "ops", "/ask it & more")
        .await;
    assert_eq!(outcome.text().as_deref(), Some("here you are"));
    assert!(outcome.took < Duration::from_secs(1), "{outcome:?}");
    assert!(rig.handler.heard()[0].contains("text=it+%26amp%3B+more"));
    assert!(rig.slack.calls_of("response_url").is_empty());
    rig.stops().await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_follows_by_response_url() {
    let rig = Rig::start(0).await;
    let outcome = rig.slack.type_command("rita", "ops", "/ask it").await;
    assert!(outcome.is_ok() && outcome.shown.is_none(), "{outcome:?}");
    assert!(outcome.took < Duration::from_secs(3), "{outcome:?}");
    rig.handler.let_go.add_permits(100);
    let answered = rig.slack.until("the answer", |slack| {
        slack
            .ephemerals("rita")
            .first()
            .map(slack_sandbox::Message::plain)
    });
    assert_eq!(answered.await.unwrap(), "here you are");
    rig.stops().await;
}

/// Its answer can't leave any more where it came in.
#[tokio::test]
async fn an_answer_whose_connection_broke_follows_by_response_url() {
    let rig = Rig::start(0).await;
    let slack = rig.slack.clone();
    let typed = tokio::spawn(async move { slack.type_command("rita", "ops", "/ask it").await });
    rig.until("it is heard", |rig| !rig.handler.heard().is_empty())
        .await;
    rig.slack.cut_sockets();
    rig.until("the breach is seen", |rig| rig.links.open() < CONNECTIONS)
        .await;
    rig.all_open().await;
    rig.handler.let_go.add_permits(100);
    let answered = rig.slack.until("the answer", |slack| {
        slack
            .ephemerals("rita")
            .first()
            .map(slack_sandbox::Message::plain)
    });
    assert!(answered.await.unwrap().contains("here you are"));
    drop(typed.await);
    rig.stops().await;
}

/// Slow ones hold up nobody: each payload is taken up when it comes.
#[tokio::test]
async fn a_press_is_acknowledged_before_it_is_handled() {
    let rig = Rig::start(0).await;
    for number in 0..20 {
        let press = json!({ "type": "block_actions", "trigger_id": format!("{number}"), "user": { "id": "U0RITA" } });
        let outcome = rig.slack.deliver_interaction(press).await;
        assert!(outcome.is_ok() && outcome.body.is_empty(), "{outcome:?}");
    }
    rig.until("all are taken up", |rig| rig.handler.heard().len() == 20)
        .await;
    rig.handler.let_go.add_permits(100);
    rig.stops().await;
}

#[tokio::test]
async fn an_event_is_handled_once_and_tried_again_where_that_fails() {
    let rig = Rig::start(100).await;
    rig.handler.failures.store(2, Ordering::SeqCst);
    let event =
        json!({ "type": "event_callback", "event_id": "Ev1", "event": { "type": "user_change" } });
    for _ in 0..3 {
        assert!(rig.slack.deliver_event(event.clone()).await.is_ok());
    }
    rig.until("it is tried until it works", |rig| {
        rig.handler.heard().len() == 3
    })
    .await;
    let other = json!({ "type": "event_callback", "event_id": "Ev2", "event": {} });
    assert!(rig.slack.deliver_event(other).await.is_ok());
    rig.until("the other one", |rig| rig.handler.heard().len() == 4)
        .await;
    assert!(rig.handler.heard()[3].contains("Ev2"));
    rig.stops().await;
}

#[tokio::test]
async fn what_is_unknown_is_acknowledged_and_does_no_harm() {
    let rig = Rig::start(100).await;
    let odd = json!({ "type": "telepathy", "user": null, "team": null });
    assert!(rig.slack.deliver_interaction(odd).await.is_ok());
    assert!(
        rig.slack
            .deliver_event(json!({ "type": "new" }))
            .await
            .is_ok()
    );
    rig.stops().await;
}

#[tokio::test]
async fn a_connection_that_fell_silent_is_given_up() {
    let rig = Rig::start(100).await;
    let before = rig.slack.calls_of("apps.connections.open").len();
    rig.slack.freeze_sockets();
    let replaced = |slack: &Sandbox| {
        let opened = slack.calls_of("apps.connections.open").len();
        (opened >= before + CONNECTIONS).then_some(())
    };
    rig.slack.until("new ones", replaced).await.unwrap();
    rig.until("they are greeted", |rig| rig.links.open() == CONNECTIONS)
        .await;
    rig.stop.cancel();
    rig.running.await.unwrap();
}

#[tokio::test]
async fn when_others_hold_all_connections_that_is_told() {
    let slack = Sandbox::start_local(workspace()).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(Rig::beside(slack.clone(), 100));
    }
    for other in &others {
        other
            .until("theirs", |rig| rig.links.open() == CONNECTIONS)
            .await;
    }
    let rig = Rig::beside(slack.clone(), 100);
    rig.until("the refusal", |rig| rig.links.problem().is_some())
        .await;
    let problem = rig.links.problem().unwrap();
    assert!(problem.contains("too_many_websockets"), "{problem}");
    assert!(rig.links.is_cut_off());
    let free = others.pop().unwrap();
    free.stop.cancel();
    free.running.await.unwrap();
    rig.until("its turn", |rig| rig.links.open() == CONNECTIONS)
        .await;
    assert_eq!(rig.links.problem(), None);
    for other in others.into_iter().chain([rig]) {
        other.stop.cancel();
        other.running.await.unwrap();
    }
    assert_eq!(slack.socket_mistakes(), [""; 0]);
}

/// What was begun is answered, and nothing new is taken.
#[tokio::test]
async fn a_stop_acknowledges_what_was_begun() {
    let rig = Rig::start(0).await;
    let slack = rig.slack.clone();
    let typed = tokio::spawn(async move { slack.type_command("rita", "ops", "/ask it").await });
    rig.until("it is heard", |rig| !rig.handler.heard().is_empty())
        .await;
    rig.stop.cancel();
    rig.handler.let_go.add_permits(100);
    let outcome = typed.await.unwrap();
    assert_eq!(outcome.text().as_deref(), Some("here you are"));
    rig.stops().await;
}
