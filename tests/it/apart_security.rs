//! What security must hear, where its channel takes nothing any more: it is said in the approvals channel, then to those
//! who watch over access, and kept and told by `/readyz` where nobody takes it.

use serde_json::Value;
use slack_sandbox::{Fault, FaultKind, Message};

use crate::apart_announced::announces;
use crate::support::gate::Mood;
use crate::support::workplace::{APPROVALS, SECURITY};
use crate::support::{TestBot, everywhere, minutes, seconds};

/// Pat operates the bot, Eve reviews the use of broken glass; nobody else watches.
const WATCHERS: [&str; 2] = ["pat", "eve"];
const OTHERS: [&str; 4] = ["alice", "bob", "carol", "dana"];

fn archives(bot: &TestBot, channels: &[&str]) {
    for channel in channels {
        bot.slack.set_archived(channel, true);
    }
}

/// What `/readyz` says of channels.
async fn channels(bot: &TestBot) -> String {
    let answer = reqwest::get(format!("{}/readyz", bot.base)).await.unwrap();
    assert_eq!(answer.status(), 200, "it goes on all the same");
    let found: Value = answer.json().await.unwrap();
    found["channels"]["why"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn dms(bot: &TestBot, person: &str, part: &str) -> Vec<String> {
    let messages = bot.slack.dms(person);
    let plain = messages.iter().map(Message::plain);
    plain.filter(|text| text.contains(part)).collect()
}

async fn passes(bot: &TestBot, times: usize, step: i64) {
    for _ in 0..times {
        bot.clock.advance(seconds(step));
        bot.settle().await;
    }
}

#[tokio::test]
async fn an_announcement_goes_to_the_approvals_channel() {
    everywhere(async |bot| {
        archives(bot, &[SECURITY]);
        for number in 1..=3 {
            announces(bot, number).await;
        }
        bot.settle().await;
        let said = bot.said_in(APPROVALS);
        let at = |number: i64| said.find(&format!("first at entry {number}."));
        assert!(at(1).is_some() && at(1) < at(2) && at(2) < at(3), "{said}");
        assert!(
            said.contains("the security channel takes no messages"),
            "{said}"
        );
        assert_eq!(bot.store.next_announcement().await.unwrap(), None);
        let told = channels(bot).await;
        assert!(told.contains("C0SECURE: is_archived"), "{told}");

        // Back in its place as soon as that takes it.
        bot.slack.set_archived(SECURITY, false);
        announces(bot, 4).await;
        bot.settle().await;
        assert!(bot.said_in(SECURITY).contains("first at entry 4."));
        assert_eq!(channels(bot).await, "");
    })
    .await;
}

#[tokio::test]
async fn where_no_channel_takes_it_those_who_watch_are_told() {
    everywhere(async |bot| {
        archives(bot, &[SECURITY, APPROVALS]);
        announces(bot, 1).await;
        bot.settle().await;
        for person in WATCHERS {
            let told = dms(bot, person, "first at entry 1.");
            assert_eq!(told.len(), 1, "{person}: {told:?}");
            assert!(told[0].contains("takes no messages"), "{told:?}");
        }
        for person in OTHERS {
            assert!(dms(bot, person, "first at entry").is_empty(), "{person}");
        }
        assert_eq!(bot.store.next_announcement().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_reaches_nobody_is_kept_and_told_by_readyz() {
    everywhere(async |bot| {
        let archived = Fault::new(FaultKind::Error {
            error: "is_archived".into(),
        });
        bot.slack.set_fault(archived.on("chat.postMessage"));
        announces(bot, 1).await;
        bot.settle().await;
        let told = channels(bot).await;
        assert!(
            told.contains("1 of what security must hear reached nobody"),
            "{told}"
        );
        passes(bot, 2, 1_700).await;
        bot.slack.clear_faults();
        passes(bot, 2, 1_700).await;
        assert!(bot.said_in(SECURITY).contains("first at entry 1."));
        let told = channels(bot).await;
        assert!(!told.contains("reached nobody"), "{told}");
    })
    .await;
}

/// Rita has two grants, `closed` is archived, and the first of the two can't be taken away when it should go.
async fn the_first_is_overdue(bot: &TestBot, closed: &[&str]) {
    for (node, time) in [("web-1", "5m"), ("web-2", "10m")] {
        let ask = format!("/prod-access logs node={node} {time} look");
        bot.asks("rita", &ask).await;
    }
    archives(bot, closed);
    bot.backend.feels(Mood::Down);
    bot.clock.advance(minutes(5));
    bot.settle().await;
    passes(bot, 20, 10).await;
}

async fn so_is_the_second(bot: &TestBot) {
    passes(bot, 40, 10).await;
}

async fn the_target_is_back(bot: &TestBot) {
    bot.backend.feels(Mood::Well);
    passes(bot, 12, 10).await;
}

#[tokio::test]
async fn an_alarm_follows_and_ends_wherever_it_was_told() {
    everywhere(async |bot| {
        the_first_is_overdue(bot, &[SECURITY, APPROVALS]).await;
        let alarm = |person: &str| dms(bot, person, "overdue to end");
        for person in WATCHERS {
            let said = alarm(person);
            assert_eq!(said.len(), 1, "{person}: {said:#?}");
            assert!(said[0].contains("1 grant should"), "{}", said[0]);
        }
        so_is_the_second(bot).await;
        for person in WATCHERS {
            let said = alarm(person);
            assert_eq!(said.len(), 1, "it is edited: {said:#?}");
            assert!(said[0].contains("2 grants should"), "{}", said[0]);
            assert!(said[0].contains("takes no messages"), "{}", said[0]);
        }
        the_target_is_back(bot).await;
        for person in WATCHERS {
            let over = dms(bot, person, "It is over");
            assert_eq!(over.len(), 2, "edited and said: {over:#?}");
        }
        for person in OTHERS {
            assert!(dms(bot, person, "It is over").is_empty(), "{person}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_alarm_whose_channel_is_archived_meanwhile_goes_on_elsewhere() {
    everywhere(async |bot| {
        the_first_is_overdue(bot, &[]).await;
        assert!(bot.said_in(SECURITY).contains("1 grant should"));
        archives(bot, &[SECURITY]);
        so_is_the_second(bot).await;
        let said = bot.said_in(APPROVALS);
        assert!(said.contains("2 grants should"), "{said}");
        the_target_is_back(bot).await;
        let said = bot.said_in(APPROVALS);
        assert_eq!(said.matches("It is over").count(), 2, "{said}");
    })
    .await;
}

#[tokio::test]
async fn broken_glass_reaches_those_who_watch_with_its_button() {
    everywhere(async |bot| {
        archives(bot, &[SECURITY, APPROVALS]);
        let glass = "/prod-access break-glass db-admin for @alice 10m INC-1 fire";
        bot.says("carol", glass).await;
        bot.settle().await;
        let alarm = |person: &str| {
            let mut messages = bot.slack.dms(person).into_iter();
            messages.rfind(|one| one.plain().contains("INC-1") && !one.buttons().is_empty())
        };
        for person in WATCHERS {
            assert!(alarm(person).is_some(), "{person} can revoke it");
        }
        let pressed = alarm("eve").unwrap();
        bot.presses_on("eve", &pressed, "Revoke").await;
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}
