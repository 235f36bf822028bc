//! Deciding, by mouse: a denial with its reason, approval for less and with a note, and what becomes of modals that were
//! overtaken.

use hallpass::domain::request::State;
use serde_json::{Value, json};
use slack_sandbox::{Fault, FaultKind, Outcome, View};

use crate::support::{Request, TestBot, everywhere, minutes};

impl TestBot {
    /// Presses a button that opens a modal, and looks at it.
    async fn opens(&self, person: &str, request: &Request, label: &str) -> View {
        self.presses(person, request, label).await;
        self.modal(person).expect("a modal opens")
    }

    async fn fills(&self, person: &str, values: Value) -> Outcome {
        let modal = self.modal(person).expect("a modal is open");
        let outcome = self.slack.submit_view(person, &modal.id, values).await;
        assert!(outcome.is_ok(), "{:?} {}", outcome.error, outcome.body);
        self.settle().await;
        outcome
    }
}

#[tokio::test]
async fn a_denial_says_why() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        let modal = bot.opens("bob", &request, "Deny").await;
        assert!(modal.plain().contains("orders stuck"), "{}", modal.plain());
        assert!(
            bot.card(&request)
                .buttons()
                .iter()
                .any(|one| one.starts_with("Approve"))
        );

        let outcome = bot
            .fills("bob", json!({ "reason": { "reason": " \u{a0}" } }))
            .await;
        assert!(
            outcome.errors["reason"]
                .as_str()
                .unwrap()
                .starts_with("Say why")
        );
        let words = "use the replica, <!channel>: logs is enough";
        bot.fills("bob", json!({ "reason": { "reason": words } }))
            .await;
        assert_eq!(bot.modal("bob"), None, "it closes");
        assert!(bot.card(&request).buttons().is_empty());
        let State::Denied { reason, .. } = bot.row(&request).await.state else {
            panic!("it is denied");
        };
        assert_eq!(reason.as_deref(), Some(words));
        assert!(
            bot.told("alice").contains("use the replica"),
            "{}",
            bot.told("alice")
        );
        assert!(bot.thread(&request).contains("use the replica"));
        for message in bot.slack.dms("alice") {
            let found = message.mentions_and_links();
            assert!(!found.iter().any(|one| one.starts_with("<!c")), "{found:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn less_is_approved_with_a_note() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 4h orders stuck")
            .await;
        let modal = bot.opens("bob", &request, "Approve for less").await;
        let options: Vec<String> = modal
            .blocks()
            .iter()
            .flat_map(|block| block["element"]["options"].as_array().into_iter().flatten())
            .map(|one| one["text"]["text"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            options,
            ["15 min", "30 min", "1 h", "2 h"],
            "rising, and never all of it"
        );
        bot.fills(
            "bob",
            json!({
                "duration:": { "chosen": "30m" },
                "note": { "note": "ask again if it takes longer" },
            }),
        )
        .await;
        assert_eq!(bot.modal("bob"), None);
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        assert_eq!(bot.row(&request).await.granted_duration().as_secs(), 1_800);
        let card = bot.card(&request).plain();
        assert!(card.contains("for at most 30 min"), "{card}");
        assert!(card.contains("ask again if it takes longer"), "{card}");
        bot.clock.advance(minutes(31));
        bot.settle().await;
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_note_goes_with_the_whole_time_too() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 1h orders stuck")
            .await;
        bot.opens("bob", &request, "With a note").await;
        let values = json!({ "note": { "note": "take care" } });
        bot.fills("bob", values).await;
        let row = bot.row(&request).await;
        assert_eq!(row.granted_duration(), row.duration);
        assert!(bot.card(&request).plain().contains("take care"));
    })
    .await;
}

#[tokio::test]
async fn whoever_may_not_decide_gets_no_modal() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        for (person, label) in [
            ("alice", "Deny"),
            ("rita", "Approve for less"),
            ("frank", "Deny"),
        ] {
            bot.presses(person, &request, label).await;
            assert_eq!(bot.modal(person), None, "{person}");
            let told = bot.slack.ephemerals(person).pop().expect("a word").plain();
            assert!(!told.is_empty());
        }
        assert!(matches!(bot.row(&request).await.state, State::Pending(_)));
        let refused = bot.record(&request).await;
        assert_eq!(
            refused
                .iter()
                .filter(|kind| kind.contains("refused"))
                .count(),
            3,
            "{refused:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_modal_that_was_overtaken_says_what_was_decided() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-owner 30m orders stuck")
            .await;
        bot.opens("bob", &request, "Deny").await;
        bot.approves("dana", &request).await;
        bot.fills("bob", json!({ "reason": { "reason": "no" } }))
            .await;
        let told = bot.modal("bob").expect("it says so").plain();
        assert!(told.contains("approved already"), "{told}");
        assert_eq!(bot.backend.holders("orders_owner"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn a_denial_sent_twice_counts_once() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        let modal = bot.opens("bob", &request, "Deny").await;
        let values = json!({ "reason": { "reason": "no" } });
        let (one, two) = tokio::join!(
            bot.slack.submit_view("bob", &modal.id, values.clone()),
            bot.slack.submit_view("bob", &modal.id, values),
        );
        assert!(one.is_ok() || two.is_ok());
        bot.settle().await;
        let record = bot.record(&request).await;
        assert_eq!(
            record
                .iter()
                .filter(|kind| **kind == "request.denied")
                .count(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn authority_that_went_while_the_modal_was_open_does_not_count() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-owner 30m orders stuck")
            .await;
        bot.opens("dana", &request, "Deny").await;
        bot.account_changes("dana", |dana| dana.deleted = true)
            .await;
        let modal = bot.modal("dana").unwrap();
        // Her client can't send it any more; somebody who replays her payload gets no further.
        let sent = bot
            .slack
            .submit_view("dana", &modal.id, json!({ "reason": { "reason": "no" } }))
            .await;
        assert!(!sent.is_ok());
        assert!(matches!(bot.row(&request).await.state, State::Pending(_)));
    })
    .await;
}

#[tokio::test]
async fn a_dead_trigger_decides_nothing_and_says_so() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.slack.set_fault(
            Fault::new(FaultKind::ExpiredTrigger)
                .on("views.open")
                .times(1),
        );
        bot.presses("bob", &request, "Deny").await;
        let told = bot.slack.ephemerals("bob").pop().unwrap().plain();
        assert!(told.contains("Press again"), "{told}");
        assert!(matches!(bot.row(&request).await.state, State::Pending(_)));
        bot.denies("bob", &request).await;
        assert!(matches!(
            bot.row(&request).await.state,
            State::Denied { .. }
        ));
    })
    .await;
}
