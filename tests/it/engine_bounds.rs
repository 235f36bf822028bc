//! What the engine must not need more of as there is more to do: connections, time at a start, somebody who calls it.

use std::time::{Duration, Instant};

use hallpass::domain::grant::State;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::support::bot::Setting;
use crate::support::postgres;
use crate::support::proof::until;
use crate::support::world::World;
use crate::support::{Database, TestBot, minutes, seconds};

/// The configuration's default.
const CONCURRENCY: usize = 4;

#[tokio::test]
async fn ends_at_once_are_no_more_calls_than_the_target_bears() {
    TestBot::run(async |bot| {
        for node in 0..24 {
            let ask = format!("/prod-access logs node=web-{node} 30m looking");
            bot.says("rita", &ask).await;
        }
        bot.settle().await;
        bot.backend.takes(Duration::from_millis(20));
        bot.clock.advance(minutes(31));
        bot.settle().await;
        assert_eq!(bot.backend.done("revoke").len(), 24);
        assert_eq!(bot.backend.most_in_all(), CONCURRENCY);
    })
    .await;
}

/// More than its target bears are claimed together; each is recorded as soon as its own calls are over.
#[tokio::test]
async fn an_end_that_hangs_keeps_no_other_from_its_record() {
    let patient = Setting {
        edit: Box::new(|text| text.replace("timeout    = \"5s\"", "timeout    = \"30s\"")),
        ..Setting::default()
    };
    TestBot::in_setting(patient, async |bot| {
        for node in 0..24 {
            let ask = format!("/prod-access logs node=web-{node} 30m looking");
            bot.says("rita", &ask).await;
        }
        bot.settle().await;
        bot.backend.holds_next("revoke");
        bot.clock.advance(minutes(31));
        until("all but one are over", async || {
            bot.store.live_grants(99).await.unwrap().len() == 1
        })
        .await;
        bot.backend.release();
        bot.settle().await;
        assert!(bot.store.live_grants(99).await.unwrap().is_empty());
        assert_eq!(bot.backend.done("revoke").len(), 24);
        assert_eq!(bot.backend.most_at_once(), 1, "one call a holding");
    })
    .await;
}

/// A grant whose row can't be read ends with those that can.
#[tokio::test]
async fn a_broken_row_among_many_ends_keeps_none_from_ending() {
    TestBot::on(Database::Postgres, async |bot| {
        for node in 0..24 {
            let ask = format!("/prod-access logs node=web-{node} 30m looking");
            bot.says("rita", &ask).await;
        }
        bot.settle().await;
        let broken = bot.store.live_grants(1).await.unwrap().remove(0);
        let mut database = PgConnection::connect(&bot.database_url).await.unwrap();
        let breaks = format!(
            "update access_grant set body = '{{}}' where id = '{}'",
            broken.id
        );
        let mended = format!(
            "update access_grant set body = '{}' where id = '{}'",
            serde_json::to_string(&broken).unwrap(),
            broken.id
        );
        sqlx::raw_sql(AssertSqlSafe(breaks))
            .execute(&mut database)
            .await
            .unwrap();
        bot.clock.advance(minutes(31));
        until("the others are over", async || {
            bot.backend.done("revoke").len() == 23
        })
        .await;
        sqlx::raw_sql(AssertSqlSafe(mended))
            .execute(&mut database)
            .await
            .unwrap();
        database.close().await.unwrap();
        // Revocations are tried again within ten seconds.
        bot.clock.advance(seconds(10));
        bot.settle().await;
        let all = bot.store.all_grants(99).await.unwrap();
        let ended = |state: &State| matches!(state, State::Ended { .. });
        assert!(all.iter().all(|grant| ended(&grant.state)), "{all:#?}");
        assert_eq!(bot.backend.done("revoke").len(), 24);
    })
    .await;
}

/// A commit of another process, and its NOTIFY is lost.
#[tokio::test]
async fn what_nobody_calls_is_found_all_the_same() {
    TestBot::on(Database::Postgres, async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        // The checkpoint is the last thing that this process calls itself for.
        bot.clock.advance(seconds(10));
        until("everything is sealed and signed", async || {
            let newest = bot.store.newest_checkpoint().await.unwrap();
            let head = bot.store.head().await.unwrap();
            let signed = newest.map(|newest| newest.sequence);
            bot.store.waiting_for_seal().await.unwrap() == 0
                && signed == head.map(|(sequence, _)| sequence)
        })
        .await;
        bot.settle().await;
        bot.backend.takes_away("alice", "orders_admin");
        let order = "insert into effect (subject, kind, lane, urgency, due, next_at, claimed, wanted, token, attempts) \
                     select 'holding:' || id, 'sync-holding', 'backend:gate', 1, 0, 0, false, 1, 0, 0 from holding";
        postgres::execute(&bot.database_url, order).await;
        let given = bot.backend.until("it is looked at", |gate| {
            (!gate.holders("orders_admin").is_empty()).then_some(())
        });
        given.await;
    })
    .await;
}

/// From the start to the first answer.
async fn starts(world: &World) -> Duration {
    let began = Instant::now();
    let bot = world.serve().await;
    let took = began.elapsed();
    bot.dies().await;
    took
}

#[tokio::test]
async fn a_start_takes_as_long_with_a_hundred_thousand_live_grants() {
    let world = World::new().await;
    let bot = world.serve().await;
    let request = world
        .asks("alice", "/prod-access db-admin 1h orders stuck")
        .await;
    world.approves("bob", &request).await;
    world.held("orders_admin").await;
    assert!(bot.stops().await.1);
    let with_one = starts(&world).await;

    let mut database = SqliteConnection::connect(&world.database_url())
        .await
        .unwrap();
    let more = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) \
        insert into access_grant (id, version, short, request, holder, state, live, ends_at, body) \
        select id || '-' || i, version, short || i, request, holder, state, live, ends_at, \
        replace(replace(body, id, id || '-' || i), '\"short\":\"' || short || '\"', \
        '\"short\":\"' || short || i || '\"') from access_grant, n; \
        insert into effect (subject, kind, lane, urgency, due, next_at, claimed, wanted, token, attempts) \
        select 'grant:' || id, 'expire', 'internal', 0, 9000000000000000, 9000000000000000, false, 1, 0, 0 \
        from access_grant where id like '%-%-%-%-%-%'";
    sqlx::raw_sql(more).execute(&mut database).await.unwrap();
    let live: (i64,) = sqlx::query_as("select count(*) from access_grant where live")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(live.0, 100_001);
    database.close().await.unwrap();

    let with_all = starts(&world).await;
    assert!(
        with_all < with_one * 2 + Duration::from_secs(2),
        "{with_all:?} instead of {with_one:?}"
    );
}
