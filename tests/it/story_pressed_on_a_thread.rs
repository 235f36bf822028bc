//! A press on a card under which a thread hangs: Slack shows what is answered by `response_url` in that thread, where
//! whoever pressed the card isn't looking. It is answered beside the card.

use crate::support::{everywhere, minutes, seconds};

#[tokio::test]
async fn what_is_refused_is_answered_where_it_was_pressed() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access on-call-only 30m orders stuck")
            .await;
        bot.clock.advance(minutes(21));
        bot.settle().await;
        // It may have been put off, for an earlier notice that was being said.
        bot.clock.advance(seconds(2));
        bot.settle().await;
        assert!(
            bot.thread(&request).contains("No answer"),
            "it has a thread"
        );
        let before = bot.slack.ephemerals("rita").len();
        bot.approves("rita", &request).await;
        let told = bot.slack.ephemerals("rita").split_off(before);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert_eq!(told[0].thread_ts, None, "beside the card: {told:#?}");
        assert_eq!(told[0].channel, bot.card(&request).channel);
    })
    .await;
}
