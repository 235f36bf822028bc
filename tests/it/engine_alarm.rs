//! Revocations that are overdue: one alarm for a backend, brought up to date in its place, and told when it is over.

use slack_sandbox::{Fault, FaultKind};

use crate::support::gate::Mood;
use crate::support::workplace::SECURITY;
use crate::support::{TestBot, everywhere, minutes, seconds};

/// The alarms in the security channel, as they stand now.
fn alarms(bot: &TestBot) -> Vec<String> {
    let messages = bot.slack.messages(SECURITY);
    let plain = messages.iter().map(slack_sandbox::Message::plain);
    plain
        .filter(|text| {
            text.contains("gate") && (text.contains("let go") || text.contains("lets go"))
        })
        .collect()
}

async fn passes(bot: &TestBot, times: usize, step: i64) {
    for _ in 0..times {
        bot.clock.advance(seconds(step));
        bot.settle().await;
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn it_is_said_once_follows_and_is_told_when_it_is_over() {
    everywhere(async |bot| {
        let first = bot
            .asks("alice", "/prod-access db-admin 10m orders stuck")
            .await;
        bot.approves("bob", &first).await;
        for node in 1..=3 {
            let ask = format!("/prod-access logs node=web-{node} 15m look");
            bot.asks("rita", &ask).await;
        }
        bot.backend.feels(Mood::Down);
        bot.clock.advance(minutes(10));
        bot.settle().await;
        passes(bot, 10, 10).await;
        assert!(
            alarms(bot).is_empty(),
            "not before two minutes: {:?}",
            alarms(bot)
        );
        passes(bot, 6, 10).await;
        let said = alarms(bot);
        assert_eq!(said.len(), 1, "{said:#?}");
        for part in [
            "1 grant should",
            "alice@example.com",
            "db-admin",
            "no answer",
            "*still* have access",
        ] {
            assert!(said[0].contains(part), "{part} is not in {}", said[0]);
        }
        assert!(
            said[0].contains(&first.short),
            "as it is typed: {}",
            said[0]
        );
        assert!(bot.thread(&first).contains("may"), "{}", bot.thread(&first));

        // The others are overdue too: the same message says so.
        passes(bot, 60, 10).await;
        let said = alarms(bot);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].contains("4 grants should"), "{}", said[0]);
        assert!(said[0].contains("rita@example.com"), "{}", said[0]);

        bot.backend.feels(Mood::Well);
        passes(bot, 12, 10).await;
        let said = alarms(bot);
        assert_eq!(said.len(), 2, "{said:#?}");
        assert!(
            said[0].contains("It is over"),
            "the alarm itself: {}",
            said[0]
        );
        assert!(
            said[1].contains("It is over"),
            "and a new message: {}",
            said[1]
        );
        assert!(
            bot.store
                .alarm(Some(&hallpass::domain::BackendName::new("gate")))
                .await
                .unwrap()
                .is_none()
        );
        passes(bot, 12, 10).await;
        assert_eq!(alarms(bot).len(), 2, "nothing more is said");
    })
    .await;
}

#[tokio::test]
async fn one_that_says_yes_and_keeps_it_is_told_by_what_it_does() {
    TestBot::run(async |bot| {
        bot.asks("rita", "/prod-access logs node=web-1 5m look")
            .await;
        bot.asks("alice", "/prod-access logs node=web-2 5m look")
            .await;
        bot.backend.feels(Mood::KeepsHold);
        bot.clock.advance(minutes(5));
        bot.settle().await;
        passes(bot, 20, 10).await;
        let said = alarms(bot);
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(
            !said[0].contains("503") && !said[0].contains("down"),
            "never in its words: {}",
            said[0]
        );
        assert!(said[0].contains("2 grants"), "{}", said[0]);
    })
    .await;
}

#[tokio::test]
async fn break_glass_is_named_first() {
    TestBot::run(async |bot| {
        bot.asks("rita", "/prod-access logs node=web-1 5m look")
            .await;
        bot.says(
            "carol",
            "/prod-access break-glass db-admin for @alice 6m INC-1 orders stuck",
        )
        .await;
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        bot.backend.feels(Mood::Down);
        bot.clock.advance(minutes(6));
        bot.settle().await;
        passes(bot, 30, 10).await;
        let said = alarms(bot);
        assert_eq!(said.len(), 1, "{said:#?}");
        let glass = said[0].find("Break-glass").expect("it is named");
        let other = said[0].find("rita@example.com").expect("the other too");
        assert!(glass < other, "{}", said[0]);
    })
    .await;
}

/// Slack recognises no repeated post, so what it took and didn't say so of is said again; but once, and the one that is
/// known of is brought up to date, and what is over is told once.
#[tokio::test]
async fn an_answer_that_is_lost_costs_one_repetition() {
    TestBot::run(async |bot| {
        bot.asks("rita", "/prod-access logs node=web-1 5m look")
            .await;
        bot.backend.feels(Mood::Down);
        bot.clock.advance(minutes(5));
        bot.settle().await;
        passes(bot, 11, 10).await;
        let lost = Fault::new(FaultKind::DropAnswer).on("chat.postMessage");
        let id = bot.slack.set_fault(lost);
        while alarms(bot).is_empty() {
            passes(bot, 1, 10).await;
        }
        bot.slack.clear_fault(id);
        let before = alarms(bot).len();
        passes(bot, 30, 10).await;
        assert_eq!(alarms(bot).len(), before + 1, "{:#?}", alarms(bot));
        bot.backend.feels(Mood::Well);
        passes(bot, 12, 10).await;
        let over = |text: &String| text.contains("It is over");
        assert_eq!(alarms(bot).iter().filter(|text| over(text)).count(), 2);
        assert_eq!(alarms(bot).len(), before + 2, "{:#?}", alarms(bot));
    })
    .await;
}
