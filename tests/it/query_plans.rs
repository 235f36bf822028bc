//! No statement that somebody waits for reads a whole table on `PostgreSQL`, whatever its planner knows of the tables: not
//! by a plan that was made while they were empty, nor by one for tables that grew and were never analysed, nor by one with
//! statistics. And a cycle costs no more than it did. What was read is taken from the server's own account of every
//! statement.

mod pages;
mod read;

use std::time::{Duration, Instant};

use hallpass::store::Span;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::bot::Setting;
use crate::support::gate::Mood;
use crate::support::postgres::{self, Postgres, Server};
use crate::support::workplace::SECURITY;
use crate::support::{TestBot, minutes, seconds};

/// What a statement may read: a page of the lists that are shown, and some.
const MAY_READ: u64 = 250;
/// What every table holds at least, so that reading one of them whole is seen.
const HOLDS: i64 = 600;
/// The stories and the looks ask that many different things at least.
const STATEMENTS: usize = 60;

/// What one request may take from its ask to its end, with its cards and messages and two open Homes, a fifth more than
/// it did when this was written: who makes a cycle dearer should know.
const CYCLE_STATEMENTS: usize = 440;
const CYCLE_ROWS: u64 = 2_500;
/// Not counted, because they come by time: looks for what is due, how late it is, the sealer, the metrics.
const BY_TIME: [&str; 10] = [
    "scan.after < excluded.after",
    "with recursive lanes",
    " seal ",
    "pg_current_snapshot",
    "checkpoint",
    "pg_notify",
    "group by state",
    "count(*) as number from access_grant where live",
    "count(*) as rows from (select id from request",
    "refused is not null) as announcements",
];

/// What may read more than that: a piece of its text, and why.
const MAY_READ_MORE: [(&str, &str); 8] = [
    ("from request group by state", "the metrics count"),
    (
        "count(*) as number from access_grant where live",
        "the metrics count",
    ),
    (
        ") as concerned order by person",
        "everybody who waits is looked at once in a scan",
    ),
    (
        "select principal, entitlement from holding where backend = $1",
        "a scan goes through all that a backend holds",
    ),
    (
        "as e join seal as s on s.event = e.id where e.at",
        "an export by moments is asked for at the command line",
    ),
    (
        "select id from holding where person = $1",
        "an erasure looks everywhere",
    ),
    (
        "id in (select request from review where reviewer = $2)",
        "an erasure looks everywhere",
    ),
    (
        "and asked_at < $3 order by asked_at, id limit $4",
        "retention goes through all that is old",
    ),
];

/// The sealer's, whose looks come by time and may miss the test: a bounded span of positions, each looked up by its key.
const LOOKS_BACK: &str = "and not exists (select 1 from seal as s where s.event = e.id)";

/// Tables that grow with every person or request. The others hold a row for each backend, alarm or start.
const GROWING: [&str; 15] = [
    "person",
    "person_account",
    "principal",
    "request",
    "review",
    "access_grant",
    "holding",
    "delivery",
    "effect",
    "event",
    "event_personal",
    "seal",
    "card",
    "home",
    "home_waits",
];

/// What the planner knows while the stories are told.
#[derive(Debug, Clone, Copy)]
enum Knows {
    /// Plans were made at the start and are kept.
    EmptyTables,
    /// Plans are made anew, by the sizes alone.
    FullTablesWithoutStatistics,
    FullTablesWithStatistics,
}

/// The URL of a database whose sessions explain every statement.
async fn explained(server: &Server) -> String {
    let mut conn = PgConnection::connect(&server.admin_url()).await.unwrap();
    let loaded = sqlx::raw_sql("load 'auto_explain'")
        .execute(&mut conn)
        .await;
    loaded.unwrap_or_else(|error| {
        panic!(
            "PostgreSQL lacks its module auto_explain. Debian's package postgresql has it, which scripts/test-needs.sh \
             installs; others call it postgresql-contrib: {error}"
        )
    });
    conn.close().await.unwrap();
    let url = server.fresh_database().await;
    let database = url.rsplit('/').next().unwrap();
    for setting in [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_analyze = on",
        "auto_explain.log_timing = off",
        "auto_explain.log_format = 'json'",
    ] {
        let sql = format!("alter database {database} set {setting}");
        server.execute(&sql).await;
    }
    url
}

/// What people do in an hour, with all of its ends.
async fn happens(bot: &TestBot) {
    for person in ["alice", "bob"] {
        bot.slack.open_home(person);
    }
    let asked = "/prod-access db-admin 30m orders stuck";
    let asked = bot.asks("alice", asked).await;
    for (person, command) in [
        ("alice", "mine"),
        ("bob", "pending"),
        ("alice", "roles"),
        ("alice", "why db-admin 30m"),
    ] {
        bot.says(person, &format!("/prod-access {command}")).await;
    }
    bot.approves("bob", &asked).await;
    bot.says("eve", "/prod-access active").await;
    let status = format!("/prod-access status {}", asked.short);
    bot.says("alice", &status).await;
    bot.clock.advance(minutes(26));
    bot.settle().await;
    let more = "/prod-access extend 5m nearly done";
    let more = bot.asks("alice", more).await;
    bot.approves("bob", &more).await;
    let other = "/prod-access db-owner 30m schema";
    let other = bot.asks("alice", other).await;
    bot.denies("bob", &other).await;
    bot.clock.advance(minutes(10));
    bot.settle().await;
    assert!(bot.backend.holders("orders_admin").is_empty());
    glass_is_broken(bot).await;
    the_target_is_silent(bot).await;
}

/// Asked, approved, given, its time up, taken away and seen gone.
async fn one_cycle(bot: &TestBot) {
    let asked = bot.asks("alice", "/prod-access db-admin 5m once more");
    let asked = asked.await;
    bot.approves("bob", &asked).await;
    assert!(!bot.backend.holders("orders_admin").is_empty());
    bot.clock.advance(minutes(6));
    bot.settle().await;
    assert!(bot.backend.holders("orders_admin").is_empty());
}

/// What a cycle took of this log, where that is too much.
fn too_dear(log: &str) -> Option<String> {
    let mut taken = read::executed(log);
    taken.retain(|one| BY_TIME.iter().all(|piece| !one.sql.contains(piece)));
    let rows: u64 = taken.iter().map(|one| one.most().rows).sum();
    let statements = taken.len();
    (statements > CYCLE_STATEMENTS || rows > CYCLE_ROWS).then(|| {
        let each: Vec<String> = taken.iter().map(|one| format!("  {}: {}", one.most(), one.sql)).collect();
        format!(
            "a cycle took {statements} statements (at most {CYCLE_STATEMENTS}) and met {rows} rows (at most {CYCLE_ROWS}):\n{}",
            each.join("\n")
        )
    })
}

async fn glass_is_broken(bot: &TestBot) {
    let glass = "/prod-access break-glass db-admin 30m INC-42 orders are stuck";
    let broken = bot.asks("carol", glass).await;
    assert!(bot.said_in(SECURITY).contains(&broken.short));
    bot.says("carol", "/prod-access drop").await;
    bot.settle().await;
    assert!(bot.backend.holders("orders_admin").is_empty());
}

async fn the_target_is_silent(bot: &TestBot) {
    bot.backend.feels(Mood::Down);
    let asked = "/prod-access logs node=web-9 20m look";
    let asked = bot.asks("alice", asked).await;
    bot.says("alice", "/prod-access mine").await;
    bot.backend.feels(Mood::Well);
    for _ in 0..3 {
        bot.clock.advance(seconds(10));
        bot.settle().await;
    }
    let drop = format!("/prod-access drop {}", asked.short);
    bot.says("alice", &drop).await;
    bot.settle().await;
}

/// What is under way when there comes to be many of it: it waits to be decided, or is held, or can't be taken away.
async fn waits(bot: &TestBot) {
    for role in ["two-keys", "on-call-only", "two-stages"] {
        let asked = format!("/prod-access {role} 1h waits");
        bot.asks("alice", &asked).await;
    }
    for node in 1..=5 {
        let asked = format!("/prod-access logs node=web-{node} 2h look");
        bot.asks("rita", &asked).await;
    }
    // Who looks at the waiting ones is shown them.
    bot.slack.open_home("bob");
    bot.settle().await;
    bot.backend.feels(Mood::Down);
    bot.clock.advance(seconds(1));
    let asked = bot.asks("rita", "/prod-access logs node=web-6 2h look");
    let asked = asked.await;
    let drop = format!("/prod-access drop {}", asked.short);
    bot.says("rita", &drop).await;
    bot.settle().await;
}

async fn is_sealed(bot: &TestBot) {
    let all = Span {
        after: 0,
        up_to: i64::MAX,
    };
    let began = Instant::now();
    while bot.store.count_unsealed(all).await.unwrap() > 0 {
        let waited = began.elapsed();
        assert!(waited < Duration::from_secs(60), "everything is sealed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn is_filled(bot: &TestBot, url: &str) {
    postgres::execute(url, include_str!("query_plans/filled.sql")).await;
    bot.backend.feels(Mood::Well);
    for _ in 0..3 {
        bot.clock.advance(seconds(10));
        bot.settle().await;
    }
    is_sealed(bot).await;
    // The seals' next look begins behind the copies.
    bot.asks("rita", "/prod-access logs node=web-7 10m look")
        .await;
    is_sealed(bot).await;
    let mut conn = PgConnection::connect(url).await.unwrap();
    for table in GROWING {
        let sql = AssertSqlSafe(format!("select count(*) from {table}"));
        let rows: i64 = sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap();
        assert!(rows >= HOLDS, "{table} has {rows} rows");
    }
    conn.close().await.unwrap();
}

/// A statement for each of the tables. Whatever changes how one is described has plans made anew.
async fn of_every_table(url: &str, statement: impl Fn(&str) -> String) {
    let all = GROWING.map(statement);
    postgres::execute(url, &all.join(";")).await;
}

async fn nobody_analyses(url: &str) {
    let alone = |table: &str| format!("alter table {table} set (autovacuum_enabled = off)");
    of_every_table(url, alone).await;
}

/// What of this log reads more than it may, each with its plan.
fn too_much(knows: Knows, log: &str) -> Vec<String> {
    let statements = read::worst(read::executed(log));
    let number = statements.len();
    assert!(number >= STATEMENTS, "only {number} statements were seen");
    let mut wrong = Vec::new();
    for (sql, (most, one)) in statements {
        if most.rows <= MAY_READ || sql.contains(LOOKS_BACK) {
            continue;
        }
        if MAY_READ_MORE.iter().all(|(piece, _)| !sql.contains(piece)) {
            wrong.push(format!("{knows:?}: {most}\n  {sql}\n{}", one.shown()));
        }
    }
    wrong
}

#[tokio::test]
async fn no_statement_reads_a_whole_table() {
    let server = Postgres::shared().await;
    let url = explained(server).await;
    let setting = Setting {
        variables: vec![("DATABASE_URL".into(), url.clone())],
        ..Setting::default()
    };
    TestBot::in_setting(setting, async |bot| {
        nobody_analyses(&url).await;
        let pages = pages::Pages::of(&url).await;
        happens(bot).await;
        waits(bot).await;
        pages.are_read(bot).await;
        is_filled(bot, &url).await;
        let mut wrong = Vec::new();
        for knows in [
            Knows::EmptyTables,
            Knows::FullTablesWithoutStatistics,
            Knows::FullTablesWithStatistics,
        ] {
            match knows {
                Knows::EmptyTables => {}
                Knows::FullTablesWithoutStatistics => nobody_analyses(&url).await,
                Knows::FullTablesWithStatistics => {
                    of_every_table(&url, |table| format!("analyze {table}")).await;
                }
            }
            let before = server.log().len();
            happens(bot).await;
            pages.are_read(bot).await;
            wrong.extend(too_much(knows, &server.log()[before..]));
        }
        let before = server.log().len();
        one_cycle(bot).await;
        wrong.extend(too_dear(&server.log()[before..]));
        let number = wrong.len();
        assert!(
            wrong.is_empty(),
            "{number} read too much:\n{}",
            wrong.join("\n\n")
        );
    })
    .await;
}
