//! Clocks that are wrong, and somebody outside who notices when nothing moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use hallpass::ports::Clock;
use hallpass::wiring::SystemClock;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::support::bot::Setting;
use crate::support::workplace::SECURITY;
use crate::support::{Database, TestBot, everywhere, minutes, seconds};

const PATIENCE: Duration = Duration::from_secs(20);

async fn page(bot: &TestBot, path: &str) -> String {
    let answer = reqwest::get(format!("{}{path}", bot.base)).await.unwrap();
    answer.text().await.unwrap()
}

/// Looks at the metrics until a line stands there.
async fn shows(bot: &TestBot, line: &str) {
    let found = async {
        while !page(bot, "/metrics").await.contains(line) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await.is_ok();
    let metrics = page(bot, "/metrics").await;
    assert!(found, "{line} is not in\n{metrics}");
}

async fn security_hears(bot: &TestBot, words: &str) {
    let said = bot.slack.until(words, |_| {
        let said = bot.said_in(SECURITY);
        said.contains(words).then_some(())
    });
    let said = said.await;
    assert!(said.is_ok(), "{words}: {}", bot.said_in(SECURITY));
}

/// The database's clock less the machine's, in seconds, as the metrics have it.
async fn skew(bot: &TestBot) -> f64 {
    let metrics = page(bot, "/metrics").await;
    let skew = metrics
        .lines()
        .find_map(|line| line.strip_prefix("hallpass_clock_skew_seconds "));
    skew.unwrap().parse().unwrap()
}

/// Two replicas compare leases and ends: with `PostgreSQL` both go by its clock.
#[tokio::test]
async fn a_machine_whose_clock_is_wrong_goes_by_the_databases() {
    for (off, says) in [
        (-9, "ms behind the database's"),
        (9, "ms ahead of the database's"),
    ] {
        let setting = Setting {
            database: Database::Postgres,
            machine_off: seconds(off),
            ..Setting::default()
        };
        TestBot::in_setting(setting, async |bot| {
            // A second of it was passed by the story's own beginning.
            let agrees = (bot.clock.now() - SystemClock::default().now()).abs();
            assert!(agrees <= seconds(3), "off by {agrees}");
            let off = f64::from(i32::try_from(off).unwrap());
            let skew = skew(bot).await;
            assert!((skew + off).abs() < 1.0, "{skew}");
            security_hears(bot, "*Clocks differ*").await;
            security_hears(bot, says).await;
            let all = bot.store.events_after(0, 1_000).await.unwrap();
            let told = all
                .iter()
                .filter(|one| one.event.kind.as_str() == "clock.skewed");
            assert_eq!(told.count(), 1);
        })
        .await;
    }
}

#[tokio::test]
async fn a_jump_is_told_to_security_and_counted() {
    everywhere(async |bot| {
        let before = skew(bot).await;
        bot.clock.machine_jumps(minutes(60));
        security_hears(bot, "jumped* forward by 1 hour").await;
        shows(bot, "hallpass_clock_jumps_total{direction=\"forward\"} 1\n").await;
        // Where there is a database to follow, it was asked before anybody was told.
        let moved = skew(bot).await - before;
        let followed = !bot.database_url.starts_with("sqlite:");
        let expected = if followed { -3_600.0 } else { 0.0 };
        assert!((moved - expected).abs() < 5.0, "{moved}");
        if followed {
            security_hears(bot, "*Clocks differ*").await;
        }
        bot.clock.machine_jumps(minutes(-60));
        security_hears(bot, "jumped* back by 1 hour").await;
        shows(bot, "hallpass_clock_jumps_total{direction=\"back\"} 1\n").await;
        bot.settle().await;
    })
    .await;
}

/// I7: what the machine of one replica says ends nothing that all replicas share.
#[tokio::test]
async fn a_jump_of_a_machine_moves_no_end_where_a_database_is_followed() {
    TestBot::on(Database::Postgres, async |bot| {
        let ask = "/prod-access db-admin 50m orders stuck";
        let request = bot.asks("alice", ask).await;
        bot.approves("bob", &request).await;
        bot.settle().await;
        for (by, told) in [(60, "forward by 1 hour"), (-120, "back by 2 hours")] {
            let before = bot.clock.now();
            bot.clock.machine_jumps(minutes(by));
            let moved = bot.clock.now() - before;
            assert!(moved >= seconds(0) && moved < minutes(1), "{moved}");
            security_hears(bot, told).await;
            bot.settle().await;
            assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        }
        bot.clock.advance(minutes(48));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        bot.clock.advance(minutes(3));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[derive(Clone)]
struct Receiver {
    heard: watch::Sender<usize>,
    elsewhere: Arc<AtomicUsize>,
    redirects: bool,
}

async fn beat(receiver: State<Receiver>) -> Response {
    receiver.heard.send_modify(|count| *count += 1);
    if receiver.redirects {
        Redirect::temporary("/elsewhere").into_response()
    } else {
        "ok".into_response()
    }
}

async fn elsewhere(receiver: State<Receiver>) -> &'static str {
    receiver.elsewhere.fetch_add(1, Ordering::Relaxed);
    "no"
}

async fn receiving(redirects: bool) -> (Receiver, Setting) {
    let receiver = Receiver {
        heard: watch::Sender::new(0),
        elsewhere: Arc::default(),
        redirects,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/beat/s3cret", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/beat/s3cret", get(beat))
        .route("/elsewhere", get(elsewhere))
        .with_state(receiver.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let setting = Setting {
        edit: Box::new(|text| {
            text.replace(
                "[people]",
                "heartbeat_url_env = \"HEARTBEAT_URL\"\n\n[people]",
            )
        }),
        variables: vec![("HEARTBEAT_URL".into(), url)],
        ..Setting::default()
    };
    (receiver, setting)
}

async fn heard(receiver: &Receiver, count: usize) {
    let mut heard = receiver.heard.subscribe();
    let waited = tokio::time::timeout(PATIENCE, heard.wait_for(|now| *now >= count)).await;
    assert!(
        waited.is_ok(),
        "{} of {count} heartbeats",
        *receiver.heard.borrow()
    );
}

/// More than a minute, in steps in which no timer becomes overdue by much.
async fn passes(bot: &TestBot) {
    for _ in 0..3 {
        bot.clock.advance(seconds(21));
        bot.settle().await;
    }
}

#[tokio::test]
async fn the_heartbeat_comes_every_minute_while_there_is_progress() {
    comes_while_there_is_progress(Database::Sqlite).await;
    comes_while_there_is_progress(Database::Postgres).await;
}

async fn comes_while_there_is_progress(database: Database) {
    let (receiver, setting) = receiving(false).await;
    let setting = Setting {
        database,
        ..setting
    };
    TestBot::in_setting(setting, async |bot| {
        for beats in 1..=3 {
            passes(bot).await;
            heard(&receiver, beats).await;
        }
        shows(bot, "hallpass_heartbeat_total{outcome=\"sent\"} ").await;

        // A timer that nobody can carry out: the worker goes round and gets nowhere.
        let due = (bot.clock.now() + minutes(2)).timestamp_micros();
        bot.tampers(&format!(
            "insert into effect (subject, kind, lane, urgency, due, next_at, claimed, wanted, token, attempts) \
             values ('grant:none', 'nonsense', 'internal', 0, {due}, {due}, false, 1, 0, 0)",
        ))
        .await;
        bot.clock.advance(minutes(5));
        shows(bot, "hallpass_heartbeat_total{outcome=\"withheld\"} ").await;
        let before = *receiver.heard.borrow();
        bot.clock.advance(minutes(5));
        shows(bot, "hallpass_heartbeat_total{outcome=\"withheld\"} 2").await;
        assert_eq!(*receiver.heard.borrow(), before, "silence is the alarm");
        bot.tampers("delete from effect where kind = 'nonsense'")
            .await;
        passes(bot).await;
        passes(bot).await;
        heard(&receiver, before + 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_heartbeat_follows_nobody_elsewhere() {
    let (receiver, setting) = receiving(true).await;
    TestBot::in_setting(setting, async |bot| {
        passes(bot).await;
        heard(&receiver, 1).await;
        shows(bot, "hallpass_heartbeat_total{outcome=\"failed\"} ").await;
        assert_eq!(receiver.elsewhere.load(Ordering::Relaxed), 0);
    })
    .await;
}
