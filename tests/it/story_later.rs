//! Access that starts later: what is typed after `at` is offered, sent by its button, approved beforehand, and checked
//! again when it starts. Also on the nights on which clocks change.

use chrono::{TimeDelta, Timelike};
use chrono_tz::Tz;
use hallpass::domain::Time;
use hallpass::domain::request::{Start, State};
use slack_sandbox::{Message, Outcome};

use crate::support::bot::Setting;
use crate::support::{Database, Request, TestBot, everywhere, minutes, seconds};

pub(crate) const BERLIN: Tz = Tz::Europe__Berlin;

impl TestBot {
    /// Types an ask for later, and answers the offer.
    pub(crate) async fn is_offered(&self, person: &str, text: &str) -> Message {
        let before = self.slack.ephemerals(person).len();
        self.types(person, text).await;
        let offer = self.slack.until("the offer", |slack| {
            slack.ephemerals(person).get(before).cloned()
        });
        offer.await.unwrap()
    }

    /// Asks for later, and presses the button that begins with `label`.
    pub(crate) async fn asks_for_later(&self, person: &str, text: &str, label: &str) -> Request {
        let offer = self.is_offered(person, text).await;
        assert!(offer.plain().contains("Not sent yet"), "{}", offer.plain());
        self.sends(person, &offer, label).await
    }

    pub(crate) async fn sends(&self, person: &str, offer: &Message, label: &str) -> Request {
        let known = self.waiting().await;
        self.presses_on(person, offer, label).await;
        self.settle().await;
        let mut new = self.waiting().await;
        new.retain(|one| !known.contains(one));
        assert_eq!(new.len(), 1, "one request: {}", self.told(person));
        new.remove(0)
    }

    /// All that isn't over.
    pub(crate) async fn waiting(&self) -> Vec<Request> {
        use hallpass::store::RequestFilter::{LiveGrants, Pending, Scheduled};
        let mut all = Vec::new();
        for filter in [Pending, Scheduled, LiveGrants] {
            let rows = self.store.requests(filter, 100).await.unwrap();
            all.extend(rows.iter().map(|row| Request {
                short: row.short.of_request(),
            }));
        }
        all
    }

    pub(crate) fn lives_in(&self, person: &str, zone: Tz) {
        self.slack
            .set_person(person, |person| person.tz = zone.name().into());
    }

    /// Moves to this moment.
    pub(crate) async fn comes(&self, moment: Time) {
        self.clock.advance(moment - self.clock.now());
        self.settle().await;
    }

    pub(crate) async fn starts_at(&self, request: &Request) -> Time {
        match self.row(request).await.start {
            Start::At(at) => at,
            Start::Now => panic!("{} starts now", request.short),
        }
    }

    /// As somebody there types it, so much from now.
    pub(crate) fn clock_in(&self, zone: Tz, after: TimeDelta) -> String {
        let then = (self.clock.now() + after).with_timezone(&zone);
        then.format("%H:%M").to_string()
    }
}

#[tokio::test]
async fn a_later_start_is_offered_sent_approved_beforehand_and_given_on_time() {
    everywhere(async |bot| {
        bot.lives_in("alice", BERLIN);
        let typed = bot.clock_in(BERLIN, minutes(180));
        let offer = bot
            .is_offered(
                "alice",
                &format!("/prod-access db-admin 30m at {typed} release night"),
            )
            .await;
        bot.settle().await;
        assert!(
            bot.waiting().await.is_empty(),
            "nothing is sent before the button"
        );
        let labels = offer.buttons();
        assert!(
            labels[0].starts_with("Schedule for ") && labels[0].ends_with(&typed),
            "{labels:?}"
        );
        assert_eq!(labels[1], "Start now");
        assert!(
            offer
                .plain()
                .contains("in Europe/Berlin, your time zone in Slack"),
            "{}",
            offer.plain()
        );

        let request = bot.sends("alice", &offer, "Schedule for").await;
        let at = bot.starts_at(&request).await;
        assert_eq!(at.with_timezone(&BERLIN).format("%H:%M").to_string(), typed);
        assert_eq!(at.second(), 0);
        is_shown_in_everybodys_zone(bot, &request, at);

        bot.approves("bob", &request).await;
        assert!(matches!(
            bot.row(&request).await.state,
            State::Scheduled { .. }
        ));
        assert!(bot.backend.calls().is_empty(), "not before its start");
        assert!(
            bot.told("alice").contains("*starts*"),
            "{}",
            bot.told("alice")
        );
        for list in ["mine", "active"] {
            let told = bot.says("alice", &format!("/prod-access {list}")).await;
            assert!(told.contains(&request.short), "{list}: {told}");
        }

        is_given_on_time(bot, at).await;
    })
    .await;
}

fn is_shown_in_everybodys_zone(bot: &TestBot, request: &Request, at: Time) {
    let card = bot.card(request).plain();
    let token = format!("<!date^{}^", at.timestamp());
    assert!(card.contains(&token), "{card}");
    assert!(!card.contains("Europe/Berlin"), "{card}");
}

/// Half an hour of it.
async fn is_given_on_time(bot: &TestBot, at: Time) {
    bot.comes(at - seconds(2)).await;
    assert!(bot.backend.calls().is_empty(), "not two seconds early");
    bot.comes(at).await;
    assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    bot.comes(at + minutes(29)).await;
    assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    bot.comes(at + minutes(31)).await;
    assert!(
        bot.backend.holders("orders_admin").is_empty(),
        "counted from the start"
    );
}

#[tokio::test]
async fn start_now_sends_it_for_now_and_both_buttons_make_one_request() {
    everywhere(async |bot| {
        let typed = bot.clock_in(Tz::UTC, minutes(90));
        let offer = bot
            .is_offered(
                "alice",
                &format!("/prod-access db-admin 30m at {typed} orders stuck"),
            )
            .await;
        let request = bot.sends("alice", &offer, "Start now").await;
        assert_eq!(bot.row(&request).await.start, Start::Now);
        // Slack shows the answer in the offer's place; an old copy of it is pressed all the same.
        let shown = bot.slack.ephemerals("alice");
        assert!(
            shown
                .iter()
                .all(|message| !message.buttons().contains(&"Start now")),
            "{shown:#?}"
        );
        bot.approves("bob", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn an_offer_that_is_pressed_again_late_or_by_others_sends_nothing() {
    everywhere(async |bot| {
        let typed = bot.clock_in(Tz::UTC, minutes(30));
        let text = format!("/prod-access db-admin 30m at {typed} orders stuck");
        let offer = bot.is_offered("alice", &text).await;
        let schedule = offer.buttons()[0].to_owned();
        let (one, two) = tokio::join!(
            bot.slack.press_label("alice", &offer, &schedule),
            bot.slack.press_label("alice", &offer, "Start now"),
        );
        bot.settle().await;
        assert!([one, two].iter().any(Outcome::is_ok));
        assert_eq!(bot.waiting().await.len(), 1, "both at once are one request");

        let late = bot.is_offered("rita", &text).await;
        bot.clock.advance(minutes(31));
        bot.settle().await;
        let known = bot.waiting().await.len();
        bot.presses_on("rita", &late, "Schedule for").await;
        bot.settle().await;
        assert_eq!(bot.waiting().await.len(), known);
        assert!(
            bot.told("rita").contains("that time is past by now"),
            "{}",
            bot.told("rita")
        );
        bot.clock.advance(minutes(31));
        bot.settle().await;
        let known = bot.waiting().await.len();
        bot.presses_on("rita", &late, "Start now").await;
        bot.settle().await;
        assert_eq!(bot.waiting().await.len(), known);
        assert!(
            bot.told("rita").contains("this offer is too old"),
            "{}",
            bot.told("rita")
        );
    })
    .await;
}

#[tokio::test]
async fn a_role_that_needs_no_approval_is_scheduled_and_given_on_time() {
    everywhere(async |bot| {
        let typed = bot.clock_in(Tz::UTC, minutes(45));
        let text = format!("/prod-access logs node=web-3 30m at {typed} nightly job");
        let request = bot.asks_for_later("rita", &text, "Schedule for").await;
        let at = bot.starts_at(&request).await;
        assert!(matches!(
            bot.row(&request).await.state,
            State::Scheduled { .. }
        ));
        assert!(bot.backend.calls().is_empty());
        bot.comes(at).await;
        assert_eq!(bot.backend.holders("logs/web-3"), ["rita"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_approved_after_its_start_begins_then() {
    TestBot::run(async |bot| {
        let typed = bot.clock_in(Tz::UTC, minutes(20));
        let text = format!("/prod-access db-admin 30m at {typed} orders stuck");
        let request = bot.asks_for_later("alice", &text, "Schedule for").await;
        let at = bot.starts_at(&request).await;
        bot.comes(at + minutes(5)).await;
        assert!(bot.backend.calls().is_empty(), "nobody approved it yet");
        bot.approves("bob", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
        bot.comes(at + minutes(33)).await;
        assert_eq!(
            bot.backend.holders("orders_admin"),
            ["alice"],
            "from the approval"
        );
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_its_start_can_be_cancelled_and_taken_back() {
    everywhere(async |bot| {
        let typed = bot.clock_in(Tz::UTC, minutes(120));
        let text = format!("/prod-access db-admin 30m at {typed} release");
        let cancelled = bot.asks_for_later("alice", &text, "Schedule for").await;
        bot.approves("bob", &cancelled).await;
        let at = bot.starts_at(&cancelled).await;
        bot.says("alice", &format!("/prod-access cancel {}", cancelled.short))
            .await;

        let text = format!("/prod-access db-owner 30m at {typed} release");
        let withdrawn = bot.asks_for_later("rita", &text, "Schedule for").await;
        bot.approves("dana", &withdrawn).await;
        bot.presses("carol", &withdrawn, "Take approval back").await;
        // Carol is the commander of this role and may; Pat runs Hallpass; Alice is nobody here.
        let text = format!("/prod-access two-keys 30m at {typed} release");
        let kept = bot.asks_for_later("rita", &text, "Schedule for").await;
        bot.approves("bob", &kept).await;
        bot.approves("dana", &kept).await;
        bot.presses("alice", &kept, "Take approval back").await;
        bot.says(
            "dana",
            &format!("/prod-access revoke {} freeze until Monday", kept.short),
        )
        .await;
        bot.settle().await;
        let told = bot.told("rita");
        assert!(told.contains("freeze until Monday"), "{told}");
        for request in [&cancelled, &withdrawn, &kept] {
            let record = bot.record(request).await;
            assert!(record.contains(&"request.scheduled"), "{record:?}");
            assert!(bot.row(request).await.is_final());
            assert!(bot.card(request).buttons().is_empty());
        }
        bot.comes(at + minutes(1)).await;
        assert!(bot.backend.calls().is_empty());
    })
    .await;
}

/// What Alice asked for later and Frank approved, who is a DBA by the user group alone.
async fn approved_by_frank(bot: &TestBot) -> (Request, Time) {
    let typed = bot.clock_in(Tz::UTC, minutes(120));
    let text = format!("/prod-access db-owner 30m at {typed} release");
    let request = bot.asks_for_later("alice", &text, "Schedule for").await;
    bot.approves("frank", &request).await;
    assert!(matches!(
        bot.row(&request).await.state,
        State::Scheduled { .. }
    ));
    let at = bot.starts_at(&request).await;
    (request, at)
}

#[tokio::test]
async fn where_its_approver_may_not_approve_any_more_it_is_asked_anew_and_that_is_said() {
    everywhere(async |bot| {
        let (request, at) = approved_by_frank(bot).await;
        bot.slack.set_group("S0DBATEAM", Vec::clear);
        bot.comes(at).await;
        assert!(
            bot.backend.calls().is_empty(),
            "the approval no longer counts"
        );
        assert!(matches!(bot.row(&request).await.state, State::Pending(_)));
        for person in ["alice", "bob", "dana"] {
            let told = bot.told(person);
            assert!(told.contains("must be decided anew"), "{person}: {told}");
        }
        assert!(bot.thread(&request).contains("must be decided anew"));
        bot.approves("bob", &request).await;
        assert_eq!(bot.backend.holders("orders_owner"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn where_its_approver_left_it_is_asked_anew() {
    everywhere(async |bot| {
        let (request, at) = approved_by_frank(bot).await;
        bot.leaves_unheard("frank").await;
        bot.comes(at).await;
        assert!(bot.backend.calls().is_empty());
        assert!(matches!(bot.row(&request).await.state, State::Pending(_)));
    })
    .await;
}

#[tokio::test]
async fn where_its_holder_left_it_is_void_and_that_is_said() {
    everywhere(async |bot| {
        let (request, at) = approved_by_frank(bot).await;
        bot.leaves_unheard("alice").await;
        bot.comes(at).await;
        assert!(bot.backend.calls().is_empty());
        assert!(matches!(bot.row(&request).await.state, State::Void { .. }));
        let thread = bot.thread(&request);
        assert!(thread.contains("no active member any more"), "{thread}");
    })
    .await;
}

/// The stories' configuration with a role that the user group alone may ask for.
fn for_the_team(database: Database) -> Setting {
    Setting {
        database,
        edit: Box::new(|text| {
            let role = r#"
[role.replica]
template     = "asked"
requesters   = ["S0DBATEAM"]
description  = "Promote the replica"
entitlements = [ { backend = "gate", permission = "replica" } ]
[[role.replica.stages]]
approvers = ["U0BOB"]
"#;
            format!("{text}{role}")
        }),
        ..Setting::default()
    }
}

#[tokio::test]
async fn who_is_no_longer_eligible_gets_nothing_and_is_told() {
    for database in [Database::Sqlite, Database::Postgres] {
        TestBot::in_setting(for_the_team(database), async |bot| {
            let typed = bot.clock_in(Tz::UTC, minutes(120));
            let text = format!("/prod-access replica 30m at {typed} switch over");
            let request = bot.asks_for_later("frank", &text, "Schedule for").await;
            bot.approves("bob", &request).await;
            let at = bot.starts_at(&request).await;
            bot.slack.set_group("S0DBATEAM", Vec::clear);
            bot.comes(at).await;
            assert!(bot.backend.calls().is_empty());
            assert!(matches!(bot.row(&request).await.state, State::Void { .. }));
            let told = bot.told("frank");
            assert!(
                told.contains("The rules no longer let its requester ask for this"),
                "{told}"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn where_the_roles_terms_changed_it_is_asked_anew() {
    for database in [Database::Sqlite, Database::Postgres] {
        let setting = Setting {
            database,
            ..Setting::default()
        };
        let terms = |text: String| {
            let more = r#"{ backend = "gate", permission = "orders_owner" }, { backend = "gate", permission = "root" }"#;
            text.replace(r#"{ backend = "gate", permission = "orders_owner" }"#, more)
        };
        TestBot::across(
            setting,
            approved_by_frank,
            terms,
            async |bot, (request, at)| {
                bot.comes(at).await;
                assert!(
                    bot.backend.calls().is_empty(),
                    "what was approved isn't what it gives now"
                );
                assert!(matches!(bot.row(&request).await.state, State::Pending(_)));
                assert!(bot.told("alice").contains("must be decided anew"));
                assert!(
                    bot.card(&request).plain().contains("root"),
                    "the card shows what it gives now"
                );
                bot.approves("dana", &request).await;
                assert_eq!(bot.backend.holders("root"), ["alice"]);
            },
        )
        .await;
    }
}

#[tokio::test]
async fn where_nothing_changed_it_starts_after_a_restart_even_late() {
    for database in [Database::Sqlite, Database::Postgres] {
        let setting = Setting {
            database,
            ..Setting::default()
        };
        let before = async |bot: &TestBot| {
            let kept = approved_by_frank(bot).await;
            // Down while it should have started.
            bot.clock.advance(minutes(110));
            kept
        };
        TestBot::across(
            setting,
            before,
            |text| text,
            async |bot, (request, at)| {
                bot.comes(at + minutes(90)).await;
                assert_eq!(bot.backend.holders("orders_owner"), ["alice"]);
                assert_eq!(bot.granted("orders_owner").len(), 1, "{}", request.short);
            },
        )
        .await;
    }
}
