//! Break-glass: at once, by the commander alone, loud, and answered for afterwards.

use serde_json::json;

use crate::support::workplace::SECURITY;
use crate::support::{Request, TestBot, everywhere, minutes};

async fn breaks_glass(bot: &TestBot, person: &str, what: &str) -> Request {
    bot.asks(person, &format!("/prod-access break-glass {what}"))
        .await
}

#[tokio::test]
async fn a_commander_breaks_the_glass_for_oneself() {
    everywhere(async |bot| {
        let request = breaks_glass(bot, "carol", "db-admin 30m INC-42 orders are stuck").await;
        assert_eq!(bot.backend.holders("orders_admin"), ["carol"]);
        let loud = bot.said_in(SECURITY);
        assert!(
            loud.contains("INC-42") && loud.contains(&request.short),
            "{loud}"
        );
        assert!(
            bot.told("bob").contains("INC-42"),
            "who was skipped is told"
        );
        assert!(bot.record(&request).await.contains(&"request.review_owed"));

        bot.clock.advance(minutes(30));
        bot.settle().await;
        assert!(
            bot.backend.holders("orders_admin").is_empty(),
            "its end is as sure as any other"
        );
    })
    .await;
}

#[tokio::test]
async fn a_commander_breaks_the_glass_for_another() {
    everywhere(async |bot| {
        breaks_glass(
            bot,
            "carol",
            "db-admin for @rita 30m INC-42 orders are stuck",
        )
        .await;
        assert_eq!(bot.backend.holders("orders_admin"), ["rita"]);
        assert!(bot.told("rita").contains("db-admin"));
    })
    .await;
}

#[tokio::test]
async fn a_commander_breaks_the_glass_for_a_pending_request() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        breaks_glass(
            bot,
            "carol",
            &format!("{} INC-42 nobody answers", request.short),
        )
        .await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert!(
            bot.card(&request)
                .buttons()
                .iter()
                .all(|label| !label.starts_with("Approve"))
        );
    })
    .await;
}

#[tokio::test]
async fn only_the_commander_of_this_moment_breaks_the_glass() {
    everywhere(async |bot| {
        for person in ["alice", "bob", "eve", "pat", "gus"] {
            let answer = bot
                .says(person, "/prod-access break-glass db-admin 30m INC-42 stuck")
                .await;
            assert!(!answer.contains("R-"), "{person}: {answer}");
        }
        bot.settle().await;
        assert!(bot.backend.calls().is_empty());
        assert!(!bot.said_in(SECURITY).contains("INC-42"));
    })
    .await;
}

#[tokio::test]
async fn it_needs_an_incident_and_a_reason_and_a_member() {
    TestBot::run(async |bot| {
        for what in [
            "db-admin 30m",
            "db-admin 30m INC-42",
            "db-admin for @gus 30m INC-42 stuck",
            "db-admin 9h INC-42 stuck",
        ] {
            let answer = bot
                .says("carol", &format!("/prod-access break-glass {what}"))
                .await;
            assert!(!answer.contains("R-"), "{what}: {answer}");
        }
        bot.settle().await;
        assert!(bot.backend.calls().is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_was_skipped_revokes_with_one_click() {
    everywhere(async |bot| {
        let request = breaks_glass(bot, "carol", "db-admin 30m INC-42 orders are stuck").await;
        let dm = bot.slack.dms("bob");
        let loud = dm.iter().find(|message| {
            message
                .buttons()
                .iter()
                .any(|label| label.starts_with("Revoke"))
        });
        let loud = loud.unwrap_or_else(|| panic!("no Revoke in {dm:#?}"));
        bot.presses_on("bob", loud, "Revoke").await;
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.ended"));
    })
    .await;
}

#[tokio::test]
async fn security_reviews_it_and_commander_and_holder_never() {
    everywhere(async |bot| {
        let request = breaks_glass(bot, "carol", "db-admin for @rita 30m INC-42 stuck").await;
        let loud = bot.slack.messages(SECURITY);
        let loud = loud
            .iter()
            .find(|message| {
                message
                    .buttons()
                    .iter()
                    .any(|label| label.starts_with("Review the use"))
            })
            .unwrap_or_else(|| panic!("no review in {loud:#?}"));
        for person in ["carol", "rita", "bob"] {
            bot.presses_on(person, loud, "Review the use").await;
            bot.settle().await;
            assert!(
                !bot.record(&request)
                    .await
                    .contains(&"request.post_use_reviewed"),
                "{person}"
            );
        }
        bot.presses_on("eve", loud, "Review the use").await;
        bot.settle().await;
        let modal = bot.modal("eve").unwrap();
        let values = json!({ "found": { "found": "as_it_should_be" } });
        bot.slack.submit_view("eve", &modal.id, values).await;
        bot.settle().await;
        assert!(
            bot.record(&request)
                .await
                .contains(&"request.post_use_reviewed")
        );
        bot.clock.advance(minutes(25 * 60));
        bot.settle().await;
        assert!(
            !bot.record(&request)
                .await
                .contains(&"request.post_use_review_overdue")
        );
    })
    .await;
}

#[tokio::test]
async fn a_review_that_is_owed_becomes_overdue_and_loud() {
    everywhere(async |bot| {
        let request = breaks_glass(bot, "carol", "db-admin 30m INC-42 orders are stuck").await;
        let before = bot.said_in(SECURITY).len();
        bot.clock.advance(minutes(24 * 60 + 1));
        bot.settle().await;
        assert!(
            bot.record(&request)
                .await
                .contains(&"request.post_use_review_overdue")
        );
        assert!(
            bot.said_in(SECURITY)[before..].contains("overdue"),
            "{}",
            bot.said_in(SECURITY)
        );
    })
    .await;
}
