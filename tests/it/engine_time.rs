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
use crate::support::{Database, TestBot, minutes, seconds};

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

/// Two replicas compare leases and ends: with `PostgreSQL` both go by its clock.
#[tokio::test]
async fn a_machine_whose_clock_is_wrong_goes_by_the_databases() {
    for off in [-9, 9] {
        let setting = Setting {
            database: Database::Postgres,
            machine_off: seconds(off),
            ..Setting::default()
        };
        TestBot::in_setting(setting, async |bot| {
            let agrees = (bot.clock.now() - SystemClock::default().now()).abs();
            // Ahead of it, it waits until it is caught up with, and never goes back.
            let most = if off > 0 { seconds(off) } else { seconds(1) };
            assert!(agrees <= most + seconds(1), "off by {agrees}");
            let metrics = page(bot, "/metrics").await;
            let skew = metrics
                .lines()
                .find_map(|line| line.strip_prefix("hallpass_clock_skew_seconds "))
                .unwrap();
            let skew: f64 = skew.parse().unwrap();
            assert!(
                (skew + f64::from(i32::try_from(off).unwrap())).abs() < 1.0,
                "{skew}"
            );
            let all = bot.store.events_after(0, 1_000).await.unwrap();
            let told = all
                .iter()
                .filter(|one| one.event.kind.as_str() == "clock.skewed");
            assert_eq!(told.count(), 1);
        })
        .await;
    }
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
