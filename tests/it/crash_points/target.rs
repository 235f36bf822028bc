//! The same with a `PostgreSQL` as target: judged by the statements in that server's own log and by its catalog.

use std::sync::Mutex;
use std::time::Duration;

use chrono::NaiveDateTime;
use futures_util::{StreamExt, stream};
use regex::Regex;
use sqlx::{Connection, PgConnection};

use super::{ACTIONS, AT_ONCE, Case, LENGTH, STEP, Seen, Story, kept, reasons};
use crate::support::Database;
use crate::support::judge::LATE;
use crate::support::patience::{AGAIN, asks, end_is_told, eventually, open_card, shown};
use crate::support::postgres::{Server, Version};
use crate::support::soak;
use crate::support::world::World;

const POINTS: [&str; 2] = ["backend::postgres::before", "backend::postgres::after"];

const ORDERS: &str = r#"
[backend.orders-db]
kind      = "postgres"
url_env   = "ORDERS_DB_ADMIN_URL"
principal = "{email_local}"
timeout   = "5s"

[role.orders-admin]
template     = "asked"
description  = "Read and write orders in PostgreSQL"
entitlements = [ { backend = "orders-db", role = "ROLE" } ]
[[role.orders-admin.stages]]
approvers = ["group:dba"]
"#;

/// The statements about a role, in order: when, and whether it was given.
fn statements(server: &Server, role: &str) -> Vec<(NaiveDateTime, bool)> {
    let line = r#"(?m)^(\S+ \S+) UTC \[\d+\] LOG:  .*?: (grant|revoke) "ROLE" (?:to|from) "alice""#;
    let line = Regex::new(&line.replace("ROLE", role)).unwrap();
    let log = server.log();
    let read = |found: regex::Captures<'_>| {
        let at = NaiveDateTime::parse_from_str(&found[1], "%Y-%m-%d %H:%M:%S%.f").unwrap();
        (at, &found[2] == "grant")
    };
    line.captures_iter(&log).map(read).collect()
}

async fn holds(server: &Server, role: &str) -> bool {
    let mut admin = PgConnection::connect(&server.admin_url()).await.unwrap();
    let held = sqlx::query_scalar(
        "select exists (select from pg_auth_members where roleid = to_regrole($1) \
         and member = to_regrole('alice'))",
    );
    let held = held.bind(role).fetch_one(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    held
}

async fn story(world: &World, server: &Server, role: &str) {
    let slack = &world.slack;
    let ask = "/prod-access orders-admin 1s orders stuck";
    let short = asks(slack, "alice", ask, STEP).await;
    let pressed = async {
        while statements(server, role).is_empty() {
            if let Some((card, label)) = open_card(slack, &short) {
                slack.press_label("dana", &card, &label).await;
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    let given = tokio::time::timeout(STEP, pressed).await;
    assert!(given.is_ok(), "given: {:#?}", shown(slack));
    let told = || end_is_told(slack, &short).then_some(());
    eventually(|| format!("its end: {:#?}", shown(slack)), STEP, told).await;
}

/// What is wrong with what the target's log says.
fn judged(statements: &[(NaiveDateTime, bool)], most: Duration) -> Result<(), String> {
    let given: Vec<bool> = statements.iter().map(|(_, given)| *given).collect();
    let (Some((first, true)), Some((last, false))) = (statements.first(), statements.last()) else {
        return Err(format!("not given, then taken: {statements:?}"));
    };
    if given.windows(2).any(|pair| pair == [false, true]) {
        return Err(format!("given again: {statements:?}"));
    }
    let lasted = (*last - *first).to_std().unwrap();
    if lasted + Duration::from_millis(300) < LENGTH || lasted > most {
        return Err(format!("lasted {lasted:?}, at most {most:?}"));
    }
    Ok(())
}

/// Whether the fault fired, and how often each point was passed.
async fn told(server: &Server, role: String, case: Option<Case>) -> (bool, Vec<usize>) {
    let prepare = format!("create role {role}; grant {role} to hallpass with admin option");
    server.execute(&prepare).await;
    let mut world = World::on(Database::Sqlite).await;
    world.configures(&world.gate.url(), &ORDERS.replace("ROLE", &role));
    let url = server.url("hallpass", "postgres");
    world.variables.push(("ORDERS_DB_ADMIN_URL", url));
    let seen = Mutex::new(Seen::default());
    tokio::select! {
        never = kept(&world, case.as_ref(), &seen) => match never {},
        () = story(&world, server, &role) => {}
    }
    let seen = seen.into_inner().unwrap();
    let adds = case.map_or(Duration::ZERO, |case| case.adds());
    let statements = statements(server, &role);
    if let Err(wrong) = judged(&statements, LENGTH + LATE + seen.away + adds) {
        panic!("{wrong}\n{}", seen.lines("").join("\n"));
    }
    assert!(!holds(server, &role).await, "left over");
    let passed = seen.lines("passed");
    let hits = POINTS.map(|point| passed.iter().filter(|line| line.contains(point)).count());
    let fired = !seen.lines("a fail point fired").is_empty();
    (fired, hits.to_vec())
}

#[tokio::test]
async fn any_call_of_a_target_in_postgresql_may_fail() {
    let server = Server::start(Version::Fifteen).await;
    server
        .execute(
            "create role hallpass login; create role alice login; grant pg_signal_backend to hallpass; \
             alter role hallpass set log_statement = 'ddl'",
        )
        .await;
    server
        .execute("alter system set log_timezone = 'UTC'")
        .await;
    server.execute("select pg_reload_conf()").await;
    let server: &'static Server = Box::leak(Box::new(server));
    let (_, hits) = told(server, "orders_calm".into(), None).await;
    let mut cases = Vec::new();
    for (at, (point, hits)) in POINTS.into_iter().zip(&hits).enumerate() {
        for (by, action) in ACTIONS.into_iter().enumerate() {
            let one = vec![1 + (at + by * 2) % hits];
            let tried = soak::long_or((1..=*hits).collect(), one);
            cases.extend(tried.into_iter().map(|nth| Case {
                story: Story::Approved,
                database: Database::Sqlite,
                point,
                action,
                nth,
            }));
        }
    }
    let stories = stream::iter(cases.clone().into_iter().enumerate()).map(async |(at, case)| {
        let role = format!("orders_{at}");
        (case, tokio::spawn(told(server, role, Some(case))).await)
    });
    let ends: Vec<_> = stories.buffer_unordered(AT_ONCE).collect().await;
    let fired = ends
        .iter()
        .filter(|(_, told)| matches!(told, Ok((true, _))));
    let fired = fired.count();
    let wrong = reasons(ends);
    soak::figure(
        "crash points",
        &format!(
            "PostgreSQL as target: {} stories, {fired} faults fired, {} wrong; hits in a calm story: {hits:?}",
            cases.len(),
            wrong.len(),
        ),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(fired * 10 >= cases.len() * 8, "{fired} of {}", cases.len());
}
