//! One access, several reasons to have it: grants that overlap, roles that share an entitlement, accounts that are shared,
//! access from elsewhere, and a take-back that fails. Judged by the target's own log.

use crate::support::bot::Setting;
use crate::support::gate::Mood;
use crate::support::workplace::SECURITY;
use crate::support::{Database, Request, TestBot, everywhere, minutes, seconds};

async fn given(bot: &TestBot, words: &str, by: &str) -> Request {
    let request = bot.asks("alice", &format!("/prod-access {words}")).await;
    bot.approves(by, &request).await;
    assert!(bot.record(&request).await.contains(&"grant.active"));
    request
}

/// How often the target took this permission away.
fn taken(bot: &TestBot, permission: &str) -> usize {
    let revoked = bot.backend.done("revoke").into_iter();
    revoked.filter(|call| call.permission == permission).count()
}

async fn passes(bot: &TestBot, time: i64) {
    bot.clock.advance(minutes(time));
    bot.settle().await;
}

/// Two grants of the same role: each ends at its own time, and the access with the later one.
#[tokio::test]
async fn two_grants_of_one_role_end_one_after_the_other() {
    everywhere(async |bot| {
        let first = given(bot, "db-admin 20m orders stuck", "bob").await;
        passes(bot, 10).await;
        let second = given(bot, "db-admin 30m invoices stuck", "bob").await;

        passes(bot, 10).await;
        assert!(bot.record(&first).await.contains(&"grant.ended"));
        assert!(!bot.record(&second).await.contains(&"grant.ended"));
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert_eq!(taken(bot, "orders_admin"), 0);

        passes(bot, 20).await;
        assert!(bot.record(&second).await.contains(&"grant.ended"));
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert_eq!(taken(bot, "orders_admin"), 1);
    })
    .await;
}

/// The one that would have lasted longer is given back: what remains ends with the shorter one, not later.
#[tokio::test]
async fn giving_the_longer_one_back_leaves_the_end_of_the_shorter() {
    everywhere(async |bot| {
        let short = given(bot, "db-admin 20m orders stuck", "bob").await;
        let long = given(bot, "db-owner 60m migrate the orders", "dana").await;
        let answer = bot
            .says(
                "bob",
                &format!("/prod-access revoke {} not now", long.short),
            )
            .await;
        bot.settle().await;
        assert!(bot.record(&long).await.contains(&"grant.ended"), "{answer}");
        assert!(bot.backend.holders("orders_owner").is_empty());
        assert_eq!(
            bot.backend.holders("orders_admin"),
            ["alice"],
            "the shorter one covers it"
        );
        let told = bot.backend.done("grant").into_iter().next_back().unwrap();
        let until = told.expires_at.unwrap();
        let until: hallpass::domain::Time = until.parse().unwrap();
        assert!(
            until <= bot.clock.now() + minutes(20),
            "the target was told the earlier end: {until}"
        );

        passes(bot, 20).await;
        assert!(bot.record(&short).await.contains(&"grant.ended"));
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

/// Break-glass on top of what somebody has: the emergency ends with its own hour, and takes nothing along.
#[tokio::test]
async fn break_glass_over_live_access_ends_alone() {
    everywhere(async |bot| {
        let asked = given(bot, "db-admin 60m orders stuck", "bob").await;
        let words = "/prod-access break-glass db-owner for @alice 10m INC-42 all is on fire";
        let broken = bot.asks("carol", words).await;
        assert_eq!(bot.backend.holders("orders_owner"), ["alice"]);

        passes(bot, 10).await;
        assert!(bot.record(&broken).await.contains(&"grant.ended"));
        assert!(bot.backend.holders("orders_owner").is_empty());
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);

        passes(bot, 50).await;
        assert!(bot.record(&asked).await.contains(&"grant.ended"));
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

/// A second role that shares what is there and can't be given: only its own half is undone.
#[tokio::test]
async fn a_second_role_that_fails_leaves_the_first_alone() {
    everywhere(async |bot| {
        let first = given(bot, "db-admin 20m orders stuck", "bob").await;
        bot.backend.feels(Mood::Refuses("orders_owner".into()));
        let second = bot.asks("alice", "/prod-access db-owner 60m migrate").await;
        bot.approves("dana", &second).await;
        assert!(bot.record(&second).await.contains(&"grant.failed"));
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert_eq!(taken(bot, "orders_admin"), 0);

        passes(bot, 20).await;
        assert!(bot.record(&first).await.contains(&"grant.ended"));
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

/// Rita's account there is Alice's: whoever has it first keeps it for oneself, and nothing is done under it for the other.
#[tokio::test]
async fn an_account_of_two_people_is_given_to_one() {
    for database in [Database::Sqlite, Database::Postgres] {
        let setting = Setting {
            database,
            edit: Box::new(|text| {
                let map = "[people.map.\"U0RITA\"]\nemail = \"rita@example.com\"\n\
                           principals = { gate = \"alice\" }\n\n[groups]";
                text.replacen("[groups]", map, 1)
            }),
            ..Setting::default()
        };
        TestBot::in_setting(setting, async |bot| {
            let waits = bot
                .asks("rita", "/prod-access db-admin 30m invoices stuck")
                .await;
            let hers = given(bot, "db-admin 20m orders stuck", "bob").await;
            let calls = bot.backend.calls().len();

            bot.approves("bob", &waits).await;
            assert!(!bot.record(&waits).await.contains(&"grant.intended"));
            let refused = bot.says("rita", "/prod-access db-owner 30m migrate").await;
            assert!(refused.contains("belongs to somebody else"), "{refused}");
            assert_eq!(bot.backend.calls().len(), calls, "no call for Rita");

            passes(bot, 20).await;
            assert!(bot.record(&hers).await.contains(&"grant.ended"));
            assert!(bot.backend.holders("orders_admin").is_empty());
        })
        .await;
    }
}

/// Others gave it first and take theirs away while the grant lives: ours comes in its place, and goes at the end.
#[tokio::test]
async fn access_held_before_that_others_take_is_replaced_by_ours() {
    everywhere(async |bot| {
        bot.backend.gives_standing("alice", "orders_admin");
        let request = given(bot, "db-admin 1h orders stuck", "bob").await;
        assert!(bot.backend.done("grant").is_empty(), "it was there");

        bot.backend.takes_standing("alice", "orders_admin");
        bot.scans().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert!(!bot.backend.done("grant").is_empty(), "now it is ours");

        passes(bot, 50).await;
        assert!(bot.record(&request).await.contains(&"grant.ended"));
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

/// Another administrator gives the same in between: at the end ours is taken, theirs stays, and it is told whose is left.
#[tokio::test]
async fn access_given_by_others_in_between_stays_and_is_told() {
    everywhere(async |bot| {
        let request = given(bot, "db-admin 20m orders stuck", "bob").await;
        bot.backend.gives_standing("alice", "orders_admin");
        passes(bot, 20).await;
        assert_eq!(taken(bot, "orders_admin"), 1, "ours is gone");
        assert_eq!(
            bot.backend.holders("orders_admin"),
            ["alice"],
            "theirs isn't"
        );
        let record = bot.record(&request).await;
        assert!(
            record.contains(&"grant.ended") && record.contains(&"holding.standing_access_found"),
            "{record:?}"
        );
    })
    .await;
}

/// Half a role is refused, and the other half can't be taken back: not over until it is gone, and loud until then.
#[tokio::test]
async fn a_take_back_that_fails_is_tried_until_it_holds() {
    everywhere(async |bot| {
        bot.backend
            .feels(Mood::RefusesAndKeepsHold("orders_owner".into()));
        let request = bot.asks("alice", "/prod-access db-owner 30m migrate").await;
        bot.approves("dana", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert!(
            bot.told("alice").contains("alice has no account here"),
            "that it failed is told at once"
        );
        for _ in 0..30 {
            bot.clock.advance(seconds(10));
            bot.settle().await;
        }
        let record = bot.record(&request).await;
        assert!(
            record.contains(&"grant.revocation_stuck") && !record.contains(&"grant.failed"),
            "{record:?}"
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
        assert!(bot.record(&request).await.contains(&"grant.failed"));
    })
    .await;
}

/// Meanwhile somebody approves the access that can't be taken back: then it is theirs by right, until its own end.
#[tokio::test]
async fn what_is_approved_during_a_failing_take_back_is_not_taken() {
    everywhere(async |bot| {
        let first = given(bot, "db-admin 10m orders stuck", "bob").await;
        bot.backend.feels(Mood::KeepsHold);
        passes(bot, 10).await;
        assert!(!bot.record(&first).await.contains(&"grant.ended"));

        let second = given(bot, "db-admin 30m invoices stuck", "bob").await;
        bot.backend.feels(Mood::Well);
        passes(bot, 1).await;
        assert!(bot.record(&first).await.contains(&"grant.ended"));
        assert_eq!(taken(bot, "orders_admin"), 0);
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);

        passes(bot, 29).await;
        assert!(bot.record(&second).await.contains(&"grant.ended"));
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}
