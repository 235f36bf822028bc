//! People who do a thing twice, because they heard nothing of the first time or were refused.

use crate::support::{TestBot, everywhere, seconds};

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
