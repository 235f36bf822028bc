//! A target that doesn't answer: the card and `mine` say so from the first failure on, in both directions, and stop saying
//! it when it is over. Nobody is left with "being set up" or "being taken away" while nothing moves.

use crate::support::gate::Mood;
use crate::support::{Request, TestBot, everywhere, minutes, seconds};

const SILENT: &str = "gate doesn’t answer";

async fn asked_and_approved(bot: &TestBot) -> Request {
    let request = bot
        .asks("alice", "/prod-access db-admin 30m orders stuck")
        .await;
    bot.approves("bob", &request).await;
    request
}

async fn passes(bot: &TestBot, times: usize, step: i64) {
    for _ in 0..times {
        bot.clock.advance(seconds(step));
        bot.settle().await;
    }
}

#[tokio::test]
async fn while_it_cannot_be_given_the_card_and_the_list_say_so() {
    everywhere(async |bot| {
        bot.backend.feels(Mood::Down);
        let request = asked_and_approved(bot).await;
        let card = bot.card(&request).plain();
        assert!(card.contains(SILENT) && card.contains("rying"), "{card}");
        assert!(!card.contains("is being set up"), "{card}");
        let mine = bot.says("alice", "/prod-access mine").await;
        assert!(mine.contains(SILENT), "{mine}");

        bot.backend.feels(Mood::Well);
        passes(bot, 3, 10).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        let card = bot.card(&request).plain();
        assert!(
            card.contains("*Active* until") && !card.contains(SILENT),
            "{card}"
        );
        let dms = bot.slack.dms("alice");
        assert!(
            dms.iter().all(|one| !one.plain().contains(SILENT)),
            "{dms:#?}"
        );
    })
    .await;
}

/// One after the other, until nothing of the lane is claimed any more but a probe: what is approved then says so at once.
#[tokio::test]
async fn what_waits_behind_a_target_that_is_away_says_so_too() {
    everywhere(async |bot| {
        bot.backend.feels(Mood::Down);
        let first = asked_and_approved(bot).await;
        passes(bot, 8, 10).await;
        let second = bot
            .asks("rita", "/prod-access logs node=web-1 10m look")
            .await;
        for request in [&first, &second] {
            let card = bot.card(request).plain();
            assert!(card.contains(SILENT), "{card}");
        }
        let told = bot.told("rita");
        assert!(told.contains(SILENT), "who waits is told: {told}");
        bot.backend.feels(Mood::Well);
        passes(bot, 3, 10).await;
        for request in [&first, &second] {
            let card = bot.card(request).plain();
            assert!(
                card.contains("*Active* until") && !card.contains(SILENT),
                "{card}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn while_it_cannot_be_taken_the_card_says_that_access_may_be_there() {
    everywhere(async |bot| {
        let request = asked_and_approved(bot).await;
        bot.backend.feels(Mood::Down);
        bot.clock.advance(minutes(30));
        bot.settle().await;
        let card = bot.card(&request).plain();
        assert!(
            card.contains(SILENT) && card.contains("may *still* have access"),
            "{card}"
        );
        let told = bot.told("alice");
        assert!(told.contains(SILENT), "who holds it is told: {told}");
        let mine = bot.says("alice", "/prod-access mine").await;
        assert!(mine.contains("may *still* have access"), "{mine}");
        passes(bot, 15, 10).await;
        let thread = bot.thread(&request);
        assert!(thread.contains("Security is told"), "{thread}");

        bot.backend.feels(Mood::Well);
        passes(bot, 3, 10).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        let card = bot.card(&request).plain();
        assert!(card.contains("*Ended*"), "{card}");
        let thread = bot.thread(&request);
        assert!(!thread.contains("*still*"), "nothing stale: {thread}");
        let dms = bot.slack.dms("alice");
        assert!(
            dms.iter().all(|one| !one.plain().contains("*still*")),
            "{dms:#?}"
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_is_not_called_silence() {
    everywhere(async |bot| {
        let request = asked_and_approved(bot).await;
        bot.backend.feels(Mood::KeepsHold);
        bot.clock.advance(minutes(30));
        bot.settle().await;
        let card = bot.card(&request).plain();
        assert!(!card.contains(SILENT), "it answers: {card}");
        assert!(card.contains("may *still* have access"), "{card}");
    })
    .await;
}
