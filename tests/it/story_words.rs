//! What a new user found: words that were taken for others, and answers that said too little. Nobody gets access now who meant
//! another time; what is suggested is what was typed; whoever ends access has their word kept.

use hallpass::domain::request::State;

use crate::support::bot::Setting;
use crate::support::form::typed;
use crate::support::workplace::SECURITY;
use crate::support::{Database, Request, TestBot, everywhere, minutes};

async fn alice_has_it(bot: &TestBot) -> Request {
    let request = bot.asks("alice", "/prod-access db-admin 30m stuck").await;
    bot.approves("bob", &request).await;
    request
}

#[tokio::test]
async fn tomorrow_is_never_now() {
    everywhere(async |bot| {
        // No approval is needed for these, so access would begin at once.
        for words in [
            "tomorrow 9:00",
            "tomorrow",
            "tonight",
            "next monday",
            "in 2 hours",
            "at 9pm",
        ] {
            let text = format!("/prod-access logs node=web-3 10m {words} read one log");
            let told = bot.says("alice", &text).await;
            assert!(
                told.contains(&format!("“{words}” looks like a start")),
                "{told}"
            );
            assert!(told.contains("write"), "{told}");
        }
        bot.settle().await;
        assert!(bot.backend.calls().is_empty(), "nothing was given");
        assert!(bot.pending().await.is_empty());

        let told = bot
            .says(
                "alice",
                "/prod-access logs node=web-3 10m read one log tomorrow",
            )
            .await;
        assert!(
            told.contains("R-"),
            "elsewhere it is a word of the reason: {told}"
        );
        bot.settle().await;
        assert_eq!(bot.granted("logs/web-3").len(), 1);
    })
    .await;
}

/// Without its node the role would give all of them.
#[tokio::test]
async fn a_parameter_behind_the_duration_is_never_a_word_of_the_reason() {
    for database in [Database::Sqlite, Database::Postgres] {
        let setting = Setting {
            database,
            edit: Box::new(|text| {
                let rule = "pattern = \"web-[0-9]+\", required = true";
                assert!(text.contains(rule));
                let text = text.replace(rule, "pattern = \"web-[0-9]+\", required = false");
                text.replace(", node = \"{node}\"", "")
            }),
            ..Setting::default()
        };
        TestBot::in_setting(setting, async |bot| {
            let text = "/prod-access logs 10m node=web-3 read one log";
            let answer = bot.types("alice", text).await.shown.unwrap();
            let told = answer.plain();
            assert!(
                told.contains("“node=web-3” stands in the reason")
                    && told.contains("/prod-access logs node=web-3 10m read one log"),
                "{told}"
            );
            bot.settle().await;
            assert!(bot.backend.calls().is_empty(), "nothing was given");
            bot.presses_on("alice", &answer, "Fix in form").await;
            let form = bot.form_of("alice").await;
            assert_eq!(typed(&form, "reason"), "read one log");
            assert!(form.plain().contains("filled in below"), "{}", form.plain());
            let state = format!("{:?}", form.state);
            assert!(state.contains("\"web-3\""), "in its own field: {state}");
        })
        .await;
    }
}

#[tokio::test]
async fn the_start_that_was_meant_stands_in_the_form() {
    everywhere(async |bot| {
        let text = "/prod-access db-admin tomorrow 9:00 2h orders stuck";
        let answer = bot.types("alice", text).await.shown.unwrap();
        let tomorrow = (bot.clock.now() + minutes(24 * 60)).format("%Y-%m-%dT09:00");
        let told = answer.plain();
        let would_do = format!("/prod-access db-admin 2h at {tomorrow} orders stuck");
        assert!(told.contains(&would_do), "{told}");
        bot.presses_on("alice", &answer, "Fix in form").await;
        let form = bot.form_of("alice").await;
        assert_eq!(typed(&form, "reason"), "orders stuck");
        assert_eq!(typed(&form, "duration:"), "2h");
        assert!(typed(&form, "start").as_i64() > Some(bot.clock.now().timestamp()));
        assert!(
            form.plain().contains("You wrote “tomorrow 9:00”"),
            "{}",
            form.plain()
        );
        bot.fills_in("alice").sends_well().await;
        let request = bot.only_pending().await;
        assert!(matches!(
            bot.row(&request).await.start,
            hallpass::domain::request::Start::At(_)
        ));

        let offered = bot.says("alice", &would_do).await;
        assert!(offered.contains("Schedule for tomorrow 09:00"), "{offered}");
    })
    .await;
}

#[tokio::test]
async fn our_own_words_are_no_reason() {
    TestBot::run(async |bot| {
        let told = bot
            .says("alice", "/prod-access db-admin 1h why you need it")
            .await;
        assert!(told.contains("in your own words"), "{told}");
        let told = bot
            .says(
                "carol",
                "/prod-access break-glass db-admin 30m INC-1 why it can't wait",
            )
            .await;
        assert!(told.contains("in your own words"), "{told}");
        bot.settle().await;
        assert!(bot.backend.calls().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_mixed_up_break_glass_is_put_right_in_its_form() {
    everywhere(async |bot| {
        let text = "/prod-access break-glass db-admin INC-4711 30m for @rita orders are stuck";
        let answer = bot.types("carol", text).await.shown.unwrap();
        let told = answer.plain();
        let would_do = "/prod-access break-glass db-admin for @rita 30m INC-4711 orders are stuck";
        assert!(told.contains(would_do), "{told}");
        assert!(bot.backend.calls().is_empty());

        bot.presses_on("carol", &answer, "Fix in form").await;
        let form = bot.form_of("carol").await;
        assert_eq!(typed(&form, "role"), "db-admin");
        assert_eq!(typed(&form, "words"), "30m");
        assert_eq!(typed(&form, "incident"), "INC-4711");
        assert_eq!(typed(&form, "reason"), "orders are stuck");
        assert!(
            form.source.to_string().contains("U0RITA"),
            "{:#}",
            form.source
        );
        let told = bot.fills_in("carol").words("9h").told_at("words").await;
        assert!(told.contains("1 h at most"), "{told}");
        bot.fills_in("carol").words("20m").sends_well().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["rita"]);
        assert!(bot.said_in(SECURITY).contains("INC-4711"));
        assert!(bot.modal("carol").unwrap().plain().contains("Break-glass"));

        // What was suggested works as it stands.
        bot.asks("carol", would_do).await;
    })
    .await;
}

#[tokio::test]
async fn a_pending_request_is_granted_by_the_form() {
    TestBot::run(async |bot| {
        let request = bot.asks("alice", "/prod-access db-admin 30m stuck").await;
        let text = format!("/prod-access break-glass {}", request.short);
        let answer = bot.types("carol", &text).await.shown.unwrap();
        bot.presses_on("carol", &answer, "Fix in form").await;
        let form = bot.form_of("carol").await;
        assert!(form.plain().contains(&request.short), "{}", form.plain());
        let filled = bot.fills_in("carol").reason("nobody answers");
        filled.incident("INC-42").sends_well().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn nobody_but_a_commander_breaks_the_glass_by_the_form() {
    TestBot::run(async |bot| {
        let text = "/prod-access break-glass db-admin INC-4711 30m orders are stuck";
        let answer = bot.types("carol", text).await.shown.unwrap();
        bot.presses_on("carol", &answer, "Fix in form").await;
        let form = bot.form_of("carol").await;
        // The same sent by another's hand: a forged client, a commander who isn't any more.
        let told = bot.says("alice", text).await;
        assert!(
            !told.contains("Fix in form") && told.contains("commander"),
            "{told}"
        );
        bot.fills_in("carol").sends_well().await;
        assert!(form.title() == "Break the glass");
        assert_eq!(bot.granted("orders_admin").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_holders_word_is_kept_when_they_drop_or_revoke_their_own() {
    everywhere(async |bot| {
        for word in ["revoke", "drop"] {
            their_word_is_kept(bot, word).await;
            // The same ask within a minute would be the first one.
            bot.clock.advance(minutes(2));
        }
    })
    .await;
}

async fn their_word_is_kept(bot: &TestBot, word: &str) {
    let request = alice_has_it(bot).await;
    let told = bot
        .says(
            "alice",
            &format!("/prod-access {word} {} all is fixed", request.short),
        )
        .await;
    assert!(told.contains("being taken away"), "{told}");
    bot.settle().await;
    assert!(bot.backend.holders("orders_admin").is_empty());
    let thread = bot.thread(&request);
    assert!(thread.contains("given back by its holder"), "{thread}");
    assert!(thread.contains("all is fixed"), "{thread}");
    let row = bot.row(&request).await;
    let events = bot.store.events_of(&row.id).await.unwrap();
    let mut personal = events.iter().flat_map(|stored| &stored.event.personal);
    let kept = personal.any(|one| one.field == "reason" && one.value == "all is fixed");
    assert!(kept, "the word is on record");
}

#[tokio::test]
async fn one_id_is_told_everywhere() {
    TestBot::run(async |bot| {
        let request = alice_has_it(bot).await;
        let other = bot
            .asks("alice", "/prod-access logs node=web-3 10m look")
            .await;
        for text in ["drop", "extend 10m"] {
            let told = bot.says("alice", &format!("/prod-access {text}")).await;
            assert!(!told.contains("G-"), "{told}");
            assert!(
                told.contains(&request.short) && told.contains(&other.short),
                "{told}"
            );
        }
        let grant = request.short.replace("R-", "G-");
        let told = bot
            .says("bob", &format!("/prod-access revoke {grant}"))
            .await;
        assert!(
            told.contains(&request.short) && !told.contains("G-"),
            "{told}"
        );
        let told = bot.says("alice", "/prod-access drop G-ZZZZ").await;
        assert!(told.contains("nothing with the id ZZZZ"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn status_shows_how_long_it_lasts_by_now() {
    TestBot::run(async |bot| {
        let request = alice_has_it(bot).await;
        let more = bot
            .asks("alice", "/prod-access extend 1h still stuck")
            .await;
        bot.approves("bob", &more).await;
        let status = bot
            .says("alice", &format!("/prod-access status {}", request.short))
            .await;
        assert!(
            status.contains("db-admin for 1 hour 30 minutes"),
            "{status}"
        );
        assert!(!status.contains("for 30 minutes"), "{status}");
    })
    .await;
}

#[tokio::test]
async fn who_must_still_approve_is_named() {
    TestBot::run(async |bot| {
        let request = bot
            .asks("alice", "/prod-access two-stages 1h payouts")
            .await;
        let card = bot.card(&request);
        bot.presses_on("bob", &card, "Approve").await;
        bot.settle().await;
        let told = bot.told("bob");
        assert!(
            told.contains("One more is needed, from security."),
            "{told}"
        );
        assert!(told.contains("<@U0EVE>"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn a_denial_shows_the_approvers_words_everywhere() {
    TestBot::run(async |bot| {
        let request = bot.asks("alice", "/prod-access db-admin 30m stuck").await;
        bot.denies("bob", &request).await;
        let mine = bot.says("alice", "/prod-access mine").await;
        assert!(mine.contains("“not now”"), "{mine}");
        let status = bot
            .says("alice", &format!("/prod-access status {}", request.short))
            .await;
        assert!(status.contains("not now"), "{status}");
        let late = bot
            .says("alice", &format!("/prod-access cancel {}", request.short))
            .await;
        assert!(late.contains("not now"), "{late}");
    })
    .await;
}

#[tokio::test]
async fn who_has_the_role_already_is_told_and_so_is_who_decides() {
    everywhere(async |bot| {
        let first = alice_has_it(bot).await;
        let second = bot
            .asks("alice", "/prod-access db-admin 1h more to do")
            .await;
        let told = bot.told("alice");
        assert!(told.contains("You have `db-admin` already"), "{told}");
        let extend = format!("/prod-access extend {} 1h", first.short);
        assert!(told.contains(&extend), "{told}");
        let card = bot.card(&second).plain();
        assert!(card.contains("has this already"), "{card}");
        assert!(card.contains(&first.short), "{card}");

        bot.asks("rita", "/prod-access logs node=web-3 10m look")
            .await;
        bot.asks("rita", "/prod-access logs node=web-4 10m look")
            .await;
        assert!(
            !bot.told("rita").contains("already"),
            "another node is something else"
        );
        bot.clock.advance(minutes(31));
        bot.settle().await;
        assert!(matches!(bot.row(&second).await.state, State::Pending(_)));
    })
    .await;
}

#[tokio::test]
async fn a_guest_is_told_whom_to_ask() {
    TestBot::run(async |bot| {
        let told = bot.says("gus", "/prod-access db-admin 30m stuck").await;
        assert!(told.contains("Guests can't use this"), "{told}");
        assert!(told.contains("<@U0PAT>"), "whoever runs it: {told}");
    })
    .await;
}

#[tokio::test]
async fn a_button_is_no_reason_to_be_told() {
    TestBot::run(async |bot| {
        let text = "/prod-access break-glass db-admin for @rita 30m INC-42 stuck";
        let request = bot.asks("carol", text).await;
        let card = bot.slack.messages(SECURITY).pop().unwrap();
        bot.presses_on("eve", &card, "Revoke").await;
        bot.settle().await;
        let told = bot.told("rita");
        assert!(told.contains("revoked by <@U0EVE>"), "{told}");
        assert!(!told.contains("button"), "{told}");
        assert!(bot.record(&request).await.contains(&"grant.ended"));
    })
    .await;
}
