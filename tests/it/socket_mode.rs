//! Stories over Socket Mode: the same ones as over HTTP, and what happens while connections come and go.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use hallpass::slack::socket::CONNECTIONS;
use reqwest::StatusCode;
use serde_json::{Value, json};
use slack_sandbox::{App, Fault, FaultKind, Sandbox};

use crate::support::bot::Setting;
use crate::support::workplace::{self, APP_TOKEN, GENERAL};
use crate::support::{Database, TestBot, minutes, seconds};

pub(crate) fn over_sockets(database: Database) -> Setting {
    let mut workspace = workplace::workspace();
    workspace.app = App {
        socket_mode: true,
        app_token: Some(APP_TOKEN.into()),
        scopes: [
            workspace.app.scopes.clone(),
            vec!["connections:write".into()],
        ]
        .concat(),
        ..workspace.app
    };
    Setting {
        database,
        workspace,
        ..Setting::default()
    }
}

async fn everywhere(story: impl AsyncFn(&TestBot)) {
    for database in [Database::Sqlite, Database::Postgres] {
        TestBot::in_setting(over_sockets(database), &story).await;
    }
}

async fn ready(bot: &TestBot) -> (StatusCode, Value) {
    let answer = reqwest::get(format!("{}/readyz", bot.base)).await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// How many grants of logs the target was told to give.
fn given(bot: &TestBot) -> usize {
    let calls = bot.backend.done("grant").into_iter();
    let logs = calls.filter(|call| call.permission.starts_with("logs/"));
    logs.map(|call| call.grant).collect::<BTreeSet<_>>().len()
}

async fn all_open(bot: &TestBot) {
    let all = |slack: &Sandbox| (slack.socket_connections() == CONNECTIONS).then_some(());
    bot.slack.until("all connections", all).await.unwrap();
}

#[tokio::test]
async fn from_ask_to_end_without_an_address_that_slack_could_reach() {
    everywhere(async |bot| {
        let (status, found) = ready(bot).await;
        assert_eq!(status, StatusCode::OK, "{found}");
        assert_eq!(found["socket"]["ok"], true, "{found}");

        let said = bot.says("alice", "/prod-access mine").await;
        assert!(!said.is_empty());
        let request = bot.asks("alice", "/prod-access db-admin 30m stuck").await;
        bot.approves("bob", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        let told = bot.told("bob");
        assert!(told.contains("pproved"), "who pressed is answered: {told}");
        bot.clock.advance(minutes(30));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());

        let second = bot.asks("rita", "/prod-access db-admin 30m again").await;
        bot.approves("bob", &second).await;
        bot.account_changes("rita", |person| person.deleted = true)
            .await;
        assert!(bot.backend.holders("orders_admin").is_empty());

        let deliveries = bot.slack.deliveries();
        assert!(deliveries.len() >= 5);
        assert!(deliveries.iter().all(|one| one.signature.is_empty()));
    })
    .await;
}

/// The routes are there, and nothing that comes over them can be Slack's.
#[tokio::test]
async fn without_a_signing_secret_nothing_comes_in_over_http() {
    TestBot::in_setting(over_sockets(Database::Sqlite), async |bot| {
        for route in ["/slack/commands", "/slack/interactions", "/slack/events"] {
            let answer = reqwest::Client::new()
                .post(format!("{}{route}", bot.base))
                .header("x-slack-request-timestamp", bot.clock.now().timestamp())
                .header("x-slack-signature", format!("v0={}", "0".repeat(64)))
                .body("command=%2Fprod-access&text=mine&user_id=U0ALICE");
            let status = answer.send().await.unwrap().status();
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{route}");
        }
    })
    .await;
}

#[tokio::test]
async fn while_the_signing_secret_is_rotated_both_are_good_and_no_third() {
    let mut setting = Setting::default();
    let both = format!("new-secret, {}", workplace::SIGNING_SECRET);
    setting.variables = vec![("SLACK_SIGNING_SECRET".into(), both)];
    TestBot::in_setting(setting, async |bot| {
        bot.asks("alice", "/prod-access db-admin 30m before").await;
        bot.slack
            .set_app(|app| app.signing_secret = "new-secret".into());
        bot.asks("alice", "/prod-access db-admin 30m after").await;
        bot.slack
            .set_app(|app| app.signing_secret = "a third".into());
        let text = "/prod-access db-admin 30m forged";
        let outcome = bot.slack.type_command("alice", GENERAL, text).await;
        assert_eq!(outcome.status, 401, "{outcome:?}");
        assert_eq!(bot.pending().await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_ended_by_rotation_is_told_with_what_to_do() {
    TestBot::run(async |bot| {
        let expired = FaultKind::Error {
            error: "token_expired".into(),
        };
        let fault = bot.slack.set_fault(Fault::new(expired));
        bot.says("alice", "/prod-access db-admin 30m stuck").await;
        bot.settle().await;
        let (status, found) = ready(bot).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{found}");
        let why = found["slack"]["why"].as_str().unwrap_or_default();
        assert!(
            why.contains("token_expired") && why.contains("token rotation is on"),
            "{found}"
        );
        bot.slack.clear_fault(fault);
        bot.asks("alice", "/prod-access db-admin 30m stuck").await;
        let (status, found) = ready(bot).await;
        assert_eq!(status, StatusCode::OK, "{found}");
    })
    .await;
}

/// What is asked while connections are replaced, and what became of each.
#[tokio::test]
async fn connections_are_replaced_without_losing_a_payload() {
    everywhere(async |bot| {
        let asked = AtomicUsize::new(0);
        let asks = async |number: usize| {
            let text = format!("/prod-access logs node=web-{number} 10m deploy {number}");
            let outcome = bot.slack.type_command("alice", GENERAL, &text).await;
            assert!(outcome.is_ok(), "{text}: {outcome:?}");
            assert!(outcome.shown.is_some(), "{text}: {outcome:?}");
            asked.fetch_add(1, Ordering::SeqCst);
        };
        for round in 0..6 {
            let reason = ["warning", "refresh_requested"][round % 2];
            let before = bot.slack.calls_of("apps.connections.open").len();
            tokio::join!(
                async {
                    for number in 0..4 {
                        asks(round * 10 + number).await;
                    }
                },
                async {
                    // One while the other goes on, as Slack does it; with a warning, all of them.
                    if reason == "warning" {
                        bot.slack.disconnect_sockets(reason);
                    } else {
                        bot.slack.disconnect_a_socket(reason);
                    }
                }
            );
            let replaced = if reason == "warning" { CONNECTIONS } else { 1 };
            let opened = |slack: &Sandbox| {
                let opened = slack.calls_of("apps.connections.open").len() - before;
                (opened >= replaced).then_some(())
            };
            bot.slack.until("replacements", opened).await.unwrap();
            asks(round * 10 + 9).await;
            bot.clock.advance(seconds(11));
            all_open(bot).await;
        }
        bot.settle().await;
        assert_eq!(given(bot), asked.load(Ordering::SeqCst));
    })
    .await;
}

#[tokio::test]
async fn connections_that_break_are_opened_anew() {
    everywhere(async |bot| {
        for round in 0..3 {
            bot.slack.cut_sockets();
            all_open(bot).await;
            bot.asks(
                "alice",
                &format!("/prod-access logs node=web-{round} 10m deploy"),
            )
            .await;
        }
        assert_eq!(given(bot), 3);
    })
    .await;
}

/// What a figure of `/metrics` says.
async fn figure(bot: &TestBot, name: &str) -> Option<f64> {
    let answer = reqwest::get(format!("{}/metrics", bot.base)).await.unwrap();
    let text = answer.text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map(|value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn the_figures_say_how_many_connections_are_open_and_since_when() {
    TestBot::in_setting(over_sockets(Database::Sqlite), async |bot| {
        let becomes = async |wanted: f64| {
            for _ in 0..2_000 {
                if figure(bot, "hallpass_socket_connections ").await == Some(wanted) {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            panic!("never {wanted} connections");
        };
        becomes(2.0).await;
        let age = figure(bot, "hallpass_socket_last_hello_age_seconds ").await;
        assert!(age.is_some_and(|age| (0.0..60.0).contains(&age)), "{age:?}");
        bot.slack.set_socket_mode(false);
        bot.slack.disconnect_sockets("link_disabled");
        becomes(0.0).await;
    })
    .await;
    TestBot::run(async |bot| {
        let none = figure(bot, "hallpass_socket_connections ").await;
        assert_eq!(none, None, "over HTTP there is nothing to count");
    })
    .await;
}

#[tokio::test]
async fn a_press_and_an_event_that_come_again_are_handled_once() {
    everywhere(async |bot| {
        let request = bot.asks("alice", "/prod-access db-admin 30m stuck").await;
        bot.approves("bob", &request).await;
        let before = bot.slack.ephemerals("bob").len();
        let presses = bot.slack.deliveries();
        let press = presses
            .iter()
            .rfind(|one| one.body.starts_with("payload="))
            .unwrap();
        let (_, payload) = url::form_urlencoded::parse(press.body.as_bytes())
            .next()
            .unwrap();
        let payload: Value = serde_json::from_str(&payload).unwrap();
        for _ in 0..3 {
            let outcome = bot.slack.deliver_interaction(payload.clone()).await;
            assert!(outcome.is_ok(), "{outcome:?}");
        }
        bot.settle().await;
        assert_eq!(bot.slack.ephemerals("bob").len(), before);
        assert_eq!(bot.row(&request).await.reviews.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_slack_refuses_is_told_by_readyz() {
    TestBot::in_setting(over_sockets(Database::Sqlite), async |bot| {
        bot.slack.set_socket_mode(false);
        bot.slack.disconnect_sockets("link_disabled");
        let told = |found: &Value| found["socket"]["why"].as_str().map(str::to_owned);
        let (mut status, mut found) = ready(bot).await;
        // It is told as soon as it was heard; how the last try was refused follows.
        for _ in 0..1_000 {
            if told(&found).is_some() {
                break;
            }
            tokio::task::yield_now().await;
            (status, found) = ready(bot).await;
        }
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{found}");
        assert!(told(&found).unwrap().contains("link_disabled"), "{found}");
        assert_eq!(found["slack"]["why"], found["socket"]["why"]);
        // What doesn't need people goes on.
        assert_eq!(found["worker"]["ok"], true);
    })
    .await;
}

#[tokio::test]
async fn an_app_token_that_slack_refuses_is_told_and_the_bot_serves_all_the_same() {
    let mut setting = over_sockets(Database::Sqlite);
    // Both ways, so that the bot starts without waiting for connections.
    setting.workspace.app.socket_mode = false;
    setting.variables = vec![("SLACK_APP_TOKEN".into(), "xapp-wrong".into())];
    TestBot::in_setting(setting, async |bot| {
        let (mut status, mut found) = ready(bot).await;
        for _ in 0..1_000 {
            if found["socket"]["ok"] == json!(false) {
                break;
            }
            tokio::task::yield_now().await;
            (status, found) = ready(bot).await;
        }
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{found}");
        let why = found["socket"]["why"].as_str().unwrap_or_default();
        assert!(why.contains("invalid_auth"), "{found}");
        bot.asks("alice", "/prod-access logs node=web-1 10m deploy")
            .await;
        assert_eq!(given(bot), 1, "over HTTP it goes on");
    })
    .await;
}
