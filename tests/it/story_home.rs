//! App Home: shown when it is opened, current from then on, and everything in it can be done from there.

use std::time::Duration;

use hallpass::domain::{Change, Effect};
use serde_json::{Value, json};
use slack_sandbox::{Fault, FaultKind, View};

use crate::support::bot::Setting;
use crate::support::{Database, TestBot, everywhere, minutes};

/// Opens the home and waits until it was shown.
async fn opens(bot: &TestBot, person: &str) -> View {
    let before = bot.slack.home(person).map(|view| view.hash);
    bot.slack.open_home(person);
    let shown = bot.slack.until("the home", |slack| {
        let home = slack.home(person)?;
        (Some(&home.hash) != before.as_ref()).then_some(())
    });
    shown.await.unwrap();
    bot.settle().await;
    home(bot, person)
}

fn home(bot: &TestBot, person: &str) -> View {
    bot.slack.home(person).unwrap()
}

/// What is read under a title of the home.
fn under(view: &View, title: &str) -> String {
    let text = view.plain();
    let from = text
        .find(title)
        .unwrap_or_else(|| panic!("no {title} in:\n{text}"));
    let titles = [
        "Waiting for you",
        "Reviews owed",
        "Your access now",
        "What you asked for",
        "What you may ask for",
        "Everybody’s access now",
        "As of",
    ];
    let rest = &text[from + title.len()..];
    let ends = titles.iter().filter_map(|other| rest.find(other)).min();
    rest[..ends.unwrap_or(rest.len())].to_owned()
}

/// The action ids of the buttons whose label begins so, from the top.
pub(crate) fn buttons(value: &Value, label: &str) -> Vec<String> {
    match value {
        Value::Array(all) => all.iter().flat_map(|one| buttons(one, label)).collect(),
        Value::Object(object) => {
            let text = value.pointer("/text/text").and_then(Value::as_str);
            if value["type"] == "button" && text.is_some_and(|text| text.starts_with(label)) {
                return vec![value["action_id"].as_str().unwrap().to_owned()];
            }
            object
                .values()
                .flat_map(|one| buttons(one, label))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Presses the first button of the home whose label begins so, and carries out what follows.
async fn presses(bot: &TestBot, person: &str, label: &str) -> View {
    let view = home(bot, person);
    let found = buttons(&view.source, label);
    let action = found
        .first()
        .unwrap_or_else(|| panic!("no {label} in:\n{}", view.plain()));
    let pressed = bot
        .slack
        .act_in_view(person, &view.id, action, Value::Null)
        .await;
    assert!(pressed.is_ok(), "{label}: {:?}", pressed.error);
    bot.settle().await;
    home(bot, person)
}

fn published(bot: &TestBot) -> usize {
    bot.slack.calls_of("views.publish").len()
}

#[tokio::test]
async fn from_ask_to_end_in_two_homes() {
    everywhere(async |bot| {
        let nothing = opens(bot, "bob").await;
        assert!(under(&nothing, "Waiting for you").contains("Nothing waits"));
        opens(bot, "alice").await;

        let request = bot
            .asks("alice", "/prod-access db-admin 1h orders stuck")
            .await;
        let waits = under(&home(bot, "bob"), "Waiting for you (1)");
        assert!(
            waits.contains(&request.short),
            "shown without being opened: {waits}"
        );
        assert!(waits.contains("orders stuck"), "{waits}");
        let asked = under(&home(bot, "alice"), "What you asked for (1)");
        assert!(asked.contains("Waits for"), "{asked}");

        let after = presses(bot, "bob", "Approve").await;
        assert!(after.plain().contains("Approved"), "{}", after.plain());
        assert!(under(&after, "Waiting for you").contains("Nothing waits"));
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);

        bot.clock.advance(minutes(10));
        bot.settle().await;
        let held = opens(bot, "alice").await;
        let held = under(&held, "Your access now (1)");
        assert!(held.contains(&request.short), "{held}");
        assert!(held.contains("*Active* until"), "{held}");
        assert!(!held.contains("left"), "a home doesn't tick: {held}");

        let more = presses(bot, "alice", "Ask for").await;
        let more = under(&more, "Your access now (1)");
        assert!(more.contains("More time was asked for"), "{more}");
        let waits = under(&home(bot, "bob"), "Waiting for you (1)");
        assert!(waits.contains("more"), "{waits}");

        let ended = presses(bot, "alice", "End now").await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(under(&ended, "Your access now").contains("You have no access"));
        assert!(under(&ended, "What you asked for (2)").contains("given back by its holder"));
        assert!(under(&home(bot, "bob"), "Waiting for you").contains("Nothing waits"));
    })
    .await;
}

#[tokio::test]
async fn how_little_is_left_is_said_with_each_warning_and_never_untrue() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 1h orders stuck")
            .await;
        bot.approves("bob", &request).await;
        opens(bot, "alice").await;
        opens(bot, "bob").await;
        let left = |person| {
            let held = under(&home(bot, person), "Your access now");
            let found = held
                .split_once("Less than ")
                .map(|(_, rest)| rest.to_owned());
            found.and_then(|rest| rest.split_once(" left").map(|(left, _)| left.to_owned()))
        };
        assert_eq!(left("alice"), None);
        let before = bot.slack.home("bob").unwrap().hash;
        for (passes, says) in [
            (46, Some("15 min")),
            (5, Some("15 min")),
            (5, Some("5 min")),
        ] {
            bot.clock.advance(minutes(passes));
            bot.settle().await;
            assert_eq!(left("alice").as_deref(), says, "{passes} minutes later");
        }
        assert_eq!(
            bot.slack.home("bob").unwrap().hash,
            before,
            "nothing of it stands in his"
        );
        bot.clock.advance(minutes(6));
        bot.settle().await;
        let over = under(&home(bot, "alice"), "Your access now");
        assert!(over.contains("You have no access"), "{over}");
    })
    .await;
}

#[tokio::test]
async fn what_opens_a_form_opens_it_from_the_home_too() {
    everywhere(async |bot| {
        opens(bot, "bob").await;
        let request = bot
            .asks("alice", "/prod-access db-admin 1h orders stuck")
            .await;
        presses(bot, "bob", "Deny").await;
        let modal = bot.modal("bob").expect("why is asked");
        let reason = json!({ "reason": { "reason": "not now" } });
        bot.slack.submit_view("bob", &modal.id, reason).await;
        bot.settle().await;
        assert!(!home(bot, "bob").plain().contains(&request.short));

        presses(bot, "bob", "Request access").await;
        let form = bot.modal("bob").expect("the form");
        assert!(form.plain().contains("Role"), "{}", form.plain());
        bot.slack.close_view("bob", &form.id).await;
        let view = home(bot, "bob");
        let second = buttons(&view.source, "Request")[2].clone();
        bot.slack
            .act_in_view("bob", &view.id, &second, Value::Null)
            .await;
        bot.settle().await;
        let form = bot.modal("bob").expect("the form for one role");
        let chosen = form.source.to_string();
        assert!(chosen.contains("db-owner"), "{chosen}");
    })
    .await;
}

#[tokio::test]
async fn what_another_decided_leaves_the_home() {
    everywhere(async |bot| {
        opens(bot, "dana").await;
        let request = bot
            .asks("alice", "/prod-access db-owner 1h orders stuck")
            .await;
        assert!(home(bot, "dana").plain().contains(&request.short));
        bot.approves("bob", &request).await;
        let plain = home(bot, "dana").plain();
        assert!(!plain.contains(&request.short), "{plain}");
    })
    .await;
}

#[tokio::test]
async fn only_homes_that_were_opened_are_kept_current_and_none_is_sent_twice() {
    everywhere(async |bot| {
        let request = bot
            .asks("alice", "/prod-access db-admin 1h orders stuck")
            .await;
        bot.approves("bob", &request).await;
        assert_eq!(published(bot), 0, "nobody opened theirs");

        opens(bot, "rita").await;
        let before = published(bot);
        let other = bot
            .asks("alice", "/prod-access db-admin 1h orders stuck again")
            .await;
        bot.denies("bob", &other).await;
        assert_eq!(published(bot), before, "it doesn't concern Rita");

        opens(bot, "bob").await;
        let before = published(bot);
        bot.store
            .apply_one(Change::default().schedule(Effect::sync_home(
                &bot.row(&request).await.reviews[0].reviewer,
                bot.clock.now(),
            )))
            .await
            .unwrap();
        bot.settle().await;
        assert_eq!(published(bot), before, "what stands there isn't sent");
    })
    .await;
}

#[tokio::test]
async fn long_lists_have_pages_which_stay_where_they_were_turned_to() {
    everywhere(async |bot| {
        let people = ["alice", "rita", "bob"];
        let mut asked = Vec::new();
        for number in 0..11 {
            let person = people[number % 2];
            let text = format!("/prod-access two-keys {}m reason {number}", 30 + number);
            asked.push(bot.asks(person, &text).await);
            // As many as one person may have waiting at once are decided elsewhere.
        }
        let first = opens(bot, "dana").await;
        let waits = under(&first, "Waiting for you (11)");
        let on_page = |text: &str| {
            let shown = asked.iter().filter(|one| text.contains(&one.short));
            shown.count()
        };
        assert_eq!(on_page(&waits), 5, "{waits}");
        assert!(waits.contains("Page 2 of 3"), "{waits}");

        let second = presses(bot, "dana", "Page 2 of 3").await;
        let waits = under(&second, "Waiting for you (11)");
        assert!(waits.contains(&asked[5].short), "the oldest first: {waits}");
        bot.denies("bob", &asked[0]).await;
        let waits = under(&home(bot, "dana"), "Waiting for you (10)");
        assert!(
            waits.contains("Page 1 of 2"),
            "still the second page: {waits}"
        );
        assert!(waits.contains(&asked[6].short) && !waits.contains(&asked[5].short));

        // The last page goes away under her.
        for one in &asked[6..] {
            bot.denies("bob", one).await;
        }
        let waits = under(&home(bot, "dana"), "Waiting for you (5)");
        assert_eq!(on_page(&waits), 5, "{waits}");
        assert!(!waits.contains("Page"), "{waits}");
    })
    .await;
}

/// Whoever may ask for nothing isn't invited to, and a commander reads what they can do.
#[tokio::test]
async fn a_home_offers_what_its_reader_may_do() {
    everywhere(async |bot| {
        let carol = opens(bot, "carol").await;
        let shown = carol.plain();
        assert!(shown.contains("You are commander now, for"), "{shown}");
        assert!(shown.contains("/prod-access break-glass"), "{shown}");
        assert_eq!(buttons(&carol.source, "Request"), [""; 0], "{shown}");
        let alice = opens(bot, "alice").await;
        assert!(!alice.plain().contains("break-glass"));
        assert!(!buttons(&alice.source, "Request access").is_empty());
    })
    .await;
}

#[tokio::test]
async fn security_sees_all_access_and_the_reviews_that_are_owed() {
    everywhere(async |bot| {
        let shown = opens(bot, "eve").await;
        assert!(under(&shown, "Everybody’s access now").contains("Nobody has access now"));
        assert!(
            !opens(bot, "rita")
                .await
                .plain()
                .contains("Everybody’s access")
        );

        let request = bot
            .asks("alice", "/prod-access db-admin 1h orders stuck")
            .await;
        bot.approves("bob", &request).await;
        let glass = bot
            .asks(
                "carol",
                "/prod-access break-glass db-owner for @rita 30m INC-4711 down",
            )
            .await;
        let live = under(&home(bot, "eve"), "Everybody’s access now (2)");
        assert!(
            live.contains(&request.short) && live.contains(&glass.short),
            "{live}"
        );
        let owed = under(&home(bot, "eve"), "Reviews owed (1)");
        assert!(
            owed.contains(&glass.short) && owed.contains("To be reviewed by"),
            "{owed}"
        );

        presses(bot, "eve", "Review the use").await;
        let modal = bot.modal("eve").expect("a modal opens");
        let values = json!({ "found": { "found": "as_it_should_be" } });
        bot.slack.submit_view("eve", &modal.id, values).await;
        bot.settle().await;
        let reviewed = home(bot, "eve");
        assert!(under(&reviewed, "Reviews owed").contains("No review of break-glass"));

        // Pat operates it: all is seen, and an operator may revoke.
        let pat = opens(bot, "pat").await;
        assert!(under(&pat, "Everybody’s access now (2)").contains(&request.short));
        presses(bot, "pat", "Revoke").await;
        presses(bot, "pat", "Revoke").await;
        assert!(bot.backend.holders("orders_admin").is_empty());
        assert!(under(&home(bot, "eve"), "Everybody’s access now").contains("Nobody"));
    })
    .await;
}

#[tokio::test]
async fn authority_is_looked_up_at_the_press_however_old_the_home_is() {
    everywhere(async |bot| {
        opens(bot, "bob").await;
        let request = bot
            .asks("alice", "/prod-access db-admin 1h orders stuck")
            .await;
        let old = home(bot, "bob");
        let action = buttons(&old.source, "Approve").remove(0);
        // Rita has Bob's view before her eyes, as if a button were forged.
        opens(bot, "rita").await;
        bot.denies("bob", &request).await;
        let late = bot
            .slack
            .act_in_view("bob", &old.id, &action, Value::Null)
            .await;
        assert!(
            !late.is_ok(),
            "the button isn't there any more: {:?}",
            late.error
        );
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_may_use_nothing_is_told_why() {
    everywhere(async |bot| {
        let closed = opens(bot, "gus").await;
        assert!(
            closed.plain().contains("Guests can't use this"),
            "{}",
            closed.plain()
        );
        let before = published(bot);
        bot.slack.open_home("otto");
        let heard = bot.slack.until("the event", |slack| {
            let events = slack.deliveries();
            let otto = |body: &str| body.contains("app_home_opened") && body.contains("U0OTTO");
            events.iter().any(|event| otto(&event.body)).then_some(())
        });
        heard.await.unwrap();
        bot.settle().await;
        // Somebody of another workspace may be told why, but never sees anything.
        let otto = bot
            .slack
            .home("otto")
            .map(|view| view.plain())
            .unwrap_or_default();
        assert!(!otto.contains("What you may ask for"), "{otto}");
        assert!(published(bot) <= before + 1);
    })
    .await;
}

#[tokio::test]
async fn a_home_that_slack_did_not_take_is_shown_later() {
    everywhere(async |bot| {
        opens(bot, "bob").await;
        let lost = FaultKind::RateLimited { retry_after: 20 };
        bot.slack
            .set_fault(Fault::new(lost).on("views.publish").times(1));
        let request = bot
            .asks("alice", "/prod-access db-admin 1h orders stuck")
            .await;
        bot.clock.advance(minutes(1));
        bot.settle().await;
        assert!(home(bot, "bob").plain().contains(&request.short));
    })
    .await;
}

/// However slow a home is: access ends on time, and what people are told comes first.
#[tokio::test]
async fn a_slow_home_holds_up_nothing() {
    TestBot::on(Database::Sqlite, async |bot| {
        opens(bot, "alice").await;
        let request = bot
            .asks("alice", "/prod-access db-admin 30m orders stuck")
            .await;
        bot.approves("bob", &request).await;
        let slow = FaultKind::Slow { millis: 3_000 };
        bot.slack.set_fault(Fault::new(slow).on("views.publish"));
        bot.clock.advance(minutes(31));
        let told = bot.slack.until("the end is told", |slack| {
            let all = slack.dms("alice");
            all.iter()
                .any(|one| one.plain().contains("*ended*"))
                .then_some(())
        });
        tokio::time::timeout(Duration::from_secs(2), told)
            .await
            .expect("before the home is shown")
            .unwrap();
        assert!(bot.backend.holders("orders_admin").is_empty());
    })
    .await;
}

/// A role that hides from security stays hidden in their home, unless they review its use.
#[tokio::test]
async fn hidden_roles_stay_hidden() {
    let setting = Setting {
        edit: Box::new(|text| {
            text.replace(
                "[role.logs]\n",
                "[role.logs]\nvisible_to = [\"group:backend\"]\n",
            )
        }),
        ..Setting::default()
    };
    TestBot::in_setting(setting, async |bot| {
        let request = bot
            .asks("alice", "/prod-access logs node=web-3 30m look")
            .await;
        let eve = opens(bot, "eve").await.plain();
        assert!(!eve.contains(&request.short), "{eve}");
        let pat = opens(bot, "pat").await.plain();
        assert!(pat.contains(&request.short), "{pat}");
    })
    .await;
}
