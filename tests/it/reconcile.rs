//! What backends say beside the ledger: what is missing is given again, what is left over is taken, what nobody gave is
//! told once. The target is changed behind the bot's back, and judged by its own log.

use hallpass::app::living_in;
use hallpass::domain::{BackendName, EventKind};

use crate::support::gate::Mood;
use crate::support::workplace::SECURITY;
use crate::support::{Request, TestBot, everywhere, minutes};

async fn active(bot: &TestBot, duration: &str) -> Request {
    let text = format!("/prod-access db-admin {duration} orders stuck");
    let request = bot.asks("alice", &text).await;
    bot.approves("bob", &request).await;
    assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    request
}

/// How often the target was told to change something.
fn changes(bot: &TestBot) -> usize {
    bot.backend.done("grant").len() + bot.backend.done("revoke").len()
}

#[tokio::test]
async fn a_scan_of_what_is_right_changes_nothing() {
    everywhere(async |bot| {
        active(bot, "4h").await;
        let before = changes(bot);
        for _ in 0..3 {
            bot.scans().await;
        }
        let observed = bot.backend.done("observe").len();
        assert!(observed >= 3, "it looked: {observed}");
        assert_eq!(changes(bot), before);
        assert!(bot.drift().await.is_empty());
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn missing_access_of_a_live_grant_is_given_again_and_ends_as_planned() {
    everywhere(async |bot| {
        let request = active(bot, "30m").await;
        bot.backend.takes_away("alice", "orders_admin");
        bot.scans().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert_eq!(bot.drift().await, ["missing giving_again"]);
        assert!(bot.record(&request).await.contains(&"backend.drift_found"));

        bot.clock.advance(minutes(20));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.ended"));
        bot.scans().await;
        assert_eq!(bot.drift().await.len(), 1, "told once");
    })
    .await;
}

/// Whoever left meanwhile doesn't get it back.
#[tokio::test]
async fn missing_access_is_given_again_only_with_authority() {
    everywhere(async |bot| {
        active(bot, "4h").await;
        bot.backend.takes_away("alice", "orders_admin");
        let given = bot.backend.done("grant").len();
        bot.tampers("update review set mac = '00'").await;
        bot.scans().await;
        assert_eq!(bot.backend.done("grant").len(), given);
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

/// The first holding's row is there but for what it holds.
#[tokio::test]
async fn a_holding_that_cannot_be_read_hides_no_other() {
    everywhere(async |bot| {
        active(bot, "4h").await;
        bot.asks("rita", "/prod-access logs node=web-1 30m look")
            .await;
        bot.tampers("update holding set body = '{}' where principal = 'alice'")
            .await;
        let before = changes(bot);
        bot.backend.takes_away("rita", "logs/web-1");
        bot.scans().await;
        assert_eq!(bot.backend.holders("logs/web-1"), ["rita"]);
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert_eq!(bot.drift().await, ["missing giving_again"]);
        assert_eq!(changes(bot), before + 1);
        // A start that finds the section gone knows that it doesn't know all.
        let living = living_in(&bot.store, &BackendName::new("gate")).await;
        let living = living.unwrap();
        assert_eq!((living.grants.len(), living.unread), (1, true));
    })
    .await;
}

/// A call that was given up long ago lands after the end.
#[tokio::test]
async fn left_over_access_of_an_ended_grant_is_taken() {
    everywhere(async |bot| {
        active(bot, "30m").await;
        bot.clock.advance(minutes(30));
        bot.settle().await;
        bot.scans().await;
        assert!(bot.drift().await.is_empty());
        bot.backend.lands("alice", "orders_admin");
        bot.scans().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert_eq!(bot.drift().await, ["left_over removing"]);
    })
    .await;
}

#[tokio::test]
async fn access_that_nobody_gave_is_told_once_and_left() {
    everywhere(async |bot| {
        active(bot, "5m").await;
        bot.clock.advance(minutes(5));
        bot.settle().await;
        let before = changes(bot);
        bot.backend.gives_standing("alice", "orders_admin");
        for _ in 0..3 {
            bot.scans().await;
        }
        assert_eq!(bot.drift().await, ["unknown told"]);
        bot.backend.takes_standing("alice", "orders_admin");
        bot.scans().await;
        bot.backend.gives_standing("alice", "orders_admin");
        bot.scans().await;
        assert_eq!(bot.drift().await, ["unknown told", "unknown told"]);
        assert_eq!(changes(bot), before, "what others gave is left alone");
    })
    .await;
}

/// It was told when the grant found it, and isn't drift.
#[tokio::test]
async fn access_held_before_is_no_drift() {
    everywhere(async |bot| {
        bot.backend.gives_standing("alice", "orders_admin");
        let request = bot
            .asks("alice", "/prod-access db-admin 20m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        bot.scans().await;
        bot.scans().await;
        bot.scans().await;
        assert!(bot.record(&request).await.contains(&"grant.ended"));
        assert!(bot.drift().await.is_empty());
        assert_eq!(changes(bot), 0);
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn a_backend_that_is_down_is_compared_when_it_is_back() {
    everywhere(async |bot| {
        active(bot, "4h").await;
        bot.backend.feels(Mood::Down);
        bot.clock.advance(minutes(10));
        bot.backend
            .until("a scan that fails", |gate| {
                let refused = |call: &crate::support::gate::Call| call.status == 503;
                gate.calls().into_iter().find(refused)
            })
            .await;
        bot.settle().await;
        assert!(bot.drift().await.is_empty());
        bot.backend.takes_away("alice", "orders_admin");
        bot.backend.feels(Mood::Well);
        bot.clock.advance(minutes(6));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert_eq!(bot.drift().await, ["missing giving_again"]);
    })
    .await;
}

/// Else drift that nobody looks for would be silence.
#[tokio::test]
async fn security_hears_of_a_backend_that_cannot_be_compared_and_when_it_can_again() {
    everywhere(async |bot| {
        let said = |what: &str| bot.said_in(SECURITY).matches(what).count();
        active(bot, "4h").await;
        bot.scans().await;
        bot.backend.feels(Mood::Down);
        for _ in 0..6 {
            bot.scans().await;
        }
        assert_eq!(said("compared with the whole record"), 0, "not an hour yet");
        for _ in 0..9 {
            bot.scans().await;
        }
        assert_eq!(
            said("`gate` *hasn't been compared with the whole record* since"),
            1
        );
        bot.backend.feels(Mood::Well);
        for _ in 0..3 {
            bot.scans().await;
        }
        assert_eq!(said("`gate` is compared with the whole record again"), 1);
        // An hour of another time begins anew.
        bot.backend.feels(Mood::Down);
        for _ in 0..3 {
            bot.scans().await;
        }
        assert_eq!(said("compared with the whole record"), 2);
    })
    .await;
}

/// Of the one row that can't be read nobody knows what it should be compared with.
#[tokio::test]
async fn security_hears_of_a_row_that_is_never_compared() {
    everywhere(async |bot| {
        active(bot, "4h").await;
        bot.tampers("update holding set body = '{}' where principal = 'alice'")
            .await;
        for _ in 0..8 {
            bot.scans().await;
        }
        let said = bot.said_in(SECURITY);
        let told = said.matches("`gate` *hasn't been compared with the whole record* since");
        assert_eq!(told.count(), 1, "{said}");
        assert!(!said.contains("whole record again"), "{said}");
    })
    .await;
}

/// A database that was lost counts from one again; what it must take away goes all the same.
#[tokio::test]
async fn a_sequence_that_went_back_keeps_no_access() {
    everywhere(async |bot| {
        let request = active(bot, "30m").await;
        bot.backend.saw("alice", "orders_admin", 5_000);
        bot.clock.advance(minutes(30));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.ended"));
        // The next one goes on from there.
        active(bot, "30m").await;
    })
    .await;
}

/// Alice keeps hers: of her two accounts only one is gone.
#[tokio::test]
async fn who_left_without_an_event_loses_what_they_have() {
    everywhere(async |bot| {
        active(bot, "4h").await;
        let held = bot
            .asks("rita", "/prod-access two-stages 4h payouts stuck")
            .await;
        bot.approves("dana", &held).await;
        bot.approves("eve", &held).await;
        let waiting = bot
            .asks("rita", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.leaves_unheard("alice").await;
        bot.leaves_unheard("rita").await;
        bot.clock.advance(minutes(9));
        bot.settle().await;
        assert_eq!(bot.backend.holders("payouts"), ["rita"], "not looked yet");
        bot.clock.advance(minutes(1));
        bot.settle().await;
        assert!(bot.backend.holders("payouts").is_empty());
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert!(bot.record(&held).await.contains(&"grant.ended"));
        assert!(bot.record(&waiting).await.contains(&"request.voided"));
    })
    .await;
}

#[tokio::test]
async fn a_directory_that_is_down_takes_nothing_from_anybody() {
    everywhere(async |bot| {
        use slack_sandbox::{Fault, FaultKind};
        active(bot, "4h").await;
        bot.slack
            .set_fault(Fault::new(FaultKind::ServerError { status: 503 }).on("users.info"));
        bot.scans().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert!(bot.events(EventKind::RevocationIntended).await.is_empty());
        bot.slack.clear_faults();
    })
    .await;
}
