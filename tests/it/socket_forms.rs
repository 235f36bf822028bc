//! Forms, modals and words over Socket Mode: the same handlers as over HTTP, whose answers go with the acknowledgement
//! where Slack takes one there, and are word for word the same.

use hallpass::domain::request::State;
use serde_json::{Value, json};
use slack_sandbox::{Outcome, Sandbox};

use crate::socket_mode::over_sockets;
use crate::story_home::buttons;
use crate::support::form::{has, typed};
use crate::support::{Database, TestBot};

async fn everywhere(story: impl AsyncFn(&TestBot)) {
    for database in [Database::Sqlite, Database::Postgres] {
        TestBot::in_setting(over_sockets(database), &story).await;
    }
}

/// What came with the acknowledgement of the last form that was sent.
fn acknowledged(bot: &TestBot) -> Value {
    let sent = bot.slack.deliveries();
    let form = sent
        .iter()
        .rfind(|one| one.body.contains("view_submission"));
    let form = form.expect("a form was sent");
    assert!(form.signature.is_empty(), "it came over a connection");
    serde_json::from_str(&form.answer).unwrap_or_default()
}

#[tokio::test]
async fn a_form_is_corrected_at_its_fields_and_sent() {
    everywhere(async |bot| {
        bot.opens_form("alice", "/prod-access").await;
        let form = bot.chooses_role("alice", "logs").await;
        assert!(has(&form, "parameter:node"), "the form follows the role");
        let wrong = bot.fills_in("alice").node("db-1").words("9h");
        let refused = wrong.reason("read one log").sends().await;
        assert!(refused.is_ok(), "{refused:?}");
        let answer = acknowledged(bot);
        assert_eq!(answer["response_action"], "errors", "{answer}");
        let at = |field: &str| refused.errors[field].as_str().unwrap_or_default();
        assert!(at("parameter:node").starts_with("node can't be “db-1”"));
        assert!(at("words").contains("2 h at most"), "{}", at("words"));
        let form = bot.form_of("alice").await;
        assert_eq!(typed(&form, "reason"), "read one log", "it stays open");
        assert!(bot.granted("logs/web-3").is_empty());

        let right = bot.fills_in("alice").node("web-3").words("20 minutes");
        right.sends_well().await;
        assert_eq!(acknowledged(bot)["response_action"], "update");
        assert_eq!(bot.modal("alice").expect("it says so").title(), "Asked");
        assert_eq!(bot.granted("logs/web-3").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_was_typed_wrong_is_put_right_in_the_form() {
    everywhere(async |bot| {
        let typed = "/prod-access logs node=db-1 9h reading";
        let answer = bot.types("alice", typed).await.shown.expect("an answer");
        bot.presses_on("alice", &answer, "Fix in form").await;
        bot.form_of("alice").await;
        let right = bot.fills_in("alice").node("web-1").words("1h");
        right.sends_well().await;
        assert_eq!(bot.granted("logs/web-1").len(), 1);

        let outcome = bot.slack.shortcut("alice", "ask").await;
        assert!(outcome.is_ok(), "{outcome:?}");
        let form = bot.form_of("alice").await;
        let closed = bot.slack.close_view("alice", &form.id).await;
        assert!(closed.is_ok(), "{closed:?}");
    })
    .await;
}

#[tokio::test]
async fn a_denial_says_why() {
    everywhere(async |bot| {
        let ask = "/prod-access db-admin 30m orders stuck";
        let request = bot.asks("alice", ask).await;
        let pressed = bot.presses("bob", &request, "Deny").await;
        assert!(pressed.body.is_empty(), "a press takes no answer");
        let modal = bot.modal("bob").expect("a modal opens");
        let says = async |words: &str| {
            let values = json!({ "reason": { "reason": words } });
            let outcome = bot.slack.submit_view("bob", &modal.id, values).await;
            assert!(outcome.is_ok(), "{outcome:?}");
            bot.settle().await;
            outcome
        };
        let refused = says(" \u{a0}").await;
        assert_eq!(acknowledged(bot)["response_action"], "errors");
        let told = refused.errors["reason"].as_str().unwrap();
        assert!(told.starts_with("Say why"), "{told}");
        assert!(matches!(bot.row(&request).await.state, State::Pending(_)));

        says("use the replica").await;
        assert_eq!(bot.modal("bob"), None, "it closes");
        assert!(matches!(
            bot.row(&request).await.state,
            State::Denied { .. }
        ));
        assert!(bot.card(&request).buttons().is_empty());
        assert!(bot.told("alice").contains("use the replica"));
    })
    .await;
}

#[tokio::test]
async fn the_home_opens_and_its_buttons_work() {
    everywhere(async |bot| {
        let ask = "/prod-access db-admin 30m orders stuck";
        let request = bot.asks("alice", ask).await;
        bot.slack.open_home("bob");
        let home = bot.slack.until("the home", |slack| slack.home("bob"));
        let home = home.await.unwrap();
        assert!(home.plain().contains("orders stuck"), "{}", home.plain());
        let action = buttons(&home.source, "Approve")[0].clone();
        let pressed = bot
            .slack
            .act_in_view("bob", &home.id, &action, Value::Null)
            .await;
        assert!(pressed.is_ok(), "{pressed:?}");
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert!(bot.card(&request).buttons().is_empty());
    })
    .await;
}

/// No select of ours asks for its options; who is asked all the same answers nothing, in time.
#[tokio::test]
async fn options_that_nobody_offers_are_answered_with_nothing() {
    TestBot::in_setting(over_sockets(Database::Sqlite), async |bot| {
        let asked = json!({
            "type": "block_suggestion", "team": { "id": "T0ACME" },
            "user": { "id": "U0ALICE", "team_id": "T0ACME" }, "action_id": "role",
            "block_id": "role", "value": "db", "container": { "type": "view" },
        });
        let outcome = bot.slack.deliver_interaction(asked).await;
        assert!(outcome.is_ok() && outcome.body.is_empty(), "{outcome:?}");
    })
    .await;
}

/// Everything that can be typed and changes nothing, right and wrong, from people who may and who may not.
const WORDS: [(&str, &str); 14] = [
    ("alice", "help"),
    ("alice", "roles"),
    ("alice", "mine"),
    ("alice", "pending"),
    ("eve", "active"),
    ("alice", "oncall"),
    ("alice", "why db-admin 2h"),
    ("dana", "why db-admin"),
    ("alice", "status R-ZZZZ"),
    ("alice", "drop"),
    ("alice", "extend 10m"),
    ("gus", "db-admin 30m orders stuck"),
    ("alice", "db-admni 30m orders stuck"),
    (
        "alice",
        "logs node=db-1 9h reading &amp; <https://x.example|looking>",
    ),
];

/// What each of them is answered.
async fn answers(socket_mode: bool) -> Vec<(Option<String>, bool)> {
    let mut setting = over_sockets(Database::Sqlite);
    setting.workspace.app.socket_mode = socket_mode;
    setting.standing = true;
    let mut all = Vec::new();
    TestBot::in_setting(setting, async |bot| {
        for (person, words) in WORDS {
            let text = format!("/prod-access {words}");
            let outcome: Outcome = bot.types(person, &text).await;
            let only_theirs = |shown: &slack_sandbox::Message| shown.ephemeral_to.is_some();
            let hidden = outcome.shown.as_ref().is_some_and(only_theirs);
            all.push((outcome.text(), hidden));
        }
        let signed = |slack: &Sandbox| {
            slack
                .deliveries()
                .iter()
                .any(|one| !one.signature.is_empty())
        };
        assert_eq!(signed(&bot.slack), !socket_mode);
    })
    .await;
    all
}

#[tokio::test]
async fn whatever_is_typed_is_answered_word_for_word_as_over_http() {
    let (over_http, over_sockets) = (answers(false).await, answers(true).await);
    for ((typed, http), socket) in WORDS.iter().zip(&over_http).zip(&over_sockets) {
        assert_eq!(http, socket, "{typed:?}");
        assert!(socket.0.is_some() && socket.1, "{typed:?}: {socket:?}");
    }
}
