//! From the ask to the end: granted, warned, taken away and verified; denied, cancelled, dropped, revoked.

use std::time::{Duration, Instant};

use hallpass::domain::Time;

use crate::support::{Request, TestBot, everywhere, minutes, seconds};

/// What the target saw, what was said and what is on record once Alice's access has ended by its time.
async fn ended_well(bot: &TestBot, request: &Request, end: Time) {
    let letters = request.short.replace("R-", "G-");
    assert_eq!(bot.granted("orders_admin"), [letters].into());
    let calls = bot.backend.calls();
    assert!(calls.iter().all(|call| call.principal == "alice"));
    let told = bot.backend.done("grant").pop().unwrap().expires_at.unwrap();
    let told: Time = told.parse().unwrap();
    assert!((told - end).abs() < seconds(5), "the target knows the end");
    assert_eq!(bot.backend.done("revoke").len(), 1);
    let last = calls.last().unwrap();
    assert_eq!(last.action, "observe", "the removal is read back");
    let ended = bot.thread(request);
    assert!(ended.contains(") *ended*"), "{ended}");
    let record = bot.record(request).await;
    for kind in [
        "request.asked",
        "request.reviewed",
        "request.approved",
        "grant.intended",
        "grant.active",
        "grant.warned",
        "grant.revocation_intended",
        "grant.ended",
    ] {
        assert!(record.contains(&kind), "{kind} is not in {record:?}");
    }
}

#[tokio::test]
async fn access_is_asked_approved_granted_warned_and_ends_verified() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        assert!(
            bot.backend.calls().is_empty(),
            "nothing is given before it is approved"
        );
        let card = bot.card(&request);
        assert!(card.plain().contains("orders stuck"));
        assert!(
            card.plain().contains("<@U0BOB>"),
            "who is on call is asked by it"
        );

        bot.approves("bob", &request).await;
        let granted_at = bot.clock.now();
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert!(
            bot.card(&request)
                .buttons()
                .iter()
                .all(|label| !label.starts_with("Approve"))
        );
        assert!(
            bot.told("alice").contains("db-admin"),
            "its holder is told that it is there"
        );

        bot.clock.advance(minutes(15));
        bot.settle().await;
        assert_eq!(
            bot.backend.holders("orders_admin"),
            ["alice"],
            "never too early"
        );
        assert!(bot.record(&request).await.contains(&"grant.warned"));
        let warned = bot.thread(&request);
        assert!(warned.contains("ends in"), "{warned}");

        bot.clock.advance(minutes(14));
        bot.settle().await;
        assert_eq!(
            bot.backend.holders("orders_admin"),
            ["alice"],
            "never too early"
        );

        bot.clock.advance(minutes(1));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        ended_well(bot, &request, granted_at + minutes(30)).await;
    })
    .await;
}

#[tokio::test]
async fn the_clock_starts_at_the_grant_not_at_the_ask() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 20m orders stuck")
            .await;
        bot.clock.advance(minutes(18));
        bot.approves("bob", &request).await;
        bot.clock.advance(minutes(18));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        bot.clock.advance(minutes(3));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn one_deny_denies() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.denies("bob", &request).await;
        assert!(bot.card(&request).buttons().is_empty());
        assert!(
            bot.told("alice").to_lowercase().contains("denied"),
            "{}",
            bot.told("alice")
        );
        assert!(bot.record(&request).await.contains(&"request.denied"));
        bot.clock.advance(minutes(120));
        bot.settle().await;
        assert!(bot.backend.calls().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_request_can_be_cancelled_by_its_requester_alone() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.says("rita", &format!("/prod-access cancel {}", request.short))
            .await;
        bot.settle().await;
        assert!(!bot.record(&request).await.contains(&"request.cancelled"));

        bot.says("alice", &format!("/prod-access cancel {}", request.short))
            .await;
        bot.settle().await;
        assert!(bot.record(&request).await.contains(&"request.cancelled"));
        assert!(bot.card(&request).buttons().is_empty());
        assert!(bot.backend.calls().is_empty());
    })
    .await;
}

#[tokio::test]
async fn cancel_after_the_approval_means_drop() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.says("alice", &format!("/prod-access cancel {}", request.short))
            .await;
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_holder_drops_what_is_no_longer_needed() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.says("alice", "/prod-access drop").await;
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.ended"));
    })
    .await;
}

#[tokio::test]
async fn an_approver_revokes_and_others_do_not() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.says(
            "rita",
            &format!("/prod-access revoke {} because", request.short),
        )
        .await;
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);

        bot.says(
            "bob",
            &format!("/prod-access revoke {} seen enough", request.short),
        )
        .await;
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.thread(&request).contains("seen enough"));
    })
    .await;
}

#[tokio::test]
async fn a_role_without_stages_is_granted_at_once() {
    everywhere(async |bot| {
        let request = bot
            .asks(
                "rita",
                "/prod-access logs node=web-3 10m looking for a timeout",
            )
            .await;
        assert_eq!(bot.backend.holders("logs/web-3"), ["rita"]);
        bot.clock.advance(minutes(10));
        bot.settle().await;
        assert!(bot.backend.holders("logs/web-3").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.ended"));
    })
    .await;
}

#[tokio::test]
async fn what_somebody_holds_anyway_is_left_alone_and_told() {
    everywhere(async |bot| {
        bot.backend.gives_standing("alice", "orders_admin");
        let request = bot
            .asks("alice", "/prod-access db-admin 10m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.clock.advance(minutes(10));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert!(bot.backend.done("revoke").is_empty());
        assert!(
            bot.record(&request)
                .await
                .contains(&"holding.standing_access_found")
        );
    })
    .await;
}

/// Many ends at the same moment: each is taken away and read back, within seconds of it.
#[tokio::test]
async fn a_hundred_ends_at_once_are_all_on_time() {
    TestBot::run(async |bot| {
        for node in 0..100 {
            let ask = format!("/prod-access logs node=web-{node} 30m looking");
            bot.says("rita", &ask).await;
        }
        bot.settle().await;
        assert_eq!(
            bot.backend.done("grant").len(),
            200,
            "given, and told the end"
        );
        bot.clock.advance(minutes(31));
        let began = Instant::now();
        bot.settle().await;
        let took = began.elapsed();
        assert_eq!(bot.backend.done("revoke").len(), 100);
        let held = |node| !bot.backend.holders(&format!("logs/web-{node}")).is_empty();
        assert!(!(0..100).any(held));
        assert!(took < Duration::from_secs(20), "{took:?}");
    })
    .await;
}
