//! People who do a thing twice, because they heard nothing of the first time or were refused.

use hallpass::domain::EventKind;

use crate::support::gate::Mood;
use crate::support::workplace::SECURITY;
use crate::support::{Database, TestBot, everywhere, seconds};

/// Slack gave up waiting, and the person types it again: another delivery, the same ask.
#[tokio::test]
async fn the_same_words_within_a_minute_are_one_request() {
    everywhere(async |bot| {
        let words = "/prod-access db-admin 10m orders stuck";
        let first = bot.asks("alice", words).await;
        assert_eq!(bot.asks("alice", words).await, first);
        assert_eq!(bot.pending().await, std::slice::from_ref(&first));

        bot.clock.advance(seconds(61));
        assert_ne!(bot.asks("alice", words).await, first, "meant anew");
        assert_eq!(bot.pending().await.len(), 2);
    })
    .await;
}

/// The database is slow just then: the first isn't on record when it is typed again.
#[tokio::test]
async fn the_same_words_while_the_first_are_being_written_are_one_request() {
    TestBot::on(Database::Postgres, async |bot| {
        bot.runs(
            "create function slow() returns trigger language plpgsql as \
             $$ begin perform pg_sleep(2.1); return new; end $$; \
             create trigger slow before insert on request for each row execute function slow()",
        )
        .await;
        for (person, words) in [
            ("alice", "/prod-access db-admin 10m orders stuck"),
            (
                "carol",
                "/prod-access break-glass db-admin 10m INC-42 orders are stuck",
            ),
        ] {
            let first = bot.says(person, words).await;
            assert!(first.contains("Not confirmed"), "{first}");
            let again = bot.says(person, words).await;
            assert!(again.contains("a moment ago"), "{again}");
            bot.settle().await;
        }
        assert_eq!(bot.pending().await.len(), 1);
        assert_eq!(bot.events(EventKind::BrokeGlass).await.len(), 1);
    })
    .await;
}

/// A commander who wasn't answered types it again: the glass is broken, announced and owed a review once.
#[tokio::test]
async fn the_same_order_within_a_minute_breaks_the_glass_once() {
    everywhere(async |bot| {
        let words = "/prod-access break-glass db-admin for @rita 10m INC-42 orders are stuck";
        let alerts = || {
            let said = bot.slack.messages(SECURITY);
            let alerts = said.iter().filter(|said| said.plain().contains("INC-4"));
            alerts.count()
        };
        let first = bot.asks("carol", words).await;
        assert_eq!(bot.asks("carol", words).await, first);
        let again = bot.says("carol", words).await;
        assert!(again.contains("nothing new was done"), "{again}");
        assert_eq!(alerts(), 1);

        for other in [
            words.replace("for @rita ", ""),
            words.replace("INC-42", "INC-43"),
            words.replace("10m", "11m"),
        ] {
            assert_ne!(bot.asks("carol", &other).await, first, "{other}");
        }
        assert_eq!(alerts(), 4);

        bot.clock.advance(seconds(61));
        assert_ne!(bot.asks("carol", words).await, first, "meant anew");
    })
    .await;
}

/// Taken away by mistake, and the target doesn't answer just then: who asks again isn't told that it is there already.
#[tokio::test]
async fn what_is_being_taken_away_is_asked_for_anew() {
    everywhere(async |bot| {
        let words = "/prod-access break-glass db-admin 10m INC-42 orders are stuck";
        let first = bot.asks("carol", words).await;
        bot.backend.feels(Mood::Down);
        bot.says("carol", "/prod-access drop").await;
        bot.settle().await;
        let second = bot.asks("carol", words).await;
        assert_ne!(second, first);
        assert_eq!(bot.asks("carol", words).await, second);
        bot.backend.feels(Mood::Well);
        bot.clock.advance(seconds(30));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["carol"]);
        assert_eq!(bot.events(EventKind::GrantActive).await.len(), 2);
    })
    .await;
}

/// What a refusal leaves behind must not stand in the way of the next ask.
#[tokio::test]
async fn who_was_refused_can_ask_again() {
    TestBot::run(async |bot| {
        for number in 1..=20 {
            let ask = format!("/prod-access db-admin 10m orders stuck {number}");
            bot.says("alice", &ask).await;
        }
        let one_more = "/prod-access db-admin 10m one more";
        let refused = bot.says("alice", one_more).await;
        assert!(refused.contains("as many as can wait"), "{refused}");
        bot.settle().await;
        let waiting = bot.pending().await;
        assert_eq!(waiting.len(), 20);
        bot.says(
            "alice",
            &format!("/prod-access cancel {}", waiting[0].short),
        )
        .await;
        let asked = bot.asks("alice", one_more).await;
        assert!(bot.pending().await.contains(&asked));
    })
    .await;
}
