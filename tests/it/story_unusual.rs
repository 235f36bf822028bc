//! What is unusual about a request stands on its card, from the ledger: that somebody never had this role before.

use crate::support::{everywhere, minutes};

const FIRST: &str = "Unusual: first use of this role";

#[tokio::test]
async fn the_first_use_of_a_role_is_marked_and_the_second_is_not() {
    everywhere(async |bot| {
        let first = bot
            .asks("alice", "/prod-access db-admin 10m orders stuck")
            .await;
        assert!(bot.card(&first).plain().contains(FIRST));
        bot.denies("bob", &first).await;
        let again = bot
            .asks("alice", "/prod-access db-admin 10m orders stuck")
            .await;
        assert!(
            bot.card(&again).plain().contains(FIRST),
            "what was denied was no use"
        );
        bot.approves("bob", &again).await;
        assert!(
            !bot.card(&again).plain().contains(FIRST),
            "it is decided: nothing to look out for"
        );
        bot.clock.advance(minutes(11));
        bot.settle().await;
        let third = bot
            .asks("alice", "/prod-access db-admin 10m orders stuck")
            .await;
        assert!(!bot.card(&third).plain().contains(FIRST));
        let other = bot
            .asks("rita", "/prod-access db-admin 10m orders stuck")
            .await;
        assert!(bot.card(&other).plain().contains(FIRST), "Rita's first");
        let role = bot.asks("alice", "/prod-access db-owner 10m migrate").await;
        assert!(bot.card(&role).plain().contains(FIRST), "another role");
    })
    .await;
}

#[tokio::test]
async fn broken_glass_says_it_too_for_its_holder() {
    everywhere(async |bot| {
        let glass = "/prod-access break-glass db-admin for @rita 10m INC-42 stuck";
        let first = bot.asks("carol", glass).await;
        assert!(bot.card(&first).plain().contains(FIRST));
        bot.clock.advance(minutes(11));
        bot.settle().await;
        let second = bot.asks("carol", glass).await;
        assert!(!bot.card(&second).plain().contains(FIRST));
    })
    .await;
}
