//! Copies of a card: by direct message to approvers who don't see its channel, changed when one of them decides, and
//! whoever was asked by a message of their own is told that it is handled.

use serde_json::json;
use slack_sandbox::{Fault, FaultKind, Message};

use crate::support::bot::Setting;
use crate::support::workplace::APPROVALS;
use crate::support::{TestBot, everywhere, minutes};

/// They leave the channel before anything is asked.
fn outside(bot: &TestBot, accounts: &[&str]) {
    bot.slack.set_members(APPROVALS, |members| {
        members.retain(|member| !accounts.contains(&member.as_str()));
    });
}

/// The person's copies of a card: the messages with its buttons or its header, the oldest first.
fn copies(bot: &TestBot, person: &str, short: &str) -> Vec<Message> {
    let all = bot.slack.dms(person).into_iter();
    all.filter(|one| one.plain().contains(short) && one.blocks.len() > 3)
        .collect()
}

#[tokio::test]
async fn who_does_not_see_the_channel_gets_a_copy_and_every_copy_changes() {
    everywhere(async |bot| {
        outside(bot, &["U0BOB", "U0DANA"]);
        let request = bot
            .asks("alice", "/prod-access db-owner 1h orders stuck")
            .await;
        let id = &request.short;
        assert_eq!(copies(bot, "bob", id).len(), 1);
        assert_eq!(copies(bot, "dana", id).len(), 1);
        assert!(bot.slack.dms("frank").is_empty(), "he sees the channel");
        assert!(
            bot.card(&request)
                .mentions_and_links()
                .iter()
                .any(|one| one.contains("U0FRANK")),
            "and is mentioned there"
        );

        bot.presses_on("bob", &copies(bot, "bob", id)[0], "Approve")
            .await;
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        for copy in [
            bot.card(&request),
            copies(bot, "bob", id)[0].clone(),
            copies(bot, "dana", id)[0].clone(),
        ] {
            assert!(copy.buttons().is_empty(), "{}", copy.plain());
            assert!(
                copy.plain().contains("Approved by <@U0BOB>"),
                "{}",
                copy.plain()
            );
        }
        let handled = |person: &str| {
            let told = bot.slack.dms(person);
            let told = told
                .iter()
                .filter(|one| one.plain().contains("nothing is left for you"));
            told.count()
        };
        assert_eq!(handled("dana"), 1, "{}", bot.told("dana"));
        assert_eq!(handled("bob"), 0, "he decided it himself");
        assert_eq!(handled("frank"), 0, "the card that asked him says so");
        assert_eq!(handled("alice"), 0);
    })
    .await;
}

#[tokio::test]
async fn whoever_was_asked_is_told_when_it_is_cancelled_or_denied() {
    everywhere(async |bot| {
        outside(bot, &["U0BOB", "U0DANA", "U0FRANK"]);
        let request = bot
            .asks("alice", "/prod-access db-owner 1h orders stuck")
            .await;
        bot.says("alice", &format!("/prod-access cancel {}", request.short))
            .await;
        bot.settle().await;
        for person in ["bob", "dana", "frank"] {
            let told = bot.told(person);
            assert!(told.contains("nothing is left for you"), "{person}: {told}");
            assert!(told.contains("*cancelled*"), "{person}: {told}");
        }

        let request = bot
            .asks("alice", "/prod-access db-owner 1h orders stuck again")
            .await;
        let copy = copies(bot, "dana", &request.short).remove(0);
        bot.presses_on("dana", &copy, "Deny").await;
        bot.settle().await;
        let modal = bot.modal("dana").expect("why is asked");
        let reason = json!({ "reason": { "reason": "not now" } });
        bot.slack.submit_view("dana", &modal.id, reason).await;
        bot.settle().await;
        let told = bot.slack.dms("bob");
        assert!(
            told.iter().any(|one| {
                let text = one.plain();
                text.contains("nothing is left for you") && text.contains("*denied* by <@U0DANA>")
            }),
            "{}",
            bot.told("bob")
        );
    })
    .await;
}

/// Asked twice is better than never: where the members can't be read, everybody gets a copy, and nothing else suffers.
#[tokio::test]
async fn where_the_members_can_not_be_read_everybody_gets_a_copy() {
    for error in ["missing_scope", "channel_not_found", "internal_error"] {
        TestBot::run(async |bot| {
            let fault = FaultKind::Error {
                error: error.into(),
            };
            bot.slack
                .set_fault(Fault::new(fault).on("conversations.members"));
            let request = bot
                .asks("alice", "/prod-access db-owner 1h orders stuck")
                .await;
            for person in ["bob", "dana", "frank"] {
                assert_eq!(
                    copies(bot, person, &request.short).len(),
                    1,
                    "{error}: {person}"
                );
            }
            let ready = reqwest::get(format!("{}/readyz", bot.base)).await.unwrap();
            assert_eq!(
                ready.status(),
                200,
                "{error}: {}",
                ready.text().await.unwrap()
            );
        })
        .await;
    }
}

#[tokio::test]
async fn where_the_channel_can_not_be_posted_to_everybody_gets_a_copy() {
    everywhere(async |bot| {
        bot.slack.set_archived(APPROVALS, true);
        let request = bot
            .asks("alice", "/prod-access db-owner 1h orders stuck")
            .await;
        for person in ["bob", "dana", "frank"] {
            assert_eq!(copies(bot, person, &request.short).len(), 1, "{person}");
        }
    })
    .await;
}

/// An edit of the channel's card notifies nobody, so who is asked later gets a copy, in the channel or not.
#[tokio::test]
async fn the_next_stage_is_asked_and_the_first_is_told_how_far_it_is() {
    everywhere(async |bot| {
        outside(bot, &["U0DANA"]);
        let request = bot
            .asks("alice", "/prod-access two-stages 30m pay out")
            .await;
        let card = bot.card(&request).plain();
        assert!(card.contains("1. dba: 0 of 1"), "{card}");
        assert!(card.contains("2. security: not asked yet"), "{card}");
        assert!(bot.slack.dms("eve").is_empty());

        bot.approves("bob", &request).await;
        let card = bot.card(&request).plain();
        assert!(card.contains("1. dba: approved"), "{card}");
        assert!(card.contains("2. security: 0 of 1"), "{card}");
        let copy = copies(bot, "eve", &request.short).remove(0);
        assert!(copy.buttons().iter().any(|one| one.starts_with("Approve")));
        let dana = bot.told("dana");
        assert!(
            dana.contains("Your part is done") && dana.contains("security"),
            "{dana}"
        );
        assert!(copies(bot, "dana", &request.short)[0].buttons().is_empty());

        bot.presses_on("eve", &copy, "Approve").await;
        bot.settle().await;
        assert_eq!(bot.backend.holders("payouts"), ["alice"]);
        assert_eq!(bot.told("dana").matches("Your part is done").count(), 1);
    })
    .await;
}

/// Asked at one stage and again at the next: an edit of the old copy, or of the channel's card, would notify nobody.
#[tokio::test]
async fn who_is_asked_at_a_second_stage_gets_a_copy_for_it() {
    let second = "[[role.two-stages.stages]]\napprovers = [\"group:security\"]";
    let setting = Setting {
        edit: Box::new(move |text| {
            assert!(text.contains(second));
            text.replace(
                second,
                "[[role.two-stages.stages]]\napprovers = [\"group:dba\"]",
            )
        }),
        ..Setting::default()
    };
    TestBot::in_setting(setting, async |bot| {
        outside(bot, &["U0DANA"]);
        let request = bot
            .asks("alice", "/prod-access two-stages 30m pay out")
            .await;
        let id = &request.short;
        assert_eq!(
            (
                copies(bot, "dana", id).len(),
                copies(bot, "frank", id).len()
            ),
            (1, 0)
        );
        bot.approves("bob", &request).await;
        assert_eq!(
            (
                copies(bot, "dana", id).len(),
                copies(bot, "frank", id).len()
            ),
            (2, 1)
        );
        assert!(bot.slack.dms("bob").is_empty(), "he counts in one stage");
        let newest = copies(bot, "dana", id).remove(1);
        bot.presses_on("dana", &newest, "Approve").await;
        bot.settle().await;
        assert_eq!(bot.backend.holders("payouts"), ["alice"]);
        for copy in copies(bot, "dana", id) {
            assert!(
                copy.buttons().is_empty(),
                "every copy changes: {}",
                copy.plain()
            );
        }
        assert!(bot.told("frank").contains("nothing is left for you"));
    })
    .await;
}

/// Who was only reminded by a direct message is told, too.
#[tokio::test]
async fn who_was_reminded_is_told() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-owner 1h orders stuck")
            .await;
        assert!(bot.slack.dms("frank").is_empty());
        bot.clock.advance(minutes(11));
        bot.settle().await;
        assert!(
            bot.told("frank").contains("Still waiting"),
            "{}",
            bot.told("frank")
        );
        bot.approves("dana", &request).await;
        let told = bot.told("frank");
        assert!(told.contains("nothing is left for you"), "{told}");
        assert!(!bot.told("dana").contains("nothing is left for you"));
    })
    .await;
}

/// Many pages, asked for once a minute, and not at all for those who are asked nothing.
#[tokio::test]
async fn a_large_channel_is_read_page_by_page_and_remembered() {
    TestBot::run(async |bot| {
        bot.slack.set_members(APPROVALS, |members| {
            let crowd = (0..1_200).map(|number| format!("U0CROWD{number}"));
            let bob = members.iter().position(|one| one == "U0BOB").unwrap();
            let bob = members.remove(bob);
            members.extend(crowd);
            members.push(bob);
        });
        let read = || bot.slack.calls_of("conversations.members").len();
        bot.asks("alice", "/prod-access db-admin 1h orders stuck")
            .await;
        assert_eq!(read(), 3, "500 a page");
        assert!(
            bot.slack.dms("bob").is_empty(),
            "he stands on the last page"
        );
        bot.asks("alice", "/prod-access db-admin 1h orders stuck again")
            .await;
        assert_eq!(read(), 3, "remembered");
        bot.clock.advance(minutes(2));
        bot.asks("rita", "/prod-access logs node=web-3 30m look")
            .await;
        assert_eq!(read(), 3, "nobody is asked");

        bot.slack.set_members(APPROVALS, |members| {
            members.extend((0..4_000).map(|number| format!("U0LARGE{number}")));
        });
        bot.asks("rita", "/prod-access db-admin 1h larger").await;
        assert_eq!(read(), 9, "and no further than six pages");
        assert_eq!(copies(bot, "bob", "R-").len(), 1, "so a copy is sent");
    })
    .await;
}
