//! The review after broken glass: what was seen, in words, by somebody who may, and on record.

use serde_json::json;
use slack_sandbox::{Fault, FaultKind, Message, View};

use crate::support::bot::Setting;
use crate::support::workplace::SECURITY;
use crate::support::{Database, Request, TestBot, everywhere, minutes};

const REVIEW: &str = "Review the use";

async fn broken(bot: &TestBot) -> Request {
    bot.asks(
        "carol",
        "/prod-access break-glass db-admin for @rita 30m INC-42 orders are stuck",
    )
    .await
}

/// Where somebody sees the button.
fn with_button(messages: Vec<Message>) -> Option<Message> {
    let has = |one: &Message| one.buttons().iter().any(|label| label.starts_with(REVIEW));
    messages.into_iter().find(has)
}

async fn opens(bot: &TestBot, person: &str) -> Option<View> {
    let alarm = with_button(bot.slack.messages(SECURITY)).expect("security may review it");
    bot.presses_on(person, &alarm, REVIEW).await;
    bot.settle().await;
    bot.modal(person)
}

#[tokio::test]
async fn a_review_says_what_was_seen() {
    everywhere(async |bot| {
        let request = broken(bot).await;
        bot.clock.advance(minutes(31));
        bot.settle().await;
        let modal = opens(bot, "eve").await.expect("a modal opens");
        let shown = modal.plain();
        for fact in ["<@U0CAROL>", "<@U0RITA>", "INC-42", "orders are stuck"] {
            assert!(shown.contains(fact), "{fact}: {shown}");
        }
        let follow_up = json!({ "found": { "found": "needs_follow_up" } });
        let sent = bot.slack.submit_view("eve", &modal.id, follow_up).await;
        assert!(
            sent.errors["note"].as_str().unwrap().contains("Say what"),
            "{:?}",
            sent.errors
        );
        assert!(
            !bot.record(&request)
                .await
                .contains(&"request.post_use_reviewed")
        );
        let values = json!({
            "found": { "found": "needs_follow_up" },
            "note": { "note": "he dropped a table" },
        });
        let sent = bot.slack.submit_view("eve", &modal.id, values).await;
        assert!(sent.is_ok() && sent.errors.is_empty(), "{:?}", sent.errors);
        bot.settle().await;
        assert_eq!(bot.modal("eve"), None, "it closes");
        let row = bot.row(&request).await;
        let events = bot.store.events_of(&row.id).await.unwrap();
        let review = events
            .iter()
            .find(|one| one.event.kind.as_str() == "request.post_use_reviewed")
            .expect("it is on record");
        assert_eq!(review.event.facts["found"], "needs_follow_up");
        assert_eq!(review.event.personal[0].value, "he dropped a table");
        let card = bot.card(&request).plain();
        assert!(card.contains("needs a follow-up"), "{card}");
        assert!(card.contains("he dropped a table"), "{card}");
        assert!(bot.said_in(SECURITY).contains("needs a follow-up"));
        assert_eq!(with_button(bot.slack.messages(SECURITY)), None);
    })
    .await;
}

#[tokio::test]
async fn who_may_not_is_told_who_may() {
    everywhere(async |bot| {
        let request = broken(bot).await;
        for person in ["carol", "rita", "bob"] {
            let before = bot.slack.ephemerals(person).len();
            assert_eq!(opens(bot, person).await, None, "{person}");
            let told = bot.slack.ephemerals(person).split_off(before);
            let told: Vec<String> = told.iter().map(Message::plain).collect();
            assert_eq!(told.len(), 1, "{person}: {told:#?}");
            assert!(told[0].contains("<@U0EVE>"), "{person}: {}", told[0]);
        }
        assert!(
            !bot.record(&request)
                .await
                .contains(&"request.post_use_reviewed")
        );
    })
    .await;
}

#[tokio::test]
async fn the_button_stands_where_somebody_may_press_it() {
    everywhere(async |bot| {
        let request = broken(bot).await;
        assert!(with_button(bot.slack.messages(SECURITY)).is_some());
        assert_eq!(with_button(vec![bot.card(&request)]), None);
        assert_eq!(with_button(bot.slack.dms("bob")), None, "he was skipped");
        bot.clock.advance(minutes(24 * 60 + 1));
        bot.settle().await;
        assert!(with_button(bot.slack.dms("eve")).is_some(), "it is overdue");
    })
    .await;
}

/// Frank reviews by a Slack user group, and was skipped. Started anew, nothing is known of who is in it.
#[tokio::test]
async fn a_reading_that_fails_takes_no_button_away() {
    for database in [Database::Sqlite, Database::Postgres] {
        let setting = Setting {
            database,
            edit: Box::new(|text| {
                let (by, also) = (
                    "= [\"group:security\"]\nreview_within",
                    "= [\"group:security\", \"S0DBATEAM\"]\nreview_within",
                );
                assert!(text.contains(by), "{text}");
                text.replace(by, also)
            }),
            ..Setting::default()
        };
        let before = async |bot: &TestBot| {
            bot.asks(
                "carol",
                "/prod-access break-glass two-keys for @rita 30m INC-42 it is stuck",
            )
            .await;
            let told = with_button(bot.slack.dms("frank"));
            assert!(told.is_some(), "he may review it");
            assert_eq!(with_button(bot.slack.dms("bob")), None, "he may not");
            bot.slack.set_fault(
                Fault::new(FaultKind::Error {
                    error: "internal_error".into(),
                })
                .on("usergroups.users.list"),
            );
        };
        let after = async |bot: &TestBot, ()| {
            bot.clock.advance(minutes(31));
            bot.settle().await;
            assert!(bot.backend.holders("vault").is_empty(), "it is over");
            let told = with_button(bot.slack.dms("frank"));
            let told = told.unwrap_or_else(|| panic!("{:#?}", bot.slack.dms("frank")));
            bot.presses_on("frank", &told, REVIEW).await;
            bot.settle().await;
            let answer = bot.slack.ephemerals("frank").pop().unwrap().plain();
            assert!(answer.contains("try again in a moment"), "{answer}");

            bot.slack.clear_faults();
            bot.presses_on("frank", &told, REVIEW).await;
            bot.settle().await;
            assert!(bot.modal("frank").is_some(), "he may, once it is read");
        };
        TestBot::across(setting, before, |text| text, after).await;
    }
}
