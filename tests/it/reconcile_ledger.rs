//! What lost its timer gets it again, and a live grant that its reviews don't prove is ended: the database is edited,
//! the target's own log is the judge.

use hallpass::domain::EventKind;

use crate::support::gate::Mood;
use crate::support::{Request, TestBot, everywhere, minutes, seconds};

async fn active(bot: &TestBot) -> Request {
    let request = bot
        .asks("alice", "/prod-access db-admin 30m orders stuck")
        .await;
    bot.approves("bob", &request).await;
    assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    request
}

/// The next look at the ledger.
async fn looked(bot: &TestBot) {
    bot.clock.advance(minutes(1));
    bot.settle().await;
}

#[tokio::test]
async fn nothing_is_found_where_nothing_was_lost() {
    everywhere(async |bot| {
        active(bot).await;
        bot.asks("rita", "/prod-access db-admin 30m orders stuck")
            .await;
        for _ in 0..5 {
            looked(bot).await;
        }
        assert!(bot.events(EventKind::Rescheduled).await.is_empty());
        assert!(bot.drift().await.is_empty());
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn an_end_whose_timer_was_lost_comes_on_time() {
    everywhere(async |bot| {
        let request = active(bot).await;
        bot.tampers("delete from effect where kind = 'expire'")
            .await;
        looked(bot).await;
        let again = bot.events(EventKind::Rescheduled).await;
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].facts["effect"], "Expire");
        bot.clock.advance(minutes(28));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        bot.clock.advance(minutes(1));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.ended"));
    })
    .await;
}

/// The attempt failed, and its next try is gone.
#[tokio::test]
async fn a_revocation_whose_timer_was_lost_goes_on() {
    everywhere(async |bot| {
        let request = active(bot).await;
        bot.backend.feels(Mood::KeepsHold);
        bot.says("alice", "/prod-access drop").await;
        bot.backend
            .until("a try that fails", |gate| {
                let calls = gate.calls();
                calls.into_iter().find(|call| call.status == 503)
            })
            .await;
        bot.tampers("delete from effect where kind = 'sync-holding'")
            .await;
        bot.backend.feels(Mood::Well);
        looked(bot).await;
        looked(bot).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.ended"));
    })
    .await;
}

#[tokio::test]
async fn a_request_whose_timer_was_lost_times_out() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.tampers("delete from effect where kind = 'time-out'")
            .await;
        looked(bot).await;
        assert_eq!(bot.events(EventKind::Rescheduled).await.len(), 1);
        bot.clock.advance(minutes(60));
        bot.settle().await;
        assert!(bot.record(&request).await.contains(&"request.timed_out"));
    })
    .await;
}

#[tokio::test]
async fn a_live_grant_without_valid_reviews_is_ended() {
    everywhere(async |bot| {
        let request = active(bot).await;
        bot.tampers("update review set mac = '00'").await;
        looked(bot).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert_eq!(bot.drift().await, ["unproven ending"]);
        assert!(bot.record(&request).await.contains(&"grant.ended"));
    })
    .await;
}

/// A grant that a commander's order or the ask itself stands behind is proven by that.
#[tokio::test]
async fn what_needed_no_approval_is_proven_by_its_ask() {
    everywhere(async |bot| {
        let asked = bot
            .asks("rita", "/prod-access logs node=web-1 30m look")
            .await;
        let broke = bot
            .asks(
                "carol",
                "/prod-access break-glass db-admin for @rita 30m INC-1 orders down",
            )
            .await;
        looked(bot).await;
        bot.clock.advance(seconds(90));
        bot.settle().await;
        assert!(bot.drift().await.is_empty());
        assert_eq!(bot.backend.holders("logs/web-1"), ["rita"], "{asked:?}");
        assert_eq!(bot.backend.holders("orders_admin"), ["rita"], "{broke:?}");
    })
    .await;
}

/// The oldest grant's row is there but for what it holds.
#[tokio::test]
async fn a_grant_that_cannot_be_read_hides_no_other() {
    everywhere(async |bot| {
        active(bot).await;
        bot.asks("rita", "/prod-access logs node=web-1 30m look")
            .await;
        bot.tampers(
            "update access_grant set body = '{}' where id = (select min(id) from access_grant)",
        )
        .await;
        bot.tampers("delete from effect where kind = 'expire'")
            .await;
        looked(bot).await;
        assert_eq!(bot.events(EventKind::Rescheduled).await.len(), 1);
        bot.clock.advance(minutes(29));
        bot.settle().await;
        assert!(bot.backend.holders("logs/web-1").is_empty());
    })
    .await;
}

/// Whether its request was right can't be known then; its end is certain.
#[tokio::test]
async fn a_grant_whose_request_cannot_be_read_keeps_its_end() {
    everywhere(async |bot| {
        active(bot).await;
        bot.tampers("update request set body = '{}'").await;
        bot.tampers("delete from effect where kind = 'expire'")
            .await;
        looked(bot).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert_eq!(bot.events(EventKind::Rescheduled).await.len(), 1);
        bot.clock.advance(minutes(29));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_request_that_cannot_be_read_hides_no_other() {
    everywhere(async |bot| {
        active(bot).await;
        bot.asks("rita", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.tampers("update request set body = '{}' where state = 'pending'")
            .await;
        bot.tampers("delete from effect where kind in ('time-out', 'expire')")
            .await;
        looked(bot).await;
        assert_eq!(bot.events(EventKind::Rescheduled).await.len(), 1);
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}
