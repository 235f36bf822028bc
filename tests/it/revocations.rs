//! Taking access away waits for nothing: not for calls that hang, not for Slack, and a call that arrives late is undone.

use std::time::{Duration, Instant};

use slack_sandbox::{Fault, FaultKind};

use crate::support::bot::Setting;
use crate::support::gate::{Gate, Mood};
use crate::support::{TestBot, everywhere, minutes, seconds};

/// Long before a call of the stories' target is given up (5 s).
const AT_ONCE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn grants_that_hang_do_not_delay_a_revocation() {
    let setting = Setting {
        edit: Box::new(|text| {
            text.replace("timeout    = \"5s\"", "timeout = \"5s\"\nconcurrency = 2")
        }),
        ..Setting::default()
    };
    TestBot::in_setting(setting, async |bot| {
        let held = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &held).await;
        bot.backend.feels(Mood::HangsOn("grant".into()));
        for person in ["rita", "bob"] {
            let answer = bot
                .says(person, "/prod-access logs node=web-1 30m look")
                .await;
            assert!(answer.contains("R-"), "{answer}");
        }
        let hangs = |gate: &Gate| {
            let calls = gate.done("grant");
            calls
                .iter()
                .any(|one| one.permission == "logs/web-1")
                .then_some(())
        };
        bot.backend.until("a grant that hangs", hangs).await;
        let dropped = Instant::now();
        bot.says("alice", "/prod-access drop").await;
        bot.backend
            .until("the revocation", |gate| gate.done("revoke").pop())
            .await;
        assert!(dropped.elapsed() < AT_ONCE, "{:?}", dropped.elapsed());
        bot.backend.feels(Mood::Well);
        bot.backend.release();
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert_eq!(bot.backend.holders("logs/web-1"), ["bob", "rita"]);
    })
    .await;
}

#[tokio::test]
async fn a_slow_slack_does_not_delay_an_end() {
    everywhere(async |bot| {
        let held = bot
            .asks("alice", "/prod-access db-admin 20m orders stuck")
            .await;
        bot.approves("bob", &held).await;
        // Its ladder's next step is due at the same moment, and asks Slack who that is.
        bot.asks("rita", "/prod-access db-admin 20m orders stuck too")
            .await;
        bot.slack
            .set_fault(Fault::new(FaultKind::Slow { millis: 20_000 }).on("users.info"));
        bot.clock.advance(minutes(20));
        let due = Instant::now();
        bot.backend
            .until("the revocation", |gate| gate.done("revoke").pop())
            .await;
        assert!(
            due.elapsed() < Duration::from_secs(1),
            "{:?}",
            due.elapsed()
        );
        bot.slack.clear_faults();
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

/// A call that got no answer may still arrive after the access was seen to be absent.
#[tokio::test]
async fn a_grant_that_lands_late_is_undone() {
    everywhere(async |bot| {
        bot.backend.feels(Mood::Down);
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.backend.feels(Mood::Well);
        bot.says("alice", "/prod-access drop").await;
        bot.settle().await;
        assert!(bot.record(&request).await.contains(&"grant.ended"));
        bot.backend.lands("alice", "orders_admin");
        // Twice the lease and the call's limit.
        bot.clock.advance(seconds(30));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        let events = bot.record(&request).await;
        assert!(!events.contains(&"grant.active"), "{events:?}");
        let all = bot.store.events_after(0, 1_000).await.unwrap();
        let undone = all
            .iter()
            .filter(|one| one.event.kind.as_str() == "holding.revoked");
        assert_eq!(undone.count(), 1, "what was undone is on record");
    })
    .await;
}

/// Slack is asked who left; where it doesn't answer, it is told so and sends the event again.
#[tokio::test]
async fn who_left_is_not_forgotten_while_slack_does_not_answer() {
    TestBot::run(async |bot| {
        let held = bot
            .asks("rita", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &held).await;
        let sent = |status: u16| {
            let events = bot.slack.deliveries();
            let mut told = events.iter().filter(|one| one.body.contains("user_change"));
            told.any(|one| one.status == status)
        };
        bot.slack
            .set_fault(Fault::new(FaultKind::ServerError { status: 503 }).on("users.info"));
        bot.slack.set_person("rita", |rita| rita.deleted = true);
        let heard = bot
            .slack
            .until("an answer", |_| (sent(200) || sent(503)).then_some(()));
        heard.await.unwrap();
        assert!(sent(503) && !sent(200));
        bot.slack.clear_faults();
        bot.backend
            .until("the revocation", |gate| gate.done("revoke").pop())
            .await;
    })
    .await;
}
