//! From a verified body to an answer, with the real use cases over a database: what Slack gets back, and what follows.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use hallpass::app::{App, Parts, ReviewKey, Settings};
use hallpass::domain::{Email, Membership, SlackId};
use hallpass::ports::chat::Message;
use hallpass::ports::{
    Chat, ChatError, Directory, DirectoryError, Entropy, Place, Posted, SlackPerson,
};
use hallpass::slack::{Desk, Handled, Health, handle};
use hallpass::store::Store;
use http::StatusCode;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::slack_fake::{FakeSlack, HandClock, client};
use crate::store::Counted;

/// A workspace where everybody is a member.
struct Everybody;

#[async_trait]
impl Directory for Everybody {
    async fn person(&self, account: &SlackId) -> Result<SlackPerson, DirectoryError> {
        self.person_now(account).await
    }

    async fn person_now(&self, account: &SlackId) -> Result<SlackPerson, DirectoryError> {
        Ok(SlackPerson {
            account: account.clone(),
            email: Email::parse(&format!("{account}@example.com")),
            name: account.to_string(),
            time_zone: "UTC".into(),
            membership: Membership::Member,
        })
    }

    async fn by_email(&self, email: &Email) -> Result<SlackPerson, DirectoryError> {
        Err(DirectoryError::Unknown(email.to_string()))
    }

    async fn user_group(&self, id: &str) -> Result<Vec<SlackId>, DirectoryError> {
        Err(DirectoryError::Unknown(id.into()))
    }

    fn last_user_group(&self, _id: &str) -> Option<Vec<SlackId>> {
        None
    }
}

/// A chat that nothing is said in: no worker runs here.
struct Silence;

#[async_trait]
impl Chat for Silence {
    async fn post(&self, _place: &Place, _message: &Message) -> Result<Posted, ChatError> {
        Err(ChatError::Unavailable("silence".into()))
    }

    async fn update(&self, _posted: &Posted, _message: &Message) -> Result<(), ChatError> {
        Err(ChatError::Unavailable("silence".into()))
    }

    async fn check(&self) -> Result<String, ChatError> {
        Ok("silence".into())
    }
}

/// The handlers as `serve` would run them, in workspace T1.
struct Front {
    app: Arc<App>,
    desk: Desk,
    health: Arc<Health>,
    slack: FakeSlack,
    hooks: String,
    _folder: tempfile::TempDir,
}

impl Front {
    async fn open() -> Self {
        let (slack, url) = FakeSlack::start().await;
        slack.will_say(json!({ "ok": true, "team_id": "T1", "user_id": "U0BOT" }));
        let client = client(&url);
        client.identity().await.unwrap();
        let health = Arc::new(Health::new());
        let folder = tempfile::tempdir().unwrap();
        let app = app(&folder.path().join("handle.db").display().to_string()).await;
        Self {
            app: Arc::new(app),
            desk: Desk::new(client, health.clone()),
            health,
            slack,
            hooks: url.replace("/api", "/hooks/1"),
            _folder: folder,
        }
    }

    async fn command(&self, pairs: &[(&str, &str)]) -> Handled {
        handle::command(&self.app, &self.desk, &form(pairs)).await
    }

    /// What somebody in T1 is answered.
    async fn says(&self, text: &str) -> Value {
        let pairs = [("team_id", "T1"), ("user_id", "U0RITA"), ("text", text)];
        let answer = self.command(&pairs).await.answer;
        assert_eq!(answer.status, StatusCode::OK);
        serde_json::from_str(&answer.body).unwrap()
    }

    async fn interaction(&self, payload: &Value) -> Handled {
        let body = form(&[("payload", &payload.to_string())]);
        handle::interaction(&self.app, &self.desk, &body).await
    }

    async fn event(&self, payload: &Value) -> Handled {
        handle::event(&self.app, &self.desk, payload.to_string().as_bytes()).await
    }
}

async fn app(path: &str) -> App {
    let entropy: Arc<dyn Entropy> = Arc::new(Counted::default());
    let url = format!("sqlite://{path}");
    let store = Store::open(&url, entropy.clone()).await.unwrap();
    store.migrate().await.unwrap();
    App::new(Parts {
        store,
        directory: Arc::new(Everybody),
        on_call: BTreeMap::new(),
        backends: BTreeMap::new(),
        chat: Arc::new(Silence),
        clock: Arc::new(HandClock::default()),
        entropy,
        key: ReviewKey::new([7; 32]),
        settings: settings(),
        rules: Vec::new(),
    })
    .unwrap()
}

fn settings() -> Settings {
    Settings {
        command: "/prod-access".into(),
        approvals_channel: "C0APPROVE".into(),
        security_channel: "C0SECURE".into(),
        roles: BTreeMap::new(),
        groups: BTreeMap::new(),
        operators: Vec::new(),
        time_zone: chrono_tz::UTC,
        email_domains: Vec::new(),
        people: BTreeMap::new(),
        principal_templates: BTreeMap::new(),
        unknown_access: BTreeMap::new(),
        reconcile_every: chrono::TimeDelta::minutes(10),
        keep_personal: None,
        base_url: "http://127.0.0.1:8080".into(),
        team: Some("T1".into()),
    }
}

fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = form_urlencoded::Serializer::new(String::new());
    out.extend_pairs(pairs);
    out.finish().into_bytes()
}

fn press(action: &str, team: &str, response_url: &str) -> Value {
    json!({
        "type": "block_actions",
        "user": { "id": "U0BOB", "team_id": team },
        "container": { "channel_id": "C1", "message_ts": "1.1" },
        "trigger_id": "9.8.7",
        "response_url": response_url,
        "actions": [{ "action_id": action, "block_id": "card", "value": "no-such-request" }],
    })
}

#[tokio::test]
async fn a_command_is_answered_to_who_typed_alone() {
    let front = Front::open().await;
    let answer = front.says("help").await;
    assert_eq!(answer["response_type"], "ephemeral");
    assert!(answer["text"].as_str().unwrap().contains("/prod-access"));
    assert!(answer["blocks"].is_array());
}

#[tokio::test]
async fn bad_commands_are_answered_with_help_and_never_with_an_error() {
    let front = Front::open().await;
    let long = "x".repeat(8_001);
    for text in [
        "",
        " \u{a0} ",
        "no-such-role 2h because",
        "request",
        "break-glass",
        "revoke",
        "status R-ZZZZ",
        "cancel <@U0EVE>",
        "<!channel> 99999999999999h",
        "“db-admin” -5m",
        "\u{202e}\u{0}",
        &long,
    ] {
        let answer = front.says(text).await;
        let said = answer["text"].as_str().unwrap();
        assert!(said.len() > 10, "{text:?}: {said}");
        assert!(!answer.to_string().contains("<!"), "{text:?}: {answer}");
    }
    let answer = front.says(&long).await.to_string();
    assert!(answer.contains("too long"), "{answer}");
}

#[tokio::test]
async fn another_workspace_finds_nothing_here() {
    let front = Front::open().await;
    for (team, user) in [("T2", "U0RITA"), ("T1", "not an account")] {
        let pairs = [("team_id", team), ("user_id", user), ("text", "roles")];
        let answer = front.command(&pairs).await.answer;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.contains("There is nothing here"), "{answer:?}");
    }
}

#[tokio::test]
async fn what_only_a_forger_sends_is_refused() {
    let front = Front::open().await;
    let twice = [("user_id", "U0RITA"), ("user_id", "U0BOB")];
    let refused = front.command(&twice).await.answer;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let body = form(&[("payload", "{}"), ("payload", "{}")]);
    let refused = handle::interaction(&front.app, &front.desk, &body).await;
    assert_eq!(refused.answer.status, StatusCode::UNAUTHORIZED);
    let refused = handle::event(&front.app, &front.desk, b"{").await;
    assert_eq!(refused.answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_certificate_check_and_a_closed_form_want_an_empty_answer() {
    let front = Front::open().await;
    let checked = front.command(&[("ssl_check", "1")]).await;
    let closed = front.interaction(&json!({ "type": "view_closed" })).await;
    for handled in [checked, closed] {
        assert_eq!(handled.answer, handle::HttpAnswer::empty());
        assert!(handled.after.is_none());
    }
}

#[tokio::test]
async fn a_button_of_another_version_says_that_nothing_was_done() {
    let front = Front::open().await;
    let unknown = press("approve_v0", "T1", &front.hooks);
    let handled = front.interaction(&unknown).await;
    assert_eq!(handled.answer, handle::HttpAnswer::empty());
    handled.after.unwrap().await;
    let calls = front.slack.calls();
    let told = calls.iter().find(|call| call.path == "/hooks/1").unwrap();
    let told = told.body.to_string();
    assert!(told.contains("of another version of Hallpass"), "{told}");
}

#[tokio::test]
async fn a_press_is_acknowledged_first_and_explained_after() {
    let front = Front::open().await;
    for team in ["T1", "T2"] {
        let handled = front
            .interaction(&press("approve", team, &front.hooks))
            .await;
        assert_eq!(handled.answer, handle::HttpAnswer::empty());
        handled.after.unwrap().await;
    }
    let calls = front.slack.calls();
    let said: Vec<_> = calls
        .iter()
        .filter(|call| call.path == "/hooks/1")
        .collect();
    assert_eq!(said.len(), 2);
    assert_eq!(said[0].body["response_type"], "ephemeral");
    assert_eq!(said[0].body["replace_original"], false);
    assert!(said[0].body["text"].as_str().unwrap().len() > 10);
    assert!(said[1].body.to_string().contains("There is nothing here"));
}

#[tokio::test]
async fn an_answer_goes_to_no_other_host() {
    let front = Front::open().await;
    for elsewhere in [
        "http://127.0.0.1:1/x",
        "https://hooks.slack.com.evil.example/x",
    ] {
        let handled = front.interaction(&press("approve", "T1", elsewhere)).await;
        handled.after.unwrap().await;
    }
    assert_eq!(front.slack.paths(), ["/api/auth.test"]);
}

#[tokio::test]
async fn events_are_acknowledged_and_a_lost_token_is_told() {
    let front = Front::open().await;
    let challenge = json!({ "type": "url_verification", "challenge": "abc" });
    let answer = front.event(&challenge).await.answer;
    assert_eq!(answer.body, r#"{"challenge":"abc"}"#);

    let event = |team: &str, event: Value| json!({ "type": "event_callback", "event_id": "Ev1", "team_id": team, "event": event });
    let changed = json!({ "type": "user_change", "user": { "id": "U0RITA", "deleted": true } });
    let uninstalled = json!({ "type": "app_uninstalled" });
    for payload in [
        event("T1", changed.clone()),
        event("T2", changed),
        event("T2", uninstalled.clone()),
        event("T1", json!({ "type": "app_home_opened", "user": "U0RITA" })),
        event("T1", json!({ "type": "something_new" })),
    ] {
        let handled = front.event(&payload).await;
        assert_eq!(handled.answer, handle::HttpAnswer::empty(), "{payload}");
    }
    assert!(front.health.problems().is_empty());

    front.event(&event("T1", uninstalled)).await;
    assert_eq!(
        front.health.problems(),
        [
            "Slack refuses the token: app_uninstalled. Install the app anew and put its token in place"
        ]
    );
}
