//! Targets that are away: what waits for them is kept, costs nobody else anything, and is carried out when they are back.

use std::time::{Duration, Instant};

use hallpass::domain::Lane;
use slack_sandbox::{Fault, FaultKind};

use crate::support::bot::Setting;
use crate::support::gate::{Gate, Mood};
use crate::support::{Database, TestBot, everywhere, minutes, seconds};

async fn down_for_two_hours(bot: &TestBot) {
    for _ in 0..12 {
        bot.clock.advance(minutes(10));
        bot.settle().await;
    }
}

async fn kinds(bot: &TestBot) -> Vec<&'static str> {
    let all = bot.store.events_after(0, 10_000).await.unwrap();
    all.iter().map(|one| one.event.kind.as_str()).collect()
}

async fn page(bot: &TestBot, path: &str) -> String {
    let answer = reqwest::get(format!("{}{path}", bot.base)).await.unwrap();
    answer.text().await.unwrap()
}

/// Until the clock has moved so far, in steps in which everything due is carried out.
async fn passes(bot: &TestBot, all: i64, step: i64) {
    for _ in 0..all / step {
        bot.clock.advance(seconds(step));
        bot.settle().await;
    }
}

#[tokio::test]
async fn after_two_hours_away_all_access_is_gone_within_thirty_seconds() {
    everywhere(async |bot| {
        for node in 1..=12 {
            let ask = format!("/prod-access logs node=web-{node} 30m look");
            bot.asks("alice", &ask).await;
        }
        let held = |gate: &Gate| {
            let nodes = 1..=12;
            nodes
                .filter(|node| !gate.holders(&format!("logs/web-{node}")).is_empty())
                .count()
        };
        assert_eq!(held(&bot.backend), 12);
        bot.backend.feels(Mood::Down);
        bot.clock.advance(minutes(30));
        bot.settle().await;
        down_for_two_hours(bot).await;
        assert_eq!(held(&bot.backend), 12);
        assert!(kinds(bot).await.contains(&"backend.down"));
        let ready = page(bot, "/readyz").await;
        assert!(ready.contains("backend:gate is away"), "{ready}");
        assert!(
            ready.contains("\"ready\":true"),
            "it goes on without: {ready}"
        );
        let metrics = page(bot, "/metrics").await;
        assert!(
            metrics.contains("hallpass_lane_open{lane=\"backend:gate\"} 1"),
            "{metrics}"
        );
        let overdue = metrics
            .lines()
            .find_map(|line| line.strip_prefix("hallpass_effects_overdue{lane=\"backend:gate\"} "))
            .unwrap();
        assert!(overdue.parse::<u32>().unwrap() >= 12, "{overdue} overdue");

        // Asked seldom, however many wait.
        let before = bot.backend.calls().len();
        passes(bot, 60, 5).await;
        let asked = bot.backend.calls().len() - before;
        assert!((6..=24).contains(&asked), "{asked} calls in a minute");

        bot.backend.feels(Mood::Well);
        passes(bot, 30, 5).await;
        assert_eq!(
            held(&bot.backend),
            0,
            "gone within thirty seconds of its return"
        );
        assert!(kinds(bot).await.contains(&"backend.back"));
        let ready = page(bot, "/readyz").await;
        assert!(!ready.contains("is away"), "{ready}");
    })
    .await;
}

#[tokio::test]
async fn one_that_asks_for_peace_has_it_but_for_one_revocation_every_ten_seconds() {
    everywhere(async |bot| {
        for node in 1..=6 {
            let ask = format!("/prod-access logs node=web-{node} 30m look");
            bot.asks("alice", &ask).await;
        }
        bot.backend.feels(Mood::AsksForPeace(600));
        bot.clock.advance(minutes(30));
        bot.settle().await;
        bot.says("rita", "/prod-access logs node=web-9 30m look")
            .await;
        bot.settle().await;
        let before = bot.backend.calls();
        passes(bot, 120, 5).await;
        let after = bot.backend.calls();
        let asked = after.len() - before.len();
        assert!((10..=30).contains(&asked), "{asked} calls in two minutes");
        let new = &after[before.len()..];
        assert!(
            new.iter().all(|call| call.permission != "logs/web-9"),
            "what gives access waits as long as it was told to"
        );
        bot.backend.feels(Mood::Well);
        passes(bot, 30, 5).await;
        for node in 1..=6 {
            assert!(bot.backend.holders(&format!("logs/web-{node}")).is_empty());
        }
        assert_eq!(
            bot.backend.holders("logs/web-9"),
            ["rita"],
            "and comes when it is back"
        );
    })
    .await;
}

/// Two backends, of which one says nothing at all.
#[tokio::test]
async fn one_that_hangs_does_not_delay_the_other() {
    let other = Gate::start().await;
    let url = other.url();
    let setting = Setting {
        database: Database::Postgres,
        edit: Box::new(move |text| {
            let backend = format!(
                "[backend.other]\nkind = \"webhook\"\nurl = \"{url}\"\nsecret_env = \"GATE_SECRET\"\ntimeout = \"1s\"\nprincipal = \"{{email_local}}\"\n\n"
            );
            let role = "\n[role.notes]\ndescription = \"Read notes\"\nrequesters = [\"group:everyone\"]\nmax_duration = \"2h\"\nentitlements = [ { backend = \"other\", permission = \"notes\" } ]\nstages = []\n";
            text.replace("timeout    = \"5s\"", "timeout = \"1s\"")
                .replace(
                    "[environment.prod]",
                    &format!("{backend}[environment.prod]"),
                )
                + role
        }),
        ..Setting::default()
    };
    TestBot::in_setting(setting, async |bot| {
        for node in 1..=8 {
            let ask = format!("/prod-access logs node=web-{node} 30m look");
            bot.asks("alice", &ask).await;
        }
        bot.asks("rita", "/prod-access notes 30m look").await;
        assert_eq!(other.holders("notes"), ["rita"]);
        bot.backend.feels(Mood::Silent);
        bot.clock.advance(minutes(30));
        let due = Instant::now();
        other
            .until("the revocation at the other", |gate| {
                gate.done("revoke").pop()
            })
            .await;
        assert!(
            due.elapsed() < Duration::from_secs(1),
            "{:?}",
            due.elapsed()
        );
        bot.backend.feels(Mood::Well);
        bot.backend.release();
        bot.settle().await;
        passes(bot, 60, 5).await;
        assert!(bot.backend.holders("logs/web-1").is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_could_not_be_said_is_said_soon_after_slack_is_back() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.slack.set_fault(Fault::new(FaultKind::Down));
        bot.clock.advance(minutes(30));
        bot.settle().await;
        down_for_two_hours(bot).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        bot.slack.clear_faults();
        passes(bot, 30, 5).await;
        let now = bot.clock.now();
        let lanes = bot.store.lanes().await.unwrap();
        let waits = lanes
            .iter()
            .any(|(lane, due)| *lane == Lane::Slack && *due <= now);
        assert!(!waits, "{lanes:?}");
        assert!(
            bot.thread(&request).contains("*Ended*"),
            "{}",
            bot.thread(&request)
        );
    })
    .await;
}

/// One call at a time, and the one that gives access hangs.
#[tokio::test]
async fn an_attempt_to_give_makes_way_where_there_is_one_place() {
    let setting = Setting {
        edit: Box::new(|text| {
            text.replace("timeout    = \"5s\"", "timeout = \"20s\"\nconcurrency = 1")
        }),
        ..Setting::default()
    };
    TestBot::in_setting(setting, async |bot| {
        bot.asks("alice", "/prod-access logs node=web-1 30m look")
            .await;
        bot.backend.feels(Mood::HangsOn("grant".into()));
        bot.says("rita", "/prod-access logs node=web-2 30m look")
            .await;
        let hangs = |gate: &Gate| {
            let calls = gate.done("grant");
            calls
                .iter()
                .any(|one| one.permission == "logs/web-2")
                .then_some(())
        };
        bot.backend.until("a grant that hangs", hangs).await;
        let dropped = Instant::now();
        bot.says("alice", "/prod-access drop").await;
        bot.backend
            .until("the revocation", |gate| gate.done("revoke").pop())
            .await;
        assert!(
            dropped.elapsed() < Duration::from_secs(3),
            "{:?}",
            dropped.elapsed()
        );
        bot.backend.feels(Mood::Well);
        bot.backend.release();
        bot.settle().await;
        passes(bot, 20, 5).await;
        assert_eq!(
            bot.backend.holders("logs/web-2"),
            ["rita"],
            "it is given all the same"
        );
        assert!(bot.backend.holders("logs/web-1").is_empty());
    })
    .await;
}

/// The scan's look at the target hangs, and a revocation needs the place.
#[tokio::test]
async fn a_scan_makes_way_where_there_is_one_place() {
    for database in [Database::Sqlite, Database::Postgres] {
        let setting = Setting {
            database,
            edit: Box::new(|text| {
                text.replace("timeout    = \"5s\"", "timeout = \"60s\"\nconcurrency = 1")
            }),
            ..Setting::default()
        };
        TestBot::in_setting(setting, async |bot| {
            bot.asks("alice", "/prod-access logs node=web-1 2h look")
                .await;
            let looked = bot.backend.done("observe").len();
            bot.backend.holds_next("observe");
            bot.clock.advance(minutes(10));
            let looks = |gate: &Gate| (gate.done("observe").len() > looked).then_some(());
            bot.backend.until("the scan's look", looks).await;
            assert!(bot.backend.holders("logs/web-1") == ["alice"]);

            bot.says("alice", "/prod-access drop").await;
            let revoked = |gate: &Gate| gate.done("revoke").pop();
            bot.backend.until("the revocation", revoked).await;
            // Nobody releases it, and its time isn't over.
            let cut_off = |gate: &Gate| (gate.in_flight() == 0).then_some(());
            bot.backend.until("the look is cut off", cut_off).await;
            bot.settle().await;
            assert!(bot.backend.holders("logs/web-1").is_empty());
            assert!(kinds(bot).await.contains(&"grant.ended"));

            bot.backend.lands("alice", "logs/web-1");
            passes(bot, 600, 60).await;
            assert!(
                bot.backend.holders("logs/web-1").is_empty(),
                "and it goes on"
            );
        })
        .await;
    }
}
