//! What is decided or recorded together stands or falls by itself: one that the database refuses among many ends, and the
//! parts of one grant, which all move that grant on.

use std::collections::BTreeMap;
use std::time::Duration;

use hallpass::domain::grant::State;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::support::bot::Setting;
use crate::support::proof::until;
use crate::support::{Database, TestBot, everywhere, minutes, seconds};

/// Whether an effect of this grant is put off, with that in the error that is kept.
async fn is_put_off_for(bot: &TestBot, grant: &str, why: &str) -> bool {
    let count = format!(
        "select count(*) from effect where subject = 'grant:{grant}' and kind = 'expire' and not claimed \
         and last_error like '%{why}%'"
    );
    let count = AssertSqlSafe(count);
    let (count,): (i64,) = if bot.database_url.starts_with("sqlite") {
        let mut database = SqliteConnection::connect(&bot.database_url).await.unwrap();
        sqlx::query_as(count)
            .fetch_one(&mut database)
            .await
            .unwrap()
    } else {
        let mut database = PgConnection::connect(&bot.database_url).await.unwrap();
        sqlx::query_as(count)
            .fetch_one(&mut database)
            .await
            .unwrap()
    };
    count > 0
}

async fn metric(bot: &TestBot, name: &str) -> u64 {
    let metrics = reqwest::get(format!("{}/metrics", bot.base)).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |count| count.trim().parse().unwrap())
}

/// Among many ends that are written together the database refuses one. The others are over at once and counted as such;
/// the one is put off like everything that fails, with the reason on record, and not left to its lease.
#[tokio::test]
async fn an_end_that_is_refused_spoils_no_other() {
    everywhere(async |bot| {
        for node in 0..24 {
            let ask = format!("/prod-access logs node=web-{node} 30m looking");
            bot.says("rita", &ask).await;
        }
        bot.settle().await;
        let refused = bot.store.live_grants(1).await.unwrap().remove(0);
        let when = format!("new.id = '{}' and new.state = 'revoking'", refused.id);
        let (trigger, no_trigger) = if bot.database_url.starts_with("sqlite") {
            (
                format!(
                    "create trigger refuses before update on access_grant when {when} \
                     begin select raise(abort, 'not this one'); end"
                ),
                "drop trigger refuses",
            )
        } else {
            (
                format!(
                    "create function refuses() returns trigger language plpgsql as \
                     $$ begin raise exception 'not this one'; end $$; \
                     create trigger refuses before update on access_grant for each row when ({when}) \
                     execute function refuses()"
                ),
                "drop trigger refuses on access_grant",
            )
        };
        bot.runs(&trigger).await;
        let internal = "hallpass_effects_total{lane=\"internal\",outcome=\"done\"}";
        let before = metric(bot, internal).await;
        bot.clock.advance(minutes(31));
        until("the others are over", async || {
            bot.backend.done("revoke").len() == 23
        })
        .await;
        until("the one is put off", async || {
            is_put_off_for(bot, refused.id.as_str(), "not this one").await
        })
        .await;
        assert!(
            metric(bot, internal).await >= before + 23,
            "the others are counted as done"
        );

        bot.runs(no_trigger).await;
        bot.clock.advance(seconds(10));
        bot.settle().await;
        let all = bot.store.all_grants(99).await.unwrap();
        let ended = |state: &State| matches!(state, State::Ended { .. });
        assert!(all.iter().all(|grant| ended(&grant.state)), "{all:#?}");
        assert_eq!(bot.backend.done("revoke").len(), 24);
    })
    .await;
}

const PARTS: usize = 8;

/// A role of many entitlements in one backend, which bears all of their calls at once.
fn of_many_parts(database: Database) -> Setting {
    let entitlements = (0..PARTS)
        .map(|part| format!("{{ backend = \"gate\", permission = \"part-{part}\" }}"))
        .collect::<Vec<_>>()
        .join(", ");
    let role = format!(
        "\n[role.many]\ndescription = \"Many things at once\"\nentitlements = [ {entitlements} ]\nstages = []\n"
    );
    Setting {
        database,
        edit: Box::new(move |text| {
            let bears = text.replace(
                "timeout    = \"5s\"",
                "timeout    = \"5s\"\nconcurrency = 8",
            );
            bears + &role
        }),
        ..Setting::default()
    }
}

/// The calls since the first `from`, by permission, in their order.
fn calls(bot: &TestBot, from: usize) -> BTreeMap<String, Vec<String>> {
    let mut by_part: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in bot.backend.calls().split_off(from) {
        let seen = by_part.entry(call.permission).or_default();
        seen.push(call.action);
    }
    by_part
}

/// All parts of a grant are called at the same time, and each record moves the same grant on. Who finds it moved by
/// another part decides anew what it saw; nothing is called a second time for it, and nothing waits.
#[tokio::test]
async fn the_parts_of_a_grant_do_not_hinder_each_other() {
    for database in [Database::Sqlite, Database::Postgres] {
        TestBot::in_setting(of_many_parts(database), async |bot| {
            bot.backend.takes(Duration::from_millis(20));
            bot.says("rita", "/prod-access many 2m looking").await;
            bot.settle().await;
            let given = calls(bot, 0);
            assert_eq!(given.len(), PARTS, "{database:?}");
            // A second time once all are there: the target is told the end, which counts from then.
            let once = ["observe", "grant", "observe"];
            for (part, calls) in &given {
                assert_eq!(calls, &[once, once].concat(), "{database:?}: {part}");
            }
            assert!(bot.backend.most_in_all() > 1, "they were called together");

            let from = bot.backend.calls().len();
            bot.clock.advance(minutes(3));
            bot.settle().await;
            let taken = calls(bot, from);
            assert_eq!(taken.len(), PARTS, "{database:?}");
            for (part, calls) in &taken {
                assert_eq!(
                    calls,
                    &["observe", "revoke", "observe"],
                    "{database:?}: {part}"
                );
            }
            let back = "hallpass_effects_total{lane=\"backend:gate\",outcome=\"given_back\"}";
            assert_eq!(
                metric(bot, back).await,
                0,
                "{database:?}: none was done again"
            );
            let all = bot.store.all_grants(9).await.unwrap();
            assert!(
                matches!(all.as_slice(), [grant] if matches!(grant.state, State::Ended { .. })),
                "{all:#?}"
            );
        })
        .await;
    }
}
