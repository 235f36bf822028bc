//! The real binary, killed and restarted: nothing is lost, and the end comes on time, judged by the target's own log.

mod takeover;

use std::time::{Duration, Instant};

use reqwest::Client;

use slack_sandbox::Message;
use sqlx::{Connection, PgConnection};

use crate::support::workplace::{APPROVALS, SIGNING_SECRET, TOKEN};
use crate::support::world::{PATIENCE, World};
use crate::support::{Database, gate};

/// An end is to be verified within five seconds of its moment.
const LATE: Duration = Duration::from_secs(5);
/// Seconds that a grant of the stories lasts here.
const LENGTH: Duration = Duration::from_secs(6);

fn on_time(granted: Instant, gone: Instant) {
    let lasted = gone - granted;
    assert!(
        lasted + Duration::from_millis(500) >= LENGTH,
        "not too early: {lasted:?}"
    );
    assert!(lasted <= LENGTH + LATE, "not too late: {lasted:?}");
}

/// `SQLite`: who holds the file's lock is alone, so what a dead process had claimed is taken over at once.
/// `PostgreSQL`: the lease of ten seconds has to end.
fn takeover(database: Database) -> Duration {
    match database {
        Database::Sqlite => Duration::from_secs(3),
        Database::Postgres => Duration::from_secs(13),
    }
}

/// Asks for six seconds of `db-admin`.
async fn asked(world: &World) -> String {
    let ask = "/prod-access db-admin 6s orders stuck";
    world.asks("alice", ask).await
}

async fn killed_while_pending(database: Database) {
    let world = World::on(database).await;
    let bot = world.serve().await;
    let short = asked(&world).await;
    bot.dies().await;
    let bot = world.serve().await;
    world.approves("bob", &short).await;
    let granted = world.held("orders_admin").await;
    on_time(granted, world.gone("orders_admin").await);
    assert_eq!(world.given_first("orders_admin"), 1);
    assert!(bot.stops().await.1);
}

async fn killed_while_active(database: Database) {
    let world = World::on(database).await;
    let bot = world.serve().await;
    let short = asked(&world).await;
    world.approves("bob", &short).await;
    let granted = world.held("orders_admin").await;
    let told = world
        .slack
        .until("the holder is told", |slack| slack.dms("alice").pop());
    told.await.unwrap();
    bot.dies().await;
    let bot = world.serve().await;
    on_time(granted, world.gone("orders_admin").await);
    assert_eq!(world.given_first("orders_admin"), 1);
    assert!(bot.stops().await.1);
}

async fn killed_between_grant_and_record(database: Database) {
    let world = World::on(database).await;
    let bot = world.serve().await;
    world.gate.holds_next("grant");
    let short = asked(&world).await;
    world.approves("bob", &short).await;
    let granted = world.held("orders_admin").await;
    bot.dies().await;
    world.gate.release();
    let calls = world.gate.calls().len();
    let restarted = Instant::now();
    let bot = world.serve().await;
    let again = world.gate.until("it is looked at again", |gate| {
        gate.calls()
            .get(calls)
            .map(|call| (call.action.clone(), call.at))
    });
    let (action, at) = again.await;
    assert_eq!(
        action, "observe",
        "the answer was lost, so it looks before it acts"
    );
    assert!(at - restarted <= takeover(database), "{:?}", at - restarted);
    // The time counts from the intent, whoever died since; what is over by then ends at once.
    let gone = world.gone("orders_admin").await;
    let lasted = gone - granted;
    assert!(lasted + Duration::from_secs(1) >= LENGTH, "{lasted:?}");
    assert!(gone <= (granted + LENGTH).max(at) + LATE, "{lasted:?}");
    assert!(bot.stops().await.1);
}

async fn killed_between_revoke_and_record(database: Database) {
    let world = World::on(database).await;
    let bot = world.serve().await;
    let short = asked(&world).await;
    world.approves("bob", &short).await;
    world.held("orders_admin").await;
    world.gate.holds_next("revoke");
    world.gone("orders_admin").await;
    bot.dies().await;
    world.gate.release();
    let restarted = Instant::now();
    let bot = world.serve().await;
    let told = world.slack.until("the end is told", |slack| {
        let messages = slack.messages(APPROVALS);
        let card = messages
            .iter()
            .find(|message| message.plain().contains(&short))?;
        let thread = slack.thread(APPROVALS, &card.ts);
        let ended = |message: &Message| message.plain().contains(") *ended*");
        thread.iter().any(ended).then_some(())
    });
    tokio::time::timeout(takeover(database), told)
        .await
        .expect("in time")
        .unwrap();
    assert!(world.gate.holders("orders_admin").is_empty());
    assert!(restarted.elapsed() < PATIENCE);
    assert!(bot.stops().await.1);
}

macro_rules! on_both {
    ($($story:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::Database::Sqlite).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::Database::Postgres).await;
            })+
        }
    };
}

on_both!(
    killed_while_pending,
    killed_while_active,
    killed_between_grant_and_record,
    killed_between_revoke_and_record,
);

#[tokio::test]
async fn a_second_serve_on_the_same_file_is_refused() {
    let world = World::new().await;
    let bot = world.serve().await;
    let second = tokio::time::timeout(PATIENCE, world.hallpass(&["serve"]).output())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("already serves"), "{said}");
    assert!(bot.stops().await.1);
}

/// As a replica does that was stopped in the middle of a transaction.
#[tokio::test]
async fn a_start_waits_for_rows_that_another_holds() {
    let world = World::on(Database::Postgres).await;
    assert!(world.serve().await.stops().await.1);
    let mut other = PgConnection::connect(&world.database_url()).await.unwrap();
    let mut held = other.begin().await.unwrap();
    let rows = "select 1 from effect where subject = 'ledger:' for update";
    sqlx::query(rows).execute(&mut *held).await.unwrap();
    let bot = world.spawn();
    let waits = bot.says_or_ends("(can't be put on record yet)");
    let waits = tokio::time::timeout(PATIENCE, waits).await.unwrap();
    assert!(waits.is_some(), "it ended: {:#?}", bot.log.borrow());
    held.rollback().await.unwrap();
    bot.says(r"serving address=(\S+)").await;
    assert!(bot.stops().await.1);
    other.close().await.unwrap();
}

#[tokio::test]
async fn sigterm_lets_what_runs_finish() {
    let world = World::new().await;
    let bot = world.serve().await;
    world.gate.holds_next("grant");
    let short = asked(&world).await;
    world.approves("bob", &short).await;
    world.held("orders_admin").await;
    let gate = world.gate.clone();
    let mut log = bot.log.clone();
    let releasing = tokio::spawn(async move {
        let stopping = |lines: &Vec<String>| lines.iter().any(|line| line.contains("stopping"));
        log.wait_for(stopping).await.unwrap();
        gate.release();
    });
    let (took, well) = bot.stops().await;
    releasing.await.unwrap();
    assert!(well && took < Duration::from_secs(10), "{took:?}");
    let bot = world.serve().await;
    world.gone("orders_admin").await;
    let given = world.given_first("orders_admin");
    assert_eq!(given, 1, "its outcome was recorded before it ended");
    assert!(bot.stops().await.1);
}

#[tokio::test]
async fn it_is_ready_soon_after_its_start() {
    let world = World::new().await;
    let bot = world.serve().await;
    let address = bot.says(r"serving address=(\S+)").await;
    let ready = async {
        loop {
            let answer = Client::new()
                .get(format!("http://{address}/readyz"))
                .send()
                .await
                .unwrap();
            if answer.status().is_success() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ready)
        .await
        .expect("it is ready in time");
    assert!(bot.stops().await.1);
}

/// A whole story with everything logged that can be: requests, answers, SQL, headers.
#[tokio::test]
async fn no_secret_is_logged() {
    let mut world = World::new().await;
    world.variables = vec![
        ("RUST_LOG", "trace".into()),
        ("HALLPASS_LOG_FORMAT", "json".into()),
    ];
    let bot = world.serve_at("\"address\":\"([^\"]+)\"").await;
    let short = asked(&world).await;
    world.approves("bob", &short).await;
    world.gone("orders_admin").await;
    let lines = bot.log.borrow().clone();
    assert!(lines.len() > 100, "{} lines", lines.len());
    let key = std::fs::read_to_string(world.dir.path().join("hallpass.key")).unwrap();
    for secret in [TOKEN, SIGNING_SECRET, gate::SECRET, key.trim()] {
        let shown = lines.iter().find(|line| line.contains(secret));
        assert!(shown.is_none(), "{shown:?}");
    }
    for line in &lines {
        let record: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(record.is_ok(), "a record is one line: {line}");
    }
    assert!(bot.stops().await.1);
}
