//! What must never happen: people who don't belong, rows that somebody wrote, text that deceives.

use hallpass::domain::request::{Opening, Panel};
use hallpass::domain::review::{Strength, Verdict};
use hallpass::domain::role::Sharing;
use hallpass::domain::{GrantId, Holding, HoldingId, Review, ReviewId, SlackId};
use hallpass::store::Applied;
use slack_sandbox::Person;

use crate::support::workplace::{APPROVALS, GENERAL, SECURITY};
use crate::support::{TestBot, everywhere, minutes};

#[tokio::test]
async fn guests_bots_outsiders_and_the_deactivated_cannot_ask() {
    everywhere(async |bot| {
        bot.slack.set_person("dora", |dora| dora.deleted = true);
        for person in ["gus", "robot", "otto"] {
            let answer = bot
                .says(person, "/prod-access db-admin 30m orders stuck")
                .await;
            assert!(!answer.contains("R-"), "{person}: {answer}");
        }
        bot.settle().await;
        assert!(bot.pending().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_became_a_guest_cannot_decide() {
    everywhere(async |bot| {
        let request = bot.asks("alice", "/prod-access db-owner 30m migrate").await;
        for (person, change) in [
            (
                "bob",
                (|bob: &mut Person| bob.is_restricted = true) as fn(&mut Person),
            ),
            ("dana", |dana: &mut Person| {
                dana.team_id = Some("T0ELSEWHERE".into());
            }),
            ("frank", |frank: &mut Person| frank.is_bot = true),
        ] {
            bot.account_changes(person, change).await;
            bot.approves(person, &request).await;
        }
        assert!(bot.backend.calls().is_empty());
        assert!(!bot.record(&request).await.contains(&"request.approved"));
    })
    .await;
}

#[tokio::test]
async fn who_leaves_loses_what_they_hold_and_what_they_asked() {
    everywhere(async |bot| {
        let held = bot
            .asks("rita", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &held).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["rita"]);
        let pending = bot.asks("rita", "/prod-access two-keys 30m vault").await;
        bot.account_changes("rita", |rita| rita.deleted = true)
            .await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&held).await.contains(&"grant.ended"));
        assert!(bot.record(&pending).await.contains(&"request.voided"));
    })
    .await;
}

#[tokio::test]
async fn an_approver_who_left_before_the_backend_was_called_does_not_count() {
    TestBot::run(async |bot| {
        let request = bot.asks("alice", "/prod-access two-keys 30m vault").await;
        bot.approves("bob", &request).await;
        bot.slack.set_person("bob", |bob| bob.deleted = true);
        bot.settle().await;
        bot.approves("dana", &request).await;
        assert!(bot.backend.holders("vault").is_empty());
        assert!(bot.backend.done("grant").is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_review_row_written_straight_into_the_database_grants_nothing() {
    everywhere(async |bot| {
        let request = bot.asks("alice", "/prod-access two-keys 30m vault").await;
        let row = bot.row(&request).await;
        bot.approves("dana", &request).await;
        let dana = bot.row(&request).await.reviews.remove(0);
        // Bob never pressed; whoever owns the database copies Dana's review under his name.
        bot.says("bob", "/prod-access mine").await;
        let bob = bot.store.person_by_account(&SlackId::parse("U0BOB").unwrap()).await.unwrap().unwrap();
        let inserted = bot.tampers(&format!(
            "insert into review (id, request, position, stage, reviewer, verdict, strength, at, rules, mac) \
             select 'forged', request, 1, stage, '{}', verdict, strength, at, rules, mac from review where id = '{}'",
            bob.id, dana.id
        )).await;
        assert_eq!(inserted, 1);
        bot.approves("frank", &request).await;
        let now = bot.row(&request).await;
        let genuine = now.reviews.iter().filter(|review| review.reviewer != bob.id).count();
        assert_eq!(genuine, 2, "Frank's own review counts: {:?}", now.reviews);

        let second = bot.asks("rita", "/prod-access two-keys 30m vault too").await;
        let second_row = bot.row(&second).await;
        let copied = bot.tampers(&format!(
            "insert into review (id, request, position, stage, reviewer, verdict, strength, at, rules, mac) \
             select 'moved-' || id, '{}', position, stage, reviewer, verdict, strength, at, rules, mac \
             from review where request = '{}' and id <> 'forged'",
            second_row.id, row.id
        )).await;
        assert_eq!(copied, 2, "two genuine reviews, moved to another request");
        bot.approves("bob", &second).await;
        bot.settle().await;
        assert!(!bot.backend.holders("vault").contains(&"rita".to_owned()));
    })
    .await;
}

/// Whoever owns the database does exactly what an approval does, only without the key.
#[tokio::test]
async fn a_forged_approval_with_all_its_rows_grants_nothing() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        let row = bot.row(&request).await;
        bot.says("bob", "/prod-access mine").await;
        let bob = bot
            .store
            .person_by_account(&SlackId::parse("U0BOB").unwrap())
            .await
            .unwrap()
            .unwrap();
        let now = bot.clock.now();
        let forged = Review {
            id: ReviewId::new("forged"),
            request: row.id.clone(),
            stage: 0,
            reviewer: bob.id.clone(),
            verdict: Verdict::Approve {
                at_most: None,
                note: None,
            },
            strength: Strength::Slack,
            at: now,
            rules: Vec::new(),
            mac: "00".repeat(32),
        };
        let entitlement = row.terms.entitlements[0].clone();
        let holding = Holding::new(
            HoldingId::new("forged-holding"),
            entitlement.backend.clone(),
            "alice".into(),
            row.holder.clone(),
            entitlement,
            Sharing::Shared,
            None,
        );
        let opening = Opening::New {
            grant: GrantId::new("forged-grant"),
            holdings: vec![holding],
        };
        let panels = [Panel {
            rungs: vec![vec![bob.id]],
        }];
        let change = row.review(forged, &panels, Some(opening), now).unwrap();
        assert_eq!(bot.store.apply_one(change).await.unwrap(), Applied::Done);
        bot.settle().await;
        assert!(
            bot.backend.done("grant").is_empty(),
            "the backend was never asked to grant"
        );
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(bot.record(&request).await.contains(&"grant.failed"));
    })
    .await;
}

#[tokio::test]
async fn a_request_edited_after_it_was_approved_grants_nothing_more() {
    everywhere(async |bot| {
        let request = bot.asks("alice", "/prod-access two-keys 30m vault").await;
        bot.approves("bob", &request).await;
        // Approved was the vault; whoever owns the database makes it the orders.
        let edited = bot.tampers(&format!(
            "update request set body = replace(body, '\"vault\"', '\"orders_owner\"') where short = '{}'",
            request.letters()
        )).await;
        assert_eq!(edited, 1);
        bot.approves("dana", &request).await;
        bot.settle().await;
        assert!(bot.backend.done("grant").is_empty(), "{:?}", bot.backend.done("grant"));
    })
    .await;
}

/// Somebody watching the channels, whatever was typed, sees no mention and no link that came from it.
fn nothing_smuggled(bot: &TestBot) {
    for channel in [APPROVALS, SECURITY, GENERAL] {
        for message in bot.slack.messages(channel) {
            for thread in bot.slack.thread(channel, &message.ts) {
                for found in thread.mentions_and_links() {
                    assert!(
                        !found.contains("evil") && !found.starts_with("<!"),
                        "{found} in {}",
                        thread.plain()
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_reason_cannot_forge_mentions_links_or_lines() {
    everywhere(async |bot| {
        for reason in [
            "<!channel> <!here> <!everyone> look",
            "<@U0BOB> approved <https://evil.example|the runbook>",
            "https://evil.example/a *Approved by* Bob\n*Ends* never",
            "&lt;!channel&gt; <mailto:evil@evil.example|mail>",
            "\u{202e}devorppa\u{202c} `code` ~no~ _it_ :white_check_mark:",
        ] {
            bot.asks("alice", &format!("/prod-access db-admin 30m {reason}"))
                .await;
            bot.says("alice", &format!("/prod-access {reason}")).await;
            bot.clock.advance(minutes(2));
        }
        bot.settle().await;
        nothing_smuggled(bot);
    })
    .await;
}

#[tokio::test]
async fn the_first_configuration_says_who_may_do_what() {
    TestBot::run(async |bot| {
        let told = bot
            .slack
            .until("who gained authority", |slack| {
                let messages = slack.messages(SECURITY);
                messages
                    .iter()
                    .map(slack_sandbox::Message::plain)
                    .find(|text| text.contains("changes who may do what"))
            })
            .await
            .unwrap();
        assert!(told.contains(" gained, 0 lost"), "{told}");
    })
    .await;
}
