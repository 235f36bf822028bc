//! Announcements: stored with the change that caused them, said once and in order, however long Slack is away.

use hallpass::domain::{Actor, Announcement, Change, Event, EventKind, Lane};
use slack_sandbox::{Fault, FaultKind, Message};

use crate::support::workplace::SECURITY;
use crate::support::{TestBot, everywhere, minutes, seconds};

/// Stores an announcement beside an event, as a use case does.
pub(crate) async fn announces(bot: &TestBot, number: i64) {
    let event = Event::new(
        EventKind::ConfigurationLoaded,
        Actor::Hallpass,
        bot.clock.now(),
    );
    let announcement = Announcement::RecordBroken {
        sequence: u64::try_from(number).ok(),
        why: "a drill".into(),
    };
    let change = Change::default().event(event).announce(announcement);
    bot.store.apply_one(change).await.unwrap();
}

/// The numbers that the security channel was told, in the order in which they stand there.
fn told(bot: &TestBot) -> Vec<i64> {
    let number = |message: &Message| {
        let text = message.plain();
        let rest = text.split_once("first at entry ")?.1;
        rest.split('.').next()?.parse().ok()
    };
    bot.slack
        .messages(SECURITY)
        .iter()
        .filter_map(number)
        .collect()
}

/// However many people and roles there are, the first thing that security reads is short, and names what weighs most.
#[tokio::test]
async fn the_first_configuration_is_summed_up_and_stands_on_record_whole() {
    everywhere(async |bot| {
        let said = bot.said_in(SECURITY);
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines.len() <= 10, "{} lines: {said}", lines.len());
        assert!(lines[1].contains("what weighs most first"), "{said}");
        assert!(lines[2].contains("U0PAT runs Hallpass"), "{said}");
        assert!(said.contains("hallpass audit export"), "{said}");
        let events = bot.store.events_after(0, 100).await.unwrap();
        let loaded = events
            .iter()
            .find(|one| one.event.kind.as_str() == "configuration.loaded")
            .unwrap();
        let gained = loaded.event.personal.iter();
        let gained = gained.filter(|one| one.field == "gained").count();
        let count = loaded.event.facts["gained"].as_u64().unwrap();
        assert!(count > 30, "{count}");
        assert_eq!(gained as u64, count);
    })
    .await;
}

#[tokio::test]
async fn hours_without_slack_lose_no_announcement_and_keep_their_order() {
    everywhere(async |bot| {
        bot.slack.set_fault(Fault::new(FaultKind::Down));
        for number in 1..=5 {
            announces(bot, number).await;
            bot.settle().await;
            bot.clock.advance(minutes(20));
        }
        assert!(told(bot).is_empty());

        bot.slack.clear_faults();
        bot.clock.advance(minutes(6));
        bot.settle().await;
        // The probe may be one that waits for an earlier one; the next probes are five seconds apart.
        for _ in 0..6 {
            bot.clock.advance(seconds(6));
            bot.settle().await;
        }
        assert_eq!(told(bot), [1, 2, 3, 4, 5]);
        let late = bot.said_in(SECURITY);
        assert!(late.contains("Told late"), "{late}");
        assert!(bot.store.next_announcement().await.unwrap().is_none());

        announces(bot, 6).await;
        bot.settle().await;
        assert_eq!(told(bot), [1, 2, 3, 4, 5, 6]);
        let newest = bot.slack.messages(SECURITY).pop().unwrap().plain();
        assert!(!newest.contains("Told late"), "{newest}");
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_refuses_is_tried_again_every_hour() {
    everywhere(async |bot| {
        let archived = Fault::new(FaultKind::Error {
            error: "is_archived".into(),
        });
        bot.slack.set_fault(archived.on("chat.postMessage"));
        announces(bot, 1).await;
        announces(bot, 2).await;
        bot.settle().await;
        for _ in 0..10 {
            bot.clock.advance(minutes(30));
            bot.settle().await;
        }
        assert!(told(bot).is_empty());
        let lanes = bot.store.lanes().await.unwrap();
        assert!(lanes.iter().any(|(lane, _)| *lane == Lane::Slack), "kept");

        bot.slack.clear_faults();
        bot.clock.advance(minutes(61));
        bot.settle().await;
        let mut told = told(bot);
        told.sort_unstable();
        assert_eq!(told, [1, 2], "each once");
    })
    .await;
}

#[tokio::test]
async fn one_that_slack_refuses_holds_up_no_other() {
    TestBot::run(async |bot| {
        let refused = Fault::new(FaultKind::Error {
            error: "invalid_blocks".into(),
        });
        bot.slack.set_fault(refused.on("chat.postMessage").times(1));
        announces(bot, 1).await;
        bot.settle().await;
        announces(bot, 2).await;
        bot.settle().await;
        assert!(told(bot).contains(&2), "{:?}", told(bot));
    })
    .await;
}
