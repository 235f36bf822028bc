//! What changed while nobody served is found and mended at the start, long before the next scan is due: the target and
//! Slack are changed between two serves, and the target's own log is the judge.

use std::time::Duration;

use hallpass::domain::Time;
use slack_sandbox::RequestUrls;

use crate::support::bot::{Ground, Setting};
use crate::support::workplace::SECURITY;
use crate::support::{Database, Request, TestBot, minutes};

/// `[access] reconcile_every`, as the stories leave it: nothing here may take so long.
const SCAN: Duration = Duration::from_secs(600);

/// Since the first start; what lives, and what is over.
struct Before {
    began: Time,
    alice: Request,
    rita: Request,
    changes: usize,
}

/// How often the target was told to change something.
fn changes(bot: &TestBot) -> usize {
    bot.backend.done("grant").len() + bot.backend.done("revoke").len()
}

/// Alice has the orders for hours, Rita had some logs for five minutes.
async fn one_lives_and_one_is_over(bot: &TestBot) -> Before {
    let began = bot.clock.now();
    let alice = "/prod-access db-admin 4h orders stuck";
    let alice = bot.asks("alice", alice).await;
    bot.approves("bob", &alice).await;
    let rita = "/prod-access logs node=web-1 5m look";
    let rita = bot.asks("rita", rita).await;
    bot.clock.advance(minutes(5));
    bot.settle().await;
    assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    assert!(bot.backend.holders("logs/web-1").is_empty());
    assert!(bot.drift().await.is_empty());
    Before {
        began,
        alice,
        rita,
        changes: changes(bot),
    }
}

async fn across_a_gap(meanwhile: impl Fn(&Ground), after: impl AsyncFn(&TestBot, Before)) {
    for database in [Database::Sqlite, Database::Postgres] {
        let setting = Setting {
            database,
            ..Setting::default()
        };
        let at_once = async |bot: &TestBot, before: Before| {
            let passed = (bot.clock.now() - before.began).to_std().unwrap();
            assert!(passed < SCAN, "{passed:?}: the next scan was due anyway");
            after(bot, before).await;
        };
        TestBot::restarted(setting, one_lives_and_one_is_over, &meanwhile, at_once).await;
    }
}

#[tokio::test]
async fn what_the_target_lost_meanwhile_is_given_again() {
    across_a_gap(
        |ground| ground.backend.takes_away("alice", "orders_admin"),
        async |bot, before| {
            assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
            assert_eq!(bot.drift().await, ["missing giving_again"]);
            assert!(
                bot.said_in(SECURITY)
                    .contains("Access differs from the grants")
            );
            bot.clock.advance(minutes(240));
            bot.settle().await;
            assert!(bot.backend.holders("orders_admin").is_empty());
            assert!(bot.record(&before.alice).await.contains(&"grant.ended"));
        },
    )
    .await;
}

/// A call that was given up long ago lands while nobody looks.
#[tokio::test]
async fn what_is_left_over_of_an_ended_grant_is_taken() {
    across_a_gap(
        |ground| ground.backend.lands("rita", "logs/web-1"),
        async |bot, before| {
            assert!(bot.backend.holders("logs/web-1").is_empty());
            assert_eq!(bot.drift().await, ["left_over removing"]);
            assert!(bot.record(&before.rita).await.contains(&"grant.ended"));
            assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        },
    )
    .await;
}

/// Both of her accounts; and Slack's event reached nobody.
#[tokio::test]
async fn who_left_meanwhile_loses_what_they_have() {
    across_a_gap(
        |ground| {
            ground.slack.set_request_urls(RequestUrls::default());
            for account in ["alice", "alice2"] {
                ground.slack.set_person(account, |one| one.deleted = true);
            }
        },
        async |bot, before| {
            assert!(bot.backend.holders("orders_admin").is_empty());
            assert!(bot.record(&before.alice).await.contains(&"grant.ended"));
        },
    )
    .await;
}

#[tokio::test]
async fn where_nothing_changed_nothing_is_given_or_taken() {
    across_a_gap(
        |_| {},
        async |bot, before| {
            assert_eq!(changes(bot), before.changes);
            assert!(bot.drift().await.is_empty());
            assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
            assert!(!bot.record(&before.alice).await.contains(&"grant.ended"));
        },
    )
    .await;
}
