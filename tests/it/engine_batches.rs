//! What is decided or recorded together stands or falls by itself: one that the database refuses among many ends.

use hallpass::domain::grant::State;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::support::proof::until;
use crate::support::{TestBot, everywhere, minutes, seconds};

/// Runs a statement as whoever owns the database would.
async fn runs(bot: &TestBot, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    if bot.database_url.starts_with("sqlite") {
        let mut database = SqliteConnection::connect(&bot.database_url).await.unwrap();
        sqlx::raw_sql(statement)
            .execute(&mut database)
            .await
            .unwrap();
    } else {
        let mut database = PgConnection::connect(&bot.database_url).await.unwrap();
        sqlx::raw_sql(statement)
            .execute(&mut database)
            .await
            .unwrap();
    }
}

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
        let (refuses, relents) = if bot.database_url.starts_with("sqlite") {
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
        runs(bot, &refuses).await;
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

        runs(bot, relents).await;
        bot.clock.advance(seconds(10));
        bot.settle().await;
        let all = bot.store.all_grants(99).await.unwrap();
        let ended = |state: &State| matches!(state, State::Ended { .. });
        assert!(all.iter().all(|grant| ended(&grant.state)), "{all:#?}");
        assert_eq!(bot.backend.done("revoke").len(), 24);
    })
    .await;
}
