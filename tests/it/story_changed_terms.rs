//! The configuration changes while a request waits, while access is being given, and while it is there: what was approved
//! is what is carried out, or it is decided anew; what is there keeps its terms. The bot is stopped and started anew
//! between; the target's own log says what was given.

use hallpass::domain::request::State;

use crate::support::bot::Setting;
use crate::support::gate::Gate;
use crate::support::judge;
use crate::support::{Database, Request, TestBot, minutes, seconds};

const BOTH: [Database; 2] = [Database::Sqlite, Database::Postgres];

const ASK: &str = "/prod-access db-admin 30m orders stuck";

/// A change of the configuration.
type Edit = fn(&str) -> String;

fn changed(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

fn gives_something_else(text: &str) -> String {
    let gives = |permission: &str| {
        format!("entitlements = [ {{ backend = \"gate\", permission = \"{permission}\" }} ]")
    };
    changed(text, &gives("orders_admin"), &gives("orders_writer"))
}

fn others_decide(text: &str) -> String {
    let decide = |people: &str| format!("[[role.db-admin.stages]]\napprovers = [{people}]");
    let dba = decide(r#""oncall:dba", "U0ALICE2""#);
    changed(text, &dba, &decide(r#""U0FRANK""#))
}

/// Alice and Rita may still ask.
fn others_may_ask(text: &str) -> String {
    may_ask(text, "group:backend")
}

fn she_may_not_ask(text: &str) -> String {
    may_ask(text, "U0RITA")
}

fn may_ask(text: &str, who: &str) -> String {
    let described = "description  = \"Read and write orders\"\n";
    changed(
        text,
        described,
        &format!("{described}requesters   = [\"{who}\"]\n"),
    )
}

fn is_renamed(text: &str) -> String {
    text.replace("role.db-admin", "role.db-writer")
}

/// Of another role: nothing of this one's terms.
fn another_changes(text: &str) -> String {
    changed(text, "permission = \"vault\"", "permission = \"safe\"")
}

fn setting(database: Database) -> Setting {
    Setting {
        database,
        // What hangs while the bot stops is given up soon.
        edit: Box::new(|text| changed(&text, "timeout    = \"5s\"", "timeout    = \"1s\"")),
        ..Setting::default()
    }
}

/// Alice asks, the configuration changes, and the story goes on with her request.
async fn asked_before(edit: Edit, after: impl AsyncFn(&TestBot, Request)) {
    for database in BOTH {
        let asks = async |bot: &TestBot| bot.asks("alice", ASK).await;
        TestBot::across(setting(database), asks, |text| edit(&text), &after).await;
    }
}

async fn is_pending(bot: &TestBot, request: &Request) -> bool {
    matches!(bot.row(request).await.state, State::Pending(_))
}

/// It is asked anew, nothing was given, and everybody knows.
async fn is_asked_anew(bot: &TestBot, request: &Request, pressed: &str) {
    assert!(bot.backend.calls().is_empty(), "{:#?}", bot.backend.calls());
    assert!(is_pending(bot, request).await);
    assert!(bot.row(request).await.reviews.is_empty());
    let mut told = bot.told(pressed);
    // Whoever sent a form reads it there.
    for view in bot.slack.open_views(pressed) {
        told.push_str(&view.plain());
        bot.slack.close_view(pressed, &view.id).await;
    }
    assert!(told.contains("your answer wasn't counted"), "{told}");
    let told = bot.told("alice");
    assert!(told.contains("must be decided anew"), "{told}");
    assert!(bot.record(request).await.contains(&"request.reopened"));
}

#[tokio::test]
async fn an_approval_of_other_terms_is_not_counted() {
    for (edit, given) in [
        (gives_something_else as Edit, "orders_writer"),
        (others_may_ask, "orders_admin"),
    ] {
        asked_before(edit, async |bot, request| {
            let before = bot.row(&request).await.terms.digest;
            bot.approves("bob", &request).await;
            is_asked_anew(bot, &request, "bob").await;
            assert_ne!(bot.row(&request).await.terms.digest, before);
            assert!(bot.card(&request).plain().contains(given));
            bot.approves("bob", &request).await;
            assert_eq!(bot.backend.holders(given), ["alice"]);
            let calls = bot.backend.calls();
            assert!(calls.iter().all(|call| call.permission == given));
        })
        .await;
    }
}

#[tokio::test]
async fn a_denial_of_other_terms_is_not_counted() {
    asked_before(gives_something_else, async |bot, request| {
        bot.denies("bob", &request).await;
        is_asked_anew(bot, &request, "bob").await;
        bot.denies("bob", &request).await;
        let denied = bot.row(&request).await.state;
        assert!(matches!(denied, State::Denied { .. }), "{denied:?}");
    })
    .await;
}

#[tokio::test]
async fn where_others_decide_now_an_answer_of_the_former_ones_is_not_counted() {
    asked_before(others_decide, async |bot, request| {
        bot.approves("bob", &request).await;
        is_asked_anew(bot, &request, "bob").await;
        bot.approves("bob", &request).await;
        assert!(is_pending(bot, &request).await, "it isn't his any more");
        bot.approves("frank", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

/// Nobody of those who were asked is there to press.
#[tokio::test]
async fn who_decides_by_the_present_terms_brings_them_to_the_card() {
    for denies in [false, true] {
        asked_before(others_decide, async |bot, request| {
            if denies {
                bot.denies("frank", &request).await;
            } else {
                bot.approves("frank", &request).await;
            }
            is_asked_anew(bot, &request, "frank").await;
            bot.approves("frank", &request).await;
            assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        })
        .await;
    }
}

/// Neither by the terms that were asked for nor by those of today.
#[tokio::test]
async fn who_decides_by_no_terms_changes_nothing() {
    asked_before(others_decide, async |bot, request| {
        let before = bot.row(&request).await;
        for stranger in ["rita", "dana", "alice"] {
            bot.approves(stranger, &request).await;
        }
        assert_eq!(bot.row(&request).await, before);
        assert!(bot.backend.calls().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_first_stage_that_was_decided_does_not_count_for_other_terms() {
    let pays_twice = |text: String| {
        let given = r#"permission = "payouts" }"#;
        let more = format!(r#"{given}, {{ backend = "gate", permission = "refunds" }}"#);
        changed(&text, given, &more)
    };
    for database in BOTH {
        let first = async |bot: &TestBot| {
            let asked = "/prod-access two-stages 30m payouts stuck";
            let asked = bot.asks("alice", asked).await;
            bot.approves("dana", &asked).await;
            assert_eq!(bot.row(&asked).await.reviews.len(), 1);
            asked
        };
        let setting = setting(database);
        TestBot::across(setting, first, pays_twice, async |bot, request| {
            bot.approves("eve", &request).await;
            is_asked_anew(bot, &request, "eve").await;
            bot.approves("eve", &request).await;
            assert!(bot.row(&request).await.reviews.is_empty(), "not hers yet");
            bot.approves("dana", &request).await;
            bot.approves("eve", &request).await;
            for permission in ["payouts", "refunds"] {
                assert_eq!(bot.backend.holders(permission), ["alice"]);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn what_may_not_be_asked_any_more_is_void() {
    for (edit, why) in [
        (
            she_may_not_ask as Edit,
            "The rules no longer let its requester ask for this",
        ),
        (is_renamed, "The role doesn't exist any more"),
    ] {
        asked_before(edit, async |bot, request| {
            bot.approves("bob", &request).await;
            let state = bot.row(&request).await.state;
            assert!(matches!(state, State::Void { .. }), "{state:?}");
            assert!(bot.backend.calls().is_empty());
            let told = bot.told("bob");
            assert!(told.contains("The request is closed"), "{told}");
            let told = bot.told("alice");
            assert!(told.contains(why), "{told}");
        })
        .await;
    }
}

#[tokio::test]
async fn where_another_role_changed_the_answer_counts() {
    asked_before(another_changes, async |bot, request| {
        bot.approves("bob", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert!(!bot.record(&request).await.contains(&"request.reopened"));
    })
    .await;
}

/// It is approved, and the target is told to give it; its answer doesn't come.
async fn is_being_given(bot: &TestBot) -> Request {
    let request = bot.asks("alice", ASK).await;
    bot.backend.holds_next("grant");
    let card = bot.card(&request);
    bot.presses_on("bob", &card, "Approve").await;
    let held = |gate: &Gate| gate.held_back();
    bot.backend.until("a call that is held back", held).await;
    assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    request
}

/// The configuration changes while its access is being given.
async fn given_meanwhile(edit: Edit, after: impl AsyncFn(&TestBot, Request)) {
    for database in BOTH {
        let setting = setting(database);
        TestBot::across(
            setting,
            is_being_given,
            |text| edit(&text),
            async |bot, request| {
                // The next try.
                bot.clock.advance(seconds(10));
                bot.settle().await;
                after(bot, request).await;
            },
        )
        .await;
    }
}

#[tokio::test]
async fn what_is_being_given_by_other_terms_is_taken_back() {
    for edit in [
        gives_something_else as Edit,
        others_decide,
        she_may_not_ask,
        is_renamed,
    ] {
        given_meanwhile(edit, async |bot, request| {
            assert!(bot.backend.holders("orders_admin").is_empty());
            assert!(bot.backend.holders("orders_writer").is_empty());
            let given = bot.backend.done("grant");
            assert_eq!(given.len(), 1, "{:#?}", bot.backend.calls());
            let record = bot.record(&request).await;
            assert!(record.contains(&"grant.failed"), "{record:?}");
            assert!(!record.contains(&"grant.active"), "{record:?}");
            let told = bot.told("alice");
            assert!(told.contains("could not be given"), "{told}");
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_being_given_by_the_same_terms_is_finished() {
    given_meanwhile(another_changes, async |bot, request| {
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        bot.clock.advance(minutes(30));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        let calls = bot.backend.calls();
        assert_eq!(judge::spans(&bot.backend).len(), 1, "once: {calls:#?}");
        assert!(bot.record(&request).await.contains(&"grant.ended"));
    })
    .await;
}

/// What was approved is what is there, until its end: nothing of the new terms is given, and all of the old is taken.
#[tokio::test]
async fn what_is_there_keeps_its_terms_and_ends_on_time() {
    for (edit, database) in [gives_something_else as Edit, others_decide]
        .into_iter()
        .flat_map(|edit| BOTH.map(|database| (edit, database)))
    {
        let active = async |bot: &TestBot| {
            let request = bot.asks("alice", ASK).await;
            bot.approves("bob", &request).await;
            request
        };
        let edit = |text: String| edit(&text);
        TestBot::across(setting(database), active, edit, async |bot, request| {
            bot.scans().await;
            bot.scans().await;
            assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
            assert!(bot.backend.done("revoke").is_empty(), "not before its end");
            bot.clock.advance(minutes(10));
            bot.settle().await;
            assert!(bot.backend.holders("orders_admin").is_empty());
            let calls = bot.backend.calls();
            assert!(calls.iter().all(|call| call.permission == "orders_admin"));
            assert!(bot.record(&request).await.contains(&"grant.ended"));
            assert!(bot.drift().await.is_empty());
        })
        .await;
    }
}
