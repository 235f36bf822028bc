//! While it lasts: warned with buttons, more time within what was agreed, ended early by its holder or by another.

use hallpass::domain::Time;
use slack_sandbox::Message;

use crate::support::bot::Setting;
use crate::support::gate::Mood;
use crate::support::workplace::APPROVALS;
use crate::support::{Database, Request, TestBot, minutes, seconds};

/// Two extensions of half an hour are agreed for db-admin and db-owner.
pub(crate) async fn with_a_budget(story: impl AsyncFn(&TestBot)) {
    for database in [Database::Sqlite, Database::Postgres] {
        let agreed = |text: String| {
            ["db-admin", "db-owner"].iter().fold(text, |text, role| {
                let section = format!("[role.{role}]\n");
                assert!(text.contains(&section));
                let extend = format!("{section}extend = {{ times = 2, by = \"30m\" }}\n");
                text.replace(&section, &extend)
            })
        };
        let setting = Setting {
            database,
            edit: Box::new(agreed),
            ..Setting::default()
        };
        TestBot::in_setting(setting, &story).await;
    }
}

/// Alice has db-admin for half an hour, from now.
pub(crate) async fn alice_has_it(bot: &TestBot) -> Request {
    let request = bot
        .asks("alice", "/prod-access db-admin 30m orders stuck")
        .await;
    bot.approves("bob", &request).await;
    assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    request
}

pub(crate) async fn after(bot: &TestBot, by: i64) {
    bot.clock.advance(minutes(by));
    bot.settle().await;
}

/// The newest warning that this person got.
fn warning(bot: &TestBot, person: &str) -> Message {
    let mut warnings = bot.slack.dms(person).into_iter();
    let last = warnings.rfind(|message| message.plain().contains("ends in"));
    last.unwrap_or_else(|| panic!("{person} wasn't warned: {}", bot.told(person)))
}

fn warning_in_thread(bot: &TestBot, request: &Request) -> Message {
    let card = bot.card(request);
    let mut thread = bot.slack.thread(APPROVALS, &card.ts).into_iter();
    let last = thread.rfind(|message| message.plain().contains("ends in"));
    last.expect("the thread was warned")
}

/// Presses, and reads what only who pressed is answered.
pub(crate) async fn pressed(bot: &TestBot, person: &str, on: &Message, label: &str) -> String {
    let before = bot.slack.ephemerals(person).len();
    bot.presses_on(person, on, label).await;
    let answer = bot.slack.until("an answer", |slack| {
        slack.ephemerals(person).get(before).map(Message::plain)
    });
    let answer = answer.await.unwrap();
    bot.settle().await;
    answer
}

/// Presses what stands on this person's screen, though it was edited meanwhile.
async fn pressed_stale(bot: &TestBot, person: &str, seen: &Message, label: &str) -> String {
    let before = bot.slack.ephemerals(person).len();
    let buttons = seen.buttons();
    let label = buttons.iter().find(|button| button.starts_with(label));
    let sent = bot.slack.press_stale(person, seen, label.unwrap()).await;
    assert!(sent.is_ok(), "{:?}", sent.error);
    let answer = bot.slack.until("an answer", |slack| {
        slack.ephemerals(person).get(before).map(Message::plain)
    });
    let answer = answer.await.unwrap();
    bot.settle().await;
    answer
}

/// The messages that this person or the thread still can press to end or extend the access.
fn pressable(bot: &TestBot, request: &Request) -> Vec<String> {
    let card = bot.card(request);
    let mut all = bot.slack.thread(APPROVALS, &card.ts);
    for person in ["alice", "bob", "dana"] {
        all.extend(bot.slack.dms(person));
    }
    let live = all.iter().filter(|message| {
        let mut buttons = message.buttons().into_iter();
        buttons.any(|button| button == "End now" || button.starts_with("Extend"))
    });
    live.map(Message::plain).collect()
}

/// The end that the target was told last.
pub(crate) fn told_end(bot: &TestBot) -> Time {
    let told = bot.backend.done("grant").pop().unwrap().expires_at.unwrap();
    told.parse().unwrap()
}

#[tokio::test]
async fn the_warning_s_button_adds_what_was_agreed() {
    with_a_budget(async |bot| {
        let request = alice_has_it(bot).await;
        let end = bot.clock.now() + minutes(30);
        after(bot, 15).await;
        for person in ["alice", "bob"] {
            let buttons = warning(bot, person);
            assert_eq!(buttons.buttons(), ["Extend 30 min", "End now"], "{person}");
        }
        let answer = pressed(bot, "alice", &warning(bot, "alice"), "Extend").await;
        assert!(answer.contains("*Extended* by 30 minutes"), "{answer}");
        assert!(answer.contains("1 more extension is agreed"), "{answer}");
        assert!((told_end(bot) - end - minutes(30)).abs() < seconds(5));
        assert!(
            bot.told("bob").contains("was extended"),
            "who gave it hears"
        );
        assert!(bot.thread(&request).contains("was extended"));

        after(bot, 16).await;
        assert_eq!(
            bot.backend.holders("orders_admin"),
            ["alice"],
            "the old end's timer ends nothing"
        );
        after(bot, 20).await;
        let warned = bot.slack.dms("alice").into_iter();
        let warned = warned.filter(|message| message.plain().contains("ends in"));
        assert_eq!(warned.count(), 1, "warned of the later end, too");
        let thread = bot.thread(&request);
        assert_eq!(
            thread.matches("was extended since this warning").count(),
            1,
            "and the first warning says that it is past: {thread}"
        );
        after(bot, 10).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        let record = bot.record(&request).await;
        assert!(record.contains(&"grant.extended") && record.contains(&"grant.ended"));
        assert_eq!(bot.backend.done("revoke").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_double_click_adds_once() {
    with_a_budget(async |bot| {
        let request = alice_has_it(bot).await;
        let end = bot.clock.now() + minutes(30);
        after(bot, 15).await;
        let warning = warning(bot, "alice");
        pressed(bot, "alice", &warning, "Extend").await;
        let again = pressed_stale(bot, "alice", &warning, "Extend").await;
        assert!(again.contains("nothing was added"), "{again}");
        assert!((told_end(bot) - end - minutes(30)).abs() < seconds(5));
        let record = bot.record(&request).await;
        let extended = record.iter().filter(|kind| **kind == "grant.extended");
        assert_eq!(extended.count(), 1);

        after(bot, 2).await;
        let later = pressed_stale(bot, "alice", &warning, "Extend").await;
        assert!(later.contains("No further extension is agreed"), "{later}");
        assert!((told_end(bot) - end - minutes(60)).abs() < seconds(5));
        after(bot, 71).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        after(bot, 3).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_approves_may_add_what_was_agreed_and_others_may_not() {
    with_a_budget(async |bot| {
        let request = alice_has_it(bot).await;
        let end = bot.clock.now() + minutes(30);
        after(bot, 15).await;
        let warning = warning_in_thread(bot, &request);
        let refused = pressed(bot, "rita", &warning, "Extend").await;
        assert!(refused.contains("Only its holder"), "{refused}");
        let refused = pressed(bot, "rita", &warning, "End now").await;
        assert!(refused.contains("can't end this access"), "{refused}");
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        let record = bot.record(&request).await;
        let refusals = record.iter().filter(|kind| **kind == "request.refused");
        assert_eq!(refusals.count(), 2, "both are on record");

        let answer = pressed(bot, "bob", &warning, "Extend").await;
        assert!(answer.contains("*Extended* by"), "{answer}");
        assert!((told_end(bot) - end - minutes(30)).abs() < seconds(5));
        after(bot, 46).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn end_now_on_a_warning_ends_it_and_its_holder_is_told_by_whom() {
    with_a_budget(async |bot| {
        alice_has_it(bot).await;
        after(bot, 15).await;
        let answer = pressed(bot, "bob", &warning(bot, "bob"), "End now").await;
        assert!(answer.contains("taken away"), "{answer}");
        assert!(bot.backend.holders("orders_admin").is_empty());
        let told = bot.told("alice");
        assert!(told.contains("revoked by <@U0BOB>"), "{told}");
        assert!(
            !told.contains("button"),
            "a button is nobody's reason: {told}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_revoked_holder_is_told_while_the_target_does_not_let_go() {
    with_a_budget(async |bot| {
        let request = alice_has_it(bot).await;
        bot.backend.feels(Mood::KeepsHold);
        let revoke = format!("/prod-access revoke {} wrong hands", request.short);
        bot.says("bob", &revoke).await;
        bot.settle().await;
        bot.clock.advance(minutes(3));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        let told = bot.told("alice");
        assert!(
            told.contains("not gone yet*: revoked by <@U0BOB>"),
            "{told}"
        );
        assert!(told.contains("wrong hands"), "{told}");
        bot.backend.feels(Mood::Well);
        bot.clock.advance(minutes(10));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn stale_buttons_say_how_it_is() {
    with_a_budget(async |bot| {
        alice_has_it(bot).await;
        after(bot, 15).await;
        let stale = warning(bot, "alice");
        after(bot, 15).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        let answer = pressed_stale(bot, "alice", &stale, "Extend").await;
        assert!(answer.contains("This access is over"), "{answer}");
        assert!(answer.contains("time was up"), "{answer}");
        let answer = pressed_stale(bot, "alice", &stale, "End now").await;
        assert!(answer.contains("over already"), "{answer}");
        after(bot, 30).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert_eq!(bot.backend.done("revoke").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn extend_as_a_command_needs_no_id_while_one_is_active() {
    with_a_budget(async |bot| {
        let request = alice_has_it(bot).await;
        let end = bot.clock.now() + minutes(30);
        let nothing = bot.says("rita", "/prod-access extend 30m").await;
        assert!(nothing.contains("no active access"), "{nothing}");
        let wrong = bot.says("alice", "/prod-access extend R-ZZZZ 2x").await;
        assert!(
            wrong.contains("nothing with the id ZZZZ") && wrong.contains("2x"),
            "all that is wrong in one answer: {wrong}"
        );

        let answer = bot.says("alice", "/prod-access extend 20m").await;
        assert!(answer.contains("*Extended* by 20 minutes"), "{answer}");
        bot.settle().await;
        assert!((told_end(bot) - end - minutes(20)).abs() < seconds(5));

        let other = bot
            .asks("alice", "/prod-access db-owner 1h orders stuck")
            .await;
        bot.approves("bob", &other).await;
        let which = bot.says("alice", "/prod-access extend 10m").await;
        assert!(which.contains("Say which one to extend"), "{which}");
        let letters = request.short.replace("R-", "");
        let answer = bot
            .says("alice", &format!("/prod-access extend {letters} 10m"))
            .await;
        assert!(answer.contains("*Extended* by 10 minutes"), "{answer}");
        bot.settle().await;
        let status = bot
            .says("alice", &format!("/prod-access status {letters}"))
            .await;
        assert!(status.contains("extended by 10 min"), "{status}");
    })
    .await;
}

/// Both grants hold `orders_admin`; one of them is extended past the other.
#[tokio::test]
async fn an_extended_grant_beside_another_leaves_nothing_behind() {
    with_a_budget(async |bot| {
        alice_has_it(bot).await;
        let other = bot
            .asks("alice", "/prod-access db-owner 40m orders stuck")
            .await;
        bot.approves("bob", &other).await;
        after(bot, 15).await;
        pressed(bot, "alice", &warning(bot, "alice"), "Extend").await;

        after(bot, 26).await;
        assert!(
            bot.backend.holders("orders_owner").is_empty(),
            "the other is over"
        );
        assert_eq!(
            bot.backend.holders("orders_admin"),
            ["alice"],
            "this one isn't"
        );
        after(bot, 20).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert_eq!(bot.backend.done("revoke").len(), 2, "each once");
    })
    .await;
}

#[tokio::test]
async fn what_is_being_taken_away_is_not_extended() {
    with_a_budget(async |bot| {
        let request = alice_has_it(bot).await;
        after(bot, 15).await;
        bot.backend.feels(Mood::KeepsHold);
        bot.clock.advance(minutes(16));
        bot.settle().await;
        let extend = format!("/prod-access extend {} 30m", request.short);
        let answer = bot.says("alice", &extend).await;
        assert!(answer.contains("is being taken away"), "{answer}");
        bot.backend.feels(Mood::Well);
        after(bot, 10).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn no_button_stays_that_does_nothing() {
    with_a_budget(async |bot| {
        let request = alice_has_it(bot).await;
        after(bot, 15).await;
        // Alice's warning, which took the place of her news, Bob's, and the thread's.
        assert_eq!(
            pressable(bot, &request).len(),
            3,
            "{:#?}",
            pressable(bot, &request)
        );
        let seen = warning_in_thread(bot, &request);
        pressed(bot, "bob", &warning_in_thread(bot, &request), "Extend").await;
        let live = pressable(bot, &request);
        assert!(
            live.iter().all(|text| !text.contains("ends in")),
            "{live:#?}"
        );
        assert_eq!(
            live.len(),
            1,
            "what says to Alice that it was extended: {live:#?}"
        );

        after(bot, 46).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert_eq!(pressable(bot, &request), [""; 0], "all of it is over");
        assert!(
            bot.told("alice").contains("Your `db-admin`") && bot.told("alice").contains("*ended*"),
            "{}",
            bot.told("alice")
        );
        let edits = bot.slack.calls_of("chat.update").len();
        let answer = pressed_stale(bot, "alice", &seen, "End now").await;
        assert!(
            answer.contains("over already"),
            "a screen that is behind is answered: {answer}"
        );
        bot.settle().await;
        assert_eq!(
            bot.slack.calls_of("chat.update").len(),
            edits,
            "edited once"
        );
    })
    .await;
}

#[tokio::test]
async fn while_the_target_does_not_let_go_the_warnings_say_so_instead_of_offering_more() {
    with_a_budget(async |bot| {
        let request = alice_has_it(bot).await;
        after(bot, 15).await;
        bot.backend.feels(Mood::KeepsHold);
        after(bot, 16).await;
        after(bot, 3).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert_eq!(pressable(bot, &request), [""; 0]);
        assert!(
            bot.told("bob").contains("*not gone yet*"),
            "{}",
            bot.told("bob")
        );
        bot.backend.feels(Mood::Well);
        after(bot, 1).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.told("bob").contains("*ended*"), "{}", bot.told("bob"));
    })
    .await;
}
