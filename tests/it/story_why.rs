//! `why ROLE [DURATION]`: what would be decided, by which rule of which line, what would do instead, and whom to ask.

use crate::support::everywhere;

#[tokio::test]
async fn why_says_what_would_be_decided_and_asks_nothing() {
    everywhere(async |bot| {
        let yes = bot.says("alice", "/prod-access why db-admin 1h").await;
        assert!(yes.contains("Yes"), "{yes}");
        assert!(yes.contains("Decided by dba on call"), "{yes}");
        assert!(yes.contains("requesters-may-ask"), "{yes}");
        assert!(yes.contains("First to be asked: <@U0BOB>"), "{yes}");
        assert!(yes.contains("/prod-access db-admin 1h"), "{yes}");

        let long = bot.says("alice", "/prod-access why db-admin 9h").await;
        assert!(
            long.contains("No") && long.contains("4 h at most"),
            "{long}"
        );
        assert!(long.contains("not-longer-than-the-role-allows"), "{long}");
        assert!(
            long.contains("/prod-access db-admin 4h"),
            "what would do: {long}"
        );

        let usual = bot.says("rita", "/prod-access why logs").await;
        assert!(
            usual.contains("30 min") && usual.contains("granted at once"),
            "{usual}"
        );
        assert!(bot.pending().await.is_empty(), "nothing was asked");
        assert!(bot.backend.calls().is_empty());
    })
    .await;
}

#[tokio::test]
async fn why_not_names_whom_to_ask_and_the_nearest_role() {
    everywhere(async |bot| {
        // Eve decides, and is nobody who asks.
        let no = bot.says("eve", "/prod-access why db-admin").await;
        assert!(
            no.contains("No") && no.contains("that is for everyone"),
            "{no}"
        );
        assert!(no.contains("No rule permits it"), "{no}");
        assert!(no.contains("Who can help: <@U0BOB>"), "its owner: {no}");

        let typo = bot.says("alice", "/prod-access why db-admn").await;
        assert!(typo.contains("the nearest is db-admin"), "{typo}");
        let which = bot.says("alice", "/prod-access why").await;
        assert!(which.contains("Say which role"), "{which}");
        let wrong = bot.says("alice", "/prod-access why db-admin 2x").await;
        assert!(wrong.contains("2x"), "{wrong}");
    })
    .await;
}

#[tokio::test]
async fn why_offers_the_role_that_gives_the_same() {
    everywhere(async |bot| {
        let no = bot.says("alice", "/prod-access why db-admin 5h").await;
        assert!(
            no.contains("Nearest that you may ask for: db-owner"),
            "{no}"
        );
    })
    .await;
}
