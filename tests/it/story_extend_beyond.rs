//! More time than was agreed: a request of its own, decided by those who decide now; its approval moves the end, and the
//! end of the access voids it.

use crate::story_extend::{after, alice_has_it, pressed, told_end, with_a_budget};
use crate::support::{Request, TestBot, everywhere, minutes, seconds};

/// Alice asks for two hours more, which nobody agreed to beforehand.
async fn asks_for_more(bot: &TestBot) -> Request {
    bot.asks("alice", "/prod-access extend 2h the rebuild takes longer")
        .await
}

#[tokio::test]
async fn beyond_the_budget_those_on_call_decide_and_the_end_moves() {
    with_a_budget(async |bot| {
        let access = alice_has_it(bot).await;
        let end = bot.clock.now() + minutes(30);
        let more = asks_for_more(bot).await;
        assert_ne!(more, access, "a request of its own");
        let card = bot.card(&more);
        let (text, buttons) = (card.plain(), card.buttons());
        assert!(text.contains("db-admin for 2 hours more"), "{text}");
        assert!(text.contains("the rebuild takes longer"), "{text}");
        assert!(text.contains("with this"), "the end as it would be: {text}");
        assert_eq!(buttons.len(), 4, "{buttons:?}");
        assert!(text.contains("<@U0BOB>"), "who is on call is asked: {text}");
        assert!(
            (told_end(bot) - end).abs() < seconds(5),
            "nothing moved yet"
        );

        bot.approves("bob", &more).await;
        assert!((told_end(bot) - end - minutes(120)).abs() < seconds(5));
        assert!(bot.thread(&access).contains("was extended"));
        let card = bot.card(&more).plain();
        assert!(card.contains("Extended"), "{card}");
        let record = bot.record(&more).await;
        assert!(record.contains(&"request.approved"), "{record:?}");

        // The ledger's own look finds that it is proven.
        for _ in 0..4 {
            after(bot, 35).await;
            assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        }
        after(bot, 11).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        let record = bot.record(&access).await;
        assert!(record.contains(&"grant.ended"), "{record:?}");
    })
    .await;
}

#[tokio::test]
async fn a_used_up_budget_is_asked_for_by_the_button() {
    with_a_budget(async |bot| {
        alice_has_it(bot).await;
        for _ in 0..2 {
            let answer = bot.says("alice", "/prod-access extend 30m").await;
            assert!(answer.contains("*Extended* by"), "{answer}");
            after(bot, 2).await;
        }
        after(bot, 71).await;
        let warning = bot.slack.dms("alice").into_iter();
        let mut warned = warning.filter(|message| message.plain().contains("ends in"));
        let warning = warned.next_back().expect("warned");
        assert_eq!(warning.buttons(), ["Ask for 30 min more", "End now"]);
        let other = bot.slack.dms("bob").into_iter();
        let mut other = other.filter(|message| message.plain().contains("ends in"));
        let other = other.next_back().expect("warned, too");
        assert_eq!(other.buttons(), ["End now"], "only its holder asks");

        let answer = pressed(bot, "alice", &warning, "Ask for").await;
        assert!(
            answer.contains("Asked: `db-admin`, 30 min more"),
            "{answer}"
        );
        let waiting = bot.pending().await;
        assert_eq!(waiting.len(), 1);
        let again = pressed(bot, "alice", &warning, "Ask for").await;
        assert!(again.contains(&waiting[0].short), "the same one: {again}");
        assert_eq!(bot.pending().await.len(), 1);
        let own = bot.presses("alice", &waiting[0], "Approve").await;
        assert!(own.is_ok());
        assert_eq!(bot.pending().await.len(), 1, "nobody decides their own");

        after(bot, 10).await;
        let last = bot.slack.dms("alice").into_iter();
        let mut last = last.filter(|message| message.plain().contains("ends in"));
        let last = last.next_back().expect("warned again");
        assert!(last.plain().contains(&waiting[0].short), "{}", last.plain());
        assert_eq!(last.buttons(), ["End now"], "it was asked for");
        bot.approves("bob", &waiting[0]).await;
        after(bot, 10).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        after(bot, 30).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_end_of_the_access_voids_what_asks_for_more() {
    with_a_budget(async |bot| {
        alice_has_it(bot).await;
        let more = asks_for_more(bot).await;
        bot.says("alice", "/prod-access drop").await;
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        let over = bot.card(&more);
        assert!(over.plain().contains("*Closed*"), "{}", over.plain());
        assert!(over.buttons().is_empty());
        assert!(bot.record(&more).await.contains(&"request.voided"));
        let extend = format!("/prod-access extend {} 10m", more.short);
        let answer = bot.says("alice", &extend).await;
        assert!(answer.contains("no access behind"), "{answer}");
        after(bot, 60).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn unanswered_it_ends_with_the_access_at_its_own_time() {
    with_a_budget(async |bot| {
        let access = alice_has_it(bot).await;
        let more = asks_for_more(bot).await;
        after(bot, 31).await;
        assert!(
            bot.backend.holders("orders_admin").is_empty(),
            "asking gives nothing"
        );
        assert!(bot.record(&more).await.contains(&"request.voided"));
        assert!(!bot.record(&access).await.contains(&"grant.extended"));
        // The reminder that was due meanwhile, and has nothing to say any more, goes first.
        after(bot, 1).await;
        assert!(
            bot.told("alice").contains("has ended"),
            "{}",
            bot.told("alice")
        );
    })
    .await;
}

#[tokio::test]
async fn one_waits_at_a_time_and_it_can_be_cancelled() {
    with_a_budget(async |bot| {
        alice_has_it(bot).await;
        let more = asks_for_more(bot).await;
        let second = bot
            .says("alice", "/prod-access extend 3h even longer")
            .await;
        assert!(
            second.contains(&more.short) && second.contains("Cancel it first"),
            "{second}"
        );
        bot.says("alice", &format!("/prod-access cancel {}", more.short))
            .await;
        bot.settle().await;
        assert!(bot.record(&more).await.contains(&"request.cancelled"));
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        let third = bot
            .asks("alice", "/prod-access extend 3h even longer")
            .await;
        bot.denies("bob", &third).await;
        after(bot, 31).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_said_with_what_would_do() {
    with_a_budget(async |bot| {
        alice_has_it(bot).await;
        let long = bot.says("alice", "/prod-access extend 9h forever").await;
        assert!(long.contains("allows 4 h at a time"), "{long}");
        assert!(bot.pending().await.is_empty());
        let record = bot.says("bob", "/prod-access extend 1h").await;
        assert!(record.contains("no active access"), "{record}");
    })
    .await;
}

#[tokio::test]
async fn without_an_agreed_budget_every_extension_is_asked_for() {
    everywhere(async |bot| {
        let access = alice_has_it(bot).await;
        let more = bot.asks("alice", "/prod-access extend 20m").await;
        assert_ne!(more, access);
        assert!(
            bot.card(&more).plain().contains("orders stuck"),
            "for the same reason"
        );
        bot.approves("bob", &more).await;
        after(bot, 40).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        after(bot, 11).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_role_without_stages_is_extended_at_once() {
    everywhere(async |bot| {
        let access = bot
            .asks(
                "rita",
                "/prod-access logs node=web-3 10m looking for a timeout",
            )
            .await;
        let answer = bot.says("rita", "/prod-access extend 30m").await;
        bot.settle().await;
        assert!(answer.contains("30 min more"), "{answer}");
        after(bot, 30).await;
        assert_eq!(bot.backend.holders("logs/web-3"), ["rita"]);
        let status = bot
            .says("rita", &format!("/prod-access status {}", access.short))
            .await;
        assert!(status.contains("extended by 30 min"), "{status}");
        after(bot, 11).await;
        assert!(bot.backend.holders("logs/web-3").is_empty());
    })
    .await;
}

/// A commander gave it without approval: more of it is decided by those who approve.
#[tokio::test]
async fn broken_glass_has_no_budget() {
    with_a_budget(async |bot| {
        let glass = bot
            .asks(
                "carol",
                "/prod-access break-glass db-admin for @alice 30m INC-42 orders are stuck",
            )
            .await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        let more = bot.asks("alice", "/prod-access extend 30m").await;
        assert_ne!(more, glass, "it is asked for");
        bot.approves("bob", &more).await;
        after(bot, 45).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        after(bot, 16).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}
