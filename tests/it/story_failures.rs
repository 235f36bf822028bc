//! What goes wrong outside: targets that refuse or are down, overlaps, Slack gone. The end comes all the same.

use slack_sandbox::{Fault, FaultKind};

use crate::support::gate::Mood;
use crate::support::workplace::SECURITY;
use crate::support::{TestBot, everywhere, minutes, seconds};

#[tokio::test]
async fn ending_one_grant_leaves_what_another_covers() {
    everywhere(async |bot| {
        let short = bot
            .asks("alice", "/prod-access db-admin 20m orders stuck")
            .await;
        bot.approves("bob", &short).await;
        let long = bot
            .asks("alice", "/prod-access db-owner 60m migrate the orders")
            .await;
        bot.approves("dana", &long).await;
        assert_eq!(bot.backend.holders("orders_owner"), ["alice"]);

        bot.clock.advance(minutes(20));
        bot.settle().await;
        assert_eq!(
            bot.backend.holders("orders_admin"),
            ["alice"],
            "the second grant covers it"
        );
        assert!(bot.record(&short).await.contains(&"grant.ended"));

        bot.clock.advance(minutes(40));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.backend.holders("orders_owner").is_empty());
        assert_eq!(
            bot.backend
                .done("revoke")
                .iter()
                .filter(|call| call.permission == "orders_admin")
                .count(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn one_entitlement_refused_for_good_takes_the_other_back() {
    everywhere(async |bot| {
        bot.backend.feels(Mood::Refuses("orders_owner".into()));
        let request = bot.asks("alice", "/prod-access db-owner 30m migrate").await;
        bot.approves("dana", &request).await;
        assert!(bot.backend.holders("orders_owner").is_empty());
        assert!(
            bot.backend.holders("orders_admin").is_empty(),
            "half a role is none"
        );
        let record = bot.record(&request).await;
        assert!(
            record.contains(&"grant.failed") && !record.contains(&"grant.active"),
            "{record:?}"
        );
        assert!(
            bot.told("alice").contains("alice has no account here"),
            "{}",
            bot.told("alice")
        );
        assert!(
            bot.told("dana").contains("could not be given"),
            "who approved is told too: {}",
            bot.told("dana")
        );
    })
    .await;
}

#[tokio::test]
async fn a_target_that_is_down_when_granting_is_tried_again() {
    TestBot::run(async |bot| {
        bot.backend.feels(Mood::Down);
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        assert!(!bot.record(&request).await.contains(&"grant.active"));
        bot.backend.feels(Mood::Well);
        bot.clock.advance(minutes(5));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn provisioning_that_takes_too_long_is_taken_back() {
    TestBot::run(async |bot| {
        bot.backend.feels(Mood::Down);
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.clock.advance(minutes(16));
        bot.settle().await;
        bot.backend.feels(Mood::Well);
        bot.clock.advance(minutes(5));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.failed"));
    })
    .await;
}

#[tokio::test]
async fn a_revocation_goes_on_until_it_holds() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 10m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.backend.feels(Mood::KeepsHold);
        bot.clock.advance(minutes(10));
        bot.settle().await;
        for _ in 0..30 {
            bot.clock.advance(seconds(10));
            bot.settle().await;
        }
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        let tried = bot
            .backend
            .calls()
            .iter()
            .filter(|call| call.action == "revoke")
            .count();
        assert!(tried >= 25, "tried at most ten seconds apart: {tried}");
        assert!(
            bot.record(&request)
                .await
                .contains(&"grant.revocation_stuck")
        );
        assert!(
            bot.said_in(SECURITY).contains("*still* have access"),
            "{}",
            bot.said_in(SECURITY)
        );

        bot.backend.feels(Mood::Well);
        bot.clock.advance(seconds(10));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.ended"));
        assert!(bot.thread(&request).contains("*Ended*"));
    })
    .await;
}

/// What the card says is what the target would say.
#[tokio::test]
async fn the_card_says_that_it_is_over_only_when_it_is_gone() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 10m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.backend.feels(Mood::KeepsHold);
        bot.clock.advance(minutes(10));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        let card = bot.card(&request).plain();
        assert!(
            card.contains("Not gone yet") && !card.contains("Ended"),
            "{card}"
        );
        assert!(!bot.thread(&request).contains("*Ended*"));

        bot.backend.feels(Mood::Well);
        bot.clock.advance(seconds(10));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        let card = bot.card(&request).plain();
        assert!(card.contains("Ended"), "{card}");
    })
    .await;
}

#[tokio::test]
async fn slack_being_down_never_delays_the_end() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 10m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.slack.set_fault(Fault::new(FaultKind::Down));
        bot.clock.advance(minutes(10));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.ended"));

        bot.slack.clear_faults();
        bot.clock.advance(minutes(10));
        bot.settle().await;
        assert!(
            bot.thread(&request).contains(") *ended*"),
            "what could not be said is said later"
        );
    })
    .await;
}

#[tokio::test]
async fn a_repeated_delivery_is_one_request() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 10m orders stuck")
            .await;
        let delivery = bot.slack.deliveries().into_iter().next_back().unwrap();
        for _ in 0..3 {
            let again = bot.slack.replay(&delivery).await;
            assert!(
                again.is_ok() && again.body.contains(&request.short),
                "{}",
                again.body
            );
        }
        bot.settle().await;
        assert_eq!(bot.pending().await, [request]);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_click_is_one_decision() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 10m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        let click = bot
            .slack
            .deliveries()
            .into_iter()
            .rfind(|delivery| delivery.body.starts_with("payload="))
            .unwrap();
        bot.clock.advance(minutes(4));
        bot.slack.replay(&click).await;
        bot.settle().await;
        assert_eq!(bot.granted("orders_admin").len(), 1);
        let calls = bot.backend.done("grant").len();
        bot.clock.advance(minutes(6));
        bot.settle().await;
        assert!(
            bot.backend.holders("orders_admin").is_empty(),
            "the end did not move"
        );
        bot.slack.replay(&click).await;
        bot.settle().await;
        assert!(
            bot.backend.holders("orders_admin").is_empty(),
            "nothing is granted again"
        );
        assert_eq!(bot.backend.done("grant").len(), calls);
    })
    .await;
}
