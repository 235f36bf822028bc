//! Slack apart: whatever Slack does, the end comes on time; what is said late is said once, in order, and says less.

use slack_sandbox::{Fault, FaultKind, Message};

use crate::support::workplace::{APPROVALS, SECURITY};
use crate::support::{Request, TestBot, everywhere, minutes, seconds};

fn error(name: &str) -> Fault {
    Fault::new(FaultKind::Error { error: name.into() })
}

/// Nothing can be posted or changed, while people can still type and press.
fn mute(bot: &TestBot) {
    for method in ["chat.postMessage", "chat.update"] {
        bot.slack
            .set_fault(Fault::new(FaultKind::ServerError { status: 503 }).on(method));
    }
}

/// What was said under the card.
fn replies(bot: &TestBot, request: &Request) -> Vec<String> {
    let card = bot.card(request);
    let thread = bot.slack.thread(APPROVALS, &card.ts);
    thread.iter().skip(1).map(Message::plain).collect()
}

fn count(texts: &[String], words: &str) -> usize {
    texts.iter().filter(|text| text.contains(words)).count()
}

/// Time passes, in steps in which everything that is due is tried.
async fn hours(bot: &TestBot, hours: i64) {
    for _ in 0..hours * 6 {
        bot.clock.advance(minutes(10));
        bot.settle().await;
    }
}

#[tokio::test]
async fn hours_without_slack_end_in_one_message_that_tells_it_all() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        mute(bot);
        bot.approves("bob", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        bot.clock.advance(minutes(30));
        bot.settle().await;
        assert!(
            bot.backend.holders("orders_admin").is_empty(),
            "it ends on time"
        );
        hours(bot, 3).await;
        assert!(replies(bot, &request).is_empty());
        let before = bot.slack.dms("alice").len();

        bot.slack.clear_faults();
        bot.clock.advance(minutes(6));
        bot.settle().await;
        let said = replies(bot, &request);
        assert_eq!(said.len(), 1, "what is over isn't said any more: {said:#?}");
        assert!(
            said[0].contains("*ended*") && said[0].contains("It was there since"),
            "{said:#?}"
        );
        let told = bot.slack.dms("alice");
        assert_eq!(told.len(), before + 1, "one message for alice, too");
        let card = bot.card(&request).plain();
        assert!(
            card.contains("*Ended*"),
            "the card is of the present: {card}"
        );

        hours(bot, 1).await;
        assert_eq!(replies(bot, &request), said, "and nothing is said twice");
    })
    .await;
}

#[tokio::test]
async fn what_still_holds_is_said_late_in_its_order() {
    everywhere(async |bot| {
        mute(bot);
        let request = bot
            .asks(
                "carol",
                "/prod-access break-glass db-admin 30m INC-42 orders are stuck",
            )
            .await;
        assert_eq!(bot.backend.holders("orders_admin"), ["carol"]);
        bot.clock.advance(minutes(10));
        bot.settle().await;
        bot.slack.clear_faults();
        bot.clock.advance(minutes(6));
        bot.settle().await;

        let loud = bot.said_in(SECURITY);
        assert!(
            loud.contains("INC-42") && loud.contains("Told late"),
            "{loud}"
        );
        let alarm = bot.slack.messages(SECURITY);
        let alarm = alarm.iter().find(|one| one.plain().contains("INC-42"));
        let granted = replies(bot, &request);
        assert_eq!(count(&granted, "got `db-admin`"), 1, "{granted:#?}");
        let card = bot.card(&request);
        let thread = bot.slack.thread(APPROVALS, &card.ts);
        let granted = thread
            .iter()
            .find(|one| one.plain().contains("got `db-admin`"));
        let (alarm, granted) = (alarm.unwrap(), granted.unwrap());
        assert!(alarm.ts < granted.ts, "the alarm comes first");
    })
    .await;
}

#[tokio::test]
async fn a_warning_that_comes_too_late_is_not_said() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 60m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        mute(bot);
        bot.clock.advance(minutes(45));
        bot.settle().await;
        bot.clock.advance(minutes(9));
        bot.settle().await;
        bot.slack.clear_faults();
        bot.clock.advance(minutes(1));
        bot.settle().await;
        bot.clock.advance(minutes(1));
        bot.settle().await;
        let said = replies(bot, &request);
        assert_eq!(count(&said, "ends in"), 1, "the last one alone: {said:#?}");
        bot.clock.advance(minutes(4));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn too_fast_for_slack_loses_nothing_and_repeats_nothing() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        for _ in 0..3 {
            let fast = Fault::new(FaultKind::RateLimited { retry_after: 30 });
            bot.slack.set_fault(fast.on("chat.postMessage").times(1));
        }
        bot.approves("bob", &request).await;
        for _ in 0..8 {
            bot.clock.advance(seconds(31));
            bot.settle().await;
        }
        let said = replies(bot, &request);
        assert_eq!(count(&said, "got `db-admin`"), 1, "{said:#?}");
        let told: Vec<String> = bot.slack.dms("alice").iter().map(Message::plain).collect();
        assert_eq!(count(&told, "You have"), 1, "{told:#?}");
        let fired: u32 = bot.slack.faults().iter().map(|fault| fault.fired).sum();
        assert!(fired >= 1, "Slack did say it was too fast");
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_costs_one_repetition_at_most() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        let lost = Fault::new(FaultKind::DropAnswer);
        bot.slack.set_fault(lost.on("chat.postMessage").times(1));
        bot.approves("bob", &request).await;
        for _ in 0..5 {
            bot.clock.advance(minutes(1));
            bot.settle().await;
        }
        let thread = count(&replies(bot, &request), "got `db-admin`");
        let told: Vec<String> = bot.slack.dms("alice").iter().map(Message::plain).collect();
        let told = count(&told, "You have");
        assert!(thread >= 1 && told >= 1, "said to both");
        assert_eq!(thread + told, 3, "and the one lost answer cost one more");
    })
    .await;
}

#[tokio::test]
async fn a_slow_slack_is_waited_for_rather_than_told_twice() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        let slow = Fault::new(FaultKind::Slow { millis: 6_000 });
        bot.slack.set_fault(slow.on("chat.postMessage").times(1));
        bot.approves("bob", &request).await;
        bot.clock.advance(minutes(1));
        bot.settle().await;
        let said = replies(bot, &request);
        assert_eq!(count(&said, "got `db-admin`"), 1, "{said:#?}");
    })
    .await;
}

#[tokio::test]
async fn a_revoked_token_delays_no_end_and_a_new_one_tells_it() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.slack.set_fault(error("token_revoked"));
        bot.clock.advance(minutes(30));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        hours(bot, 2).await;
        bot.slack.clear_faults();
        bot.clock.advance(minutes(6));
        bot.settle().await;
        let said = replies(bot, &request);
        assert_eq!(count(&said, "*ended*"), 1, "{said:#?}");
        assert_eq!(count(&said, "ends in"), 0, "no late warning: {said:#?}");
        assert!(bot.card(&request).plain().contains("*Ended*"));
    })
    .await;
}

#[tokio::test]
async fn an_archived_channel_leaves_people_told_and_the_end_on_time() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.slack.set_archived(APPROVALS, true);
        bot.clock.advance(minutes(30));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(
            bot.told("alice").contains("*ended*"),
            "{}",
            bot.told("alice")
        );
    })
    .await;
}

#[tokio::test]
async fn somebody_whose_messages_are_refused_keeps_nobody_else_waiting() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.slack
            .set_fault(error("cannot_dm_bot").on("conversations.open"));
        bot.approves("bob", &request).await;
        bot.clock.advance(minutes(30));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        let said = replies(bot, &request);
        assert_eq!(count(&said, "*ended*"), 1, "{said:#?}");
    })
    .await;
}
