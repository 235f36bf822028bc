//! Who decides: stages, quorums, the ladder, and who may never decide.

use slack_sandbox::{Fault, FaultKind};

use crate::support::{Database, TestBot, everywhere, minutes};

#[tokio::test]
async fn a_quorum_of_two_needs_two_people() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access two-keys 30m rotate the vault")
            .await;
        bot.approves("bob", &request).await;
        bot.approves("bob", &request).await;
        assert!(
            bot.backend.holders("vault").is_empty(),
            "one person counts once"
        );
        bot.approves("frank", &request).await;
        assert_eq!(bot.backend.holders("vault"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn stages_are_decided_one_after_the_other() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access two-stages 30m pay out")
            .await;
        bot.approves("eve", &request).await;
        assert!(
            bot.backend.holders("payouts").is_empty(),
            "security's turn has not come"
        );
        bot.approves("dana", &request).await;
        assert!(bot.backend.holders("payouts").is_empty());
        assert!(
            bot.told("eve").contains(&request.short),
            "the next stage is asked"
        );
        bot.approves("bob", &request).await;
        assert!(
            bot.backend.holders("payouts").is_empty(),
            "a DBA doesn't count for security"
        );
        bot.approves("eve", &request).await;
        assert_eq!(bot.backend.holders("payouts"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn who_is_on_call_cannot_approve_their_own_request() {
    everywhere(async |bot| {
        let answer = bot
            .says("bob", "/prod-access on-call-only 30m my own pager")
            .await;
        bot.settle().await;
        let request = bot.pending().await.remove(0);
        assert!(answer.contains(&request.short), "{answer}");
        assert!(
            answer.contains("(nobody decides their own), so the next were asked at once"),
            "{answer}"
        );
        assert!(
            bot.card(&request).plain().contains("U0EVE"),
            "the next step is asked at once, by the card in a channel that she sees"
        );
        bot.approves("bob", &request).await;
        assert!(bot.backend.holders("pager").is_empty());
        bot.approves("eve", &request).await;
        assert_eq!(bot.backend.holders("pager"), ["bob"]);
    })
    .await;
}

#[tokio::test]
async fn a_second_account_of_the_same_person_cannot_approve() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("alice2", &request).await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(!bot.record(&request).await.contains(&"request.approved"));
    })
    .await;
}

#[tokio::test]
async fn who_was_not_asked_is_told_so() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        for person in ["rita", "carol", "alice", "pat"] {
            let before = bot.slack.ephemerals(person).len();
            bot.approves(person, &request).await;
            assert!(
                bot.slack.ephemerals(person).len() > before,
                "{person} got no explanation"
            );
        }
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(!bot.card(&request).buttons().is_empty(), "it is still open");
    })
    .await;
}

#[tokio::test]
async fn approvers_are_reminded_then_the_ladder_climbs_then_it_times_out() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        let at_first = bot.slack.dms("bob").len();
        bot.clock.advance(minutes(11));
        bot.settle().await;
        assert!(
            bot.slack.dms("bob").len() > at_first,
            "who was asked is reminded"
        );
        assert!(!bot.told("eve").contains(&request.short));

        bot.clock.advance(minutes(10));
        bot.settle().await;
        assert!(
            bot.told("eve").contains(&request.short),
            "the ladder's next step is asked"
        );

        bot.clock.advance(minutes(40));
        bot.settle().await;
        let record = bot.record(&request).await;
        for kind in ["request.reminded", "request.climbed", "request.timed_out"] {
            assert!(record.contains(&kind), "{kind} is not in {record:?}");
        }
        assert!(bot.card(&request).buttons().is_empty());
        assert!(bot.told("alice").contains(&request.short));
        assert!(bot.backend.calls().is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_the_ladder_asked_can_approve() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.clock.advance(minutes(21));
        bot.settle().await;
        bot.approves("eve", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

/// Two people press in the same instant: one grant, one revocation, one is told that it was decided.
async fn two_at_once(bot: &TestBot) {
    let request = bot.asks("alice", "/prod-access db-owner 10m migrate").await;
    let card = bot.card(&request);
    let (one, other) = tokio::join!(
        bot.presses_on("bob", &card, "Approve"),
        bot.presses_on("dana", &card, "Approve")
    );
    assert!(one.is_ok() && other.is_ok());
    bot.settle().await;
    assert_eq!(bot.backend.holders("orders_owner"), ["alice"]);
    let decided: Vec<usize> = ["bob", "dana"]
        .iter()
        .map(|person| {
            let told = bot.slack.ephemerals(person);
            told.iter()
                .filter(|message| message.plain().to_lowercase().contains("already"))
                .count()
        })
        .collect();
    assert_eq!(
        decided.iter().sum::<usize>(),
        1,
        "one is told: {}",
        bot.told("bob") + &bot.told("dana")
    );
    bot.clock.advance(minutes(10));
    bot.settle().await;
    for permission in ["orders_owner", "orders_admin"] {
        assert_eq!(bot.granted(permission).len(), 1, "{permission}");
        let revoked = bot.backend.done("revoke");
        assert_eq!(
            revoked
                .iter()
                .filter(|call| call.permission == permission)
                .count(),
            1
        );
    }
}

#[tokio::test]
async fn two_approvers_in_the_same_instant_make_one_grant() {
    for _ in 0..5 {
        TestBot::on(Database::Sqlite, async |bot| two_at_once(bot).await).await;
    }
    TestBot::on(Database::Postgres, async |bot| two_at_once(bot).await).await;
}

#[tokio::test]
async fn a_user_group_counts_as_last_known_while_slack_hangs() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access two-keys 30m rotate the vault")
            .await;
        bot.clock.advance(minutes(5));
        bot.slack
            .set_fault(Fault::new(FaultKind::Slow { millis: 4_000 }).on("usergroups.users.list"));
        bot.approves("frank", &request).await;
        bot.slack.clear_faults();
        bot.approves("bob", &request).await;
        assert_eq!(bot.backend.holders("vault"), ["alice"]);
    })
    .await;
}
