//! The request form, by mouse: opened from everywhere, filled with what was understood, followed as the role changes,
//! corrected at its fields, sent once.

use hallpass::domain::request::{Start, State};
use serde_json::{Value, json};
use slack_sandbox::{Message, View};

use crate::story_routes::{FORM, sends};
use crate::support::form::{block, has, offered, typed};
use crate::support::workplace::TOKEN;
use crate::support::{Request, TestBot, everywhere, minutes};

const STUCK: &str = "/prod-access db-admin 30m INC-1 stuck";

impl TestBot {
    fn shown_to(&self, person: &str) -> View {
        self.modal(person).expect("a modal is open")
    }

    /// Calls Slack as the app itself.
    pub(crate) async fn api(&self, method: &str, body: &Value) -> Value {
        let url = format!("{}/{method}", self.slack.api_url());
        let call = reqwest::Client::new()
            .post(url)
            .bearer_auth(TOKEN)
            .json(body);
        call.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn only_pending(&self) -> Request {
        let pending = self.pending().await;
        assert_eq!(pending.len(), 1, "{pending:?}");
        pending[0].clone()
    }

    /// Types a command that is wrong, and opens the form to put it right.
    async fn fixes(&self, person: &str, text: &str) -> (Message, View) {
        let answer = self.types(person, text).await.shown;
        let answer = answer.expect("one ephemeral answer");
        self.presses_on(person, &answer, "Fix in form").await;
        (answer, self.form_of(person).await)
    }

    /// Asks, and opens the form to ask for something else instead.
    async fn changes(&self, person: &str, text: &str) -> (Request, View) {
        let first = self.asks(person, text).await;
        let answer = self.slack.ephemerals(person).pop().unwrap();
        self.presses_on(person, &answer, "Change").await;
        (first, self.form_of(person).await)
    }
}

#[tokio::test]
async fn a_form_is_opened_filled_and_sent() {
    everywhere(async |bot| {
        let form = bot.opens_form("alice", "/prod-access").await;
        let roles = offered(&form);
        assert_eq!(roles.len(), 1, "all are Alice's to ask for: {roles:?}");
        assert!(!has(&form, "parameter:node"));

        let form = bot.chooses_role("alice", "db-admin").await;
        let about = form.plain();
        assert!(about.contains("Read and write orders"), "{about}");
        assert!(about.contains("orders_admin"), "{about}");
        assert!(about.contains("At most 4 h"), "{about}");
        assert_eq!(
            typed(&form, "duration:"),
            "1h",
            "the role's default is chosen"
        );

        let filled = bot.fills_in("alice").duration("30m");
        filled
            .reason("INC-4711 orders\nare stuck")
            .sends_well()
            .await;
        let told = bot.shown_to("alice");
        assert_eq!(told.title(), "Asked");
        assert!(told.plain().contains("db-admin"), "{}", told.plain());

        let request = bot.only_pending().await;
        let row = bot.row(&request).await;
        assert_eq!(row.duration.as_secs(), 1_800);
        assert_eq!(row.reason, "INC-4711 orders are stuck");
        assert_eq!(row.start, Start::Now);
        bot.approves("bob", &request).await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}

#[tokio::test]
async fn what_may_be_asked_for_stands_first() {
    TestBot::run(async |bot| {
        let form = bot.opens_form("dana", "/prod-access").await;
        let groups = offered(&form);
        assert_eq!(groups.len(), 1, "{groups:?}");
        assert_eq!(groups[0].0, "Not yours to ask for");
        // Dana asks for nothing here, and sees all of it.
        let form = bot.chooses_role("dana", "db-admin").await;
        assert!(
            form.plain().contains("You can't ask for db-admin"),
            "{}",
            form.plain()
        );
        let filled = bot.fills_in("dana").reason("look at it");
        filled.told_at("role").await;
        assert!(form.plain().contains("Read and write orders"));
        assert!(bot.pending().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn another_role_brings_its_fields_and_what_was_typed_stays() {
    TestBot::run(async |bot| {
        let form = bot.opens_form("alice", "/prod-access request").await;
        let view = form.id.clone();
        bot.chooses_role("alice", "db-admin").await;
        // What Alice types meanwhile is the client's; a refused sending leaves it in the fields.
        let filled = bot
            .fills_in("alice")
            .words("9 weeks")
            .reason("a disk is full");
        let told = filled.told_at("words").await;
        assert_eq!(told, "db-admin allows 4 h at most; you wrote 63 d.");
        let form = bot.chooses_role("alice", "logs").await;
        assert_eq!(form.id, view, "it is the same modal");
        assert_eq!(typed(&form, "reason"), "a disk is full");
        assert_eq!(typed(&form, "words"), "9 weeks");
        assert!(block(&form, "parameter:node")["optional"] == false);
        let filled = bot.fills_in("alice").node("db-1").words("20 minutes");
        let told = filled.told_at("parameter:node").await;
        assert!(told.starts_with("node can't be “db-1”"), "{told}");

        bot.fills_in("alice").node("web-3").sends_well().await;
        assert_eq!(bot.granted("logs/web-3").len(), 1, "it needs no approval");
    })
    .await;
}

#[tokio::test]
async fn a_choice_that_the_other_role_does_not_offer_does_not_stay() {
    TestBot::run(async |bot| {
        bot.opens_form("alice", "/prod-access").await;
        bot.chooses_role("alice", "db-admin").await;
        let filled = bot
            .fills_in("alice")
            .duration("4h")
            .reason("\u{a0} \u{200b}");
        let told = filled.told_at("reason").await;
        assert_eq!(told, "Say why you need it.");
        let form = bot.chooses_role("alice", "db-owner").await;
        assert_eq!(typed(&form, "duration:"), "4h", "db-owner offers it, too");
        let form = bot.chooses_role("alice", "logs").await;
        assert_eq!(typed(&form, "duration:"), "30m", "logs allows two hours");
    })
    .await;
}

#[tokio::test]
async fn missing_parts_open_the_form_filled_with_what_was_understood() {
    everywhere(async |bot| {
        let form = bot.opens_form("alice", "/prod-access logs 45m").await;
        assert_eq!(typed(&form, "role"), "logs");
        assert_eq!(typed(&form, "words"), "45m");
        assert!(has(&form, "parameter:node"));
        assert!(
            bot.slack.ephemerals("alice").is_empty(),
            "the form is the answer"
        );

        let form = bot.opens_form("alice", "/prod-access db-admin 2h").await;
        assert_eq!(
            typed(&form, "duration:"),
            "2h",
            "a suggestion says the same"
        );
        assert_eq!(typed(&form, "words"), Value::Null);

        bot.opens_form("alice", "/prod-access logs node=web-7 10m")
            .await;
        bot.fills_in("alice")
            .reason("read one log")
            .sends_well()
            .await;
        assert_eq!(bot.granted("logs/web-7").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_told_and_put_right_in_the_form() {
    everywhere(async |bot| {
        let wrong = "/prod-access logs node=db-1 9h reading";
        let (answer, form) = bot.fixes("alice", wrong).await;
        let told = answer.plain();
        assert!(told.contains("node can't be “db-1”"), "{told}");
        assert!(told.contains("logs allows 2 h at most"), "{told}");
        assert!(
            form.plain().contains("logs allows 2 h at most"),
            "{}",
            form.plain()
        );
        assert_eq!(typed(&form, "parameter:node"), "db-1");
        assert_eq!(typed(&form, "words"), "9h");
        assert_eq!(typed(&form, "reason"), "reading");
        let filled = bot.fills_in("alice").node("web-1").words("1h");
        filled.sends_well().await;
        assert_eq!(bot.granted("logs/web-1").len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_mistyped_role_is_corrected_and_said_so() {
    TestBot::run(async |bot| {
        let wrong = "/prod-access db-admn 30m stuck";
        let (_, form) = bot.fixes("alice", wrong).await;
        assert_eq!(typed(&form, "role"), "db-admin");
        assert!(
            form.plain().contains("There is no role “db-admn”"),
            "{}",
            form.plain()
        );
        assert!(
            form.plain().contains("the nearest is db-admin"),
            "{}",
            form.plain()
        );
    })
    .await;
}

#[tokio::test]
async fn what_was_typed_is_its_typers_and_not_kept_for_ever() {
    everywhere(async |bot| {
        let typed_by_alice = bot.types("alice", "/prod-access db-admin 9h stuck").await;
        let answer = typed_by_alice.shown.unwrap();
        bot.clock.advance(minutes(25 * 60));
        bot.presses_on("alice", &answer, "Fix in form").await;
        let form = bot.form_of("alice").await;
        assert!(
            form.plain().contains("isn't kept any more"),
            "{}",
            form.plain()
        );
        assert_eq!(typed(&form, "reason"), Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_change_takes_the_place_of_the_first_request() {
    everywhere(async |bot| {
        let (first, form) = bot.changes("alice", STUCK).await;
        assert_eq!(typed(&form, "role"), "db-admin");
        assert_eq!(typed(&form, "reason"), "INC-1 stuck");
        assert!(form.plain().contains(&first.short), "{}", form.plain());
        bot.fills_in("alice").duration("2h").sends_well().await;
        let told = bot.shown_to("alice").plain();
        assert!(
            told.contains(&format!("`{}` is cancelled", first.short)),
            "{told}"
        );

        assert!(matches!(
            bot.row(&first).await.state,
            State::Cancelled { .. }
        ));
        assert!(bot.card(&first).buttons().is_empty());
        let second = bot.only_pending().await;
        assert_eq!(bot.row(&second).await.duration.as_secs(), 7_200);
    })
    .await;
}

#[tokio::test]
async fn what_is_decided_meanwhile_is_not_changed() {
    everywhere(async |bot| {
        let (first, _) = bot.changes("alice", STUCK).await;
        bot.approves("bob", &first).await;
        bot.fills_in("alice").words("2h").sends_well().await;
        let told = bot.shown_to("alice").plain();
        assert!(told.contains("approved already"), "{told}");
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"], "it goes on");
        assert!(bot.pending().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn nobody_changes_what_another_asked() {
    TestBot::run(async |bot| {
        let first = bot.asks("alice", STUCK).await;
        let id = bot.row(&first).await.id;
        bot.opens_form("rita", "/prod-access db-admin").await;
        let form = bot.shown_to("rita");
        // As a forged client would: Slack signs what it sends, and what we left in the view could be another's.
        let mut forged = form.source.clone();
        forged["private_metadata"] = json!(id.as_str());
        let changed = bot
            .api(
                "views.update",
                &json!({ "view_id": form.id, "view": forged }),
            )
            .await;
        assert_eq!(changed["ok"], true, "{changed}");
        bot.fills_in("rita").reason("mine now").sends_well().await;
        let told = bot.shown_to("rita").plain();
        assert!(told.contains("Only whoever asked can change"), "{told}");
        assert_eq!(bot.only_pending().await, first);
    })
    .await;
}

#[tokio::test]
async fn sent_twice_is_one_request() {
    everywhere(async |bot| {
        let form = bot.opens_form("alice", "/prod-access db-admin 30m").await;
        let values = json!({ "reason": { "reason": "stuck" } });
        let (one, two) = tokio::join!(
            bot.slack.submit_view("alice", &form.id, values.clone()),
            bot.slack.submit_view("alice", &form.id, values),
        );
        assert!(one.is_ok() || two.is_ok());
        bot.settle().await;
        bot.only_pending().await;
        // The same payload again, a minute later: as Slack would that heard no answer.
        bot.clock.advance(minutes(2));
        let sent = bot.slack.deliveries();
        let payload = sent
            .iter()
            .rfind(|one| one.body.contains("view_submission"))
            .unwrap();
        let answer = sends(bot, "/slack/interactions", FORM, payload.body.clone()).await;
        assert_eq!(answer.status(), 200);
        bot.settle().await;
        bot.only_pending().await;
    })
    .await;
}

#[tokio::test]
async fn a_later_start_is_chosen_in_the_form() {
    everywhere(async |bot| {
        let now = bot.clock.now();
        bot.opens_form("alice", "/prod-access db-admin 30m").await;
        let filled = bot.fills_in("alice").reason("planned work");
        let told = filled.start(now - minutes(10)).told_at("start").await;
        assert!(told.contains("past"), "{told}");
        let later = bot.fills_in("alice").start(now + minutes(180));
        later.sends_well().await;
        let request = bot.only_pending().await;
        bot.approves("bob", &request).await;
        assert!(matches!(
            bot.row(&request).await.state,
            State::Scheduled { .. }
        ));
        assert!(bot.backend.done("grant").is_empty(), "it doesn't start yet");
        bot.clock.advance(minutes(181));
        bot.settle().await;
        assert_eq!(bot.backend.holders("orders_admin"), ["alice"]);
    })
    .await;
}
