//! `[retention]`: what is old enough loses its names and reasons, what lives keeps them, and the proof holds.

use hallpass::audit::export::Format;
use hallpass::audit::verify::{Against, verify_database};
use hallpass::domain::{Actor, Event, EventKind};
use hallpass::store::Store;

use crate::audit_erased::offline;
use crate::audit_export::{exported, proven, sealed};
use crate::store::{at, person_id};
use crate::support::bot::Setting;
use crate::support::{Database, TestBot, minutes};

pub(crate) fn event(number: i64) -> Event {
    Event::new(
        EventKind::Refused,
        Actor::Person(person_id("alice")),
        at(number),
    )
    .personal("reason", format!("words {number}"))
}

/// Nothing that retention took passes for deleted, in the database or in a file; and it is listed in one line.
async fn is_listed(store: &Store, text: &str) {
    let whole = verify_database(store, Against::default()).await;
    for found in [
        whole.unwrap().unwrap(),
        offline(text, &Against::default()).unwrap(),
    ] {
        assert!(found.erased > 6_000, "{found}");
        let [listed] = found.erasures.listed.as_slice() else {
            panic!("{found}")
        };
        assert_eq!(listed.fields, found.erased);
        let said = found.to_string();
        assert!(
            said.ends_with("by [retention]") && said.contains(", older than 20"),
            "{said}"
        );
        assert!(said.contains("more events)"), "{said}");
    }
}

async fn kept_on(database: Database) {
    let setting = Setting {
        database,
        edit: Box::new(|text| format!("{text}\n[retention]\npersonal = \"400d\"\n")),
        ..Setting::default()
    };
    TestBot::in_setting(setting, async |bot| {
        let old = bot
            .asks("alice", "/prod-access db-admin 30m old words")
            .await;
        bot.approves("bob", &old).await;
        bot.clock.advance(minutes(31));
        bot.settle().await;
        // More events than one step looks through, so that the round goes on by itself.
        for from in (0..6_000).step_by(500) {
            let events = (from..from + 500).map(event);
            let change = events.fold(
                hallpass::domain::Change::default(),
                hallpass::domain::Change::event,
            );
            bot.store.apply_one(change).await.unwrap();
        }
        bot.clock.advance(minutes(60 * 24 * 399));
        bot.settle().await;
        assert_eq!(
            bot.row(&old).await.reason,
            "old words",
            "399 days are not 400"
        );
        let young = bot
            .asks("rita", "/prod-access db-admin 30m young words")
            .await;
        bot.denies("bob", &young).await;

        bot.clock.advance(minutes(60 * 24 * 2));
        bot.settle().await;
        assert_eq!(bot.row(&old).await.reason, "(erased)");
        assert_eq!(bot.row(&young).await.reason, "young words");
        sealed(&bot.store).await;
        let (text, _) = exported(&bot.store, Format::Jsonl, None, None).await;
        let (_, committed, left) = proven(&text);
        assert!(!text.contains("old words") && !text.contains("words 17\""));
        assert!(text.contains("young words") && left > 0 && left + 6_000 < committed);
        let told = text
            .lines()
            .filter(|line| line.contains(r#""kind":"record.erased""#))
            .count();
        assert!(told >= 12, "{told}");
        assert!(text.contains(r#""because":"retention""#));

        // Tomorrow's round finds nothing, and says nothing.
        bot.clock.advance(minutes(60 * 24));
        bot.settle().await;
        sealed(&bot.store).await;
        let (text, _) = exported(&bot.store, Format::Jsonl, None, None).await;
        let again = text
            .lines()
            .filter(|line| line.contains(r#""kind":"record.erased""#))
            .count();
        assert_eq!(again, told);

        is_listed(&bot.store, &text).await;
    })
    .await;
}

#[tokio::test]
async fn old_words_are_erased_and_young_ones_stay_sqlite() {
    kept_on(Database::Sqlite).await;
}

#[tokio::test]
async fn old_words_are_erased_and_young_ones_stay_postgres() {
    kept_on(Database::Postgres).await;
}

#[tokio::test]
async fn without_a_retention_everything_stays() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m old words")
            .await;
        bot.denies("bob", &request).await;
        bot.clock.advance(minutes(60 * 24 * 4_000));
        bot.settle().await;
        assert_eq!(bot.row(&request).await.reason, "old words");
    })
    .await;
}
