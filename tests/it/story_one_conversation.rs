//! What a person reads about one grant in their direct messages: one message that is true, at any time, and a new one only
//! where they need a ping. What was said in the thread stays true, too.

use std::collections::BTreeSet;

use regex::Regex;
use slack_sandbox::{Fault, FaultKind, Message};

use crate::story_extend::with_a_budget;
use crate::support::{Request, TestBot, everywhere, minutes};

/// What stands about it in the direct messages with somebody.
fn about(bot: &TestBot, person: &str, request: &Request) -> Vec<Message> {
    let letters = &request.short["R-".len()..];
    let mut messages = bot.slack.dms(person);
    messages.retain(|one| one.plain().contains(letters));
    messages
}

/// The only one.
fn only(bot: &TestBot, person: &str, request: &Request) -> String {
    let found = about(bot, person, request);
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].plain()
}

/// How often they were pinged.
fn pings(bot: &TestBot, person: &str) -> usize {
    let Some(first) = bot.slack.dms(person).into_iter().next() else {
        return 0;
    };
    let posts = bot.slack.calls_of("chat.postMessage");
    posts
        .iter()
        .filter(|call| call.args["channel"] == first.channel.as_str())
        .count()
}

async fn after(bot: &TestBot, by: i64) {
    bot.clock.advance(minutes(by));
    bot.settle().await;
}

async fn alice_has_it(bot: &TestBot) -> Request {
    let request = bot
        .asks("alice", "/prod-access db-admin 1h orders stuck")
        .await;
    bot.approves("bob", &request).await;
    request
}

#[tokio::test]
async fn from_the_grant_to_its_end_one_message_stands() {
    everywhere(async |bot| {
        let request = alice_has_it(bot).await;
        assert!(only(bot, "alice", &request).contains("You have `db-admin`"));
        after(bot, 45).await;
        assert!(only(bot, "alice", &request).contains("ends in 15 min"));
        after(bot, 10).await;
        assert!(only(bot, "alice", &request).contains("ends in 5 min"));
        assert_eq!(pings(bot, "alice"), 3);

        after(bot, 6).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        let said = only(bot, "alice", &request);
        assert!(
            said.contains("Your `db-admin`") && said.contains("*ended*"),
            "addressed to her, and true: {said}"
        );
        assert_eq!(pings(bot, "alice"), 3, "she was warned: no ping for it");
        let said = only(bot, "bob", &request);
        assert!(said.contains("*ended*"), "who decided, too: {said}");
        let stale = [" has `db-admin`", "ends in"];
        let thread = bot.thread(&request);
        assert!(stale.iter().all(|one| !thread.contains(one)), "{thread}");
    })
    .await;
}

#[tokio::test]
async fn an_end_that_nobody_expected_is_a_new_message_and_the_only_one() {
    everywhere(async |bot| {
        let request = alice_has_it(bot).await;
        let before = pings(bot, "alice");
        let revoke = format!("/prod-access revoke {} the laptop is lost", request.short);
        bot.says("bob", &revoke).await;
        bot.settle().await;
        let said = only(bot, "alice", &request);
        assert!(said.contains("the laptop is lost"), "{said}");
        assert_eq!(pings(bot, "alice"), before + 1);
    })
    .await;
}

#[tokio::test]
async fn what_one_ends_oneself_pings_nobody() {
    everywhere(async |bot| {
        let request = alice_has_it(bot).await;
        let before = pings(bot, "alice");
        bot.says("alice", "/prod-access drop").await;
        bot.settle().await;
        let said = only(bot, "alice", &request);
        assert!(said.contains("given back"), "{said}");
        assert_eq!(pings(bot, "alice"), before);
    })
    .await;
}

#[tokio::test]
async fn a_later_start_is_told_once_it_is_there() {
    everywhere(async |bot| {
        let at = (bot.clock.now() + minutes(120)).format("%Y-%m-%dT%H:%M");
        let ask = format!("/prod-access db-admin 30m at {at} migrate");
        let offer = bot.types("alice", &ask).await.shown.unwrap();
        bot.presses_on("alice", &offer, "Schedule for").await;
        bot.settle().await;
        let request = bot.pending().await.remove(0);
        bot.approves("bob", &request).await;
        let said = only(bot, "alice", &request);
        assert!(said.contains("starts"), "{said}");
        after(bot, 121).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        let said = only(bot, "alice", &request);
        assert!(said.contains("You have `db-admin`"), "{said}");
        after(bot, 31).await;
        let said = only(bot, "alice", &request);
        assert!(
            said.contains("*ended*") && !said.contains("starts"),
            "{said}"
        );
        let thread = bot.thread(&request);
        assert!(!thread.contains(": starts "), "{thread}");
    })
    .await;
}

#[tokio::test]
async fn what_slack_does_not_delete_is_made_true() {
    everywhere(async |bot| {
        let request = alice_has_it(bot).await;
        let refused = Fault::new(FaultKind::Error {
            error: "cant_delete_message".into(),
        });
        bot.slack.set_fault(refused.on("chat.delete"));
        after(bot, 45).await;
        after(bot, 16).await;
        let said = about(bot, "alice", &request);
        assert_eq!(said.len(), 2, "{said:#?}");
        for one in &said {
            let text = one.plain();
            assert!(text.contains("Your `db-admin`"), "addressed to her: {text}");
            assert!(
                !text.contains("ends in") && !text.contains("until"),
                "{text}"
            );
            assert!(one.buttons().is_empty(), "{text}");
        }
    })
    .await;
}

/// The end moves on, and an older message that Slack keeps would go on naming the one before.
#[tokio::test]
async fn what_slack_does_not_delete_points_to_the_newer_message() {
    with_a_budget(async |bot| {
        let request = alice_has_it(bot).await;
        let refused = Fault::new(FaultKind::Error {
            error: "cant_delete_message".into(),
        });
        bot.slack.set_fault(refused.on("chat.delete"));
        after(bot, 45).await;
        bot.says("alice", "/prod-access extend 30m").await;
        bot.settle().await;
        let end = Regex::new(r"<!date\^(\d+)").unwrap();
        for person in ["alice", "bob"] {
            let said = about(bot, person, &request);
            assert!(said.len() > 1, "Slack kept the older: {said:#?}");
            let texts: Vec<String> = said.iter().map(Message::plain).collect();
            let ends: BTreeSet<&str> = (texts.iter())
                .flat_map(|text| end.captures_iter(text))
                .filter_map(|found| Some(found.get(1)?.as_str()))
                .collect();
            assert_eq!(ends.len(), 1, "one end is named: {texts:#?}");
        }
        let said = about(bot, "alice", &request);
        let (newest, older) = said.split_last().unwrap();
        assert!(newest.plain().contains("until"), "{}", newest.plain());
        for one in older {
            let text = one.plain();
            let points = text.contains("Your `db-admin`") && text.contains("a newer message below");
            assert!(points && one.buttons().is_empty(), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn who_was_asked_reads_no_question_any_more() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 1h orders stuck")
            .await;
        after(bot, 11).await;
        let reminded = about(bot, "bob", &request);
        assert!(
            reminded
                .iter()
                .any(|one| one.plain().contains("Still waiting")),
            "{reminded:#?}"
        );
        bot.approves("bob", &request).await;
        let left = about(bot, "bob", &request);
        let asks = |one: &Message| one.plain().contains("Still waiting");
        assert!(!left.iter().any(asks), "{left:#?}");
    })
    .await;
}
