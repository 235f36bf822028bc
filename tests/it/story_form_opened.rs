//! Where the form opens from, and what happens where Slack or the directory is slow or somebody may not have it.

use serde_json::{Value, json};
use slack_sandbox::{Fault, FaultKind};

use crate::support::form::typed;
use crate::support::{TestBot, minutes};

#[tokio::test]
async fn the_shortcut_opens_the_form_and_so_does_a_button_of_the_home() {
    TestBot::run(async |bot| {
        let outcome = bot.slack.shortcut("alice", "ask").await;
        assert!(outcome.is_ok(), "{:?}", outcome.error);
        let form = bot.form_of("alice").await;
        assert_eq!(form.title(), "Ask for access");
        bot.slack.close_view("alice", &form.id).await;

        for (value, role) in [("logs", json!("logs")), ("", Value::Null)] {
            let mut button = json!({
                "type": "button", "action_id": "ask",
                "text": { "type": "plain_text", "text": "Ask" },
            });
            if !value.is_empty() {
                button["value"] = json!(value);
            }
            let home = json!({
                "type": "home",
                "blocks": [{ "type": "actions", "elements": [button] }],
            });
            let published = bot
                .api(
                    "views.publish",
                    &json!({ "user_id": "U0ALICE", "view": home }),
                )
                .await;
            let id = published["view"]["id"].as_str().unwrap().to_owned();
            let pressed = bot
                .slack
                .act_in_view("alice", &id, "ask", Value::Null)
                .await;
            assert!(pressed.is_ok(), "{:?}", pressed.error);
            let form = bot.form_of("alice").await;
            assert_eq!(typed(&form, "role"), role);
            bot.slack.close_view("alice", &form.id).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_directory_does_not_outlive_the_trigger() {
    TestBot::run(async |bot| {
        bot.says("alice", "/prod-access mine").await;
        // What Slack said of her is too old by then, and what it says now comes too late.
        bot.clock.advance(minutes(5));
        let slow = Fault::new(FaultKind::Slow { millis: 4_000 }).on("users.info");
        let slow = bot.slack.set_fault(slow);
        bot.types("alice", "/prod-access").await;
        let light = bot
            .slack
            .until("something to look at", |slack| {
                slack.open_views("alice").pop()
            })
            .await
            .unwrap();
        assert!(light.plain().contains("One moment"), "{}", light.plain());
        let form = bot.form_of("alice").await;
        assert_eq!(form.id, light.id, "it is filled in the same modal");
        bot.slack.clear_fault(slow);
    })
    .await;
}

#[tokio::test]
async fn a_dead_trigger_is_told_with_a_way_on() {
    TestBot::run(async |bot| {
        bot.slack.set_fault(
            Fault::new(FaultKind::ExpiredTrigger)
                .on("views.open")
                .times(1),
        );
        bot.types("alice", "/prod-access db-admin 30m").await;
        let answer = bot
            .slack
            .until("a word", |slack| slack.ephemerals("alice").pop())
            .await
            .unwrap();
        assert!(
            answer.plain().contains("The reason is missing"),
            "{}",
            answer.plain()
        );
        bot.presses_on("alice", &answer, "Fix in form").await;
        let form = bot.form_of("alice").await;
        assert_eq!(typed(&form, "role"), "db-admin");
    })
    .await;
}

#[tokio::test]
async fn strangers_get_no_form() {
    TestBot::run(async |bot| {
        bot.types("gus", "/prod-access").await;
        bot.settle().await;
        assert_eq!(bot.modal("gus"), None);
        assert!(
            bot.told("gus").contains("Guests can't use this"),
            "{}",
            bot.told("gus")
        );
    })
    .await;
}
